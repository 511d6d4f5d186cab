"""The rule about a whole firmware update, which only the checker that sends the image itself can judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.acceptance.verdict import Evidence, Outcome, Rule, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miio_lan.record import Record

RULE = Rule(
    "update-complete",
    "New firmware is received whole, started, and reported by its version and model",
    "serial document, update_fw; official MCU tool (OTA)",
    "update",
)


def update_verdict(records: Iterable[Record], failed: str | None, version: str | None = None) -> Verdict:
    """Judge an update.

    :param records: the whole session
    :param failed: why the image did not arrive; empty when it did, None when none was sent
    :param version: the version to be reported; any by default
    """
    offer: Record | None = None
    last: Record | None = None
    back: dict[object, Record] = {}
    model = ""
    for record in records:
        reading = record.reading or {}
        word = reading.get("command")
        if reading.get("method") == "update_fw":
            offer, last, back = record, None, {}
        elif offer is not None and "transfer" in reading:
            last, back = record, {}
        elif record.direction == "up" and word in ("model", "mcu_version") and reading.get("valid"):
            if offer is None and word == "model":
                model = _said(record)
            back[word] = record
    if failed is None or offer is None:
        return Verdict(RULE, Outcome.NOT_OBSERVED, "no firmware was sent", ())
    if failed:
        return _verdict(failed, last or offer)
    return _started(back, last or offer, model, version)


def _started(back: dict[object, Record], last: Record, model: str, version: str | None) -> Verdict:
    missing = [word for word in ("model", "mcu_version") if word not in back]
    if missing:
        return _verdict(f"after the transfer no {' and no '.join(missing)} was reported", last)
    if model and _said(back["model"]) != model:
        return _verdict(f"another model than before, {model}", back["model"])
    if version is not None and _said(back["mcu_version"]) != version:
        return _verdict(f"not the version {version}", back["mcu_version"])
    return _verdict(_line(back["mcu_version"]), back["mcu_version"], Outcome.PASS)


def _verdict(text: str, record: Record, outcome: Outcome = Outcome.FAIL) -> Verdict:
    return Verdict(RULE, outcome, text, (Evidence(text, record),))


def _line(record: Record) -> str:
    return record.raw.decode("ascii", "replace").strip()


def _said(record: Record) -> str:
    return _line(record).partition(" ")[2]
