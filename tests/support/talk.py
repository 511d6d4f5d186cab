"""Conversations on the line, written down by hand."""

from __future__ import annotations

from miio_lan.acceptance.rules.all import judge
from miio_lan.acceptance.verdict import Outcome, Verdict
from miio_lan.record import Record


def talk(script: str) -> list[Record]:
    r"""Make records of lines like ``1.5 > get_down`` (MCU to module) and ``1.5 < down none``.

    A time may be left out: 10 ms after the line before. A line gets its CR unless it ends with ``\``; ``\xNN`` and
    ``\n`` mean the bytes. ``--`` instead of an arrow marks an outage, ``#`` a record with a note.
    """
    records: list[Record] = []
    now = 100.0
    for line in filter(None, map(str.strip, script.splitlines())):
        head, _, text = line.partition(" ")
        if head not in (">", "<", "--", "#"):
            now = 100.0 + float(head)
            head, _, text = text.partition(" ")
        else:
            now = round(now + 0.01, 6)
        open_ended = text.endswith("\\")
        raw = text.rstrip("\\").encode().decode("unicode_escape").encode("latin-1")
        if head == "--":
            records.append(Record("uart", "up", now, now, b"", note="outage: unplugged"))
        elif head == "#":
            note, _, raw_text = text.partition(": ")
            records.append(Record("uart", "down", now, now, raw_text.encode() + b"\r", note=note))
        else:
            direction = "up" if head == ">" else "down"
            records.append(Record("uart", direction, now, now, raw + (b"" if open_ended else b"\r")))
    return records


def verdict(name: str, script: str, **options: object) -> Verdict:
    """Judge such a conversation by one rule."""
    found = {each.rule.name: each for each in judge(talk(script), **options)}  # type: ignore[arg-type]
    return found[name]


def outcome(name: str, script: str, **options: object) -> Outcome:
    """Give the outcome of one rule."""
    return verdict(name, script, **options).outcome
