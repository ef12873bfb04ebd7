"""What happens between the index and the caller: better order, no near-duplicates, neighbouring chunks joined."""
