"""``lan``: what crossed the network."""
