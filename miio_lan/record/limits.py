"""How much of what others say is taken. Apart from the records: what hides secrets is loaded by more programs."""

from __future__ import annotations

MAX_READING_DEPTH = 100
"""Levels of a reading, which nests a few; what goes deeper is an attack on the stack of whoever reads the recording."""
