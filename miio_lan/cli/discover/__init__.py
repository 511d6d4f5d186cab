"""``discover``: find the devices of the local network."""
