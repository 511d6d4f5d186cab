"""A line that stays below all that a terminal shows, whatever its width becomes meanwhile."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

_UP = "\x1b[A"
_CLEAR = "\r\x1b[J"


class Footer:
    """The last line of a terminal. What others print to stdout goes through :meth:`above`; stderr is seen to.

    No thread draws it anew: the width is looked at whenever something is shown. May be used from several threads.

    :param console: the terminal; one that cannot move its cursor gets no such line
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.RLock()
        self._able = not console.is_dumb_terminal
        self._text = ""
        self._drawn = 0
        self._real: TextIO | None = None
        self._above: _Above | None = None

    def show(self, text: str) -> None:
        """Show a text there, cut to the width."""
        with self._lock:
            if text != self._text:
                self._clear()
                self._text = text
                self._draw()

    @contextlib.contextmanager
    def above(self) -> Iterator[None]:
        """Make room for whole lines that are printed within a block."""
        with self._lock:
            self._clear()
            yield
            self._draw()

    def start(self) -> None:
        """Begin to keep what is written to stderr out of the line."""
        if sys.stderr is not None:
            self._real, self._above = sys.stderr, _Above(self, sys.stderr)
            sys.stderr = cast("TextIO", self._above)

    def stop(self) -> None:
        """Take the line away."""
        if self._above is not None:
            self._above.finish()
            sys.stderr = cast("TextIO", self._real)
        with self._lock:
            self._clear()
            self._text = ""

    def _clear(self) -> None:
        if not self._drawn:
            return
        # A terminal that became narrower has wrapped the line by now, with the cursor at its end.
        rows = -(-self._drawn // max(self._console.width, 1))
        self._console.file.write(_UP * (rows - 1) + _CLEAR)
        self._console.file.flush()
        self._drawn = 0

    def _draw(self) -> None:
        if not (self._able and self._text):
            return
        shown = self._text[: max(self._console.width - 1, 1)]
        self._console.print(shown, style="dim", end="", markup=False, highlight=False, soft_wrap=True)
        self._drawn = len(shown)


class _Above:
    """Stands for stderr, and writes whole lines there, above the footer."""

    def __init__(self, footer: Footer, stream: TextIO) -> None:
        self._footer = footer
        self._stream = stream
        self._begun = ""

    def write(self, text: str) -> int:
        with self._footer.above():
            lines, end, self._begun = (self._begun + text).rpartition("\n")
            self._stream.write(lines + end)
            self._stream.flush()
        return len(text)

    def finish(self) -> None:
        """Write what has no end yet."""
        if self._begun:
            self.write("\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
