"""``device``: the devices that have names."""
