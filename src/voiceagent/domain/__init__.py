"""What the platform talks about: frozen dataclasses and pure functions. No I/O, no asyncio, no array library."""
