"""Rules about the lines of the MCU: how they are written, when it asks for work, and how it answers."""
