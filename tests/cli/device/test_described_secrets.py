"""Values of what a description calls a password or a token are hidden, however a property is named by who asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from miio_lan.cli.device.target import hidden_by
from miio_lan.cli.listen.command import rows
from miio_lan.device.description.names import AmbiguousWord, parse_value
from miio_lan.device.description.spec import Spec
from miio_lan.device.miot import MiotDevice
from miio_lan.errors import SpecError
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.virtual.product import VirtualProduct

Ask = Callable[..., Any]


def service(siid: int) -> dict[str, Any]:
    access = ["read", "write", "notify"]
    return {
        "iid": siid,
        "type": "urn:x:service:lock:0:0:1",
        "properties": [
            {"iid": 1, "type": "urn:x:property:on:0:0:1", "format": "bool", "access": access},
            {"iid": 2, "type": "urn:x:property:wifi-password:0:0:1", "format": "string", "access": access,
             "max-length": 12},
            {"iid": 3, "type": "urn:x:property:passcode:0:0:1", "format": "uint32", "access": access,
             "value-range": [0, 999999, 1]},
        ],
        "actions": [{"iid": 1, "type": "urn:x:action:join:0:0:1", "in": [2, 3], "out": [2]}],
        "events": [{"iid": 1, "type": "urn:x:event:told:0:0:1", "arguments": [2]}],
    }  # fmt: skip


TWO = {"model": "example.lock.two", "services": [service(2), service(3)]}
SPEC = Spec.from_json(TWO)


@pytest.fixture
def product() -> Iterator[VirtualProduct]:
    with VirtualProduct(SPEC, mcu_options={"poll_interval": 0.002}) as running:
        yield running


@pytest.fixture
def locked(ask: Ask, tmp_path: Path) -> Ask:
    file = tmp_path / "two.json"
    file.write_text(json.dumps(TWO))
    return lambda *words: ask(*words, "--spec", str(file))


def test_of_two_services_of_one_type(locked: Ask) -> None:
    assert locked("set", "2.2=hunter22pw", "3.2=hunter33pw", "3.3=654321").code == 0
    shown = locked("get").out
    assert shown == ("2.1: false\n2.2: (hidden)\n2.3: (hidden)\n3.1: false\n3.2: (hidden)\n3.3: (hidden)\n")
    assert locked("get", "3.2").out == "(hidden)\n"
    assert {each["value"] for each in locked("--json", "get", "2.2", "3.2", "3.3").json} == {"(hidden)"}
    assert locked("--show-secrets", "get", "2.2").out == "hunter22pw\n"
    assert locked("--show-secrets", "--json", "get", "3.3").json[0]["value"] == 654321


def test_what_an_action_gives(locked: Ask) -> None:
    assert locked("set", "2.2=hunter22pw", "3.2=hunter33pw").code == 0
    assert locked("action", "2.1", "hunter22pw", "123456").out == '[{"piid": 2, "value": "(hidden)"}]\n'
    assert locked("--json", "action", "3.1", "hunter22pw", "123456").json["out"][0]["value"] == "(hidden)"
    assert "hunter22pw" in locked("--show-secrets", "action", "2.1", "hunter22pw", "123456").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["set", "2.2", "hunter22-and-more"], "set 2.2 (hidden)"),
        (["set", "3.3", "12345678"], "passcode (3.3): (hidden) is outside 0..999999"),
        (
            ["set", "3.3", "'12345678'"],
            "(hidden) is not an integer: its quotes make it a text, write it without",
        ),
        (["action", "2.1", "hunter22-and-more", "12345678"], "action 2.1 (hidden) (hidden)"),
    ],
)
def test_what_is_refused(locked: Ask, words: list[str], told: str) -> None:
    for extra in ([], ["--json"], ["--show-secrets"]):
        ended = locked(*extra, *words)
        assert ended.code == 2
        assert told in ended.out + ended.err
        assert not any(word in ended.out + ended.err for word in ("hunter", "12345678"))


def test_what_is_refused_in_python() -> None:
    with MiotDevice("127.0.0.1", "0" * 32, spec=SPEC) as device:
        for name, value in (("2.3", 12345678), ("2.2", 12345678), ("2.3", "12345678"), ("3.3", -12345678)):
            with pytest.raises(SpecError) as told:
                device.write(name, value)
            assert "12345678" not in str(told.value)


def test_a_word_for_several() -> None:
    data = service(2)
    data["properties"][2]["value-list"] = [[1, "secretword"], [2, "secretword"], [3, "4"], [4, "5"]]
    prop = Spec.from_json({"services": [data]}).property(2, 3)
    assert prop is not None
    with pytest.raises(AmbiguousWord, match=r"passcode \(2.3\): \(hidden\) is ambiguous"):
        parse_value(prop, "secretword")


def test_what_is_told_unasked() -> None:
    items = [{"siid": 2, "piid": 2, "value": "hunter22pw"}, {"siid": 3, "piid": 1, "value": True}]
    event = {"siid": 3, "eiid": 1, "arguments": [{"piid": 2, "value": "hunter22pw"}, 5]}
    assert list(rows(Push("properties_changed", items, 1, 1.0), SPEC)) == ['2.2: "(hidden)"', "3.1: true"]
    assert list(rows(Push("event_occured", event, 1, 1.0), SPEC)) == ['event 3.1 (told): 3.2="(hidden)", 5']
    assert "hunter" not in json.dumps(hidden_by(SPEC, [*items, event]))
    assert hidden_by(SPEC, items)[1] == items[1]
    assert hidden_by(None, items) is items
    assert hidden_by(SPEC, "text") == "text"


@pytest.mark.parametrize("siid", [[2], {}, None, "2", 2.5, 10**30])
def test_numbers_that_are_none(siid: object) -> None:
    push = Push("properties_changed", [{"siid": siid, "piid": 2, "value": 1}], 1, 1.0)
    assert list(rows(push, SPEC)) == [f"{siid}.2: 1"]
