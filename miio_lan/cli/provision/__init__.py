"""``provision``: set up a device."""
