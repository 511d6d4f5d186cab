from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.spec_server import ENTRIES, MODEL, URN, listed, published

from miio_lan.device.description import published as rules
from miio_lan.device.description.published import PublishedVersion
from miio_lan.errors import SpecError, SpecUnavailable

BASE = "http://service"


def read(document: object) -> rules.Listed:
    return rules.read_list(json.dumps(document).encode(), "list")


def test_where_things_are() -> None:
    assert rules.BASE == "https://miot-spec.org/miot-spec-v2"
    assert rules.list_url(BASE) == "http://service/instances?status=all"
    assert (
        rules.instance_url(BASE, PublishedVersion(URN, 2, "released"))
        == f"http://service/instance?type={URN}"
    )


def test_the_newest_released_version() -> None:
    assert rules.newest(read(listed(*ENTRIES)), MODEL, BASE) == PublishedVersion(URN, 2, "released")
    assert rules.newest(read(listed(*reversed(ENTRIES))), MODEL, BASE) == PublishedVersion(URN, 2, "released")


def test_a_model_that_is_not_released() -> None:
    with pytest.raises(SpecUnavailable, match=r"only version 1 \('debug'\): give one with --spec FILE"):
        rules.newest(read(listed(*ENTRIES)), "example.light.draft1", BASE)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (
            "example.light.demo3",
            r"published at http://service \(did you mean example.light.demo2\?\): give .* --spec FILE",
        ),
        ("other.light.demo2", r"published at http://service: give .* --spec FILE"),
    ],
)
def test_a_model_that_is_not_published(model: str, told: str) -> None:
    with pytest.raises(SpecUnavailable, match=told):
        rules.newest(read(listed(*ENTRIES)), model, BASE)


ODD = [
    {"model": "../../etc/x", "type": URN, "version": 1, "status": "released"},
    {"model": MODEL, "type": "http://elsewhere", "version": 9, "status": "released"},
    {"model": MODEL, "type": URN + "&x=1", "version": 9, "status": "released"},
    {"model": MODEL, "type": URN + "\r\nX: 1", "version": 9, "status": "released"},
    {"model": MODEL, "type": "urn:é", "version": 9, "status": "released"},
    {"model": MODEL, "type": URN, "version": True, "status": "released"},
    {"model": MODEL, "type": URN, "version": "9", "status": "released"},
    {"model": MODEL, "type": URN, "version": 1e400, "status": "released"},
    {"model": MODEL, "type": URN, "version": -1, "status": "released"},
    {"model": MODEL, "type": URN, "version": 9, "status": None},
    {"model": [MODEL], "type": URN, "version": 9, "status": "released"},
    {"model": MODEL},
    None,
    "x",
    [],
]


def test_odd_entries_are_left_out() -> None:
    found = read({"instances": [*ODD, *listed(*ENTRIES)["instances"]]})
    assert set(found) == {MODEL, "example.light.draft1"}
    assert [each.version for each in found[MODEL]] == [1, 2, 3]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>sign in</html>",
        b'{"instances": [{"model"',
        b"[" * 100_000,
        b'{"instances": {}}',
        b'{"instances": []}',
        b"[]",
        b"null",
        b"\xff\xfe",
        b"9" * 5000,
        json.dumps({"instances": ODD}).encode(),
    ],
)
def test_what_is_no_list(text: bytes) -> None:
    with pytest.raises(SpecError, match=r"^http://x/list: "):
        rules.read_list(text, "http://x/list")


def test_the_beginning_of_what_is_no_json_is_quoted() -> None:
    with pytest.raises(SpecError, match=r"not JSON .* it begins with '<html>sign in") as caught:
        rules.load(b"<html>sign in\x1b[2J</html>", "x")
    assert "\x1b" not in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_an_error(data: bytes) -> None:
    with suppress(SpecError):
        rules.read_list(data, "x")


def test_an_instance() -> None:
    entry = PublishedVersion(URN, 2, "released")
    assert rules.read_instance(json.dumps(published()).encode(), entry, "x")["type"] == URN
    for other in (
        {"type": URN},
        [],
        None,
        {**published(), "type": URN[:-1] + "9"},
        {**published(), "services": 1},
    ):
        with pytest.raises(SpecError, match=r"^x: "):
            rules.read_instance(json.dumps(other).encode(), entry, "x")


@pytest.mark.parametrize(
    "model",
    [
        "",
        "lamp",
        "a.b",
        "../../etc/passwd",
        "a/b.c.d",
        "a.b.c.d",
        "..",
        "a.b.c\n",
        "a.b.c/",
        "a\\b.c.d",
        None,
        1,
    ],
)
def test_what_is_no_model(model: object) -> None:
    with pytest.raises(SpecError):
        rules.checked_model(model)


def test_a_model() -> None:
    assert rules.checked_model("yeelink.light.lamp4") == "yeelink.light.lamp4"
