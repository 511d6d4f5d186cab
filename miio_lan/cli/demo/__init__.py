"""``miio-lan demo``: see it work, without hardware."""
