"""A man in the middle of the line."""
