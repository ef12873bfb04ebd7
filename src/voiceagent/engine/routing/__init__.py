"""Which model answers: providers, their order, their health, what is spent on them."""
