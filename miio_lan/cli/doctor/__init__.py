"""``doctor``: say where it ends, when a device does not answer."""
