"""The line of a device outlives the last object for it while a set may still be under way."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from support.lan_server import TOKEN, Server

from miio_lan import AsyncDevice, Device
from miio_lan.lan.client.repeating.afoot import UNDER_WAY, targets
from miio_lan.lan.client.transport import lines
from miio_lan.lan.client.transport.lines import keep, line_of
from miio_lan.lan.client.turns import CommandQueue

ADDRESS = ("192.0.2.7", 54321)
SETS = targets("set_properties", [{"siid": 2, "piid": 1}])
NOW = 1e6


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    lines._KEPT.clear()
    yield
    lines._KEPT.clear()


def used_device(face: str, server: Server) -> Device | AsyncDevice:
    """Give a device that has spoken to the server, and whose clock stands at ``NOW`` since."""
    where = ("127.0.0.1", TOKEN.hex())
    device: Device | AsyncDevice
    if face == "blocking":
        device = Device(*where, port=server.port)
        device.send("get_prop", [])
    else:
        device = AsyncDevice(*where, port=server.port)
        asyncio.run(device.send("get_prop", []))
    device._connection._clock = lambda: NOW
    return device


# Of a cycle nobody knows what is freed first: it may be the socket, which then says that nobody has closed it.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize("face", ["blocking", "awaited"])
@pytest.mark.parametrize("cycle", [False, True])
def test_a_newer_set_waits_for_the_late_copy_of_an_object_that_is_gone(
    server: Server, face: str, cycle: bool
) -> None:
    device: Any = used_device(face, server)
    device._connection.session.line.sets_afoot.left("a copy", NOW, SETS)
    if cycle:  # then the garbage collector frees it, which takes it out of weak references first
        device.itself = device
    del device
    gc.collect()
    line = line_of(("127.0.0.1", server.port))
    assert line.sets_afoot.free_at(SETS, NOW) == NOW + UNDER_WAY


@pytest.mark.parametrize("face", ["blocking", "awaited"])
def test_nothing_is_kept_of_an_object_that_left_nothing(server: Server, face: str) -> None:
    device = used_device(face, server)
    device._connection.session.line.sets_afoot.left("an old copy", NOW - UNDER_WAY, SETS)
    del device
    gc.collect()
    assert ("127.0.0.1", server.port) not in lines._LINES


def test_a_line_is_let_go_when_what_was_under_way_is_lost() -> None:
    line = CommandQueue()
    line.sets_afoot.left("a copy", 100.0, SETS)
    keep(line, ADDRESS, 100.5)
    assert line_of(ADDRESS) is line
    other = CommandQueue()
    keep(other, ("192.0.2.8", 54321), 101.9)
    assert line_of(ADDRESS) is line
    keep(other, ("192.0.2.8", 54321), 102.0)
    del line
    gc.collect()
    assert ADDRESS not in lines._LINES


def test_another_line_that_is_there_already_stays() -> None:
    line, other = CommandQueue(), line_of(ADDRESS)
    line.sets_afoot.left("a copy", 100.0, SETS)
    keep(line, ADDRESS, 100.0)
    assert line_of(ADDRESS) is other
