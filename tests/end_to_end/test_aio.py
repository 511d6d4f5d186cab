"""Devices of an event loop in real conversations on loopback; nothing of them outlives its loop."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import weakref
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from support.closed import closed_port
from support.fake_device import TOKEN, FakeDevice
from support.lan_server import TOKEN as SERVER_TOKEN
from support.lan_server import Server

from miio_lan import (
    AsyncDevice,
    AsyncMiotDevice,
    Device,
    DeviceError,
    DeviceException,
    DeviceTimeout,
    OutcomeUnknown,
    UpdateState,
)
from miio_lan.lan.responder.responder import Request
from miio_lan.record import Record
from miio_lan.virtual.product import VirtualProduct

Result = TypeVar("Result")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def run(caplog: pytest.LogCaptureFixture) -> Any:
    """Carry out a coroutine in asyncio's debug mode; what it complains about fails the test."""

    def run(work: Coroutine[Any, Any, Result]) -> Result:
        with caplog.at_level(logging.ERROR, "asyncio"):
            result = asyncio.run(work, debug=True)
        assert [record for record in caplog.records if record.name == "asyncio"] == []
        return result

    return run


def at(server: Server, kind: type[AsyncDevice] = AsyncDevice, host: str = "127.0.0.1", **more: Any) -> Any:
    return kind(host, SERVER_TOKEN.hex(), port=server.port, **more)


def test_a_conversation_with_the_virtual_product(lamp: VirtualProduct, no_resends: None, run: Any) -> None:
    records: list[Record] = []

    async def work() -> None:
        async with AsyncMiotDevice(
            lamp.host, lamp.token, port=lamp.port, timeout=30, observer=records.append
        ) as device:
            assert (await device.info()).model == lamp.spec.model
            assert await device.model() == lamp.spec.model
            assert await device.device_id() == lamp.device_id
            await device.write(2, 2, 40)
            assert await device.read(2, 2) == 40
            with pytest.raises(DeviceError, match="-4003"):
                await device.read(99, 1)
            found = await device.get_properties([{"siid": 2, "piid": 1}, {"siid": 2, "piid": 2}])
            assert [item["code"] for item in found] == [0, 0]
            assert await device.raw_command("miIO.get_ota_state") is not None
            assert await device.update_state() is UpdateState.Idle
            assert await device.update_progress() == 0

    run(work())
    assert {record.direction for record in records} == {"up", "down"}


def test_many_devices_share_a_socket(run: Any) -> None:
    servers = [Server() for _ in range(8)]

    async def work() -> list[Any]:
        devices = [at(server) for server in servers]
        asked = (
            device.send("get_echo", [number]) for number, device in enumerate(devices) for _ in range(20)
        )
        found = await asyncio.gather(*asked)
        for device in devices:
            await device.close()
        return found

    try:
        assert run(work()) == [[number] for number in range(8) for _ in range(20)]
        peers = {peer for server in servers for peer in server.peers}
        assert len(peers) == 1
    finally:
        for server in servers:
            server.close()


def test_names_are_looked_up(server: Server, run: Any) -> None:
    async def work() -> Any:
        async with at(server, host="localhost") as device:
            return await device.send("get_echo", [1])

    assert run(work()) == [1]


def test_a_name_nobody_knows(run: Any) -> None:
    async def work() -> None:
        async with AsyncDevice("lamp.invalid", TOKEN) as device:
            await device.send("get_echo")

    with pytest.raises(DeviceException, match="not a known host name"):
        run(work())


def test_a_device_left_open_is_closed_with_its_loop(server: Server, run: Any) -> None:
    left: list[AsyncDevice] = []

    async def work() -> Any:
        left.append(at(server))
        return await left[0].send("get_echo", [1])

    assert run(work()) == [1]
    # The fixtures of all tests see whether a socket is open; and it works in the next loop.
    assert run(left[0].send("get_echo", [2])) == [2]


def test_a_loop_that_is_closed_without_a_word_leaves_no_socket(server: Server) -> None:
    loop = asyncio.new_event_loop()
    device = at(server)
    assert loop.run_until_complete(device.send("get_echo", [1])) == [1]
    loop.close()
    other = asyncio.new_event_loop()
    assert other.run_until_complete(device.send("get_echo", [2])) == [2]
    other.run_until_complete(device.close())
    other.close()


@pytest.mark.parametrize("then", ["send", "close", "subscribed close", "subscribed send"])
def test_a_loop_that_is_closed_with_calls_and_waits_open(server: Server, then: str) -> None:
    answer, server.answer = server.answer, lambda request: None
    device = at(server)
    loop = asyncio.new_event_loop()

    async def begin() -> list[asyncio.Task[Any]]:
        if "subscribed" in then:
            await device.subscribe()
        calls = [loop.create_task(device.send("toggle", [1])) for _ in range(2)]
        waits = [loop.create_task(device.next_push(60))] if "subscribed" in then else []
        while not server.received.acquire(blocking=False):  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0)
        return calls + waits

    left = loop.run_until_complete(begin())
    for task in left:
        assert not task.done()
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    server.answer = answer

    async def go_on() -> None:
        if "close" in then:
            await device.close()
            await device.close()
        assert await device.send("get_echo", [2]) == [2]
        await device.close()

    asyncio.run(go_on(), debug=True)


def test_a_task_that_is_cancelled_with_its_loop(server: Server, run: Any) -> None:
    server.answer = lambda request: None

    async def work() -> None:
        device = at(server)
        waiting = asyncio.ensure_future(device.send("toggle"))
        while not server.received.acquire(blocking=False):  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0)
        assert not waiting.done()

    run(work())


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere, a socket for many devices hears of no refusals"
)
def test_a_closed_port_ends_the_call_early_and_no_other(server: Server, run: Any) -> None:
    async def work(port: int) -> None:
        gone = AsyncDevice("127.0.0.1", TOKEN, port=port, timeout=600)
        good = at(server)
        waiting = asyncio.ensure_future(gone.send("get_echo"))
        for number in range(20):
            assert await good.send("get_echo", [number]) == [number]
        with pytest.raises(DeviceTimeout, match="nothing listens") as caught:
            await waiting
        assert caught.value.elapsed < 600  # of 2400 it might have taken
        await gone.close()
        await good.close()

    with closed_port() as (_, port):
        run(work(port))


def test_an_address_to_send_from(server: Server, run: Any) -> None:
    async def work() -> None:
        async with at(server, source_ip="127.0.0.1") as device:
            assert await device.send("get_echo", [1]) == [1]
        async with at(server, source_ip="192.0.2.1") as device:
            with pytest.raises(DeviceException, match="cannot send from"):
                await device.send("get_echo", [1])

    run(work())


def test_an_unsafe_command_that_was_cancelled_is_sent_once(run: Any) -> None:
    with FakeDevice() as fake:

        async def work() -> None:
            async with AsyncDevice("127.0.0.1", TOKEN, port=fake.port) as device:
                waiting = asyncio.ensure_future(device.send("toggle"))
                while not fake.requests:  # noqa: ASYNC110 - set by a thread
                    await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                fake.on_request = lambda fake, request: fake.reply(request, result=["ok"])
                assert await device.send("get_x") == ["ok"]

        run(work())
    assert [request.method for request in fake.requests] == ["toggle", "get_x"]


def test_a_command_that_is_not_answered_may_have_run(run: Any) -> None:
    with FakeDevice() as fake:

        async def work() -> None:
            async with AsyncDevice("127.0.0.1", TOKEN, port=fake.port) as device:
                with pytest.raises(OutcomeUnknown) as caught:
                    await device.send("toggle", retry_count=0, timeout=0.2)
                assert caught.value.may_have_run

        run(work())
    assert len(fake.requests) == 1


def test_a_blocking_and_an_asyncio_object_do_not_send_at_once(run: Any) -> None:
    """Both speak to one device: it has one command of theirs at a time."""
    open_now: list[int] = []
    most: list[int] = []

    def on_request(fake: FakeDevice, request: Request) -> None:
        if request.method != "toggle":  # a machine that stalls makes a client ask whether ids are remembered
            fake.reply(request, result={})
            return
        open_now.append(request.id)
        most.append(len(open_now))
        threading.Timer(0.01, answer, (fake, request)).start()

    def answer(fake: FakeDevice, request: Request) -> None:
        open_now.remove(request.id)
        fake.reply(request, result=["ok"])

    def blocking(port: int) -> None:
        with Device("127.0.0.1", TOKEN, port=port) as device:
            for _ in range(10):
                assert device.send("toggle") == ["ok"]

    with FakeDevice(on_request) as fake:

        async def work() -> None:
            thread = threading.Thread(target=blocking, args=(fake.port,))
            thread.start()
            async with (
                AsyncDevice("127.0.0.1", TOKEN, port=fake.port) as one,
                AsyncDevice("127.0.0.1", TOKEN, port=fake.port) as two,
            ):
                await asyncio.gather(*(each.send("toggle") for each in (one, two) for _ in range(10)))
            thread.join()

        run(work())
        assert len(most) == 30
        assert set(most) == {1}


def test_loops_one_after_the_other_leave_nothing_behind(server: Server) -> None:
    stations = []

    async def work() -> None:
        device = at(server)
        await device.send("get_echo")
        stations.append(weakref.ref(device._connection._station))

    for _ in range(5):
        asyncio.run(work())
    gc.collect()
    assert [station() for station in stations] == [None] * 5
