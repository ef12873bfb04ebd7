"""What the router of models keeps: providers, and what was used of them."""
