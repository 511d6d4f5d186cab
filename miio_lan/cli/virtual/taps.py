"""Two pseudo-terminals at the line of a virtual product, where receivers of a tap would be at a real one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from miio_lan.errors import PortError
from miio_lan.loop import Loop
from miio_lan.uart.ports.port import PtyPort

if TYPE_CHECKING:
    from types import TracebackType

    from miio_lan.record import Record


class Taps:
    """Hands on what crosses a line, each direction at a port of its own. A context manager that closes.

    One thread writes to both: what was said first is heard first, whatever else the computer does.

    :raises PortError: if the system has no pseudo-terminals to give
    """

    def __init__(self) -> None:
        with contextlib.ExitStack() as stack:
            loop = Loop("miio taps")
            stack.callback(loop.close)
            self._ports = {way: stack.enter_context(PtyPort()) for way in ("down", "up")}
            for port in self._ports.values():
                port.start(lambda _data, _instant: None, loop=loop)  # who listens says nothing
            loop.start()
            self._opened = stack.pop_all()

    @property
    def down(self) -> str:
        """The path of the port that hears the module."""
        return self._ports["down"].path

    @property
    def up(self) -> str:
        """The path of the port that hears the MCU."""
        return self._ports["up"].path

    def observe(self, record: Record) -> None:
        """Say what was said on the line."""
        # Nobody has to listen.
        with contextlib.suppress(PortError):
            self._ports[record.direction].write(record.raw)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()
