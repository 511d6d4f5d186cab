"""LAN calls, matched to what the serial line carried for each of them."""
