"""How providers are compared. Pure."""
