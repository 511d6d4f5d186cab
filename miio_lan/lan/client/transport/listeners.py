"""Tasks of an event loop that wait to be told something by one device."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from miio_lan.errors import DeviceException


class Listeners:
    """Who waits, and what is told to all of them: that there is news, or that waiting is over.

    :param peer: how messages name the device
    """

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self._waiting: list[asyncio.Future[None]] = []
        #: How often all were sent away.
        self.endings = 0
        self._why = ""

    async def wait(self, seconds: float, endings: int) -> bool:
        """Wait for news, and tell whether there was some in time.

        What it is, whoever was woken looks himself: so nothing is lost with a task that is woken and cancelled.

        :param endings: :attr:`endings` when the waiting began
        :raises DeviceException: if waiting is over
        """
        own = asyncio.get_running_loop().create_future()
        self._waiting.append(own)
        try:
            woken, _ = await asyncio.wait([own], timeout=max(0.0, seconds))
        finally:
            with suppress(ValueError):
                self._waiting.remove(own)
        self.raise_if_over(endings)
        return bool(woken)

    def raise_if_over(self, endings: int) -> None:
        """Raise if all were sent away since then."""
        if endings != self.endings:
            raise DeviceException(f"waiting for {self.peer} ended: {self._why}")

    def wake(self) -> None:
        """Tell all that there is news."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def end(self, why: str) -> None:
        """Send all away, with an error."""
        self.endings += 1
        self._why = why
        self.wake()

    def forget(self) -> None:
        """Leave those alone that wait in a loop which does not run any more."""
        self._waiting.clear()
