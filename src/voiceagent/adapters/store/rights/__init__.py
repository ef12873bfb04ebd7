"""What the law asks of tables: erasures of people, and what a person left in rows."""
