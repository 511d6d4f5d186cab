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
    """

    reboot: float = 0.3
    boot: float = 0.5
    factory: float = 1.0
    join: float = 0.0
    cloud: float | None = 0.0
    waiting: float = SETUP_TIME
    reconfigure: float = 2.0


class Network:
    """One network state at a time, and when the next one follows by itself.

    :param changed: called with every new state
    """

    def __init__(self, timings: Timings, changed: Callable[[str], None]) -> None:
        self._timings = timings
        self._changed = changed
        self._next: list[tuple[float, str]] = []
        self.state = "unprov"

    def boot(self, now: float, *, provisioned: bool) -> None:
        """Begin anew: towards the cloud, or waiting to be set up."""
        times = self._timings
        if not provisioned:
            self._enter("uap")
            self._next = [(now + times.waiting, "unprov")]
            return
        self._enter("offline")
        self._next = [(now + times.join, "local")]
        if times.cloud is not None:
            self._next.append((now + times.join + times.cloud, "cloud"))
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
