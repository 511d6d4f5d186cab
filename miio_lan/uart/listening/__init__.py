"""Listening to the line: taps, and bytes turned into records."""
