"""How wide what people read may be, and long rows folded to that.

On a terminal nothing is wider than it. In a pipe a row stays a row, for ``grep``; what is laid out in lanes, and
sentences on stderr, follow ``COLUMNS`` there. JSON and values are never folded.
"""

from __future__ import annotations

import os
import textwrap
from typing import Any, Literal

#: Narrower than this nothing is laid out: words would be cut everywhere.
NARROWEST = 40
# As rich knows them.
_PLAIN_TERMINALS = ("dumb", "unknown")


def rows_of(stream: Any) -> int | None:
    """Give the width to which rows are folded: none where a program reads them, whatever ``COLUMNS`` says."""
    try:
        return columns(stream) if stream.isatty() else None
    except (AttributeError, ValueError):
        return None


def columns(stream: Any) -> int | None:
    """Give the width for what is written to a stream: ``COLUMNS``, or that of the terminal; None without either."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isascii() and asked.isdecimal() and 0 < len(asked) < 5 and int(asked):
        return max(int(asked), NARROWEST)
    try:
        width = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (AttributeError, OSError, ValueError):
        return None
    return max(width, NARROWEST) if width else None


def takes_colours() -> bool:
    """Tell whether colours, and bold, are wanted: not with ``NO_COLOR``, nor on a terminal that says it knows none."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "").lower() not in _PLAIN_TERMINALS


def colour_system() -> Literal["auto"] | None:
    """Give what rich is to know of colours: where none are wanted nothing, so that it writes plain text."""
    return "auto" if takes_colours() else None


def folded(text: str, width: int | None, inset: str | None = None) -> str:
    """Fold the rows of a text that are too long, between words; what has no blank, as an address, stays whole.

    :param width: columns; None leaves all as it is
    :param inset: what stands before the rest of a row; by default as much as before its beginning
    """
    if width is None:
        return text
    return "\n".join(_folded_row(row, width, inset) if len(row) > width else row for row in text.split("\n"))


def _folded_row(row: str, width: int, inset: str | None) -> str:
    before = row[: len(row) - len(row.lstrip())]
    pieces = textwrap.wrap(
        row.strip(),
        width,
        initial_indent=before,
        subsequent_indent=before if inset is None else inset,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(pieces)
