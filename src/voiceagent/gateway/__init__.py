"""The only public door: who calls, how often, and which service answers."""
