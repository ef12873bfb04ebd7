"""The model store: a manifest of models and where they come from, and a store that fetches, verifies and finds them."""
