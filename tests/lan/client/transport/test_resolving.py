"""Addresses at which no single device can be, or that mean this computer: the same by both faces."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.lan_server import TOKEN, Server
from support.names import Names, join_look_ups, name_server

from miio_lan import AsyncDevice, Device, DeviceException, DeviceTimeout
from miio_lan.lan.client.transport import resolving, resolving_aio
from miio_lan.lan.client.transport.resolving import numeric, usable
from miio_lan.lan.client.transport.resolving_aio import look_up


def used(host: str) -> Any:
    address = numeric(host, 54321)
    assert address is not None
    return usable(host, address)[4]


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("::ffff:0.0.0.0", "::ffff:127.0.0.1"),
        ("192.168.1.9", "192.168.1.9"),
        ("223.255.255.255", "223.255.255.255"),
        ("240.0.0.1", "240.0.0.1"),
        ("fd00::5", "fd00::5"),
        ("fec0::5", "fec0::5"),
        ("::ffff:192.168.1.9", "::ffff:192.168.1.9"),
        ("64:ff9b::e000:1", "64:ff9b::e000:1"),
    ],
)
def test_one_address_and_this_computer(host: str, where: str) -> None:
    assert used(host)[:2] == (where, 54321)


@pytest.mark.parametrize(
    "host",
    ["255.255.255.255", "224.0.0.1", "239.1.2.3", "ff02::1", "::ffff:224.0.0.1", "::ffff:255.255.255.255"],
)
def test_addresses_of_many(host: str) -> None:
    with pytest.raises(DeviceException, match=rf"^'{host}' is an address of many: give that of one device"):
        used(host)


@pytest.mark.parametrize("host", ["fe80::1", "febf::1"])
def test_an_address_that_needs_an_interface(host: str) -> None:
    with pytest.raises(DeviceException, match=f"^'{host}' needs an interface: write {host}%eth0"):
        used(host)
    address = (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", (host, 54321, 0, 3))
    assert usable(host, address) == address


def blocking(host: str, port: int) -> Any:
    with Device(host, TOKEN.hex(), port=port, timeout=20) as device:
        return device.send("get_prop", [1], 0)


def awaited(host: str, port: int) -> Any:
    async def work() -> Any:
        async with AsyncDevice(host, TOKEN.hex(), port=port, timeout=20) as device:
            return await device.send("get_prop", [1], 0)

    return asyncio.run(work(), debug=True)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the number alone


@pytest.mark.parametrize("face", [blocking, awaited])
@pytest.mark.parametrize("host", ["0.0.0.0", "localhost"])
def test_this_computer_answers(face: Any, host: str) -> None:
    server = Server()
    try:
        assert face(host, server.port) == [1]
    finally:
        server.close()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files where Linux shows them")
@pytest.mark.parametrize("face", [blocking, awaited])
@pytest.mark.parametrize("host", ["255.255.255.255", "fe80::1", "no-such-name.invalid", "", "127.0.0.1\0x"])
def test_what_cannot_be_is_told_at_once_and_leaves_nothing_open(face: Any, host: str) -> None:
    before = open_files()
    with pytest.raises(DeviceException) as caught:
        face(host, 54321)
    assert caught.value.may_have_run is False
    assert open_files() == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems let it pass")
def test_the_broadcast_address_of_a_network() -> None:
    with pytest.raises(DeviceException, match="broadcast address of a network"):
        blocking("127.255.255.255", 54321)


# --- name servers that do not answer ----------------------------------------------------------------------------------


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    with name_server(monkeypatch) as found:
        found.known["good.example"] = "127.0.0.1"
        found.at_once.add("good.example")
        found.known |= {f"gone{number}.example": "127.0.0.2" for number in range(40)}
        found.gate.clear()
        yield found


def test_names_that_nobody_answers_for_hold_up_neither_others_nor_the_end(names: Names) -> None:
    async def work() -> None:
        gone = [asyncio.create_task(look_up(f"gone{number}.example", 9, None, 60)) for number in range(40)]
        await asyncio.sleep(0)
        assert (await look_up("good.example", 9, None, 60))[4] == ("127.0.0.1", 9)
        assert await asyncio.to_thread(lambda: "done") == "done"
        assert not any(task.done() for task in gone)
        for task in gone:
            task.cancel()

    asyncio.run(work(), debug=True)
    assert names.answered == 0  # nobody waited for the gate


def test_who_asks_the_same_waits_for_the_look_up_that_is_under_way(names: Names) -> None:
    async def work() -> None:
        with pytest.raises(DeviceTimeout, match=r"the name server did not answer within 0\.0 s"):
            await look_up("gone1.example", 9, None, 0)
        later = [asyncio.create_task(look_up("gone1.example", 9, None, 60)) for _ in range(3)]
        await asyncio.sleep(0)
        names.gate.set()
        assert {(await each)[4] for each in later} == {("127.0.0.2", 9)}
        assert names.asked == 1
        join_look_ups()
        await look_up("gone1.example", 9, None, 60)
        assert names.asked == 2

    asyncio.run(work(), debug=True)


def test_a_look_up_outlives_the_loop_that_asked(names: Names) -> None:
    loop = asyncio.new_event_loop()
    asking = loop.create_task(look_up("gone1.example", 9, None, 60))
    loop.run_until_complete(asyncio.sleep(0))
    assert len(resolving_aio._UNDER_WAY) == 1
    asking._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    names.gate.set()
    join_look_ups()
    assert asyncio.run(look_up("gone1.example", 9, None, 60))[4] == ("127.0.0.2", 9)


def test_what_nobody_takes_is_forgotten(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        for number in range(1, 4):
            with pytest.raises(DeviceTimeout):
                await look_up(f"gone{number}.example", 9, None, 0)
        names.gate.set()
        join_look_ups()
        assert len(resolving_aio._UNDER_WAY) == 3
        monkeypatch.setattr(resolving, "NEWS", -1.0)
        await look_up("good.example", 9, None, 60)
        assert not resolving_aio._UNDER_WAY

    asyncio.run(work(), debug=True)


class Kept:
    """A device of either face that is used again and again."""

    def __init__(self, face: Any, host: str, port: int) -> None:
        self._runner = asyncio.Runner() if face is awaited else None
        self._device: Any = (Device if face is blocking else AsyncDevice)(host, TOKEN.hex(), port=port)

    def ask(self, timeout: float) -> Any:
        asked = self._device.send("get_prop", [1], 0, timeout=timeout)
        return asked if self._runner is None else self._runner.run(asked)

    def close(self) -> None:
        closing = self._device.close()
        if self._runner is not None:
            if closing is not None:
                self._runner.run(closing)
            self._runner.close()


@pytest.mark.parametrize("face", [blocking, awaited])
def test_what_a_name_server_says_after_a_call_gave_up_is_not_believed_later(
    names: Names, face: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be hours old by then: an error of a name server that works again, or the address of before."""
    server = Server()
    device = Kept(face, "gone1.example", server.port)
    try:
        with pytest.raises(DeviceTimeout, match="the name server did not answer"):
            device.ask(0.01)
        names.known["gone1.example"] = ""
        monkeypatch.setattr(resolving, "NEWS", -1.0)  # and hours pass
        names.gate.set()
        join_look_ups()
        names.known["gone1.example"] = "127.0.0.1"
        assert device.ask(20) == [1]
    finally:
        device.close()
        server.close()


@pytest.mark.parametrize("face", [blocking, awaited])
def test_a_name_server_that_takes_longer_than_a_call_helps_the_next_one(names: Names, face: Any) -> None:
    server = Server()
    device = Kept(face, "gone1.example", server.port)
    names.known["gone1.example"] = "127.0.0.1"
    try:
        with pytest.raises(DeviceTimeout, match="the name server did not answer"):
            device.ask(0.01)
        names.gate.set()
        join_look_ups()
        assert device.ask(20) == [1]
        assert names.asked == 1
    finally:
        device.close()
        server.close()


def test_who_only_looks_for_what_was_told_gives_a_name_server_a_moment(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer() -> None:
        names.begun.acquire()
        names.gate.set()

    monkeypatch.setattr("miio_lan.lan.client.blocking.LOOKUP", 30.0)
    answering = threading.Thread(target=answer)
    with Device("gone1.example", TOKEN.hex()) as device:
        answering.start()
        assert device._connection.listen(0) is None
    answering.join()


@pytest.mark.parametrize("face", [blocking, awaited])
def test_a_computer_without_another_thread(names: Names, face: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(DeviceException, match=r"^'good.example' cannot be looked up: can't start new thread"):
        face("good.example", 9)
