"""How somebody comes to know of a device's changes: by what it tells, or by reading it where it does not tell.

Every decision about that is here, as steps. Both faces carry them out: they have the socket, the clock and the waiting.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from miio_lan.device.steps.calls import Ask
from miio_lan.device.steps.polling import UNTOLD, Polling
from miio_lan.device.steps.subscription import Greet, Pause, Subscription
from miio_lan.errors import DeviceError, DeviceException, PayloadDecodeException, UnsupportedFeatureException
from miio_lan.lan.client.greeting import Greeting
from miio_lan.lan.client.incoming.holding import Hold
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.packet import HELLO, virtual_hello

#: Seconds that a reading may take, where the caller gives less.
READING = 1.0


class Now(NamedTuple):
    """Give the time, monotonic seconds."""


class TakeUp(NamedTuple):
    """Hold the subscription that the device was asked for since the last :class:`Greet`."""


class LetGo(NamedTuple):
    """Hold the subscription no more; the reply is what was held, if anything."""


class Listen(NamedTuple):
    """Wait for what the device tells; the reply is a :class:`Push`, or None when nothing came.

    :param seconds: how long
    :param patience: seconds after which a subscription that nobody knows to be held is an error
    """

    seconds: float
    patience: float


class Read(NamedTuple):
    """Read properties; the reply is the answer of ``get_properties``.

    :param until: when that has to end, monotonic seconds
    :param options: more for ``get_properties``
    """

    properties: Sequence[Any]
    until: float
    options: Mapping[str, Any]


class Rest(NamedTuple):
    """Let time pass; the reply is what time it is then. Whoever is sent away meanwhile gets an error.

    :param until: monotonic seconds
    """

    until: float


#: Steps that begin or end being told: the device is greeted and asked, a subscription held or not.
Agreeing: TypeAlias = Generator[Ask | Greet | Pause | TakeUp | LetGo, Any, None]
#: Steps that wait for a change.
Waiting: TypeAlias = Generator[Now | Listen | Read | Rest, Any, Push | None]


class Changes:
    """What one client and one device have agreed on.

    Belongs to one process: with the same did, parent and child would take the subscription from each other.
    """

    def __init__(self) -> None:
        self.subscription = Subscription.fresh()
        #: What is read, where the device does not tell.
        self.polling: Polling | None = None

    def begin(self, greeting: Greeting, polling: Polling | None, *, unix: float) -> Agreeing:
        """Subscribe; or have the device read from now on, where it does not tell.

        :param greeting: the hellos of the device's session, which pose as the subscriber from now on
        :param polling: what to read; None for nothing
        :param unix: what time it is, Unix seconds
        :raises UnsupportedFeatureException: if it does not tell, and nothing is to be read
        :raises DeviceError: if it refuses
        """
        before = greeting.hello
        greeting.pose(virtual_hello(self.subscription.virtual_did))
        try:
            yield from self.subscription.begin(unix, greeting)
            yield TakeUp()
        except UnsupportedFeatureException:
            greeting.hello = before
            if polling is None:
                raise
            yield LetGo()
            self.polling = polling
        except BaseException:
            greeting.hello = before
            raise
        else:
            self.polling = None
        finally:
            greeting.in_doubt = False

    def next(self, hold: Hold | None, seconds: float, patience: float) -> Waiting:
        """Wait for the next change, and give it; None when nothing changed in time.

        :param hold: what keeps the subscription, if there is one
        :param seconds: how long
        :param patience: seconds for which silence is no error
        :raises UnsupportedFeatureException: if nobody subscribed
        """
        if self.polling is not None:
            return (yield from _changes_read(self.polling, seconds, patience))
        if hold is None:
            raise UnsupportedFeatureException("subscribe() first")
        told: Push | None = yield Listen(seconds, patience)
        return told

    def end(self, greeting: Greeting) -> Agreeing:
        """Give the subscription back, and read no more.

        :param greeting: the hellos of the device's session, which pose as nobody from now on
        """
        self.polling = None
        try:
            hold: Hold | None = yield LetGo()
            if hold is not None:
                self.subscription.update_ts = hold.update_ts
            yield from self.subscription.unsubscribe()
        finally:
            greeting.hello = HELLO


def _changes_read(polling: Polling, seconds: float, patience: float) -> Waiting:
    """Read where that is due, until something changed or the time is over."""
    now: float = yield Now()
    end = now + seconds
    while True:
        if now >= polling.due:
            polling.begun(now)
            try:
                push = yield from _read(polling, now, end)
            except DeviceException:
                if polling.failed((yield Now()), patience):
                    raise
            else:
                if push is not None:
                    return push
        now = yield Rest(min(end, polling.due))
        if now >= end:
            return None


def _read(polling: Polling, now: float, end: float) -> Waiting:
    """Read all, and give what changed.

    :raises DeviceException: if nothing was read, or nobody can say what it means
    """
    if not polling.alone:
        answer = yield Read(polling.properties, max(end, now + READING), polling.options)
        if polling.fits(answer):
            return polling.read(answer, (yield Now()))
        polling.alone = True  # nobody can tell which value is whose
    found: list[Any] = []
    last: DeviceException = DeviceError(
        None, "the device gives no value, or several, for each name", method="get_prop"
    )
    for name in polling.properties:
        now = yield Now()
        try:
            answer = yield Read([name], max(end, now + READING), polling.options)
        except (DeviceError, PayloadDecodeException) as error:  # it may know the others
            answer, last = (), error
        found.append(answer[0] if len(answer) == 1 else UNTOLD)
    if all(value is UNTOLD for value in found):
        raise last
    return polling.take(found, (yield Now()))
