"""What devices of an event loop tell unasked, in simulated time."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from support.clockwork import TOKEN, Network, SimulatedDevice, run, simulated_network

from miio_lan import AsyncDevice, DeviceException, DeviceTimeout, UnsupportedFeatureException
from miio_lan.device.aio import until
from miio_lan.device.telling import aio as telling_aio
from miio_lan.errors import InvalidArgument
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.client.transport import forks
from miio_lan.lan.packet import HELLO

CHANGED = "properties_changed"


@pytest.fixture
def network() -> Iterator[Network]:
    with simulated_network() as network:
        yield network


@pytest.fixture
def lamp(network: Network) -> SimulatedDevice:
    return network.device()


@pytest.fixture
def questions(lamp: SimulatedDevice, monkeypatch: pytest.MonkeyPatch) -> Questions:
    questions = Questions(lamp.responder.subscriptions.subscribe)
    monkeypatch.setattr(lamp.responder.subscriptions, "subscribe", questions)
    return questions


class Questions:
    """The times the device was asked for a subscription."""

    def __init__(self, take: Callable[..., Any]) -> None:
        self.take = take
        self.count = 0

    def __call__(self, *asked: Any, **more: Any) -> Any:
        self.count += 1
        return self.take(*asked, **more)


def at(network: Network, host: str = "127.0.0.1", **options: Any) -> AsyncDevice:
    device = AsyncDevice(host, TOKEN.hex(), port=1, **options)
    device._connection._clock = network.loop.time
    return device


def dumb(lamp: SimulatedDevice) -> None:
    lamp.responder.options = replace(lamp.responder.options, push=False)


def subscribers(lamp: SimulatedDevice) -> int:
    return len(lamp.responder.subscriptions)


def asked(lamp: SimulatedDevice, method: str) -> int:
    return sum(each == method for each, _ in lamp.executed)


async def tell_later(lamp: SimulatedDevice, params: Any, delay: float = 1.0) -> None:
    await asyncio.sleep(delay)
    lamp.push(CHANGED, params)


async def others() -> set[Any]:
    """The tasks besides this one, after whatever is about to end has ended."""
    await asyncio.sleep(0.01)
    return asyncio.all_tasks() - {asyncio.current_task()}


def told(push: Push | None) -> Any:
    assert push is not None
    assert push.method == CHANGED
    return push.params


# --- waiting -----------------------------------------------------------------------------------------------------


def test_what_it_tells_is_waited_for_and_what_has_arrived_is_given_at_once(
    network: Network, lamp: SimulatedDevice
) -> None:
    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            later = asyncio.create_task(tell_later(lamp, [7]))
            assert told(await device.next_push(10)) == [7]
            await later
            assert network.loop.now < 1003
            lamp.push(CHANGED, [8])
            await asyncio.sleep(1)
            assert told(await device.next_push(0)) == [8]
            assert await device.next_push(0) is None
            began = network.loop.now
            assert await device.next_push(3) is None
            assert network.loop.now - began == pytest.approx(3)

    run(network, work())


def test_repeats_are_handed_over_once_and_what_is_told_is_acknowledged(
    network: Network, lamp: SimulatedDevice
) -> None:
    network.fate = lambda direction, address: [0.001, 0.002] if direction == "up" else [0.001]

    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            lamp.push(CHANGED, [7])
            assert told(await device.next_push(10)) == [7]
            await asyncio.sleep(3)
            assert lamp.responder.deadline is None
            assert await device.next_push(10) is None

    run(network, work())


def test_two_that_wait_get_one_each(network: Network, lamp: SimulatedDevice) -> None:
    async def work() -> list[Any]:
        async with at(network) as device:
            await device.subscribe()
            waiting = asyncio.gather(device.next_push(10), device.next_push(10))
            await asyncio.sleep(1)
            lamp.push(CHANGED, [1])
            lamp.push(CHANGED, [2])
            return [told(push) for push in await waiting]

    assert sorted(run(network, work())) == [[1], [2]]


def test_a_wait_that_is_cancelled_takes_nothing_away(network: Network, lamp: SimulatedDevice) -> None:
    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            waiting = asyncio.create_task(device.next_push(10))
            await asyncio.sleep(1)
            # The news and the cancellation come in the same turn of the loop.
            device._connection.session.pushes._keep(Push(CHANGED, [1], 5, network.loop.now))
            device._connection.listeners.wake()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert told(await device.next_push(0)) == [1]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await device.next_push(10)
            assert device._connection.listeners._waiting == []
            assert await others() == set()

    run(network, work())


def test_without_a_subscription_nothing_is_waited_for(network: Network) -> None:
    async def work() -> None:
        async with at(network) as device:
            with pytest.raises(UnsupportedFeatureException, match="subscribe"):
                await device.next_push(1)
            with pytest.raises(UnsupportedFeatureException, match="subscribe"):
                await anext(device.pushes())
            await device.unsubscribe()

    run(network, work())
    assert network.sent == []


@pytest.mark.parametrize("timeout", [float("nan"), -1, None, 1e10])
def test_times_that_cannot_be(network: Network, lamp: SimulatedDevice, timeout: Any) -> None:
    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            with pytest.raises(InvalidArgument):
                await device.next_push(timeout)

    run(network, work())


@pytest.mark.parametrize(
    "more", [{"callback": 5}, {"poll": "power"}, {"every": 0.01}, {"every": float("nan")}]
)
def test_arguments_that_cannot_be(network: Network, more: dict[str, Any]) -> None:
    async def work() -> None:
        with pytest.raises(InvalidArgument):
            await at(network).subscribe(**more)

    run(network, work())
    assert network.sent == []


# --- iterating ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["unsubscribe", "close"])
def test_a_loop_over_pushes_ends_with_the_subscription(
    network: Network, lamp: SimulatedDevice, how: str
) -> None:
    async def listen(device: AsyncDevice) -> list[Any]:
        return [told(push) async for push in device.pushes()]

    async def work() -> list[Any]:
        async with at(network) as device:
            await device.subscribe()
            listening = asyncio.create_task(listen(device))
            for number in range(3):
                await asyncio.sleep(50)
                lamp.push(CHANGED, [number])
            await asyncio.sleep(1)
            await getattr(device, how)()
            found = await listening
            assert await others() == set()
            return found

    assert run(network, work()) == [[0], [1], [2]]


def test_a_loop_that_is_left_early_leaves_nothing(network: Network, lamp: SimulatedDevice) -> None:
    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            lamp.push(CHANGED, [1])
            lamp.push(CHANGED, [2])
            async for push in device.pushes():
                assert told(push) == [1]
                break
            assert told(await anext(device.pushes())) == [2]
            assert await others() == set()

    run(network, work())


# --- keeping it --------------------------------------------------------------------------------------------------


def test_it_is_looked_after_while_nobody_waits_or_sends(
    network: Network, lamp: SimulatedDevice, questions: Questions
) -> None:
    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            await asyncio.sleep(100)
            assert questions.count == 1
            lamp.responder.restart(network.loop.now)
            assert subscribers(lamp) == 0
            await asyncio.sleep(35)
            assert subscribers(lamp) == 1
            assert questions.count == 2
            lamp.push(CHANGED, [1])
            assert told(await device.next_push(1)) == [1]
            await device.unsubscribe()
            assert subscribers(lamp) == 0

    run(network, work())


def test_after_closing_the_next_wait_subscribes_from_a_new_socket(
    network: Network, lamp: SimulatedDevice, questions: Questions
) -> None:
    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            await device.close()
            sent = len(network.sent)
            await asyncio.sleep(100)
            assert len(network.sent) == sent  # closed is closed
            assert await device.next_push(0) is None
            await asyncio.sleep(1)
            assert questions.count == 2
            lamp.push(CHANGED, [1])
            assert told(await device.next_push(1)) == [1]

    run(network, work())


def test_another_address_of_our_own_leads_to_a_new_subscription(
    network: Network, lamp: SimulatedDevice, questions: Questions
) -> None:
    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            network.own = None  # no way just now says nothing
            await asyncio.sleep(40)
            assert questions.count == 1
            network.own = "127.0.0.2"
            await asyncio.sleep(31)
            assert questions.count == 2
            await asyncio.sleep(100)
            assert questions.count == 2

    run(network, work())


def test_a_way_that_changes_while_it_subscribes(
    network: Network, lamp: SimulatedDevice, questions: Questions
) -> None:
    take = questions.take

    def answer(*asked: Any, **more: Any) -> Any:
        network.own = "127.0.0.2"
        return take(*asked, **more)

    questions.take = answer

    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            hold = device._connection.session.hold
            assert hold is not None
            assert hold.due <= network.loop.now
            await asyncio.sleep(0.05)
            assert questions.count == 2

    run(network, work())


def test_another_address_of_the_device_is_found_by_whoever_waits(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = network.device(1), network.device(2)
    new.responder.device_id = old.responder.device_id
    where = 1

    async def look_up(*_: Any) -> Any:
        return (socket.AF_INET, socket.SOCK_DGRAM, 0, "", ("127.0.0.1", where))

    monkeypatch.setattr("miio_lan.lan.client.aio.look_up", look_up)

    async def work() -> None:
        nonlocal where
        async with at(network, "lamp.invalid") as device:
            await device.subscribe()
            assert subscribers(old) == 1
            where = 2
            network.fate = lambda direction, address: [] if address[1] == 1 else [0.001]
            later = asyncio.create_task(tell_later(new, [5], delay=50))
            assert told(await device.next_push(60)) == [5]
            await later
            assert subscribers(new) == 1

    run(network, work())


def test_silence_is_told_once_in_a_while_and_it_is_tried_on(network: Network, lamp: SimulatedDevice) -> None:
    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            network.fate = lambda direction, address: []
            pushes = device.pushes()
            began = network.loop.now
            with pytest.raises(DeviceTimeout, match="still tells changes"):
                await anext(pushes)
            assert 50 <= network.loop.now - began <= 100
            network.fate = lambda direction, address: [0.001]
            await asyncio.sleep(31)
            lamp.push(CHANGED, [1])
            assert told(await anext(pushes)) == [1]

    run(network, work())


# --- beginning and ending ----------------------------------------------------------------------------------------


def test_one_that_refuses(network: Network, questions: Questions) -> None:
    questions.take = lambda *_, **__: (-1, "no")

    async def work() -> None:
        async with at(network) as device:
            with pytest.raises(DeviceException):
                await device.subscribe(poll=["power"])
            assert device._connection.session.greeting.hello == HELLO

    run(network, work())


def test_one_that_cannot_is_given_some_time(network: Network, lamp: SimulatedDevice) -> None:
    dumb(lamp)

    async def work() -> None:
        async with at(network) as device:
            with pytest.raises(UnsupportedFeatureException):
                await device.subscribe()
            assert network.loop.now == pytest.approx(1001, abs=0.2)
            assert device._connection.session.hold is None

    run(network, work())


def test_cancelled_while_it_subscribes(network: Network, questions: Questions) -> None:
    take = questions.take

    def go_silent(*asked: Any, **more: Any) -> Any:
        network.fate = lambda direction, address: []
        return take(*asked, **more)

    questions.take = go_silent

    async def work() -> None:
        async with at(network) as device:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2):
                    await device.subscribe(print)
            assert device._connection.session.greeting.hello == HELLO
            assert device._connection.session.hold is None
            assert not device._connection.session.busy
            assert await others() == set()
            assert questions.count == 1
            questions.take = take
            network.fate = lambda direction, address: [0.001]
            await device.subscribe()
            assert await device.next_push(0) is None

    run(network, work())


def test_it_is_given_back(network: Network, lamp: SimulatedDevice) -> None:
    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            waiting = asyncio.create_task(device.next_push(10))
            await asyncio.sleep(1)
            await device.unsubscribe()
            with pytest.raises(DeviceException, match="given up"):
                await waiting
            assert subscribers(lamp) == 0
            assert device._connection.session.greeting.hello == HELLO
            sent = len(network.sent)
            await asyncio.sleep(100)
            assert len(network.sent) == sent
            await device.unsubscribe()
            assert len(network.sent) == sent

    run(network, work())


def test_closing_ends_a_wait(network: Network, lamp: SimulatedDevice) -> None:
    async def work() -> None:
        device = at(network)
        await device.subscribe()
        waiting = asyncio.create_task(device.next_push(10))
        await asyncio.sleep(1)
        await device.close()
        with pytest.raises(DeviceException, match="closed"):
            await waiting
        assert network.loop.now < 1002

    run(network, work())
    assert all(endpoint.closed for endpoint in network.endpoints)


def test_giving_up_waits_for_a_subscription_that_begins(network: Network, lamp: SimulatedDevice) -> None:
    async def work() -> None:
        async with at(network) as device:
            await asyncio.gather(device.subscribe(), device.unsubscribe())
            assert subscribers(lamp) == 0
            assert device._connection.session.hold is None
            assert device._connection.session.greeting.hello == HELLO

    run(network, work())


def test_closed_while_it_subscribes(network: Network, lamp: SimulatedDevice) -> None:
    dumb(lamp)

    async def work() -> None:
        device = at(network)
        subscribing = asyncio.create_task(device.subscribe(print, poll=["power"]))
        await asyncio.sleep(0.1)  # it waits before it greets once more
        await device.close()
        with pytest.raises(DeviceException, match="closed"):
            await subscribing
        assert await others() == set()

    run(network, work())
    assert all(endpoint.closed for endpoint in network.endpoints)


def test_closing_ends_also_who_waits_to_subscribe(
    network: Network, lamp: SimulatedDevice, questions: Questions
) -> None:
    async def work() -> None:
        device = at(network)
        tasks = [asyncio.create_task(device.subscribe(print)) for _ in range(3)]
        await asyncio.sleep(0)
        await device.close()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all("the connection was closed" in str(each) for each in ended)
        assert await others() == set()
        assert questions.count == 0

    run(network, work())
    assert all(endpoint.closed for endpoint in network.endpoints)


def test_a_child_calls_nobody_back(
    network: Network, lamp: SimulatedDevice, caplog: pytest.LogCaptureFixture
) -> None:
    """Should its parent's loop go on there, what was agreed before the fork ends, and may be agreed anew."""
    heard: list[Any] = []

    async def work() -> None:
        assert await others() == set()
        async with at(network) as device:
            await device.subscribe(lambda push: heard.append(told(push)))
            forks.after_fork()
            assert await others() == set()
            lamp.push(CHANGED, [1])
            await asyncio.sleep(1)
            lamp.responder.subscriptions._subscribers.clear()  # the parent's: both are at one address here
            await device.subscribe(lambda push: heard.append(told(push)))
            lamp.push(CHANGED, [2])
            await asyncio.sleep(1)

    run(network, work())
    assert heard == [[2]]
    assert not caplog.records


def test_a_child_has_no_part_in_the_subscription_of_its_parent(
    network: Network, lamp: SimulatedDevice
) -> None:
    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            forks.after_fork()
            assert device._connection.session.greeting.hello == HELLO
            await device.unsubscribe()
            assert (asked(lamp, "miIO.unsub"), subscribers(lamp)) == (0, 1)
            with pytest.raises(UnsupportedFeatureException, match=r"subscribe\(\) first"):
                await device.next_push(0)
            await device.subscribe()
            assert subscribers(lamp) == 2

    run(network, work())


def test_two_that_subscribe_at_once_hold_one(
    network: Network, lamp: SimulatedDevice, questions: Questions
) -> None:
    async def work() -> None:
        async with at(network) as device:
            await asyncio.gather(device.subscribe(), device.subscribe())
            await asyncio.sleep(100)
            assert questions.count == 2
            assert subscribers(lamp) == 1

    run(network, work())


# --- calling back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("how", ["unsubscribe", "close"])
def test_a_function_is_called_until_it_ends(
    network: Network, lamp: SimulatedDevice, how: str, awaited: bool, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Any] = []

    async def hear(push: Push) -> None:
        await asyncio.sleep(0.1)
        heard.append(told(push))

    async def work() -> None:
        async with at(network) as device:
            # The deadline of the task that subscribes is not that of what is told.
            with until(network.loop.now + 5):
                await device.subscribe(hear if awaited else lambda push: heard.append(told(push)))
            for number in range(3):
                await asyncio.sleep(30)
                lamp.push(CHANGED, [number])
            await asyncio.sleep(1)
            await getattr(device, how)()
            assert await others() == set()

    run(network, work())
    assert heard == [[0], [1], [2]]
    assert not caplog.records


@pytest.mark.parametrize("how", ["unsubscribe", "close"])
def test_what_a_function_awaits_is_cancelled_when_it_ends(
    network: Network, lamp: SimulatedDevice, how: str
) -> None:
    async def work() -> None:
        async with at(network) as device:
            await device.subscribe(lambda push: asyncio.sleep(1000))
            lamp.push(CHANGED, [1])
            await asyncio.sleep(1)
            assert len(await others()) == 1
            await getattr(device, how)()
            assert await others() == set()
            assert network.loop.now < 1003

    run(network, work())


class Odd(BaseException):
    """No Exception, like what test frameworks end a test by."""


@pytest.mark.parametrize("kind", [ValueError, asyncio.CancelledError, Odd])
def test_a_function_that_fails_is_told_of_and_called_again(
    network: Network, lamp: SimulatedDevice, caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    """What it waited for was cancelled by somebody else, in one case."""
    heard: list[Any] = []

    def hear(push: Push) -> None:
        heard.append(push.params)
        raise kind("broken")

    async def work() -> None:
        async with at(network) as device:
            await device.subscribe(hear)
            lamp.push(CHANGED, [1])
            lamp.push(CHANGED, [2])
            await asyncio.sleep(1)

    run(network, work())
    assert heard == [[1], [2]]
    assert caplog.text.count("the function that is told of changes failed") == 2


def test_a_wait_that_somebody_else_cancels_is_logged_and_goes_on(
    network: Network,
    lamp: SimulatedDevice,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[Any] = []

    async def cancelled(*_: Any) -> None:
        monkeypatch.undo()
        inner = asyncio.ensure_future(asyncio.sleep(100))
        inner.cancel()
        await inner

    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            monkeypatch.setattr(device._connection, "listen", cancelled)
            await device.subscribe(lambda push: heard.append(told(push)))
            await asyncio.sleep(5)
            lamp.push(CHANGED, [1])
            await asyncio.sleep(1)

    run(network, work())
    assert heard == [[1]]
    assert caplog.text.count("cancelled by somebody else") == 1


def test_a_function_may_end_it(network: Network, lamp: SimulatedDevice) -> None:
    heard: list[Any] = []

    async def work() -> None:
        async with at(network) as device:

            async def hear(push: Push) -> None:
                await device.unsubscribe()
                heard.append(push.params)

            await device.subscribe(hear)
            lamp.push(CHANGED, [1])
            lamp.push(CHANGED, [2])
            await asyncio.sleep(1)
            assert subscribers(lamp) == 0
            assert await others() == set()

    run(network, work())
    assert heard == [[1]]


def test_silence_is_logged_and_waited_out(
    network: Network, lamp: SimulatedDevice, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Any] = []

    async def work() -> None:
        async with at(network) as device:
            await device.subscribe(heard.append)
            network.fate = lambda direction, address: []
            await asyncio.sleep(100)
            network.fate = lambda direction, address: [0.001]
            await asyncio.sleep(40)
            lamp.push(CHANGED, [1])
            await asyncio.sleep(1)

    with caplog.at_level(logging.WARNING, telling_aio.__name__):
        run(network, work())
    assert [push.params for push in heard] == [[1]]
    assert 1 <= caplog.text.count("still tells changes") <= 5


# --- reading instead ---------------------------------------------------------------------------------------------


def test_where_it_does_not_tell_it_is_read(network: Network, lamp: SimulatedDevice) -> None:
    dumb(lamp)
    value = "on"
    lamp.replies["get_prop"] = lambda _: {"result": [value]}

    async def work() -> None:
        nonlocal value
        async with at(network) as device:
            await device.subscribe(poll=["power"], every=2)
            assert await device.next_push(5) is None
            assert asked(lamp, "get_prop") == 3
            value = "off"
            push = await device.next_push(5)
            assert push is not None
            assert (push.method, push.params, push.id) == ("props", {"power": "off"}, 0)
            value = "on"
            async for push in device.pushes():
                assert push.params == {"power": "on"}
                break

    run(network, work())


def test_one_that_does_not_tell_any_more_is_read(network: Network, lamp: SimulatedDevice) -> None:
    async def work() -> None:
        async with at(network) as device:
            await device.subscribe()
            dumb(lamp)
            await device.subscribe(poll=["power"], every=1000)
            await device.next_push(5)
            sent = len(network.sent)
            await asyncio.sleep(200)
            assert len(network.sent) == sent

    run(network, work())


def test_a_reading_that_fails_for_long_is_told(network: Network, lamp: SimulatedDevice) -> None:
    dumb(lamp)

    async def work() -> None:
        async with at(network, timeout=2) as device:
            await device.subscribe(poll=["power"], every=1)
            network.fate = lambda direction, address: []
            with pytest.raises(DeviceTimeout):
                await anext(device.pushes())
            assert 1007 < network.loop.now < 1030

    run(network, work())


@pytest.mark.parametrize("how", ["unsubscribe", "close"])
def test_waiting_for_the_next_reading_ends(network: Network, lamp: SimulatedDevice, how: str) -> None:
    dumb(lamp)

    async def work() -> None:
        async with at(network) as device:
            await device.subscribe(poll=["power"], every=50)
            waiting = asyncio.create_task(device.next_push(40))
            await asyncio.sleep(2)
            await getattr(device, how)()
            with pytest.raises(DeviceException, match="ended"):
                await waiting
            assert network.loop.now < 1010

    run(network, work())


def test_readings_are_called_back_too(network: Network, lamp: SimulatedDevice) -> None:
    dumb(lamp)
    values = iter(range(100))
    lamp.replies["get_prop"] = lambda _: {"result": [next(values)]}
    heard: list[Any] = []

    async def work() -> None:
        async with at(network) as device:
            with until(network.loop.now + 3):
                await device.subscribe(heard.append, poll=["power"], every=10)
            await asyncio.sleep(45)
            await device.unsubscribe()
            sent = len(network.sent)
            await asyncio.sleep(50)
            assert len(network.sent) == sent

    run(network, work())
    assert [push.params for push in heard] == [{"power": number} for number in range(1, 5)]
