"""The client's end of the LAN wire: the session and what drives it."""
