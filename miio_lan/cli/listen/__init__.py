"""``miio-lan listen``: what a device tells by itself, as it tells it."""
