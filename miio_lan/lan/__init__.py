"""The LAN wire: packets, rules of both ends, and the socket that carries them."""

PORT = 54321
"""The UDP port that products listen at."""
