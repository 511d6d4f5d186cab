"""Firmware on the line: XMODEM, both ends, and a transfer that is listened to."""
