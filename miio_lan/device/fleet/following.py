"""A device with a name, wherever it is: its address is the one its did answers from."""

from __future__ import annotations

import logging
import socket
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from miio_lan.device.fleet.named import DevicesFile
from miio_lan.errors import DeviceException, DevicesFileError
from miio_lan.foreign import printable
from miio_lan.lan import PORT

if TYPE_CHECKING:
    from collections.abc import Callable

    from miio_lan.device.aio import AsyncDevice
    from miio_lan.device.blocking import Device
    from miio_lan.lan.client import aio, blocking
    from miio_lan.lan.client.session import Session
    from miio_lan.paths import FilePath

_LOGGER = logging.getLogger(__name__)

SEARCH_TIME = 5.0
"""Seconds that a device is looked for, at most; and never longer than half of what the call has left."""


FIRST_REST, MAX_REST = 30.0, 120.0
"""Seconds before a device that was not found is looked for again; doubled each time. Everybody is asked then: a device
that is switched off shall not keep a network busy. A shorter search asks less, proves less, and is rested from for its
share of that time."""
_LONGER = 2.0
"""A search so many times as long as all that failed begins at once: it may find what they had no time for."""
_KEEPING_TIME = 0.5
"""Seconds that others are waited for who change the file of names, at most; and never longer than a part of the search:
the call shall still have time for its command. What was not kept then is kept the next time it is looked for."""
_KEEPING_SHARE = 0.25
"""Which part."""
OLD_ADDRESS_TIME = 0.7
"""Seconds that a device has to answer at its old address before everybody is asked; at most a third of the search."""


class Follower:
    """Knows where a device with a name is.

    :param name: its name
    :param path: the file of names; the user's by default
    :param clock: monotonic seconds
    :raises DevicesFileError: if there is no such name, or the file cannot be read
    """

    def __init__(
        self, name: str, path: FilePath | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        # Seconds of rest after a search of full length, when the next one may begin, and the longest that failed.
        self._rest = self._not_before = self._searched = 0.0
        self._file = DevicesFile(path)
        self.device = self._file.get(name)
        # As the file has it, and why it has not the address that was found.
        self._filed, self._unkept = self.device, ""

    def find(self, seconds: float) -> str:
        """Return the device's address: where it was last if it answers there, or where its did answers.

        Without a did, with a host name, or if it answers nowhere or cannot be looked for, the address is as it was.

        :param seconds: what the call has left
        """
        known, times = self.device, _times(seconds)
        if known.did is not None and self._due(times["timeout"]):
            ip: str | None = None
            try:
                from miio_lan.lan.discovery.blocking import locate

                ip = locate(known.did, known.ip, port=known.port, **times)
            except (DeviceException, OSError) as error:
                self._not_looked_for(error)
            self._found(ip, times["timeout"])
        return self.device.ip

    async def find_async(self, seconds: float) -> str:
        """Return the same in an asyncio loop."""
        known, times = self.device, _times(seconds)
        if known.did is not None and self._due(times["timeout"]):
            import asyncio

            ip: str | None = None
            try:
                from miio_lan.lan.discovery.aio import locate

                ip = await locate(known.did, known.ip, port=known.port, **times)
            except (DeviceException, OSError) as error:
                self._not_looked_for(error)
            if ip is None or ip == known.ip == self._filed.ip:
                self._found(ip, times["timeout"])
            else:
                # In a thread: the file may be locked by another program, and the loop waits for nobody.
                await asyncio.to_thread(self._found, ip, times["timeout"])
        return self.device.ip

    def _due(self, timeout: float) -> bool:
        """Tell whether it can be looked for, and not so soon after it was not found by as good a search."""
        rested = self._clock() >= self._not_before or timeout >= _LONGER * self._searched
        return rested and _is_address(self.device.ip)

    def _not_looked_for(self, error: Exception) -> None:
        # Too many files are open, for example. Whether its address can be used all the same, the call itself will see.
        _LOGGER.warning("%s cannot be looked for: %s", printable(self.device.name), error)

    def _found(self, ip: str | None, timeout: float) -> None:
        if ip is None:
            longer = timeout >= _LONGER * self._searched
            self._rest = FIRST_REST if longer else min(MAX_REST, 2 * self._rest)
            self._searched = max(self._searched, timeout)
            self._not_before = self._clock() + self._rest * timeout / SEARCH_TIME
            return
        self._rest = self._searched = 0.0
        if ip != self.device.ip:
            _LOGGER.warning("%s is at %s now, no more at %s", printable(self.device.name), ip, self.device.ip)
            self.device, self._unkept = self.device.at(ip), ""
        if ip != self._filed.ip:
            self._keep(ip, min(_KEEPING_TIME, _KEEPING_SHARE * timeout))

    def _keep(self, ip: str, seconds: float) -> None:
        try:
            self._file.moved(self._filed, ip, seconds)
        except DevicesFileError as error:
            if str(error) != self._unkept:  # else it is no news
                _LOGGER.warning("its new address is not kept: %s", error)
            self._unkept = str(error)
        else:
            self._filed, self._unkept = self.device, ""

    def options(self) -> dict[str, Any]:
        """Return the arguments of a device class; one written for python-miio may know no port."""
        known = self.device
        return {"ip": known.ip, "token": known.token, **({} if known.port == PORT else {"port": known.port})}

    def lead(self, device: Device, connection: blocking.Connection) -> None:
        """Have a device look for its address whenever it opens a socket."""
        tell = self._teller(device, connection.session)
        connection.find = lambda seconds: tell(self.find(seconds))

    def lead_async(self, device: AsyncDevice, connection: aio.AsyncConnection) -> None:
        """Have a device of an event loop look for its address whenever it joins a socket."""
        tell = self._teller(device, connection.session)

        async def find(seconds: float) -> str:
            return tell(await self.find_async(seconds))

        connection.find = find

    def _teller(self, device: Device | AsyncDevice, session: Session) -> Callable[[str], str]:
        """Give what tells a device, and its session, where it is."""
        # Nothing here holds the device: one that nobody uses any more is closed at once.
        held = weakref.ref(device)

        def tell(ip: str) -> str:
            session.peer = f"{printable(self.device.name)} ({ip})"
            if (made := held()) is not None:
                made.ip = ip
            return ip

        return tell


def _times(seconds: float) -> dict[str, float]:
    timeout = min(SEARCH_TIME, max(0.1, seconds / 2))
    return {"timeout": timeout, "patience": min(OLD_ADDRESS_TIME, timeout / 3)}


def _is_address(text: str) -> bool:
    with suppress(OSError):
        socket.inet_pton(socket.AF_INET, text)
        return True
    return False
