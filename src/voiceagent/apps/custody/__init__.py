"""What keeps evidence and keys in order: anchoring and checking the audit log, re-wrapping keys."""
