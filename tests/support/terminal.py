"""A terminal in memory, of some width."""

from __future__ import annotations

import io

from rich.console import Console


def screen(width: int) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False, color_system=None)


def drawn(terminal: Console) -> str:
    """Give what was written since the last time."""
    text: str = terminal.file.getvalue()  # type: ignore[attr-defined]
    terminal.file.seek(0)
    terminal.file.truncate()
    return text
