"""Who calls the gateway: keys, sessions, passwords, second factors, tickets, other identity providers."""
