"""The LAN wire: packets, rules of both ends, and the socket that carries them."""
