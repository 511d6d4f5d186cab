"""Looking at the products of a bench: what is there, and what does not answer."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from support.fake_device import DEVICE_ID, FakeDevice

from miio_lan.bench.places import presence
from miio_lan.bench.places.file import ProductEntry
from miio_lan.bench.places.presence import Presence, in_use, look_at
from miio_lan.bench.recorder import Recorder
from miio_lan.cli.virtual.taps import Taps
from miio_lan.lan.responder.responder import Request
from miio_lan.record.record import Record
from miio_lan.record.redact import Secret
from miio_lan.virtual.product import VirtualProduct

TOKEN = Secret("00112233445566778899aabbccddeeff")


def verdicts(found: Presence) -> dict[str, str]:
    return {each.step: each.verdict.value for each in found.checks}


def seen(found: Presence, step: str) -> str:
    return next(f"{each.seen} {each.next}".strip() for each in found.checks if each.step == step)


@pytest.fixture(scope="module")
def product() -> Iterator[tuple[VirtualProduct, ProductEntry]]:
    """A product that looks like a real one, and what a bench file says of it."""
    with Taps() as taps, VirtualProduct(token=TOKEN, device_id=77, observer=taps.observe) as product:
        yield (
            product,
            ProductEntry(
                "left",
                host=product.host,
                port=product.port,
                token=TOKEN,
                did=77,
                uart=str(taps.down),
                uart_up=str(taps.up),
                spec="lamp",
                power="env {action}",
            ),
        )


def test_all_is_there(product: tuple[VirtualProduct, ProductEntry]) -> None:
    found = look_at(product[1])
    steps = ("spec", "hello", "token", "info", "uart", "uart_up", "power")
    assert verdicts(found) == dict.fromkeys(steps, "good")
    assert found.ready
    assert seen(found, "hello") == "It answers, did 77."
    assert seen(found, "info").startswith("'miiolan.light.demo1', firmware")
    assert seen(found, "uart_up").startswith("It hears lines such as '")
    assert found.as_json()["ready"] is True
    assert str(TOKEN) not in str(found.as_json())


def test_one_receiver(product: tuple[VirtualProduct, ProductEntry]) -> None:
    entry = replace(product[1], host=None, token=None, spec=None, power=None, uart_up=None)
    assert verdicts(look_at(entry)) == {"uart": "good"}


def test_another_product_answers(product: tuple[VirtualProduct, ProductEntry]) -> None:
    entry = replace(product[1], did=78, spec="purifier", uart=None, uart_up=None, power="no-such-program")
    found = look_at(entry)
    assert verdicts(found) == {
        "spec": "good",
        "hello": "bad",
        "token": "good",
        "info": "bad",
        "power": "bad",
    }
    assert not found.ready
    assert seen(found, "hello") == (
        "Did 77 answers there, and the bench file says 78: another product. Correct host, or did."
    )
    assert "'miiolan.light.demo1', and its description is of 'zhimi.airpurifier.mb3'" in seen(found, "info")
    assert "there is no program 'no-such-program'" in seen(found, "power").lower()


def test_receivers_that_are_swapped(product: tuple[VirtualProduct, ProductEntry]) -> None:
    given = product[1]
    entry = ProductEntry("left", uart=given.uart_up, uart_up=given.uart)
    found = look_at(entry)
    assert verdicts(found) == {"uart": "bad", "uart_up": "bad"}
    assert "the receivers are swapped. Exchange uart and uart_up." in seen(found, "uart")


def test_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "LISTENED", 0.05)
    monkeypatch.setattr(presence, "ATTEMPT", 0.05)
    with Taps() as taps, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        entry = ProductEntry(
            "left",
            host="127.0.0.1",
            port=port,
            token=TOKEN,
            uart=str(taps.down),
            uart_up="/dev/no-such-port",
            spec="none.such.model",
        )
        found = look_at(entry, within=1)
    assert verdicts(found) == {
        "spec": "bad",
        "hello": "bad",
        "token": "not tried",
        "info": "not tried",
        "uart": "in doubt",
        "uart_up": "bad",
    }
    assert seen(found, "uart").startswith("It opens, but nothing was heard within 0.05 s. Is the product on?")
    assert "no-such-port" in seen(found, "uart_up")


def test_a_wrong_token(product: tuple[VirtualProduct, ProductEntry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "ATTEMPT", 0.05)
    given = product[1]
    entry = ProductEntry("left", host=given.host, port=given.port, token=Secret("f" * 32))
    found = verdicts(look_at(entry, within=4))
    assert found["hello"] == "good"
    assert found["token"] == "in doubt"


def test_another_product_with_a_token_of_its_own(
    product: tuple[VirtualProduct, ProductEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "ATTEMPT", 0.05)
    given = product[1]
    found = look_at(
        ProductEntry("left", host=given.host, port=given.port, token=Secret("f" * 32), did=78), within=4
    )
    assert verdicts(found) == {"hello": "bad", "token": "not tried", "info": "not tried"}
    assert "the bench file says 78: another product. Correct host, or did." in seen(found, "hello")
    assert "anew" not in str(found.as_json())


def refusing(device: FakeDevice, request: Request) -> None:
    device.reply(request, error=(-32601, "Method not found."))


def saying_nothing_of_use(device: FakeDevice, request: Request) -> None:
    device.reply(request, result=["ok"])


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (refusing, "It refuses to say who it is: .*Method not found"),
        (saying_nothing_of_use, "It refuses to say .* a text "),
    ],
)
@pytest.mark.parametrize(("did", "hello"), [(DEVICE_ID, "good"), (78, "bad")])
def test_a_device_that_does_not_say_who_it_is(
    answer: Callable[[FakeDevice, Request], None], why: str, did: int, hello: str
) -> None:
    with FakeDevice(answer) as device:
        found = look_at(ProductEntry("left", host="127.0.0.1", port=device.port, token=TOKEN, did=did))
    assert verdicts(found) == {"hello": hello, "token": "good", "info": "in doubt"}
    assert re.match(why, seen(found, "info"))
    assert {each.method for each in device.requests} == {"miIO.info"}


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        ([b"get_down\r"], "good"),
        ([b"\x00", b'props temp "\xe2"\r', b"get_down\r\n"], "good"),
        ([b"\x00"], "in doubt"),
        ([b"get_do"], "in doubt"),
        ([b"\r", b"\r\n", b" \r"], "in doubt"),
        ([b"\xf8\x00\xe0\r", b"\xff\xfe\x80\r", b"a\x00\r"], "in doubt"),
    ],
)
def test_only_whole_lines_are_lines(raw: list[bytes], verdict: str) -> None:
    recorder = Recorder()
    for each in raw:
        recorder.observe(Record("uart", "up", 0.0, 0.0, each))
    lines = presence._heard_lines(recorder, two=False)
    found = presence._heard("uart", ProductEntry("left", uart="port"), lines, swapped=False)
    assert (found.verdict.value, len(lines["uart"])) == (verdict, 1 if verdict == "good" else 0)
    assert (
        found.seen
        == {
            "good": "It hears lines such as 'get_down'.",
            "in doubt": "Only noise was heard, no whole line.",
        }[verdict]
    )


def test_what_is_in_use_is_not_looked_at() -> None:
    found = in_use(ProductEntry("left", host="192.0.2.1"), "process 5, test_x")
    assert not found.ready
    assert seen(found, "use") == "It is in use by process 5, test_x."
