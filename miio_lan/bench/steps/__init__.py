"""The commands of a test, step by step: what was seen of them, and why something was not."""
