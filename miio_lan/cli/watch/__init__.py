"""``miio-lan watch``: both wires live, and recordings again."""
