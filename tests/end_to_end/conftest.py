from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from support.lines import LineLog
from support.patient import PATIENT

from miio_lan.lan.packet import PORT
from miio_lan.virtual.product import VirtualProduct

#: The MCU polls this often (seconds) instead of every 0.2 s.
FAST = {"poll_interval": 0.002}

_addresses = itertools.count()


@pytest.fixture
def log() -> LineLog:
    return LineLog()


@pytest.fixture
def lamp(log: LineLog) -> Iterator[VirtualProduct]:
    """The lamp that ships with the package, on a free port."""
    with VirtualProduct(profile=PATIENT, mcu_options=FAST, observer=log) as product:
        log.exchange(product)
        yield product


@pytest.fixture
def no_resends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where lines are counted: a machine that stalls for a moment shall not make a client repeat a command."""
    monkeypatch.setattr("miio_lan.lan.client.pacing.INITIAL_RESEND", 10.0)
    monkeypatch.setattr("miio_lan.lan.client.pacing.MIN_RESEND", 10.0)


@pytest.fixture
def sockets_of_python_miio(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the sockets of python-miio until the end of a test, and close them then.

    It says hello three times, hears one answer, and leaves closing its socket to the interpreter. On a busy machine the
    other two come later: to its next socket, where that has got the port of the first, and are taken for its answer.
    """
    import miio.miioprotocol

    made: list[socket.socket] = []

    def kept(*arguments: Any, **options: Any) -> socket.socket:
        made.append(socket.socket(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(miio.miioprotocol, "socket", SimpleNamespace(**{**vars(socket), "socket": kept}))
    yield
    for each in made:
        each.close()


@pytest.fixture
def own_address() -> str:
    """A loopback address nobody else uses, for clients that know no other port than the protocol's own.

    Linux has all of 127.0.0.0/8 on loopback; elsewhere there may be only 127.0.0.1, for one process at a time.
    """
    # Process ids have up to 22 bits: with two for the addresses of one process, three bytes hold them.
    number = os.getpid() << 2 | next(_addresses) & 3
    own = f"127.{1 + (number >> 16) % 254}.{number >> 8 & 255}.{1 + (number & 255) % 254}"
    refusals = []
    for address in (own, "127.0.0.1"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                sock.bind((address, PORT))
            except OSError as error:
                refusals.append(f"{address}: {error.strerror}")
            else:
                return address
    pytest.skip(f"no loopback address with port {PORT} free ({', '.join(refusals)})")
