"""``miio-lan accept``: judge a product."""
