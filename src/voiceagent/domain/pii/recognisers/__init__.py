"""One file a concept: each has `recognise(view)`, which yields the spans of its kinds."""
