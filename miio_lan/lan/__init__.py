"""The LAN wire: packets, rules of both ends, and the socket that carries them."""

PORT = 54321
"""The UDP port that products listen at."""
MAX_SSID = 32
"""Bytes of a Wi-Fi network's name at most (IEEE 802.11)."""
MAX_PASSWORD = 64
"""Bytes of its password at most: a passphrase of 63 characters, or a key of 64 hexadecimal digits (IEEE 802.11)."""
