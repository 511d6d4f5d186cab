"""The MCU: its rules over a table of properties."""
