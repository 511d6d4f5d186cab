"""Ctrl-C in the middle of a call: it ends the call at once, and nothing else."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest
from support.fake_device import TOKEN, FakeDevice
from support.lines import LineLog

from miio_lan import Device, MiotDevice
from miio_lan.lan.responder.responder import Request
from miio_lan.virtual.product import VirtualProduct


@pytest.fixture(autouse=True)
def keyboard() -> Iterator[None]:
    """Ctrl-C does what it does in a program, whatever the test runner has made of it."""
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals reach the main thread only, and this test runs in another")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c() -> None:
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def interrupt(fake: FakeDevice, request: Request) -> None:
    """Press Ctrl-C once, also when the command should come again."""
    fake.on_request = answer
    press_ctrl_c()


def answer(fake: FakeDevice, request: Request) -> None:
    fake.reply(request, result=[request.id])


@pytest.mark.parametrize("command", ["get_prop", "toggle"])
def test_the_device_stays_usable(command: str) -> None:
    with FakeDevice(interrupt) as fake, Device("127.0.0.1", TOKEN, port=fake.port, timeout=1000) as device:
        for _ in range(3):
            fake.on_request = interrupt
            with pytest.raises(KeyboardInterrupt):
                device.send(command, [])
            assert device.send(command, []) == [device.raw_id]


def test_a_late_answer_is_not_taken_for_the_next_one(lamp: VirtualProduct, log: LineLog) -> None:
    log.once("down get_properties 2 11", lambda now: press_ctrl_c())
    with MiotDevice(lamp.host, lamp.token, port=lamp.port, timeout=1000) as device:
        device.send_handshake()
        with pytest.raises(KeyboardInterrupt):
            device.read(2, 11)
        for _ in range(10):
            assert device.read(2, 2) == 60


def test_other_threads_go_on() -> None:
    """The interrupted thread may have been the one that listened for all."""
    answers: list[object] = []
    waiting = threading.Event()

    def act(fake: FakeDevice, request: Request) -> None:
        assert waiting.wait(60)
        if request.method == "get_first":
            interrupt(fake, request)
        else:
            answer(fake, request)

    with (
        FakeDevice(act) as fake,
        Device("127.0.0.1", TOKEN, port=fake.port, timeout=1000, max_in_flight=2) as device,
    ):
        device.send_handshake()

        def work() -> None:
            waiting.set()
            answers.extend(device.send("get_second", []) for _ in range(3))

        thread = threading.Thread(target=work)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            device.send("get_first", [])
        thread.join()
    assert len(set(map(str, answers))) == 3
