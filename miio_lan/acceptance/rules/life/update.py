"""The rule about a whole firmware update, which only the checker that sends the image itself can judge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import Case, rules_of
from miio_lan.record import Record

rule = rules_of("update", severity="failure or warning")

_REPORTS = ("model", "mcu_version")


@dataclass
class _Update:
    """What was seen of an update.

    :param last: its last record, the ``update_fw`` or one of the transfer; None where nothing was offered
    :param before: the last report of each word before anything was offered
    :param after: the last report of each word since ``last``
    """

    last: Record | None = None
    before: dict[str, Record] = field(default_factory=dict)
    after: dict[str, Record] = field(default_factory=dict)


@rule(
    "New firmware is received whole, started, and reported by its version and model",
    source="serial document, update_fw; official MCU tool (OTA)",
)
def update_complete(session: Observed, case: Case) -> None:
    """A version that is the same as before is a warning, unless it is the one that was to be reported."""
    course = session.course
    seen = _seen(session.records)
    if course is not None and course.broken_off:
        case.unseen(course.broken_off)
    elif course is None or course.transfer_failed is None or seen.last is None:
        case.unseen("no firmware was sent")
    elif course.transfer_failed:
        case.bad(course.transfer_failed, seen.last)
    elif course.cut and not seen.after.keys() >= set(_REPORTS):
        case.unseen(f"{course.cut}: what the MCU reports after the transfer was not waited for")
    else:
        _started(seen, case, course.firmware_version)


def _seen(records: Iterable[Record]) -> _Update:
    seen = _Update()
    for record in records:
        reading = record.reading or {}
        word = reading.get("command")
        if reading.get("method") == "update_fw" or (seen.last is not None and "transfer" in reading):
            seen.last, seen.after = record, {}
        elif record.direction == "up" and word in _REPORTS and reading.get("valid"):
            (seen.before if seen.last is None else seen.after)[str(word)] = record
    return seen


def _started(seen: _Update, case: Case, version: str | None) -> None:
    if missing := [word for word in _REPORTS if word not in seen.after]:
        case.bad(f"after the transfer no {' and no '.join(missing)} was reported", seen.last)
        return
    before = {word: _said(record) for word, record in seen.before.items()}
    model, now = seen.after["model"], seen.after["mcu_version"]
    if before.get("model", _said(model)) != _said(model):
        case.bad(f"another model than before, {before['model']}", model)
    elif version is not None and _said(now) != version:
        case.bad(f"not the version {version}", now)
    elif version is None and before.get("mcu_version") == _said(now):
        case.odd(f"the version is {_said(now)} as before: was the new firmware started?", now)
    else:
        case.good(_line(now), now)


def _line(record: Record) -> str:
    return record.raw.decode("ascii", "replace").strip()


def _said(record: Record) -> str:
    return _line(record).partition(" ")[2]
