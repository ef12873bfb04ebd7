"""The audit log: the kinds of deeds that it knows, the tree over its records, and the check of its chain against anchors."""
