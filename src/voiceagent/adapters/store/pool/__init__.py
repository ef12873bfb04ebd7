"""How the connections of one process are shared out."""
