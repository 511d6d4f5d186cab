"""A device with a name, in an event loop; on loopback, where every address of 127.0.0.0/8 may be one."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.lan_server import DEVICE_ID, TOKEN, Server

from miio_lan import AsyncDevice, AsyncMiotDevice, DeviceException, DeviceTimeout
from miio_lan.device.fleet.named import DevicesFile, NamedDevice
from miio_lan.errors import DevicesFileError
from miio_lan.lan.discovery import aio

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address")


@pytest.fixture
def file(tmp_path: Path) -> DevicesFile:
    return DevicesFile(tmp_path / "devices.json")


@pytest.fixture
def server() -> Iterator[Server]:
    serving = Server()
    yield serving
    serving.close()


class Search:
    """Stands for the search of the network: finds the device where the test says, when it says so."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.found: str | None = "127.0.0.1"
        self.cancelled = 0
        self.open: asyncio.Event | None = None
        self.begun = asyncio.Event()

    async def locate(self, did: int, known: str, **how: Any) -> str | None:
        self.asked.append({"did": did, "known": known, **how})
        self.begun.set()
        try:
            if self.open is not None:
                await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.found


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Search:
    search = Search()
    monkeypatch.setattr(aio, "locate", search.locate)
    return search


def put(
    file: DevicesFile, server: Server, ip: str, did: int | None = DEVICE_ID, model: str | None = None
) -> None:
    file.put(NamedDevice("lamp", ip, TOKEN.hex(), did, model, server.port))


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work, debug=True)


def test_a_device_by_its_name(file: DevicesFile, server: Server) -> None:
    put(file, server, "127.0.0.1", model="a.b.c")

    async def work() -> None:
        async with AsyncDevice.from_name("lamp", path=file.path, timeout=20) as device:
            assert await device.send("get_prop", [1]) == [1]
            assert (await device.model(), device.ip, device.timeout) == ("a.b.c", "127.0.0.1", 20)
            assert repr(device) == "<AsyncDevice a.b.c at 127.0.0.1>"
        async with AsyncMiotDevice.from_name("lamp", path=file.path, model="x.y.z") as device:
            assert isinstance(device, AsyncMiotDevice)
            assert await device.model() == "x.y.z"

    run(work())
    with pytest.raises(DevicesFileError, match="no device is named 'fan'"):
        AsyncDevice.from_name("fan", path=file.path)


def test_one_that_has_moved_is_found_and_the_file_knows(
    file: DevicesFile, server: Server, search: Search, caplog: pytest.LogCaptureFixture
) -> None:
    put(file, server, "127.0.0.9")

    async def work() -> None:
        async with AsyncDevice.from_name("lamp", path=file.path, timeout=20) as device:
            assert await device.send("get_prop", [1]) == [1]
            assert (device.ip, device._connection.session.peer) == ("127.0.0.1", "lamp (127.0.0.1)")
            assert device._connection.listeners.peer == "lamp (127.0.0.1)"
            assert await device.send("get_prop", [2]) == [2]

    run(work())
    (asked,) = search.asked
    assert (asked["did"], asked["known"], asked["port"]) == (DEVICE_ID, "127.0.0.9", server.port)
    assert (asked["timeout"], asked["patience"]) == (5.0, 0.7)
    assert file.get("lamp").ip == "127.0.0.1"
    assert [each for each in caplog.messages if "lamp" in each] == [
        "lamp is at 127.0.0.1 now, no more at 127.0.0.9"
    ]


def test_one_that_is_found_nowhere_is_not_looked_for_at_once_again(
    file: DevicesFile, server: Server, search: Search
) -> None:
    put(file, server, "127.0.0.9")
    search.found = None

    async def work() -> None:
        async with AsyncDevice.from_name("lamp", path=file.path, timeout=0.2) as device:
            with pytest.raises(DeviceTimeout, match=r"lamp \(127.0.0.9\)"):
                await device.send("get_prop", [1], 0)
            search.found = "127.0.0.1"
            with pytest.raises(DeviceTimeout):
                await device.send("get_prop", [1], 0)
            assert len(search.asked) == 1  # not so soon again: that would ask everybody

    run(work())


def test_after_silence_at_the_old_address_the_new_one_is_used(file: DevicesFile, search: Search) -> None:
    old = Server()
    put(file, old, "127.0.0.1")

    async def work() -> None:
        async with AsyncDevice.from_name("lamp", path=file.path, timeout=20) as device:
            assert await device.send("get_prop", [1]) == [1]
            old.close()
            moved = Server("127.0.0.2", old.port)
            try:
                with pytest.raises(DeviceException):
                    await device.send("get_prop", [2], 0, timeout=0.2)
                search.found = "127.0.0.2"
                assert await device.send("get_prop", [3]) == [3]
                assert device.ip == file.get("lamp").ip == "127.0.0.2"
            finally:
                moved.close()

    run(work())


def test_tasks_look_for_it_together(file: DevicesFile, server: Server, search: Search) -> None:
    put(file, server, "127.0.0.9")

    async def work() -> None:
        async with AsyncDevice.from_name("lamp", path=file.path, timeout=20) as device:
            answers = await asyncio.gather(*(device.send("get_prop", [each]) for each in range(20)))
            assert answers == [[each] for each in range(20)]

    run(work())
    assert len(search.asked) == 1


def test_who_gives_up_leaves_the_search_to_others(file: DevicesFile, server: Server, search: Search) -> None:
    put(file, server, "127.0.0.9")

    async def work() -> None:
        search.open = asyncio.Event()
        async with AsyncDevice.from_name("lamp", path=file.path, timeout=20) as device:
            first, second = (asyncio.create_task(device.send("get_prop", [each])) for each in (1, 2))
            await search.begun.wait()
            search.begun.clear()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            await search.begun.wait()
            search.open.set()
            assert await second == [2]
            assert asyncio.all_tasks() == {asyncio.current_task()}

    run(work())
    assert (len(search.asked), search.cancelled) == (2, 1)


def test_who_has_little_time_does_not_wait_for_the_search_of_another(
    file: DevicesFile, server: Server, search: Search
) -> None:
    put(file, server, "127.0.0.9")

    async def work() -> None:
        search.open = asyncio.Event()
        async with AsyncDevice.from_name("lamp", path=file.path, timeout=20) as device:
            patient = asyncio.create_task(device.send("get_prop", [1]))
            await search.begun.wait()
            with pytest.raises(DeviceTimeout):
                await device.send("get_prop", [2], 0, timeout=0.05)
            search.open.set()
            assert await patient == [1]

    run(work())


@pytest.mark.parametrize("what", ["command", "handshake"])
def test_closing_ends_who_looks_for_it(file: DevicesFile, server: Server, search: Search, what: str) -> None:
    put(file, server, "127.0.0.9")

    async def work() -> None:
        search.open = asyncio.Event()
        device = AsyncDevice.from_name("lamp", path=file.path, timeout=20)
        asking = device.send("get_prop", [1]) if what == "command" else device.send_handshake()
        waiting = asyncio.create_task(asking)
        await search.begun.wait()
        await device.close()
        search.open.set()
        with pytest.raises(DeviceException, match="the connection was closed") as caught:
            await waiting
        assert caught.value.may_have_run is False
        assert device._connection._endpoint is None
        assert await device.send("get_prop", [2]) == [2]
        await device.close()

    run(work())


def test_a_device_moves_to_another_loop(file: DevicesFile, server: Server, search: Search) -> None:
    put(file, server, "127.0.0.9")
    device = AsyncDevice.from_name("lamp", path=file.path, timeout=20)

    async def work() -> None:
        await asyncio.gather(*(device.send("get_prop", [each]) for each in range(3)))

    run(work())
    run(work())
    assert len(search.asked) == 2


def test_nobody_holds_a_device_that_is_not_used(file: DevicesFile) -> None:
    file.put(NamedDevice("lamp", "127.0.0.1", TOKEN.hex(), 5))
    device = AsyncDevice.from_name("lamp", path=file.path)
    gone = weakref.ref(device)
    gc.disable()
    try:
        del device
        assert gone() is None
    finally:
        gc.enable()
