"""Being told of a device's changes: what waits, calls back and reads for :mod:`miio_lan.device.steps.changes`."""
