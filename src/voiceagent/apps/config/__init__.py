"""Around the settings: where their values come from, what is refused, the page that documents them."""
