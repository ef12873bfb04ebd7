"""Shapes that answers of several services share: lists read page by page, streams of events."""
