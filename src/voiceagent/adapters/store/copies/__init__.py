"""All rows of a database as plain values and back, whatever the database: what a backup of it is made from."""
