"""Who may see which documents of an organisation."""
