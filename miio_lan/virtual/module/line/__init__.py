"""What the module does on the line: what the MCU says to it, and what waits to be handed out."""
