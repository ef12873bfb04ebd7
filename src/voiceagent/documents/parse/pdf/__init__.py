"""PDF: the reader, its coordinates, the layout of its pages, and the recognition of scanned ones."""
