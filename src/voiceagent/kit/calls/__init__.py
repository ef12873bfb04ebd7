"""Calls from one of our processes to another: which address is next, which are alive, what travels with a call."""
