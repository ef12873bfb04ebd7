"""The revisions that bring a database from one version's tables to the next, and what they share."""
