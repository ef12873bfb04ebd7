"""Tools that the engine runs for a model: the policy that permits a use, the caller's consent, the rounds of one answer."""
