"""The devices that were found, as a table: live on a terminal, plain elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from miio_lan.click_common.output import secrets_are_shown
from miio_lan.foreign import printable
from miio_lan.record.redact import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from rich.table import Table

    from miio_lan.lan.discovery.findings import Finding

HEADINGS = ("DID", "ADDRESS", "INTERFACE", "MODEL", "MAC", "TOKEN", "PUSH", "AGE", "NAME")
_PER_SECOND = 2


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


def rows(found: Sequence[Finding], names: Mapping[int, str], now: float) -> list[str]:
    """Return the table as plain lines, the headings first."""
    secrets = secrets_are_shown()
    lines = [HEADINGS, *(cells(each, names, now, secrets=secrets) for each in found)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


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
        self._live = RichLive(console=terminal(), get_renderable=self._table, refresh_per_second=_PER_SECOND)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

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
