"""The changes of a device: a product that can push, and one that cannot, on real sockets."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from queue import Queue
from typing import Any

import pytest

from miio_lan import Device, DeviceException, MiotDevice, UnsupportedFeatureException
from miio_lan.device.steps.polling import Polling
from miio_lan.device.telling import blocking as telling_blocking
from miio_lan.errors import InvalidArgument
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.client.transport import forks
from miio_lan.lan.packet import HELLO
from miio_lan.lan.responder.responder import ResponderOptions
from miio_lan.virtual.product import VirtualProduct

PATIENCE = 60.0  # only ever waited for in full when a test fails
BRIGHTNESS = (2, 2)


def made(**options: Any) -> VirtualProduct:
    module = {"responder_options": ResponderOptions(**options)}
    return VirtualProduct(mcu_options={"poll_interval": 0.002}, module_options=module)


@pytest.fixture
def product() -> Iterator[VirtualProduct]:
    with made() as product:
        yield product


@pytest.fixture
def device(product: VirtualProduct) -> Iterator[MiotDevice]:
    with MiotDevice(product.host, product.token, port=product.port) as device:
        yield device


def turn(product: VirtualProduct, value: int) -> None:
    product.call(lambda now: product.mcu.set_local(*BRIGHTNESS, value, now))


def value_of(push: Push | None) -> Any:
    """The brightness that a push tells; None where it tells something else."""
    told = push.params if push is not None and isinstance(push.params, list) else []
    return next((each["value"] for each in told if (each["siid"], each["piid"]) == BRIGHTNESS), None)


def until(look: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, "it never happened"


def next_value(device: Device) -> Any:
    return until(lambda: value_of(device.next_push(PATIENCE)))


def until_held(product: VirtualProduct, device: MiotDevice) -> None:
    """Wait until the product sends to the port that we have now."""

    def addresses(_: float) -> list[int]:
        subscribers = product.module.responder.subscriptions._subscribers.values()
        return [each.address[1] for each in subscribers]

    def look() -> bool:
        device.next_push(0.01)
        return product.call(addresses) == [device._connection._local_port]

    until(look)


def test_somebody_who_only_looks_hears_it(product: VirtualProduct, device: MiotDevice) -> None:
    device.subscribe()
    turn(product, 31)
    assert until(lambda: value_of(device.next_push(0))) == 31


def test_after_closing_the_next_wait_subscribes_again(product: VirtualProduct, device: MiotDevice) -> None:
    device.subscribe()
    for value in (41, 42):
        device.close()
        device.next_push(0)
        until_held(product, device)
        turn(product, value)
        assert next_value(device) == value


def test_closing_ends_a_wait_elsewhere(device: MiotDevice) -> None:
    device.subscribe()
    ended: Queue[object] = Queue()
    waiting: Queue[int] = Queue()
    original = device._connection._wait

    def waits(*given: Any) -> bool:
        waiting.put(threading.get_ident())
        return original(*given)

    device._connection._wait = waits  # type: ignore[method-assign]

    def wait() -> None:
        try:
            while True:
                device.next_push(PATIENCE)
        except DeviceException as error:
            ended.put(error)

    threads = [threading.Thread(target=wait, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    begun: set[int] = set()
    while len(begun) < len(threads):
        begun.add(waiting.get(timeout=PATIENCE))
    device.close()
    assert all("closed" in str(ended.get(timeout=PATIENCE)) for _ in threads)


def test_a_restart_is_survived(product: VirtualProduct, device: MiotDevice) -> None:
    device.subscribe()
    product.call(product.module.restart)
    device._connection.session.hold.due = 0.0  # as if 30 s had passed
    until_held(product, device)
    turn(product, 51)
    assert next_value(device) == 51


def test_a_wait_is_as_long_as_it_was_told_whatever_is_due(
    product: VirtualProduct, device: MiotDevice
) -> None:
    """A device that says nothing more: the check goes on beside the wait, and nothing is raised."""
    device.subscribe()
    receive, product.module.responder.receive = product.module.responder.receive, lambda *_: None
    hold = device._connection.session.hold
    hold.due = 0.0
    assert device.next_push(0.05) is None
    assert hold.awaits_greeting
    product.module.responder.receive = receive


def test_a_device_that_answers_hellos_twice_and_shows_its_token_for_a_moment() -> None:
    with made(duplicate_hello=True) as product:
        responder = product.module.responder
        normal, responder.options = responder.options, replace(responder.options, show_token=True)
        threading.Timer(0.2, setattr, (responder, "options", normal)).start()
        with MiotDevice(product.host, product.token, port=product.port) as device:
            device.send_handshake()
            device.subscribe()
            turn(product, 61)
            assert next_value(device) == 61


@pytest.mark.parametrize("kind", [ValueError, asyncio.CancelledError])
def test_a_callback_is_called_until_unsubscribed(
    product: VirtualProduct, device: MiotDevice, kind: type[BaseException]
) -> None:
    told: Queue[Push] = Queue()

    def callback(push: Push) -> None:
        told.put(push)
        raise kind("and goes on all the same")

    device.subscribe(callback)
    for value in (71, 72):
        turn(product, value)
        assert until(lambda: value_of(told.get(timeout=PATIENCE))) == value
    device.unsubscribe()
    assert not _threads()
    with pytest.raises(UnsupportedFeatureException, match=r"subscribe\(\) first"):
        device.next_push(0)


def test_a_child_has_no_part_in_the_subscription_of_its_parent(
    product: VirtualProduct, device: MiotDevice
) -> None:
    device.subscribe()
    did = device._telling.changes.subscription.virtual_did
    device.subscribe()
    assert device._telling.changes.subscription.virtual_did == did
    forks.after_fork()
    assert device._connection.session.greeting.hello == HELLO
    device.unsubscribe()
    subscriptions = product.module.responder.subscriptions
    assert product.call(lambda _: len(subscriptions)) == 1
    with pytest.raises(UnsupportedFeatureException, match=r"subscribe\(\) first"):
        device.next_push(0)
    device.subscribe()
    assert device._telling.changes.subscription.virtual_did != did
    assert product.call(lambda _: len(subscriptions)) == 2


def test_a_child_does_not_read_for_its_parent() -> None:
    with made(push=False) as product, MiotDevice(product.host, product.token, port=product.port) as device:
        device.subscribe(poll=[BRIGHTNESS], every=1000.0)
        forks.after_fork()
        with pytest.raises(UnsupportedFeatureException, match=r"subscribe\(\) first"):
            device.next_push(0)


def test_threads_that_subscribe_first_at_one_time_share_what_is_told(
    device: MiotDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is held up while it makes its own, until both do."""
    both = threading.Barrier(2)
    make = telling_blocking.Telling

    def make_late(*given: Any) -> Any:
        made = make(*given)
        both.wait(PATIENCE)
        return made

    monkeypatch.setattr(telling_blocking, "Telling", make_late)
    threads = [threading.Thread(target=device.subscribe, args=(lambda _: None,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    device.close()
    assert not _threads()


@pytest.mark.parametrize("push", [True, False], ids=["told", "read"])
def test_closed_between_two_waits_it_stays_closed(push: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that calls back is held up between its look whether it ended and its wait."""
    held, gate, told = threading.Event(), threading.Event(), Queue[Push]()
    plain = telling_blocking.Telling.next

    def late(*given: Any) -> Push | None:
        if not threading.current_thread().name.startswith("changes of"):
            return plain(*given)
        held.set()
        gate.wait(PATIENCE)
        return plain(*given)

    monkeypatch.setattr(telling_blocking.Telling, "next", late)
    with made(push=push) as product, MiotDevice(product.host, product.token, port=product.port) as device:
        device.subscribe(told.put, poll=None if push else [BRIGHTNESS])
        held.wait(PATIENCE)
        telling, stop = device._telling, device._telling.stop

        def let_go_and_stop() -> None:
            gate.set()
            stop()

        monkeypatch.setattr(telling, "stop", let_go_and_stop)
        opened: list[object] = []
        opens = device._connection._open
        monkeypatch.setattr(
            device._connection, "_open", lambda address: (opened.append(address), opens(address))
        )
        device.close()
        until(lambda: not _threads())
        assert (opened, device._connection._socket, told.empty()) == ([], None, True)


def test_without_a_thread_for_the_callback_all_is_as_before(
    product: VirtualProduct, device: MiotDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: Queue[Push] = Queue()
    start = threading.Thread.start

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    for before in ([], ["changes of 127.0.0.1"]):
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(DeviceException, match=r"no callback for 127\.0\.0\.1: can't start new thread"):
            device.subscribe(lambda _: None)
        monkeypatch.setattr(threading.Thread, "start", start)
        assert _threads() == before
        device.subscribe(told.put)
    turn(product, 73)
    assert until(lambda: value_of(told.get(timeout=PATIENCE))) == 73
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(DeviceException, match="no callback"):
        device.subscribe(lambda _: None)
    device.unsubscribe()
    assert not _threads()


def test_closing_ends_the_calling_back(product: VirtualProduct, device: MiotDevice) -> None:
    device.subscribe(lambda _: None)
    assert _threads()
    device.close()
    assert not _threads()


class Turns:
    """A lock that tells who comes for it."""

    def __init__(self) -> None:
        self.came: Queue[int] = Queue()
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self.came.put(threading.get_ident())
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.fixture
def turns(device: MiotDevice, monkeypatch: pytest.MonkeyPatch) -> Turns:
    device.subscribe(lambda _: None)
    turns = Turns()
    monkeypatch.setattr(device._telling, "_turn", turns, raising=False)
    return turns


def test_of_two_that_subscribe_at_once_one_is_called_back(
    device: MiotDevice, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    telling = device._telling
    stop = telling.stop

    def stop_and_wait() -> None:
        stop()
        gate.wait(PATIENCE)

    monkeypatch.setattr(telling, "stop", stop_and_wait)
    threads = [threading.Thread(target=device.subscribe, args=(lambda _: None,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert len({turns.came.get(timeout=PATIENCE) for _ in threads}) == 2
    gate.set()
    for thread in threads:
        thread.join()
    until(lambda: len(_threads()) == 1)
    device.unsubscribe()
    until(lambda: not _threads())


def test_closing_ends_also_who_waits_to_subscribe(device: MiotDevice, turns: Turns) -> None:
    ended: Queue[DeviceException] = Queue()

    def subscribe() -> None:
        try:
            device.subscribe(lambda _: None)
        except DeviceException as error:
            ended.put(error)

    thread = threading.Thread(target=subscribe)
    with turns:
        turns.came.get()
        thread.start()
        turns.came.get(timeout=PATIENCE)
        device.close()
    thread.join()
    assert "the connection was closed" in str(ended.get_nowait())
    assert device._connection._socket is None
    until(lambda: not _threads())


def test_a_child_waits_for_no_thread_of_its_parent(device: MiotDevice) -> None:
    device.subscribe()
    telling = device._telling
    held, gate = threading.Event(), threading.Event()

    def hold() -> None:
        with telling._turn, telling._closed:
            held.set()
            gate.wait(PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(PATIENCE)
    forks.after_fork()
    device.subscribe()
    device.close()
    assert not gate.is_set()
    assert thread.is_alive()
    gate.set()
    thread.join()


def _threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("changes of")]


@pytest.mark.parametrize("kind", [MiotDevice, Device])
def test_a_device_that_cannot_tell_changes_is_read(
    monkeypatch: pytest.MonkeyPatch, kind: type[Device]
) -> None:
    told: Queue[Push] = Queue()
    readings: Queue[Any] = Queue()
    original = Polling.read

    def read(polling: Polling, answer: Any, now: float) -> Push | None:
        found = original(polling, answer, now)
        readings.put(answer)
        return found

    monkeypatch.setattr(Polling, "read", read)
    with made(push=False) as product, kind(product.host, product.token, port=product.port) as device:
        with pytest.raises(UnsupportedFeatureException, match="read its properties"):
            device.subscribe()
        device.subscribe(told.put, poll=[BRIGHTNESS], every=0.1)
        assert readings.get(timeout=PATIENCE)[0]["value"] == 60
        turn(product, 81)
        push = told.get(timeout=PATIENCE)
        assert (push.method, push.id) == ("properties_changed", 0)
        assert push.params == [{"siid": 2, "piid": 2, "value": 81}]
        device.unsubscribe()
        assert not _threads()


def test_a_wait_for_a_reading_ends_with_the_device(device: MiotDevice) -> None:
    with made(push=False) as product, MiotDevice(product.host, product.token, port=product.port) as device:
        device.subscribe(poll=[BRIGHTNESS], every=1000.0)
        assert device.next_push(0) is None
        timer = threading.Timer(0.05, device.close)
        timer.start()
        with pytest.raises(DeviceException, match="closed"):
            device.next_push(PATIENCE)
        timer.join()


def test_where_it_can_tell_nothing_is_read(product: VirtualProduct, device: MiotDevice) -> None:
    device.subscribe(poll=[BRIGHTNESS])
    assert device._telling.changes.polling is None
    turn(product, 91)
    push = device.next_push(PATIENCE)
    assert push is not None
    assert push.id > 0


@pytest.mark.parametrize(
    "wrong", [{"callback": 5}, {"poll": 5}, {"poll": [(1, 2)], "every": 0.05}, {"every": float("nan")}]
)
def test_arguments(device: MiotDevice, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        device.subscribe(**wrong)


def test_closed_while_it_subscribes(device: MiotDevice) -> None:
    """As it was closed, so it stays: no socket, no subscription, no callback."""
    greet = device.send_handshake

    def greet_and_close() -> Any:
        answer = greet()
        device.close()
        return answer

    device.send_handshake = greet_and_close  # type: ignore[method-assign]
    with pytest.raises(DeviceException, match="closed"):
        device.subscribe(print)
    session = device._connection.session
    assert (session.hold, session.greeting.hello, device._connection._socket) == (None, HELLO, None)
    assert not _threads()
