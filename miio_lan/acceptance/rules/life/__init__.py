"""Rules about the life of an MCU: power-up and firmware updates."""
