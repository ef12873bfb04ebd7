"""The routes of the document module and the shapes that they show."""
