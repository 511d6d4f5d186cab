"""Showing records one by one: with colours on a terminal, plainly in a pipe, or as JSON Lines; and what not to show."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from miio_lan.cli.watch.footer import Footer
from miio_lan.click_common.failures import refuse
from miio_lan.click_common.layout import colour_system, columns
from miio_lan.click_common.output import echo, json_line
from miio_lan.foreign import printable
from miio_lan.record.lanes import Lanes, said
from miio_lan.record.marks import is_mark
from miio_lan.record.redact import redact, redact_record

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

    from miio_lan.record import Record
    from miio_lan.record.lanes import View

_PIPED_WIDTH = 120
_IDLE = (b"get_down", b"down none", b"")


@dataclass(frozen=True)
class Filter:
    """What is shown of what was observed.

    :param polls: whether the MCU's polls and their empty answers are shown
    :param only: shown is only what this is found in
    :param hide: and not what this is found in
    :param wire: ``"lan"`` or ``"uart"`` alone
    """

    polls: bool = False
    only: re.Pattern[str] | None = None
    hide: re.Pattern[str] | None = None
    wire: str | None = None

    def __call__(self, record: Record) -> bool:
        """Tell whether a record is shown."""
        if self.wire not in (None, record.wire):
            return False
        if not self.polls and record.wire == "uart" and not record.note and record.raw.strip() in _IDLE:
            # Ends of lines alone say nothing either; without any bytes, a record is a mark.
            return not record.raw
        if self.only is None and self.hide is None:
            return True
        text = said(record)
        return (self.only is None or self.only.search(text) is not None) and not (
            self.hide is not None and self.hide.search(text)
        )


class Show:
    """Shows records: with colours and a line of counts on a terminal, plainly in a pipe, or as JSON Lines.

    :param view: what the two lanes are
    :param json: JSON Lines instead
    :param wall: times of day instead of seconds
    :param secrets: whether secrets are shown
    :param console: the terminal; by default stdout, when it is one
    """

    def __init__(
        self,
        view: View,
        wanted: Filter,
        *,
        json: bool = False,
        wall: bool = False,
        secrets: bool = False,
        console: Console | None = None,
    ) -> None:
        self._json = json
        self._secrets = secrets
        self._wanted = wanted
        self._console = console or (terminal() if not json and sys.stdout.isatty() else None)
        width = self._console.width if self._console else columns(sys.stdout) or _PIPED_WIDTH
        self._lanes = Lanes(view, width=width, wall=wall, secrets=secrets)
        self._footer = Footer(self._console) if self._console else None
        self._counts = {"LAN": 0, "UART": 0, "not shown": 0, "odd": 0}

    def show(self, record: Record) -> None:
        """Show a record, if it is wanted."""
        self._counts["LAN" if record.wire == "lan" else "UART"] += 1
        self._counts["odd"] += _is_odd(record)
        if not self._wanted(record):
            self._counts["not shown"] += 1
        elif self._json:
            echo(json_line((record if self._secrets else redact_record(record)).as_json()))
            sys.stdout.flush()
        elif self._console is not None and self._footer is not None:
            with self._footer.above():
                self._print(self._console, record)
        else:
            echo("\n".join(self._lanes.rows(record)))
            sys.stdout.flush()
        if self._footer is not None:
            self._footer.show(self._summary())

    def _print(self, console: Console, record: Record) -> None:
        from rich.text import Text

        if self._lanes.resize(console.width):
            console.print(self._lanes.header, style="bold", soft_wrap=True)
        for row in self._lanes.rows(record):
            console.print(Text(row, style=style_of(record)), soft_wrap=True)

    def say(self, text: str) -> None:
        """Show a message beside the records."""
        text = redact(text)
        if self._console is not None and self._footer is not None:
            with self._footer.above():
                self._console.print(
                    printable(text, rows=True), style="bold red", markup=False, soft_wrap=True
                )
        else:
            echo(text, err=True)

    def __enter__(self) -> Self:
        if self._console is not None and self._footer is not None:
            self._console.print(self._lanes.header, style="bold", soft_wrap=True)
            self._footer.start()
            self._footer.show(self._summary())
        elif not self._json:
            echo(self._lanes.header)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._footer is not None:
            self._footer.stop()

    def _summary(self) -> str:
        shown = " · ".join(f"{name} {count}" for name, count in self._counts.items() if count)
        return f"{shown or 'nothing yet'} · Ctrl-C ends"


def style_of(record: Record) -> str:
    """Give the colour of a record: what is wrong stands out, what is ordinary does not."""
    reading = record.reading or {}
    if "by the bridge" in record.note:
        return "magenta"
    if "error" in reading or reading.get("command") == "error" or reading.get("text") == "error":
        return "red"
    if _is_odd(record):
        return "yellow"
    return "cyan" if record.wire == "lan" else ""


def _is_odd(record: Record) -> bool:
    marks = record.note not in ("", "hello", "xmodem") and not is_mark(record)
    return marks or (record.reading or {}).get("valid") is False


def terminal() -> Console:
    """Return stdout as a terminal that shows what it can of Unicode."""
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal knows arrows
    return Console(highlight=False, color_system=colour_system())


def filter_of(options: dict[str, Any]) -> Filter:
    """Make the filter that the options describe.

    :raises click.UsageError: for what is no regular expression
    """
    return Filter(
        polls=options["polls"],
        only=_pattern(options["only"]),
        hide=_pattern(options["hide"]),
        wire=options.get("wire"),
    )


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        refuse(f"{text!r} is not a regular expression: {error}")
