"""What tells one kind of document from another: example texts and the marks of a kind. The weighing of both stands in classify.py."""
