"""The service's side of reading files: the fork server's client and what is made of a child's lines. No file is parsed here."""
