"""Things that behave like the real ones: module, MCU, product."""
