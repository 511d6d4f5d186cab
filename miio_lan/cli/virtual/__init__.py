"""``miio-lan virtual``: play a product, a module or an MCU."""
