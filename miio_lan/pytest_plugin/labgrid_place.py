"""``--miio-labgrid``: the product under test is at a place of labgrid. Loads labgrid when the first test needs it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from miio_lan.labgrid import Place
    from miio_lan.pytest_plugin.settings import Settings

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
    from miio_lan.bench.places.file import split_place  # here: who names no place loads nothing of it
    from miio_lan.keeping import missing_file

    file, target = split_place(text)
    if file is None:
        return text
    path: Path = given.home("labgrid") / file
    if problem := missing_file(path):
        raise pytest.UsageError(f"--miio-labgrid: {problem}")
    return f"{path}:{target}"


def opened(settings: Settings) -> tuple[Place, Settings]:
    """Open the place, and give the settings that its product has.

    :raises PlaceError: if it cannot be had
    """
    from miio_lan.errors import PlaceError

    try:
        from miio_lan.labgrid import open_any
    except ImportError as error:
        raise PlaceError(str(error)) from None

    place = open_any(settings.labgrid or "", coordinator=settings.coordinator)
    found = place.entry
    return place, replace(
        settings,
        host=found.host,
        token=found.token,
        port=found.port,
        did=found.did,
        uart=found.uart,
        uart_up=found.uart_up,
        spec=settings.spec or found.spec,
    )
