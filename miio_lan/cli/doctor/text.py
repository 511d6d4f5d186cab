"""A diagnosis for people: one paragraph for each thing that was looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miio_lan.click_common.layout import columns, folded
from miio_lan.device.doctor.findings import StepVerdict
from miio_lan.foreign import printable

if TYPE_CHECKING:
    from miio_lan.device.doctor.findings import CheckedStep, Diagnosis

WIDEST_ROW = 76
"""Columns: longer rows are hard to read."""

TITLES = {
    "route": "Route and interface",
    "hello": "Hello",
    "token": "Token",
    "stamp": "Clock of the device",
    "subnet": "Same subnet",
    "others": "Others that speak to it",
    "firewall": "Firewalls",
    "memory": "Repeated ids",
    "mcu": "MCU behind the Wi-Fi module",
    "cloud": "Cloud",
}
_INSET = " " * 11


def rows(found: Diagnosis, name: str | None = None, stream: Any = None) -> list[str]:
    """Return the text, row by row.

    :param name: what its user calls the device
    :param stream: where it will be shown; says how wide it may be
    """
    width = min(columns(stream) or WIDEST_ROW, WIDEST_ROW)
    who = f"{name} at {found.host}" if name else found.host
    about = f", {found.model}" if found.model else ""
    told = [printable(f"{who}, UDP port {found.port}{about}"), ""]
    for each in found.findings:
        told += _finding(each, width)
    told += ["", _conclusion(found)]
    return [row for line in told for row in folded(line, width).split("\n")]


def _finding(finding: CheckedStep, width: int) -> list[str]:
    told = [f"{finding.verdict.value:<11}{TITLES[finding.step]}"]
    if finding.verdict is not StepVerdict.NOT_TRIED:
        told.append(folded(f"{_INSET}{printable(finding.done)}", width))
    told.append(folded(f"{_INSET}{printable(finding.seen)}", width))
    if finding.next:
        told.append(folded(f"{_INSET}Next: {printable(finding.next)}", width))
    return told


def _conclusion(found: Diagnosis) -> str:
    culprit = found.culprit
    if culprit is None:
        return "Commands get through to the product."
    title = TITLES[culprit.step]
    if culprit.verdict is StepVerdict.BAD:
        return f"It ends at: {title}."
    if culprit.verdict is StepVerdict.IN_DOUBT:
        return f"It may end at: {title}. See there what to do next."
    return f"Not all was tried: {title}."
