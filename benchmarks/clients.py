"""The three clients behind one small face: miio_lan, python-miio, and the floor."""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Protocol

from benchmarks.device import PORT, TOKEN
from benchmarks.floor import FloorClient
from benchmarks.results import NotMeasured
from miio_lan import Device

VERSION = "0.5.12"
NAMES = ("floor", "miio_lan", "python-miio")


class Client(Protocol):
    """What a benchmark needs of a client."""

    def send(self, method: str, params: Any) -> Any:
        """Send a command and give its result."""


def python_miio(module: str = "miio") -> ModuleType:
    """Import python-miio, or a module of it.

    :raises NotMeasured: if it is not installed, or not in the version the targets speak of
    """
    try:
        found = importlib.metadata.version("python-miio")
    except importlib.metadata.PackageNotFoundError:
        raise NotMeasured(f"python-miio {VERSION} is not installed, see benchmarks/README.md") from None
    if found != VERSION:
        raise NotMeasured(f"python-miio {found} is installed, the targets speak of {VERSION}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = importlib.import_module(module)
    logging.getLogger("miio").setLevel(logging.CRITICAL)
    return loaded


@contextmanager
def client(name: str, host: str) -> Iterator[Client]:
    """Make a client with the defaults its users get (time-out 5 s, three retries)."""
    if name == "python-miio":
        yield python_miio().Device(host, TOKEN.hex())
    elif name == "miio_lan":
        with Device(host, TOKEN.hex(), port=PORT) as device:
            yield device
    else:
        floor = FloorClient(host, PORT, TOKEN)
        try:
            yield floor
        finally:
            floor.close()


def failures() -> tuple[type[Exception], ...]:
    """Give what either library raises when a command fails."""
    from miio_lan import DeviceException

    theirs: type[Exception] = python_miio().DeviceException
    return (DeviceException, theirs)
