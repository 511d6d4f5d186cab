"""The module's way into the network, as ``net`` tells it. Source: serial document, net; observed module firmware."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from miio_lan.errors import UnsupportedFeatureException
from miio_lan.uart.document import NET_STATES, SETUP_TIME

#: In these states nothing on the LAN can reach the module.
UNREACHABLE = frozenset({"offline", "unprov"})


@dataclass(frozen=True, slots=True)
class Timings:
    """How long things take, in seconds. The defaults keep to the document and waste no time.

    :param reboot: from the ``ok`` to the restart (document: within 0.5 s)
    :param boot: from the restart until the module is there again
    :param factory: from the ``ok`` to the factory test mode (document: within 2 s)
    :param join: from boot to being connected to the router
    :param cloud: from there to the cloud; None for a module that never reaches it
    :param waiting: how long the module's own access point stays up (document: half an hour)
    :param reconfigure: from a ``miIO.config_router`` with other credentials to the restart
    :param leave: from a ``miIO.config_router`` until its own access point is gone (older modules keep it up for 60 s)
    :param give_up: how long it tries to join a network that it cannot join, before it is an access point again; None
        for a module that goes on for ever
    """

    reboot: float = 0.3
    boot: float = 0.5
    factory: float = 1.0
    join: float = 0.0
    cloud: float | None = 0.0
    waiting: float = SETUP_TIME
    reconfigure: float = 2.0
    leave: float = 0.0
    give_up: float | None = 10.0


class Network:
    """One network state at a time, and when the next one follows by itself.

    :param changed: called with every new state
    :param reachable: whether the network it was told to join can be joined
    """

    def __init__(
        self, timings: Timings, changed: Callable[[str], None], reachable: Callable[[], bool] = lambda: True
    ) -> None:
        self._timings = timings
        self._changed = changed
        self._reachable = reachable
        self._next: list[tuple[float, str]] = []
        self.state = "unprov"
        #: Whether it cannot join the network it was told to, and so will give up.
        self.failing = False

    def boot(self, now: float, *, provisioned: bool) -> None:
        """Begin anew: towards the cloud, or waiting to be set up."""
        if provisioned:
            self._join(now, now)
        else:
            self.failing = False
            self._enter("uap")
            self._next = [(now + self._timings.waiting, "unprov")]

    def join(self, now: float) -> None:
        """Leave the own access point, after its time, for the network that was told."""
        self._join(now + self._timings.leave, now)

    def _join(self, begin: float, now: float) -> None:
        """Plan the way: ``offline`` while it connects, then ``local`` and ``cloud``; or back to ``uap``."""
        times = self._timings
        self._next = [(begin, "offline")]
        self.failing = not self._reachable()
        if not self.failing:
            self._next.append((begin + times.join, "local"))
            if times.cloud is not None:
                self._next.append((begin + times.join + times.cloud, "cloud"))
        elif times.give_up is not None:
            back = begin + times.give_up
            self._next += [(back, "uap"), (back + times.waiting, "unprov")]
        self.tick(now)

    def enter(self, state: str) -> None:
        """Be in a state from now on, whatever was planned.

        :raises UnsupportedFeatureException: for a word the document does not have
        """
        if state not in NET_STATES:
            raise UnsupportedFeatureException(
                f"no network state is called {state!r}; there are {', '.join(NET_STATES)}"
            )
        self._next = []
        self.failing = False
        self._enter(state)

    def _enter(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self._changed(state)

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None for never."""
        return self._next[0][0] if self._next else None

    def tick(self, now: float) -> None:
        """Enter the states that are due."""
        while self._next and self._next[0][0] <= now:
            self._enter(self._next.pop(0)[1])
