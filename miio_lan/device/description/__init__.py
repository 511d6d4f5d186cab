"""Descriptions of products: what is in them, names for its numbers, legal values."""
