"""``miio-lan uart``: the serial line from a shell."""
