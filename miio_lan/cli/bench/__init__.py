"""``bench``: what is on a bench, and what does not answer."""
