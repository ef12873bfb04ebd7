"""One folder a port, one file a technology. An adapter never imports an adapter of another port, nor web."""
