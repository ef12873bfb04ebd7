"""Language models as the settings and the operator have them: how the router is composed, and its commands."""
