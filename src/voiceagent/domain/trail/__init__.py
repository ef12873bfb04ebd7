"""Proofs about the audit log: the tree over its records, and the check of its chain against anchors."""
