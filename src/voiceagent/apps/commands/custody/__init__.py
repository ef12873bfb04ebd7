"""Commands about certificates and root keys."""
