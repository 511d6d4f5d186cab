"""Rules about what values mean: their types and codes, what becomes of a set, and what is reported."""
