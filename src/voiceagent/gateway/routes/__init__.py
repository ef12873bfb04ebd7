"""Routes of the management API that the gateway answers itself, beside those of identity/."""
