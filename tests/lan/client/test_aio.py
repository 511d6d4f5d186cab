"""Sessions driven by an event loop, in simulated time; with sockets: tests/end_to_end/test_aio.py."""

from __future__ import annotations

import asyncio
import gc
import itertools
import socket
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from support.clockwork import Clockwork, Network, run, simulated_network

from miio_lan.errors import DeviceError, DeviceException, DeviceTimeout, InvalidArgument, OutcomeUnknown
from miio_lan.lan.client import aio
from miio_lan.lan.client.aio import AsyncConnection
from miio_lan.lan.client.transport import forks
from miio_lan.lan.client.transport.resolving import no_name_server
from miio_lan.lan.client.transport.station import station_of
from miio_lan.lan.client.wire import Told
from miio_lan.lan.packet import HELLO


@pytest.fixture
def network() -> Iterator[Network]:
    with simulated_network() as network:
        yield network


async def ask(connection: AsyncConnection, *params: object, method: str = "get_prop", **options: Any) -> Any:
    return await connection.call(method, list(params), **{"timeout": 5, "retry_count": 3, **options})


def executed(network: Network, number: int = 1) -> list[str]:
    return [method for method, _ in network.device(number).executed]


# --- calls ------------------------------------------------------------------------------------------------------------


def test_a_call_is_answered(network: Network) -> None:
    connection = network.connect()
    assert run(network, ask(connection, "power")) == ["power"]
    assert [datagram == HELLO for _, _, datagram in network.sent] == [True, False]


def test_an_error_of_the_device_is_raised(network: Network) -> None:
    connection = network.connect()
    network.device().replies["get_prop"] = lambda _: {"error": (-32601, "no")}
    with pytest.raises(DeviceError, match="-32601"):
        run(network, ask(connection))


def test_a_handshake_is_answered_beside_a_slow_command(network: Network) -> None:
    async def work() -> list[str]:
        connection = network.connect()
        await ask(connection)
        network.device().work = 10
        order = []

        async def note(name: str, wait: Any) -> None:
            await wait
            order.append(name)

        await asyncio.gather(
            note("command", ask(connection)),
            note("handshake", connection.handshake(timeout=5, retry_count=0)),
        )
        return order

    assert run(network, work()) == ["handshake", "command"]


def test_commands_to_one_device_go_out_one_at_a_time_in_order(network: Network) -> None:
    async def work() -> None:
        connection = network.connect()
        await asyncio.gather(*(ask(connection, number) for number in range(20)))

    run(network, work())
    assert [params for _, params in network.device().executed] == [[number] for number in range(20)]
    instants = [instant for instant, _, datagram in network.sent if datagram != HELLO]
    assert all(later - earlier >= 0.006 for earlier, later in itertools.pairwise(instants))


def test_devices_do_not_wait_for_each_other(network: Network) -> None:
    async def work() -> float:
        connections = [network.connect(number) for number in range(1, 101)]
        for number in range(1, 101):
            network.device(number).work = 1.0
        await asyncio.gather(*(ask(connection) for connection in connections))
        return network.loop.now

    assert run(network, work()) < 1000 + 1.1
    assert len(network.endpoints) == 1


def test_a_silent_device_ends_at_the_deadline_and_holds_up_no_other(network: Network) -> None:
    async def work() -> tuple[float, float]:
        silent, good = network.connect(1), network.connect(2)
        network.fate = lambda direction, address: [] if address[1] == 1 else [0.001]
        waiting = asyncio.ensure_future(ask(silent))
        await ask(good)
        answered = network.loop.now
        with pytest.raises(DeviceTimeout, match="does not answer hellos"):
            await waiting
        return answered, network.loop.now

    answered, ended = run(network, work())
    assert answered < 1000.1
    assert ended == pytest.approx(1020)


def test_the_time_spent_waiting_for_a_turn_counts(network: Network) -> None:
    async def work() -> None:
        connection = network.connect()
        await ask(connection)
        network.device().work = 100
        slow = asyncio.ensure_future(ask(connection, method="toggle", timeout=30, retry_count=0))
        await asyncio.sleep(0)
        began = network.loop.now
        with pytest.raises(DeviceTimeout, match="earlier ones to this device") as caught:
            await ask(connection, timeout=1, retry_count=0)
        assert network.loop.now == pytest.approx(began + 1)
        assert not caught.value.may_have_run
        with pytest.raises(OutcomeUnknown):
            await slow

    run(network, work())


def test_a_device_that_refuses_ends_the_call_early(network: Network) -> None:
    connection = network.connect()
    network.refused.add(("127.0.0.1", 1))
    with pytest.raises(DeviceTimeout, match="nothing listens on UDP port 1"):
        run(network, ask(connection))
    assert 1002 <= network.loop.now < 1006


def test_an_address_that_cannot_be_sent_to_ends_the_call_early(network: Network) -> None:
    connection = network.connect()
    network.failing = OSError(101, "Network is unreachable")
    with pytest.raises(DeviceTimeout, match="Network is unreachable"):
        run(network, ask(connection))
    assert network.loop.now < 1006


def test_closing_ends_a_call_whose_host_is_still_looked_up(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look_up(*_: Any) -> Any:
        await asyncio.sleep(3)
        return (socket.AF_INET, socket.SOCK_DGRAM, 0, "", ("127.0.0.1", 1))

    monkeypatch.setattr(aio, "look_up", look_up)

    async def work() -> None:
        connection = network.connect()
        connection.host = "lamp.invalid"
        asking = asyncio.create_task(connection.call("get_prop", ["x"], timeout=20, retry_count=0))
        await asyncio.sleep(1)
        connection.close()
        with pytest.raises(DeviceException, match="get_prop with device 1: the connection was closed"):
            await asking
        assert network.endpoints == network.sent == []
        assert await connection.call("get_prop", ["y"], timeout=20, retry_count=0) == ["y"]
        connection.close()

    run(network, work())


def test_a_device_that_moved_is_found_by_the_next_call(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.device(2).responder.device_id = network.device(1).responder.device_id
    number = 1

    async def look_up(*_: Any) -> Any:
        return (socket.AF_INET, socket.SOCK_DGRAM, 0, "", ("127.0.0.1", number))

    monkeypatch.setattr(aio, "look_up", look_up)

    async def work() -> None:
        nonlocal number
        connection = network.connect()
        connection.host = "lamp.invalid"
        ask = {"timeout": 1, "retry_count": 1}
        assert await connection.call("get_prop", ["x"], **ask) == ["x"]
        number = 2
        network.fate = lambda direction, address: [] if address[1] == 1 else [0.001]
        with pytest.raises(DeviceTimeout):
            await connection.call("get_prop", ["y"], **ask)
        assert await connection.call("get_prop", ["z"], **ask) == ["z"]
        assert len(network.endpoints) == 1
        connection.close()

    run(network, work())


def test_a_name_server_has_the_whole_time_of_a_call_and_not_more(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a device that is looked for first, and of each of several calls."""
    waited: list[float] = []

    async def look_up(host: str, port: int, source_ip: str | None, seconds: float) -> Any:
        waited.append(seconds)
        await asyncio.sleep(seconds)
        raise no_name_server(host, seconds)

    async def find(seconds: float) -> str:
        return "lamp.invalid"

    monkeypatch.setattr(aio, "look_up", look_up)
    connection = network.connect()
    connection.find = find

    async def work() -> None:
        calls = (ask(connection, timeout=2, retry_count=0) for _ in range(2))
        for error in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(error, DeviceTimeout)
            assert "the name server did not answer within 2.0 s when asked for 'lamp.invalid'" in str(error)
        connection.close()

    run(network, work())
    assert waited == [2.0, 2.0]
    assert network.loop.now == pytest.approx(1002)


def test_an_error_of_who_looks_for_a_device_ends_the_call(network: Network) -> None:
    connection = network.connect()

    async def find(seconds: float) -> str:
        raise DeviceTimeout("it is nowhere")

    connection.find = find
    with pytest.raises(DeviceTimeout, match="it is nowhere"):
        run(network, ask(connection))


def test_two_objects_for_one_address_are_told_apart(network: Network) -> None:
    async def work() -> list[Any]:
        first, second = network.connect(), network.connect()
        return await asyncio.gather(ask(first, "a"), ask(second, "b"))

    assert run(network, work()) == [["a"], ["b"]]
    assert len(network.endpoints) == 2


# --- what is given up -------------------------------------------------------------------------------------------------


def test_a_cancelled_command_lets_the_next_one_begin_at_once(network: Network) -> None:
    async def work() -> None:
        connection = network.connect()
        await ask(connection)
        network.device().work = 100
        first = asyncio.ensure_future(ask(connection, method="toggle"))
        second = asyncio.ensure_future(ask(connection, method="get_b"))
        await asyncio.sleep(1)
        assert executed(network) == ["get_prop", "toggle"]
        first.cancel()
        network.device().work = 0.1
        began = network.loop.now
        assert await second == []
        assert network.loop.now - began < 0.2
        assert first.cancelled()
        assert not connection._futures
        assert not connection.session.busy

    run(network, work())
    assert executed(network) == ["get_prop", "toggle", "get_b"]


def test_a_time_out_around_a_call_withdraws_it_even_before_its_turn(network: Network) -> None:
    async def work() -> None:
        connection = network.connect()
        await ask(connection)
        network.device().work = 3
        first = asyncio.ensure_future(ask(connection, method="get_a"))
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await ask(connection, method="toggle")
        await first
        await ask(connection, method="get_b")

    run(network, work())
    assert list(dict.fromkeys(executed(network))) == ["get_prop", "get_a", "get_b"]  # reads are sent again


def test_close_ends_the_calls_that_are_open_and_those_that_wait(network: Network) -> None:
    async def work() -> list[BaseException]:
        connection = network.connect()
        await ask(connection)
        network.device().work = 100
        calls = [asyncio.ensure_future(ask(connection, method="toggle")) for _ in range(3)]
        await asyncio.sleep(1)
        connection.close()
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert all(endpoint.closed for endpoint in network.endpoints)
        network.device().work = 0.01
        assert await ask(connection, "again") == ["again"]
        return [error for error in found if isinstance(error, BaseException)]

    first, *others = run(network, work())
    assert isinstance(first, OutcomeUnknown)
    assert len(others) == 2
    for error in others:
        assert isinstance(error, DeviceException)
        assert "the connection was closed" in str(error)
        assert not error.may_have_run


def test_nothing_keeps_a_device_that_is_forgotten(network: Network) -> None:
    async def work() -> None:
        connection = network.connect()
        await ask(connection)
        connection.close()
        gone = weakref.ref(connection)
        del connection
        await asyncio.sleep(60)
        gc.collect()
        assert gone() is None

    run(network, work())


def test_a_station_is_gone_with_its_last_device(network: Network) -> None:
    async def work() -> weakref.ref[Any]:
        connection = network.connect()
        await ask(connection)
        station = weakref.ref(station_of(asyncio.get_running_loop()))
        connection.close()
        return station

    station = run(network, work())
    network.loop.run_until_complete(asyncio.sleep(60))
    gc.collect()
    assert station() is None


# --- loops ------------------------------------------------------------------------------------------------------------


def test_a_device_moves_to_the_next_loop(network: Network) -> None:
    connection = network.connect()
    run(network, ask(connection))
    old, network.loop = network.loop, Clockwork()
    network.loop.now = old.now
    connection._clock = network.loop.time
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "miio_lan.lan.client.transport.station.time", SimpleNamespace(monotonic=network.loop.time)
            )
            assert run(network, ask(connection, "x")) == ["x"]
            connection.close()
    finally:
        network.loop.close()
        network.loop = old


def test_a_device_goes_on_after_its_loop_closed_the_socket(network: Network) -> None:
    connection = network.connect()
    assert run(network, ask(connection, 1)) == [1]
    network.loop.run_until_complete(network.loop.shutdown_asyncgens())
    assert all(endpoint.closed for endpoint in network.endpoints)
    assert run(network, ask(connection, 2)) == [2]
    connection.close()


def test_a_device_in_use_by_another_loop_is_refused(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = network.connect()
    run(network, ask(connection))
    monkeypatch.setattr(network.loop, "is_running", lambda: True)
    other = Clockwork()
    try:
        with pytest.raises(InvalidArgument, match="another event loop"):
            other.run_until_complete(ask(connection))
    finally:
        other.close()


# --- forks ------------------------------------------------------------------------------------------------------------


def test_a_child_begins_with_a_socket_ids_and_a_hello_of_its_own(network: Network) -> None:
    connection = network.connect()
    assert run(network, ask(connection, 1)) == [1]
    before, sent = connection.session.last_id, len(network.sent)
    forks.after_fork()
    assert run(network, ask(connection, 2)) == [2]
    assert [endpoint.closed for endpoint in network.endpoints] == [True, False]
    assert network.sent[sent][2] == HELLO
    assert abs(connection.session.last_id - before) > 16
    connection.close()


def test_a_child_may_use_a_device_whose_loop_runs_in_the_parent(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = network.connect()
    run(network, ask(connection))
    monkeypatch.setattr(network.loop, "is_running", lambda: True)
    forks.after_fork()

    async def settle() -> None:
        connection._settle()

    other = Clockwork()
    try:
        other.run_until_complete(settle())
    finally:
        other.close()


def test_what_was_under_way_at_a_fork_ends_in_the_child(network: Network) -> None:
    connection, slow = network.connect(), network.connect(2)
    slow.host = "lamp.example"
    reached = asyncio.Event()

    async def find(seconds: float) -> str:
        reached.set()
        await asyncio.sleep(1)
        return "127.0.0.1"

    slow.find = find

    async def begin() -> list[asyncio.Future[Any]]:
        await ask(connection)
        network.device().work = 1000
        works = [ask(connection, method="toggle"), ask(connection, method="toggle"), ask(slow)]
        tasks = [asyncio.ensure_future(work) for work in (*works, connection.listen(50))]
        await reached.wait()
        await asyncio.sleep(0.1)
        return tasks

    async def end(tasks: list[asyncio.Future[Any]]) -> list[Any]:
        return await asyncio.gather(*tasks, return_exceptions=True)

    tasks = run(network, begin())
    forks.after_fork()
    ended = run(network, end(tasks))
    assert network.loop.now < 1002
    assert all("the connection was closed" in str(each) for each in ended)
    assert [type(each) for each in ended] == [OutcomeUnknown, *[DeviceException] * 3]
    assert [each.may_have_run for each in ended[:3]] == [True, False, False]
    network.device().work = 0
    assert run(network, ask(connection, 3)) == [3]
    for each in (connection, slow):
        each.close()


# --- observers --------------------------------------------------------------------------------------------------------


def test_an_observer_is_told_and_may_raise(network: Network, caplog: pytest.LogCaptureFixture) -> None:
    told: list[Told] = []

    def tell(each: Told) -> None:
        told.append(each)
        raise ValueError("an odd observer")

    connection = network.connect(tell=tell)
    assert run(network, ask(connection, "power")) == ["power"]
    assert [(each.direction, each.note) for each in told] == [
        ("down", "hello"),
        ("up", "hello"),
        ("down", ""),
        ("up", ""),
    ]
    assert "an odd observer" in caplog.text


# --- many -------------------------------------------------------------------------------------------------------------


def test_hundreds_of_silent_devices_do_not_hold_up_a_good_one(network: Network) -> None:
    async def work() -> float:
        silent = [network.connect(number) for number in range(1, 301)]
        network.fate = lambda direction, address: [0.001] if address[1] == 5000 else []
        waiting = [asyncio.ensure_future(ask(each)) for each in silent]
        await asyncio.sleep(0)
        good = network.connect(5000)
        began = network.loop.now
        await ask(good)
        took = network.loop.now - began
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(each, DeviceTimeout) for each in found)
        return took

    assert run(network, work()) < 2


def test_first_hellos_are_not_a_burst(network: Network) -> None:
    async def work() -> None:
        connections = [network.connect(number) for number in range(1, 451)]
        network.fate = lambda direction, address: [0.02]
        await asyncio.gather(*(ask(each) for each in connections))

    run(network, work())
    hellos = [instant for instant, _, datagram in network.sent if datagram == HELLO]
    assert len(hellos) == 450
    for instant in hellos:
        assert sum(instant <= other < instant + 0.039 for other in hellos) <= 200
