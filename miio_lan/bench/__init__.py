"""A product under test: its device, its line, and what the one made of the other."""
