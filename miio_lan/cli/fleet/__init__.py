"""``fleet``: one command for many devices at once."""
