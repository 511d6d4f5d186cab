"""What the public MIoT specification service publishes: the list of all instances, and one instance by its URN.

The service answers ``GET BASE/instances?status=all`` with ``{"instances": [{"model": "yeelink.light.lamp4", "version":
1, "status": "released", "type": "urn:miot-spec-v2:device:light:..."}, ...]}``, and ``GET BASE/instance?type=URN`` with
the instance. (Observed; no document promises it.) What comes from there is not trusted.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import Any, NamedTuple

from miio_lan.errors import SpecError, SpecUnavailable
from miio_lan.foreign import excerpt, show
from miio_lan.given import shown
from miio_lan.record.redact import told_of
from miio_lan.uart.document import model_fault

BASE = "https://miot-spec.org/miot-spec-v2"
"""The service, where nobody named another."""

RELEASED = "released"
_URN = re.compile(r"urn:[A-Za-z0-9_.:-]{1,250}")
_MOST_VERSION = 1 << 31
_MOST_ALIKE = 3


class PublishedVersion(NamedTuple):
    """One version of an instance, as the list has it."""

    type: str
    version: int
    status: str


#: Model -> its versions.
Listed = dict[str, list[PublishedVersion]]


def checked_model(model: object) -> str:
    """Give a model.

    :raises SpecError: if it is none; it may become the name of a file, and a part of an address
    """
    if not isinstance(model, str):
        raise SpecError(f"a model is text such as 'yeelink.light.lamp4', not {shown(model)}")
    if fault := model_fault(model):
        raise SpecError(fault)
    return model


def list_url(base: str) -> str:
    """Give the address of the list of all instances."""
    return f"{base}/instances?status=all"


def instance_url(base: str, entry: PublishedVersion) -> str:
    """Give the address of an instance."""
    return f"{base}/instance?type={entry.type}"  # nothing that an URN may have here needs quoting


def read_list(text: bytes, source: str) -> Listed:
    """Read the list of all instances. Odd entries are left out: they are no matter of those who look for another.

    :raises SpecError: if it is no such list, or nothing of it can be read
    """
    data = load(text, source)
    entries = data.get("instances") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        raise SpecError(told_of(source, "this is no list of instances"))
    found: Listed = {}
    for each in entries:
        if isinstance(each, dict) and isinstance(model := each.get("model"), str) and not model_fault(model):
            entry = entry_of([each.get("type"), each.get("version"), each.get("status")])
            if entry is not None:
                found.setdefault(model, []).append(entry)
    if not found:
        raise SpecError(told_of(source, "no instance in this list has a model, a type and a version"))
    return found


def entry_of(parts: object) -> PublishedVersion | None:
    """Make an entry of type, version and status; None where they can be none."""
    if not isinstance(parts, list) or len(parts) != len(PublishedVersion._fields):
        return None
    type_, version, status = parts
    if not isinstance(type_, str) or not _URN.fullmatch(type_) or not isinstance(status, str):
        return None
    if isinstance(version, bool) or not isinstance(version, int) or not 0 <= version < _MOST_VERSION:
        return None
    return PublishedVersion(type_, version, status)


def newest(listed: Listed, model: str, base: str) -> PublishedVersion:
    """Give the newest released version.

    :raises SpecUnavailable: if there is none, saying what there is, and what to do
    """
    entries = listed.get(model, [])
    released = [each for each in entries if each.status == RELEASED]
    if released:
        return max(released, key=lambda each: each.version)
    if entries:
        others = ", ".join(sorted({f"version {each.version} ({excerpt(each.status)})" for each in entries}))
        raise SpecUnavailable(
            f"no description of {model} is released at {base}, there is only {others}: give one with --spec FILE"
        )
    company = model.partition(".")[0]
    near = difflib.get_close_matches(
        model, [each for each in listed if each.startswith(f"{company}.")], n=_MOST_ALIKE, cutoff=0.8
    )
    hint = f" (did you mean {' or '.join(near)}?)" if near else ""
    raise SpecUnavailable(
        f"no description of {model} is published at {base}{hint}: give one with --spec FILE"
    )


def read_instance(text: bytes, entry: PublishedVersion, source: str) -> dict[str, Any]:
    """Read an instance; what is in it is for :meth:`Spec.from_json` to judge.

    :raises SpecError: if it is none, or another one than was asked for
    """
    data = load(text, source)
    if not isinstance(data, dict) or not isinstance(data.get("services"), list) or not data["services"]:
        raise SpecError(told_of(source, "this is no instance: it has no services"))
    if data.get("type") != entry.type:
        problem = f"this is the instance of {show(data.get('type'))}, another one was asked for"
        raise SpecError(told_of(source, problem))
    return data


def load(text: bytes, source: str) -> Any:
    """Read JSON of others.

    :raises SpecError: if it is none
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        begin = excerpt(text[:40].decode("utf-8", "replace").strip())
        reason = getattr(error, "msg", None) or type(error).__name__
        raise SpecError(told_of(source, f"not JSON ({reason}); it begins with {begin}")) from None
