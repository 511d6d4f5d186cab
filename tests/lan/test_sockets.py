"""A system that gives no socket: an error of ours says so, from whichever face, and nothing was sent."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import selectors
import socket
from collections.abc import Callable
from typing import Any

import pytest
from support.lan_server import TOKEN, Server

from miio_lan import AsyncDevice, Device, DeviceException, DeviceTimeout, discover
from miio_lan.device.doctor.wire import ProbeSocket
from miio_lan.device.ota.server import FileServer, ServerRoute
from miio_lan.lan.discovery import aio, ways
from miio_lan.lan.sockets import made_socket, told_in_words

TOO_MANY = "there can be no more sockets: Too many open files"
Refuse = Callable[..., None]


def refusal(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Have the system give no sockets any more; those of a loop, and pairs, it still gives."""
    real = socket.socket

    def refuse(number: int = errno.EMFILE, kind: int = socket.SOCK_DGRAM) -> None:
        class Refused(real):  # type: ignore[misc, valid-type]
            def __init__(self, family: int = -1, type: int = -1, *more: Any, **named: Any) -> None:  # noqa: A002
                if type == kind and family in {socket.AF_INET, socket.AF_INET6}:
                    raise refusal(number)
                super().__init__(family, type, *more, **named)

        monkeypatch.setattr(socket, "socket", Refused)

    return refuse


@pytest.mark.parametrize(
    ("number", "family", "text"),
    [
        (errno.EMFILE, socket.AF_INET, "there can be no more sockets: "),
        (errno.ENFILE, socket.AF_INET6, "there can be no more sockets: "),
        (errno.EAFNOSUPPORT, socket.AF_INET6, "this computer does not speak IPv6: "),
        (errno.EAFNOSUPPORT, socket.AF_INET, "there can be no socket: "),
        (errno.EACCES, socket.AF_INET, "there can be no socket: "),
    ],
)
def test_each_reason_has_its_words(refuse: Refuse, number: int, family: int, text: str) -> None:
    refuse(number)
    with pytest.raises(DeviceException) as caught:
        made_socket(family, socket.SOCK_DGRAM)
    assert str(caught.value) == text + os.strerror(number)
    assert caught.value.may_have_run is False


def test_an_error_of_ours_stays_what_it_is() -> None:
    with pytest.raises(DeviceTimeout, match="no answer"), told_in_words():
        raise DeviceTimeout("no answer")


def blocking_face(host: str, port: int) -> Any:
    with Device(host, TOKEN.hex(), port=port, timeout=20) as device:
        return device.send("toggle", [1])


def awaited_face(host: str, port: int) -> Any:
    async def work() -> Any:
        async with AsyncDevice(host, TOKEN.hex(), port=port, timeout=20) as device:
            return await device.send("toggle", [1])

    return asyncio.run(work())


@pytest.mark.parametrize("face", [blocking_face, awaited_face])
@pytest.mark.parametrize(
    ("host", "number", "text"),
    [
        ("127.0.0.1", errno.EMFILE, TOO_MANY),
        ("::1", errno.EAFNOSUPPORT, "this computer does not speak IPv6: "),
    ],
)
def test_a_command_without_a_socket_ends_by_an_error_of_ours(
    refuse: Refuse, face: Any, host: str, number: int, text: str
) -> None:
    refuse(number)
    with pytest.raises(DeviceException, match=text) as caught:
        face(host, 9)
    assert caught.value.may_have_run is False


def test_the_next_command_takes_a_socket_that_there_is_again(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server()
    try:
        with Device("127.0.0.1", TOKEN.hex(), port=server.port, timeout=20) as device:
            refuse()
            with pytest.raises(DeviceException, match=TOO_MANY):
                device.send("toggle", [1])
            monkeypatch.undo()
            assert device.send("toggle", [2]) == [2]
    finally:
        server.close()


def search() -> None:
    discover(0.01, hosts=["127.0.0.1"], port=9)


def search_in_a_loop() -> None:
    async def work() -> None:
        async with contextlib.aclosing(aio.discover(0.01, hosts=["127.0.0.1"], port=9)) as found:
            async for _ in found:
                pass

    asyncio.run(work())


@pytest.mark.parametrize("searched", [search, search_in_a_loop])
def test_a_search_without_a_socket(refuse: Refuse, searched: Callable[[], None]) -> None:
    refuse()
    with pytest.raises(DeviceException, match=TOO_MANY):
        searched()


def test_a_search_that_has_nothing_to_wait_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Any:
        raise refusal(errno.EMFILE)

    monkeypatch.setattr(selectors, "DefaultSelector", refuse)
    with pytest.raises(DeviceException, match=TOO_MANY):
        search()


@pytest.mark.parametrize("searched", [search, search_in_a_loop])
def test_interfaces_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, searched: Callable[[], None]
) -> None:
    def refuse(name: str) -> Any:
        raise refusal(errno.EMFILE)

    monkeypatch.setattr(ways, "import_module", refuse)
    with pytest.raises(
        DeviceException, match="interfaces of this computer cannot be read: Too many open files"
    ):
        searched()


def test_a_search_that_gets_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise refusal(errno.EADDRINUSE)

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(DeviceException, match="cannot send: Address already in use"):
        ways.open_socket(None)


def test_the_doctor_and_the_file_server_without_a_socket(refuse: Refuse) -> None:
    refuse()
    address = (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", 9))
    with pytest.raises(DeviceException, match=TOO_MANY):
        ProbeSocket(address)
    refuse(kind=socket.SOCK_STREAM)
    serving = FileServer(b"firmware", ServerRoute("127.0.0.1", "127.0.0.1"))
    with contextlib.closing(serving), pytest.raises(DeviceException, match=TOO_MANY):
        serving.start()
