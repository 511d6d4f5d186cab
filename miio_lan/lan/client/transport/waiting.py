"""Threads that wait for the one that waits on the socket, and who of them is woken: nobody in vain.

All of it is called under the connection's lock, but for :meth:`Waiting.poke`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress

from miio_lan.lan.client.call import Call


class Waiting:
    """The waiting threads of one connection."""

    def __init__(self) -> None:
        self._for_calls: dict[Call, threading.Lock] = {}
        self._for_pushes: dict[int, threading.Lock] = {}
        # Woken to wait on the socket next.
        self._heir: threading.Lock | None = None

    def stand_by(self, call: Call | None, me: int) -> threading.Lock:
        """Have a thread woken when its wait is over, or when it is to wait on the socket.

        :param call: whose end it waits for; None: something that the device tells unasked
        :param me: the thread
        """
        waiter = threading.Lock()
        waiter.acquire()
        if call is None:
            self._for_pushes[me] = waiter
        else:
            self._for_calls[call] = waiter
        return waiter

    def stand_up(self, waiter: threading.Lock, call: Call | None, me: int) -> bool:
        """Undo that, and tell whether this thread was woken to wait on the socket."""
        if call is None:
            self._for_pushes.pop(me, None)
        else:
            self._for_calls.pop(call, None)
        heir = self._heir is waiter
        if heir:
            self._heir = None
        return heir

    def ended(self, calls: Iterable[Call]) -> None:
        """Wake those who wait for these calls."""
        for call in calls:
            if call in self._for_calls:
                self.release(self._for_calls.pop(call))

    def pushed(self) -> None:
        """Wake those who wait for something that the device tells unasked."""
        while self._for_pushes:
            self.release(self._for_pushes.popitem()[1])

    def next(self) -> None:
        """Wake one who waits on the socket next, unless that was done before."""
        if self._heir is not None:
            return
        if self._for_calls:
            self._heir = self._for_calls.pop(next(iter(self._for_calls)))
        elif self._for_pushes:
            self._heir = self._for_pushes.popitem()[1]
        if self._heir is not None:
            self.release(self._heir)

    def all(self) -> None:
        """Let all look whether their wait is over, and who waits on the socket next."""
        self._heir = None
        self.poke()
        self._for_calls.clear()
        self._for_pushes.clear()

    def poke(self) -> None:
        """Let all look, from whichever thread; they stay where they are."""
        for waiter in (*self._for_calls.values(), *self._for_pushes.values()):
            self.release(waiter)

    @staticmethod
    def release(waiter: threading.Lock) -> None:
        """Wake one."""
        with suppress(RuntimeError):  # woken before, by somebody who was interrupted then
            waiter.release()
