"""Many devices at once, in simulated time."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
from support.clockwork import TOKEN, Network, run, simulated_network

from miio_lan import AsyncDevice, DeviceException, DeviceTimeout, Fleet, OutcomeUnknown
from miio_lan.device.fleet.fleet import DeviceOutcome
from miio_lan.errors import DevicesFileError, InvalidArgument


@pytest.fixture
def network() -> Iterator[Network]:
    with simulated_network() as network:
        yield network


def fleet(network: Network, count: int = 5, *, limit: int = 1000, **options: Any) -> Fleet[AsyncDevice]:
    devices = {}
    for number in range(1, count + 1):
        network.device(number)
        device = AsyncDevice("127.0.0.1", TOKEN.hex(), port=number, **options)
        device._connection._clock = network.loop.time
        devices[f"d{number}"] = device
    return Fleet(devices, limit=limit)


def echo(device: AsyncDevice) -> Any:
    return device.send("get_prop", ["x"])


async def all_of(outcomes: Any) -> list[DeviceOutcome[Any]]:
    return [outcome async for outcome in outcomes]


def test_every_device_has_an_outcome_as_they_come(network: Network) -> None:
    async def work() -> list[DeviceOutcome[Any]]:
        async with fleet(network) as devices:
            for number in range(1, 6):
                network.device(number).work = 0.6 - number / 10
            return await all_of(devices.call(echo))

    found = run(network, work())
    assert [outcome.name for outcome in found] == ["d5", "d4", "d3", "d2", "d1"]
    assert all(outcome.ok and outcome.result == ["x"] for outcome in found)
    assert all(endpoint.closed for endpoint in network.endpoints)


def test_a_task_that_outlives_its_call_is_not_bound_to_the_time_of_that(network: Network) -> None:
    async def watch(device: AsyncDevice) -> Any:
        await asyncio.sleep(5)
        return await echo(device)

    async def work() -> None:
        watching: list[asyncio.Task[Any]] = []

        async def what(device: AsyncDevice) -> Any:
            watching.append(asyncio.create_task(watch(device)))
            return await echo(device)

        async with fleet(network, 2) as devices:
            assert all(outcome.ok for outcome in await all_of(devices.call(what, within=1.0)))
            assert await asyncio.gather(*watching) == [["x"], ["x"]]

    run(network, work())


def test_one_that_refuses_and_one_that_is_silent_cost_the_others_nothing(network: Network) -> None:
    network.fate = lambda direction, address: [] if address[1] == 2 else [0.001]

    async def work() -> list[DeviceOutcome[Any]]:
        async with fleet(network) as devices:
            network.device(1).replies["get_prop"] = lambda _: {"error": (-1, "no")}
            return await all_of(devices.call(echo))

    found = {outcome.name: outcome for outcome in run(network, work())}
    assert sorted(name for name, outcome in found.items() if outcome.ok) == ["d3", "d4", "d5"]
    assert isinstance(found["d1"].error, DeviceException)
    assert not found["d1"].silent
    assert found["d2"].silent
    assert found["d2"].seconds == pytest.approx(20)
    assert max(outcome.seconds for outcome in found.values() if outcome.ok) < 1


def test_no_more_than_the_limit_are_asked_at_one_time(network: Network) -> None:
    asked: list[int] = []
    open_now = 0

    async def what(device: AsyncDevice) -> None:
        nonlocal open_now
        open_now += 1
        asked.append(open_now)
        await asyncio.sleep(1)
        open_now -= 1

    run(network, all_of(fleet(network, 10, limit=3).call(what)))
    assert max(asked) == 3
    assert len(asked) == 10


def test_all_ends_by_one_deadline(network: Network) -> None:
    network.fate = lambda direction, address: []

    async def work() -> tuple[list[DeviceOutcome[Any]], float]:
        async with fleet(network, 6, limit=4) as devices:
            began = network.loop.now
            found = await all_of(devices.call(echo, within=3))
            return found, network.loop.now - began

    found, took = run(network, work())
    assert took == pytest.approx(3, abs=0.1)
    assert len(found) == 6
    assert ["before its turn" in str(outcome.error) for outcome in found] == [
        not each.silent for each in found
    ]
    assert sum(outcome.silent for outcome in found) == 4
    assert not any(outcome.error.may_have_run for outcome in found if outcome.error)


def test_who_was_not_asked_is_not_silent(network: Network) -> None:
    """Another call of somebody else keeps a device busy; the fleet asks it at its pace, and is answered then."""
    network.fate = lambda direction, address: [0.001]

    async def work() -> list[tuple[bool, bool]]:
        async with fleet(network, 1, timeout=0.4) as devices:
            device = devices.devices["d1"]
            await device.send("get_prop", ["x"])
            network.device(1).work = 3.0
            hog = asyncio.ensure_future(device.send("get_other", [], 0, timeout=4))
            await asyncio.sleep(0.01)
            network.device(1).work = 0.0
            found = []
            polling = devices.poll(lambda each: each.send("get_prop", ["x"], 0), every=0.5, within=6)
            async with aclosing(polling) as outcomes:
                async for outcome in outcomes:
                    found.append((outcome.ok, outcome.silent))
            await hog
            return found

    found = run(network, work())
    assert {silent for _, silent in found} == {False}
    assert found[0] == (False, False)
    assert found[-1] == (True, False)
    assert len(found) >= 10


@pytest.mark.parametrize("limit", [0.05, None])
def test_who_was_cut_off_by_the_caller_is_not_silent(network: Network, limit: float | None) -> None:
    network.fate = lambda direction, address: []

    async def what(device: AsyncDevice) -> Any:
        if limit is not None:
            async with asyncio.timeout(limit):
                return await echo(device)
        other = asyncio.ensure_future(asyncio.sleep(100))
        other.cancel()
        return await other

    (found,) = run(network, all_of(fleet(network, 1).call(what)))
    assert isinstance(found.error, OutcomeUnknown)
    assert not found.silent


def test_what_does_not_end_by_itself_is_cut_off(network: Network) -> None:
    async def what(device: AsyncDevice) -> None:
        await asyncio.sleep(100)

    (found,) = run(network, all_of(fleet(network, 1).call(what, within=3)))
    assert isinstance(found.error, OutcomeUnknown)
    assert network.loop.now < 1004


def test_a_time_out_of_the_callers_own_is_an_outcome(network: Network) -> None:
    async def what(device: AsyncDevice) -> None:
        async with asyncio.timeout(1):
            await asyncio.sleep(100)

    (found,) = run(network, all_of(fleet(network, 1).call(what)))
    assert not found.silent  # the device had less time than is its due


async def wait_for_what_is_cancelled() -> None:
    inner = asyncio.ensure_future(asyncio.sleep(100))
    inner.cancel()
    await inner


@pytest.mark.parametrize("within", [None, 3])
@pytest.mark.parametrize("counts", [False, True])
def test_what_somebody_else_cancelled_is_an_outcome(
    network: Network, within: float | None, counts: bool
) -> None:
    async def what(device: AsyncDevice) -> Any:
        if counts and device._connection.port == 1:  # a time-out of a library that never takes it back
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.sleep(1)
        if device._connection.port == 2:
            await wait_for_what_is_cancelled()
        return await echo(device)

    async def work() -> list[DeviceOutcome[Any]]:
        async with fleet(network, limit=1) as devices:
            return await all_of(devices.call(what, within=within))

    found = run(network, work())
    assert [outcome.name for outcome in found if outcome.ok] == ["d1", "d3", "d4", "d5"]
    (lost,) = [outcome.error for outcome in found if not outcome.ok]
    assert isinstance(lost, OutcomeUnknown)
    assert lost.may_have_run
    assert "cancelled by somebody else" in str(lost)


def test_polling_goes_on_after_what_somebody_else_cancelled(network: Network) -> None:
    found: list[bool] = []

    async def what(device: AsyncDevice) -> Any:
        if not found:
            await wait_for_what_is_cancelled()
        return await echo(device)

    async def work() -> None:
        async with fleet(network, 1) as devices, aclosing(devices.poll(what, every=10)) as outcomes:
            async for outcome in outcomes:
                found.append(outcome.ok)
                if len(found) == 3:
                    break

    run(network, work())
    assert found == [False, True, True]


def test_what_cancels_itself_ends_the_asking(network: Network) -> None:
    async def what(device: AsyncDevice) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    async def work() -> None:
        async with fleet(network) as devices:
            with pytest.raises(asyncio.CancelledError):
                await all_of(devices.call(what))
            assert len(asyncio.all_tasks()) == 1

    run(network, work())


def test_who_stops_early_ends_also_what_does_not_let_itself_be_cancelled(network: Network) -> None:
    async def what(device: AsyncDevice) -> str:
        if device._connection.port > 1:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(100)
        return "odd"

    async def work() -> None:
        async with fleet(network) as devices, aclosing(devices.call(what)) as outcomes:
            assert (await anext(outcomes)).name == "d1"
        assert len(asyncio.all_tasks()) == 1

    run(network, work())


class Odd(BaseException):
    """No Exception, like what test frameworks end a test by."""


@pytest.mark.parametrize("kind", [ZeroDivisionError, Odd])
def test_an_error_of_the_program_is_raised(network: Network, kind: type[BaseException]) -> None:
    async def what(device: AsyncDevice) -> None:
        raise kind

    with pytest.raises(kind):
        run(network, all_of(fleet(network).call(what)))


def test_who_stops_early_leaves_nothing_behind(network: Network) -> None:
    async def work() -> None:
        devices = fleet(network)
        network.device(1).work = 0.01
        outcomes = devices.call(echo)
        assert (await anext(outcomes)).ok
        await outcomes.aclose()
        assert len(asyncio.all_tasks()) == 1
        await devices.close()

    run(network, work())


def test_polling_is_steady_and_backs_off_from_the_silent(network: Network) -> None:
    network.fate = lambda direction, address: [] if address[1] == 2 else [0.001]
    instants: dict[str, list[float]] = {"d1": [], "d2": []}

    async def work() -> None:
        async with fleet(network, 2, timeout=1) as devices:
            async for outcome in devices.poll(echo, every=10, within=400):
                instants[outcome.name].append(network.loop.now - 1000)
                assert outcome.ok == (outcome.name == "d1")

    run(network, work())
    assert instants["d1"] == pytest.approx([10 * step for step in range(40)], abs=0.1)
    assert len(instants["d2"]) in {4, 5}  # after 4 s, and then about 20, 40, 80, 160 s later
    assert network.loop.now == pytest.approx(1400, abs=0.1)


def test_a_device_that_comes_back_is_polled_as_before(network: Network) -> None:
    network.fate = lambda direction, address: [] if network.loop.now < 1100 else [0.001]
    answered: list[float] = []

    async def work() -> None:
        async with fleet(network, 1, timeout=1) as devices:
            async for outcome in devices.poll(echo, every=10, within=600):
                if outcome.ok:
                    answered.append(network.loop.now)

    run(network, work())
    gaps = [later - earlier for earlier, later in itertools.pairwise(answered)]
    assert len(gaps) > 30
    assert gaps == pytest.approx([10] * len(gaps), abs=0.1)


def test_polling_ends_when_the_reader_leaves(network: Network) -> None:
    async def work() -> None:
        devices = fleet(network, 3)
        outcomes = devices.poll(echo, every=10)
        for _ in range(7):
            await anext(outcomes)
        await outcomes.aclose()
        assert len(asyncio.all_tasks()) == 1
        await devices.close()

    run(network, work())


def test_a_fleet_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "devices.json"
    lamp = {"ip": "127.0.0.1", "token": "00" * 16, "did": 7, "model": "a.b.c", "port": 1234}
    path.write_text(json.dumps({"lamp": lamp, "fan": {"ip": "127.0.0.2", "token": "11" * 16}}))
    path.chmod(0o600)
    devices = Fleet.from_file(path, timeout=2, limit=3)
    assert list(devices.devices) == ["lamp", "fan"]
    assert (len(devices), devices.limit) == (2, 3)
    found = devices.devices["lamp"]
    assert (found.ip, found.timeout, found._model, found._connection.port) == ("127.0.0.1", 2, "a.b.c", 1234)
    assert list(Fleet.from_file(path, names=["fan", "fan"]).devices) == ["fan"]
    with pytest.raises(DevicesFileError, match="no device named 'fam'"):
        Fleet.from_file(path, names=["fam"])
    monkeypatch.setenv("MIIO_LAN_DEVICES", str(path))
    assert list(Fleet.from_file().devices) == ["lamp", "fan"]


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "3"])
def test_limits_that_cannot_be(limit: Any) -> None:
    with pytest.raises(InvalidArgument, match="limit"):
        Fleet({}, limit=limit)


@pytest.mark.parametrize("devices", [5, None, "lamp", ["lamp"]], ids=repr)
def test_devices_without_names_are_refused(devices: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"^devices are a mapping of names to devices, not "):
        Fleet(devices)


@pytest.mark.parametrize("names", [5, "lamp", {"lamp": 1}], ids=repr)
def test_names_that_are_no_list_are_refused(names: Any, tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(InvalidArgument, match=r"^names are a list, such as \['lamp'\], not "):
        Fleet.from_file(path, names=names)


@pytest.mark.parametrize("kind", [5, Fleet, None], ids=repr)
def test_kinds_that_are_no_devices_are_refused(kind: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"^kind is AsyncDevice or a class made of it, not "):
        Fleet.from_file(tmp_path / "devices.json", kind=kind)


def test_an_empty_fleet(network: Network) -> None:
    assert run(network, all_of(Fleet({}).call(echo))) == []
    assert run(network, all_of(Fleet({}).poll(echo, every=1))) == []


def test_times_that_cannot_be(network: Network) -> None:
    with pytest.raises(InvalidArgument):
        run(network, all_of(fleet(network).call(echo, within=0)))
    with pytest.raises(InvalidArgument):
        run(network, all_of(fleet(network).poll(echo, every=-1)))


def test_a_timeout_is_silence() -> None:
    assert DeviceOutcome("a", None, DeviceTimeout("no"), 1.0).silent
