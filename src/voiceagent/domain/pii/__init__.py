"""Personal data in text: found by rules and checksums, in written and in spoken form, and replaced. Pure; start at find.py and replace.py."""
