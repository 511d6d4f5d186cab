"""What LAN callers ask of the module: answered by itself, or handed out to the MCU."""
