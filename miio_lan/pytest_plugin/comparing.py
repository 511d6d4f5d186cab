"""What pytest shows of a line that is not the text it was compared with."""

from __future__ import annotations

import sys
from difflib import ndiff

_RECORD = "miio_lan.record.record"


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show the texts, and where they differ, in place of whole records; secrets are hidden."""
    if _RECORD not in sys.modules or op not in ("==", "!="):  # nobody has seen a record yet
        return None
    from miio_lan.record import Record

    if isinstance(left, Record) == isinstance(right, Record):
        return None
    shown = [_text(each) for each in (left, right)]
    if None in shown:
        return None
    texts = [each or "" for each in shown]
    summary = f"{texts[0]!r} {op} {texts[1]!r}"
    # As pytest does: what there is has a plus, what was wanted a minus.
    return [summary, "", *(row.rstrip("\n") for row in ndiff([texts[1]], [texts[0]]))]


def _text(side: object) -> str | None:
    from miio_lan.record import Record
    from miio_lan.record.lanes import said
    from miio_lan.record.redact import redact

    if isinstance(side, Record):
        return redact(side.text) if side.wire == "lan" else said(side)
    if isinstance(side, bytes):
        side = side.decode("ascii", "backslashreplace")
    return redact(side.strip("\r\n")) if isinstance(side, str) else None
