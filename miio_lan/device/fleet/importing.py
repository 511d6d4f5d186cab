"""Devices out of JSON of other programs: token extractors, python-miio's ``cloud list --raw``, our own ``discover``.

They differ in their frames (lists by server and home, objects by did, one object a line) and in the names of some keys,
not in what a device is: an object with a token, or with a did and an address. So each such object is taken, wherever it
is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from miio_lan.device.fleet.named import MAX_NAME, NamedDevice, device_of, did_of, load_json
from miio_lan.errors import DeviceException, DevicesFileError, InvalidArgument, InvalidTokenException
from miio_lan.record.redact import HIDDEN, told_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_DEVICES = 10_000
"""Devices that are taken from one file."""

# What is called differently by different programs; the first that is there counts.
_NAMES = {
    "name": ("name", "title", "device_name", "devicename"),
    "ip": ("localip", "local_ip", "ip", "host", "address", "ip_address", "ipaddress", "addr"),
    "token": ("token", "device_token", "devicetoken"),
    "did": ("did", "device_id", "deviceid"),
    "model": ("model", "device_model", "devicemodel"),
    "port": ("port",),
    "mac": ("mac", "mac_address", "macaddress"),
}
# Under these keys a program keeps what its object, which has the name, is about.
_ABOUT = frozenset({"data", "device", "config", "info"})
# An "id" is often a number of a program's own; dids have more digits.
_LEAST_DID = 100_000


@dataclass(frozen=True)
class ImportedDevice:
    """What a file says of a device; empty for what it does not say.

    :param did: the did as it stands there; not every one is a number
    """

    name: str = ""
    ip: str = ""
    token: str = field(default="", repr=False)
    did: object = None
    model: str = ""
    port: int | None = None
    mac: str = ""


@dataclass
class Imported:
    """What came of an import.

    :param added: names that are new
    :param changed: names of devices that were known, with another address, token or model now
    :param skipped: what was left out, and why
    """

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def read_candidates(text: str | bytes, source: str) -> list[ImportedDevice]:
    """Read what a file says of devices: JSON, or one JSON document a line.

    :param source: what errors call it
    :raises DevicesFileError: if it is no JSON, or says something of more than :data:`MAX_DEVICES` devices
    :raises DeviceException: if it says nothing of any
    """
    try:
        documents = [load_json(text, source)]
    except DevicesFileError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        documents = [load_json(line, f"{source}, line {number}") for number, line in enumerate(lines, 1)]
    found = list(_candidates(documents))
    if not found:
        raise DeviceException(
            told_of(source, "nothing in it looks like a device, with a token or with did and address")
        )
    if len(found) > MAX_DEVICES:
        problem = f"it has {len(found)} devices; at most {MAX_DEVICES} are taken from one file: divide it"
        raise DevicesFileError(told_of(source, problem))
    return found


def _candidates(documents: list[Any]) -> Iterator[ImportedDevice]:
    """Go through documents of any form, in their order."""
    waiting: list[tuple[str, Any]] = [("", document) for document in reversed(documents)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            known = {str(name).lower(): each for name, each in value.items()}
            candidate = _candidate(key, known)
            if candidate is not None:
                yield candidate
            else:
                called = next(
                    (known[each] for each in _NAMES["name"] if isinstance(known.get(each), str)), ""
                )
                waiting += [
                    (called if name in _ABOUT and called else name, each)
                    for name, each in reversed(value.items())
                ]
        elif isinstance(value, list):
            waiting += [("", each) for each in reversed(value)]


def _candidate(key: str, known: Mapping[str, Any]) -> ImportedDevice | None:
    found = {
        what: next((known[name] for name in names if known.get(name) is not None), None)
        for what, names in _NAMES.items()
    }
    if found["did"] is None and _is_did(known.get("id")):
        found["did"] = known["id"]
    words = {what: value if isinstance(value, str) else "" for what, value in found.items()}
    if words["token"] == HIDDEN or _is_placeholder(words["token"]):
        words["token"] = ""
    if not words["token"] and (found["did"] is None or not words["ip"]):
        return None
    port = found["port"] if isinstance(found["port"], int) else None
    name = words["name"] or ("" if key == str(found["did"]) else key)
    return ImportedDevice(name, words["ip"], words["token"], found["did"], words["model"], port, words["mac"])


def _is_placeholder(token: str) -> bool:
    """Tell whether programs write this where they know no token: one byte, again and again."""
    return len(token) > 2 and token.lower() == token[:2].lower() * (len(token) // 2)


def _is_did(value: object) -> bool:
    digits = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    return digits.isascii() and digits.isdecimal() and int(digits[:20]) >= _LEAST_DID


def take(devices: dict[str, NamedDevice], candidates: list[ImportedDevice]) -> Imported:
    """Add devices to those that have names, and bring these up to date: a device is known by its did.

    :param devices: is changed
    """
    outcome = Imported()
    for candidate in candidates:
        try:
            did = did_of(candidate.did)
            known = next((each for each in devices.values() if did is not None and each.did == did), None)
            if known is not None:
                _renew(devices, known, candidate, outcome)
            else:
                _add(devices, candidate, did, outcome)
        except (InvalidArgument, InvalidTokenException) as error:
            outcome.skipped.append((candidate.name or f"did {candidate.did}", str(error)))
    return outcome


def _add(
    devices: dict[str, NamedDevice], candidate: ImportedDevice, did: int | None, outcome: Imported
) -> None:
    entry = {
        "ip": candidate.ip or None,
        "token": candidate.token or None,
        "did": did,
        "model": candidate.model or None,
        **({"mac": candidate.mac} if candidate.mac else {}),
        **({"port": candidate.port} if candidate.port is not None else {}),
    }
    wished = device_of("new", entry)
    same = (each.name for each in devices.values() if replace(each, name="new") == wished)
    if (name := next(same, None)) is not None:
        outcome.same.append(name)
        return
    name = _free_name(candidate, did, devices)
    devices[name] = replace(wished, name=name)
    outcome.added.append(name)


def _renew(
    devices: dict[str, NamedDevice], known: NamedDevice, candidate: ImportedDevice, outcome: Imported
) -> None:
    """Bring a known device up to date; its name stays."""
    entry = known.entry()
    told = {"ip": candidate.ip, "token": candidate.token, "model": candidate.model, "port": candidate.port}
    entry |= {key: value for key, value in told.items() if value}
    renewed = device_of(known.name, entry)
    devices[known.name] = renewed
    (outcome.same if renewed == known else outcome.changed).append(known.name)


def _free_name(candidate: ImportedDevice, did: int | None, devices: Mapping[str, NamedDevice]) -> str:
    """Make a name that can be one, and is free."""
    wished = " ".join("".join(each if each.isprintable() else " " for each in candidate.name).split())
    if not wished:
        wished = f"{candidate.model or 'device'}-{did or candidate.ip}"
    wished = wished.lstrip("- ")[: MAX_NAME - 6].strip() or "device"
    name, number = wished, 2
    while name in devices:
        name, number = f"{wished} {number}", number + 1
    return name
