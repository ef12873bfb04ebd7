"""The jobs on documents, and how a worker parts its time among them."""
