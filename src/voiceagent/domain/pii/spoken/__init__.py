"""Figures and addresses as people say them, in English, German, French, Spanish and Italian."""
