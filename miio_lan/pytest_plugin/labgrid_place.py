"""``--miio-labgrid``: the product under test is at a place of labgrid. Loads labgrid when the first test needs it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from miio_lan.labgrid import Place
    from miio_lan.pytest_plugin.settings import Settings

NAMES = "name the serial ports of the place uart (at the module's TX) and uart-up (at the MCU's TX)"

_FILE = re.compile(r"(?P<file>.+\.ya?ml)(?::(?P<target>.+))?")
_OTHERS = ("virtual", "host", "uart", "uart_up", "token", "port")


def asked(given: Any) -> str | None:
    """Say which place is meant, as :func:`opened` takes it; None where none was given.

    :param given: the options and settings
    :raises pytest.UsageError: if it is not the only product that was named, or its file is not there
    """
    text: str | None = given.text("labgrid")
    if text is None:
        return None
    on_the_command_line = given.option("labgrid") is not None
    others = [name for name in _OTHERS if given.option(name) is not None]
    if others and on_the_command_line:
        option = f"--miio-{others[0].replace('_', '-')}"
        raise pytest.UsageError(
            f"{option} and --miio-labgrid: the place says where its product is; give one of them"
        )
    if others:  # what is typed goes before what stands in a file
        return None
    match = _FILE.fullmatch(text)
    if match is None:
        return text
    path: Path = given.home("labgrid") / match["file"]
    if not path.is_file():
        raise pytest.UsageError(f"--miio-labgrid: there is no file {path}")
    return f"{path}:{match['target'] or 'main'}"


def opened(settings: Settings) -> tuple[Place, Settings]:
    """Open the place, and give the settings that its product has.

    :raises PlaceError: if it cannot be had
    """
    from miio_lan.errors import PlaceError

    try:
        from miio_lan.labgrid import open_environment, open_place
    except ImportError as error:
        raise PlaceError(str(error)) from None

    name = settings.labgrid or ""
    match = _FILE.fullmatch(name)
    place = (
        open_place(name, coordinator=settings.coordinator)
        if match is None
        else open_environment(match["file"], match["target"] or "main", coordinator=settings.coordinator)
    )
    found = place.entry
    return place, replace(
        settings,
        host=found.host,
        token=found.token,
        port=found.port,
        uart=found.uart,
        uart_up=found.uart_up,
        spec=settings.spec or found.spec,
    )
