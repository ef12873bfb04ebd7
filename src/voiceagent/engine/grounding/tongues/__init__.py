"""The languages of answers from documents: one file each, all of it data."""
