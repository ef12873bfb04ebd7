"""What the services need from the outside, as Protocols. The docstrings are the contract that tests/contracts checks."""
