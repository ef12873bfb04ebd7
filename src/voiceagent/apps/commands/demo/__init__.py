"""The whole of the product in one command."""
