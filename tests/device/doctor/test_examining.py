"""Looking at sockets on loopback: virtual products, and devices that are wrong in one way each, all side by side."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from support.closed import closed_port
from support.fake_device import DEVICE_ID, TOKEN, FakeDevice

from miio_lan.device.doctor import Diagnosis, StepVerdict, diagnose
from miio_lan.errors import InvalidArgument, InvalidTokenException
from miio_lan.lan.responder.responder import Request, Responder, ResponderOptions
from miio_lan.virtual.module.profile import DOCUMENT
from miio_lan.virtual.product import VirtualProduct

GOOD, BAD, IN_DOUBT, NOT_TRIED = (
    StepVerdict.GOOD,
    StepVerdict.BAD,
    StepVerdict.IN_DOUBT,
    StepVerdict.NOT_TRIED,
)
OTHER = "ff" * 15 + "00"
UP = 500
"""Seconds that the fake devices have been up when they are first heard."""

Situation = Callable[[ExitStack], Diagnosis]
SITUATIONS: dict[str, Situation] = {}


def situation(make: Situation) -> Situation:
    SITUATIONS[make.__name__] = make
    return make


def product(stack: ExitStack, **how: Any) -> VirtualProduct:
    return stack.enter_context(VirtualProduct(mcu_options={"poll_interval": 0.01}, **how))


def fake(
    stack: ExitStack, answer: Callable[[FakeDevice, Request], object] | None = None, **how: Any
) -> FakeDevice:
    """A device whose clock began some time ago."""
    device = FakeDevice(answer)
    begun = time.monotonic() - UP
    device.responder = Responder(
        device_id=DEVICE_ID,
        token=bytes.fromhex(TOKEN),
        options=ResponderOptions(**how),
        stamp_at=lambda now: int(now - begun),
    )
    return stack.enter_context(device)


def answers(device: FakeDevice, request: Request) -> None:
    """Answer as a product in good order does."""
    if request.method == "miIO.info":
        device.reply(request, result={"life": UP, "model": "a.b.c"})
    else:
        device.reply(request, result=["on"])


@situation
def in_good_order(stack: ExitStack) -> Diagnosis:
    lamp = product(stack)
    return diagnose(lamp.host, lamp.token, port=lamp.port, did=lamp.device_id)


@situation
def wrong_token(stack: ExitStack) -> Diagnosis:
    lamp = product(stack)
    return diagnose(lamp.host, OTHER, port=lamp.port, did=lamp.device_id)


@situation
def no_token(stack: ExitStack) -> Diagnosis:
    lamp = product(stack)
    return diagnose(lamp.host, port=lamp.port)


@situation
def shows_another_token(stack: ExitStack) -> Diagnosis:
    lamp = product(stack, provisioned=False)
    return diagnose(lamp.host, OTHER, port=lamp.port)


@situation
def silent_port(stack: ExitStack) -> Diagnosis:
    device = stack.enter_context(FakeDevice(deaf=True))
    return diagnose("127.0.0.1", TOKEN, port=device.port)


@situation
def refused_port(stack: ExitStack) -> Diagnosis:
    _, port = stack.enter_context(closed_port())
    return diagnose("127.0.0.1", TOKEN, port=port)


@situation
def dead_mcu(stack: ExitStack) -> Diagnosis:
    lamp = product(stack, misbehave=["silent"], profile=replace(DOCUMENT, answer_time=0.5))
    return diagnose(lamp.host, lamp.token, port=lamp.port, prop=(2, 1))


@situation
def starts_anew(stack: ExitStack) -> Diagnosis:
    def crash(device: FakeDevice, request: Request) -> None:
        if len(device.requests) == 2:
            device.responder = Responder(device_id=DEVICE_ID, token=bytes.fromhex(TOKEN))
        answers(device, request)

    return diagnose("127.0.0.1", TOKEN, port=fake(stack, crash).port)


@situation
def another_device(stack: ExitStack) -> Diagnosis:
    return diagnose("127.0.0.1", TOKEN, port=fake(stack, answers).port, did=DEVICE_ID + 1)


@situation
def answers_hellos_only(stack: ExitStack) -> Diagnosis:
    return diagnose("127.0.0.1", TOKEN, port=fake(stack).port)


@situation
def takes_any_stamp(stack: ExitStack) -> Diagnosis:
    return diagnose("127.0.0.1", TOKEN, port=fake(stack, answers, stamp_window=None).port)


@situation
def is_busy(stack: ExitStack) -> Diagnosis:
    def refuse(device: FakeDevice, request: Request) -> None:
        if request.method == "miIO.info":
            answers(device, request)
        else:
            device.reply(request, error=(-30012, "Busy."))

    return diagnose("127.0.0.1", TOKEN, port=fake(stack, refuse).port)


@situation
def talks_nonsense(stack: ExitStack) -> Diagnosis:
    def babble(device: FakeDevice, request: Request) -> None:
        for number in ([], {}, "x", None, 1.5, True, 10**400):
            device.responder.send({"id": number, "result": "nonsense"}, request.peer, time.monotonic())
        device.send(b"x", request.peer)
        device.send(b"!1" + bytes(70), request.peer)
        device.reply(request, error=(-(10**400), "x" * 300), extra={"exe_time": 10**400})

    return diagnose("127.0.0.1", TOKEN, port=fake(stack, babble).port)


def answering_under(number: Callable[[int], object]) -> Callable[[FakeDevice, Request], None]:
    def answer(device: FakeDevice, request: Request) -> None:
        told = {"life": UP, "model": "a.b.c"} if request.method == "miIO.info" else ["on"]
        payload = {"id": number(request.id), "error": None, "result": told}
        device.responder.send(payload, request.peer, time.monotonic())
        device._flush()

    return answer


@situation
def writes_ids_as_text(stack: ExitStack) -> Diagnosis:
    return diagnose("127.0.0.1", TOKEN, port=fake(stack, answering_under(str)).port)


@situation
def answers_under_id_0(stack: ExitStack) -> Diagnosis:
    return diagnose("127.0.0.1", TOKEN, port=fake(stack, answering_under(lambda _: 0)).port)


@situation
def somebody_else_is_tied_to_it(stack: ExitStack) -> Diagnosis:
    device = fake(stack, answers)
    other = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    other.connect(("127.0.0.1", device.port))
    return diagnose("127.0.0.1", TOKEN, port=device.port)


@situation
def too_little_time(stack: ExitStack) -> Diagnosis:
    lamp = product(stack)
    return diagnose(lamp.host, lamp.token, port=lamp.port, within=1.2)


@situation
def unknown_name(stack: ExitStack) -> Diagnosis:
    return diagnose("no-such-name.invalid", TOKEN)


@pytest.fixture(scope="module")
def found() -> Iterator[dict[str, Diagnosis]]:
    def look(make: Situation) -> Diagnosis:
        with ExitStack() as stack:
            return make(stack)

    with ThreadPoolExecutor(len(SITUATIONS)) as pool:
        running = {name: pool.submit(look, make) for name, make in SITUATIONS.items()}
        yield {name: each.result() for name, each in running.items()}


def test_in_good_order(found: dict[str, Diagnosis]) -> None:
    good = found["in_good_order"]
    others = [each for each in good.findings if each.verdict is not GOOD]
    # On a machine that stalls, what becomes of repeated ids may not be found out.
    assert {each.step: (each.verdict, each.seen) for each in others if each.step != "memory"} == {}
    assert good["memory"].verdict in (GOOD, IN_DOUBT)
    assert good.healthy
    assert good.model == "miiolan.light.demo1"
    assert "kept silent to miIO.info" in good["stamp"].seen


def test_a_wrong_token_is_suspected(found: dict[str, Diagnosis]) -> None:
    wrong = found["wrong_token"]
    assert (wrong["hello"].verdict, wrong["token"].verdict, wrong["mcu"].verdict) == (
        GOOD,
        IN_DOUBT,
        NOT_TRIED,
    )
    assert wrong.culprit is wrong["token"]
    # The device looks the same as one that refuses all commands.
    assert found["answers_hellos_only"]["token"].verdict is IN_DOUBT


def test_without_a_token_hellos_tell_what_they_can(found: dict[str, Diagnosis]) -> None:
    bare = found["no_token"]
    assert (bare["hello"].verdict, bare["token"].verdict, bare["stamp"].verdict) == (GOOD, NOT_TRIED, GOOD)
    assert not bare.healthy


def test_another_token_that_the_device_shows_is_proof(found: dict[str, Diagnosis]) -> None:
    assert found["shows_another_token"]["token"].verdict is BAD
    assert "yours is wrong" in found["shows_another_token"]["token"].seen


def test_silence_and_refusal_are_told_apart(found: dict[str, Diagnosis]) -> None:
    silent, refused = found["silent_port"], found["refused_port"]
    assert (silent["hello"].verdict, refused["hello"].verdict) == (BAD, BAD)
    assert "nobody listens" not in silent["hello"].seen
    assert "nobody listens at UDP port" in refused["hello"].seen
    assert silent["firewall"].verdict is refused["firewall"].verdict is IN_DOUBT


def test_an_mcu_that_does_not_answer(found: dict[str, Diagnosis]) -> None:
    dead = found["dead_mcu"]
    assert dead["mcu"].verdict is BAD
    assert re.search(r"after \d\.\d s that its MCU did not answer", dead["mcu"].seen)
    assert dead.culprit is dead["mcu"]


def test_a_restart_is_seen(found: dict[str, Diagnosis]) -> None:
    again = found["starts_anew"]
    assert (again["token"].verdict, again["stamp"].verdict) == (GOOD, BAD)
    assert "started anew" in again["stamp"].seen


def test_another_device_is_asked_nothing_and_looked_past(found: dict[str, Diagnosis]) -> None:
    another = found["another_device"]
    assert another["hello"].verdict is BAD
    assert f"The did {DEVICE_ID} answered, not {DEVICE_ID + 1}" in another["hello"].seen
    assert another["token"].verdict is NOT_TRIED


def test_what_devices_do_differently_is_told(found: dict[str, Diagnosis]) -> None:
    assert "does not mind a stamp 300 s off" in found["takes_any_stamp"]["stamp"].seen
    assert found["is_busy"]["others"].verdict is IN_DOUBT
    tied = found["somebody_else_is_tied_to_it"]["others"]
    assert tied.verdict in (IN_DOUBT, NOT_TRIED)  # only Linux tells
    assert found["takes_any_stamp"]["others"].verdict in (GOOD, NOT_TRIED)


def test_nonsense_is_looked_past(found: dict[str, Diagnosis]) -> None:
    assert found["talks_nonsense"]["token"].verdict is GOOD
    assert (
        "without a code" in found["talks_nonsense"]["mcu"].seen
        or "'xxx" in found["talks_nonsense"]["mcu"].seen
    )


def test_answers_are_read_as_those_to_commands(found: dict[str, Diagnosis]) -> None:
    text = found["writes_ids_as_text"]
    assert (text["token"].verdict, text["mcu"].verdict) == (GOOD, GOOD)
    assert text.model == "a.b.c"
    assert "bear no id that was asked" in found["answers_under_id_0"]["token"].seen


def test_the_time_is_kept(found: dict[str, Diagnosis]) -> None:
    short = found["too_little_time"]
    assert short["hello"].verdict is GOOD
    assert short["mcu"].verdict is NOT_TRIED
    assert "the time was over" in short["mcu"].seen


def test_a_name_that_nobody_knows(found: dict[str, Diagnosis]) -> None:
    assert found["unknown_name"]["route"].verdict is BAD
    assert {each.verdict for each in found["unknown_name"].findings[1:]} == {NOT_TRIED}


def test_wrong_use() -> None:
    with pytest.raises(InvalidTokenException):
        diagnose("127.0.0.1", "x")
    wrong: list[tuple[dict[str, Any], str]] = [
        *(({"within": within}, "within is a number of seconds above 0") for within in (0, -1, True, "5")),
        ({"host": None}, "whom to look at is not said"),
        ({"host": 5}, "an address is text"),
        ({"port": 70000}, "a UDP port is 1 to 65535"),
        ({"port": "54321"}, "a UDP port is 1 to 65535"),
        ({"did": "7"}, "did is a whole number, not '7'"),
        ({"prop": 5}, "prop is siid and piid"),
        ({"prop": (2,)}, "prop is siid and piid"),
        ({"prop": (2, "1")}, "piid is a whole number from 1, not '1'"),
    ]
    for given, words in wrong:
        with pytest.raises(InvalidArgument, match=words):
            diagnose(**{"host": "127.0.0.1", **given})


def test_an_address_may_be_an_object() -> None:
    assert diagnose(ip_address("127.0.0.1"), port=9, within=0.2).host == "127.0.0.1"
