"""The device's end of the LAN wire."""
