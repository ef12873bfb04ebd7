"""How a worker parts its time among jobs."""
