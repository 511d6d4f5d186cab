"""The devices that were found, as a table: live on a terminal, plain elsewhere.

Where all columns are too wide, those that matter most stay, and the others follow in a row of their own::

    DID       ADDRESS      MODEL                TOKEN
    13646404  192.168.1.9  yeelink.light.mono1  (hidden)
      name lamp, interface eth0, mac F0:B4:29:AA:BB:0C, age 3 s
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from miio_lan.click_common.layout import folded
from miio_lan.click_common.output import secrets_are_shown
from miio_lan.foreign import printable
from miio_lan.record.redact import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from rich.table import Table
    from rich.text import Text

    from miio_lan.lan.discovery.findings import Finding

HEADINGS = ("DID", "ADDRESS", "INTERFACE", "MODEL", "MAC", "TOKEN", "PUSH", "AGE", "NAME")
_PER_SECOND = 2
# What stays in the table when it is narrow, what gives way first at the end; and the order of the rest.
_HEAD = ("DID", "ADDRESS", "MODEL", "TOKEN")
_REST = ("ADDRESS", "MODEL", "TOKEN", "NAME", "INTERFACE", "MAC", "PUSH", "AGE")
_INSET = "  "


def cells(finding: Finding, names: Mapping[int, str], now: float, *, secrets: bool) -> tuple[str, ...]:
    """Return what the table shows of a device; ``-`` for what is not known."""
    token = "-" if finding.token is None else str(finding.token) if secrets else HIDDEN
    push = "-" if finding.push is None else "yes" if finding.push else "no"
    address = finding.ip if finding.answered else f"{finding.ip} (announced)"
    known = (finding.interface, finding.model, finding.mac)
    interface, model, mac = (printable(each) or "-" for each in known)
    age = f"{finding.age(now):.0f} s"
    name = printable(names.get(finding.did, "-"))
    return (str(finding.did), address, interface, model, mac, token, push, age, name)


def rows(
    found: Sequence[Finding],
    names: Mapping[int, str],
    now: float,
    *,
    width: int | None = None,
    secrets: bool | None = None,
) -> list[str]:
    """Return the table as plain lines, the headings first.

    :param width: columns that there are; None for as many as it takes
    :param secrets: whether tokens are shown; by default as the command line says
    """
    shown = secrets_are_shown() if secrets is None else secrets
    table = [dict(zip(HEADINGS, cells(each, names, now, secrets=shown), strict=True)) for each in found]
    heads: tuple[str, ...] = HEADINGS
    if width is not None and _width(heads, table) > width:
        heads = _HEAD
        while len(heads) > 1 and _width(heads, table) > width:
            heads = heads[:-1]
    widths = _widths(heads, table)
    lines = [_line(heads, widths)]
    for each in table:
        lines.append(_line([each[head] for head in heads], widths))
        if rest := _rest(heads, each):
            lines += folded(f"{_INSET}{rest}", width).split("\n")
    return lines


def _line(shown: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(shown, widths, strict=True)).rstrip()


def _widths(heads: Sequence[str], table: Sequence[Mapping[str, str]]) -> list[int]:
    return [max([len(head), *(len(each[head]) for each in table)]) for head in heads]


def _width(heads: Sequence[str], table: Sequence[Mapping[str, str]]) -> int:
    return sum(_widths(heads, table)) + 2 * (len(heads) - 1)


def _rest(heads: Sequence[str], row: Mapping[str, str]) -> str:
    """Return what is known of a device beside the columns that are there."""
    known = (head for head in _REST if head not in heads and row[head] != "-")
    return ", ".join(f"{head.lower()} {row[head]}" for head in known)


class Live:
    """A table on the terminal that is drawn anew as devices are found, and age.

    :param found: the devices; may grow meanwhile
    """

    def __init__(self, found: Mapping[int, Finding], names: Mapping[int, str]) -> None:
        from rich.live import Live as RichLive

        from miio_lan.cli.device.show import terminal

        self._found = found
        self._names = names
        self._secrets = secrets_are_shown()
        self._console = terminal()
        self._live = RichLive(
            console=self._console, get_renderable=self._shown, refresh_per_second=_PER_SECOND
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def _shown(self) -> Table | Text:
        from rich.text import Text

        found, now, width = list(self._found.values()), time.monotonic(), self._console.width
        lines = rows(found, self._names, now, width=width, secrets=self._secrets)
        # The table would cut what is too wide.
        narrow = bool(found) and lines[0].split() != list(HEADINGS)
        return Text("\n".join(lines), no_wrap=True) if narrow else self._table()

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(*HEADINGS, box=None, pad_edge=False, header_style="bold")
        now = time.monotonic()
        for each in list(self._found.values()):
            style = "" if each.answered else "dim"
            table.add_row(
                *(Text(cell, style) for cell in cells(each, self._names, now, secrets=self._secrets))
            )
        if not table.row_count:
            table.caption = "nobody yet"
        return table
