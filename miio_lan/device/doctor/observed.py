"""What was seen of a device that is looked at, and of the way to it. No I/O: the rules judge it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from miio_lan.lan.client.incoming.reply import read_error, result_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_MEANINGLESS = 1 << 40
NO_ID_OF_OURS = "no id that was asked"
"""Why an authentic answer could not be used."""

RefusalKind = Literal["port", "host", "network", "prohibited", "not permitted", "other"]
Shown = Literal["nothing", "yours", "another"]


class Refusal(NamedTuple):
    """What the network or this computer said of a datagram that could not be delivered.

    :param kind: ``"port"`` nobody listens, ``"host"`` or ``"network"`` not reached, ``"prohibited"`` by a rule of a
        router or host, ``"not permitted"`` by this computer itself
    :param by: the address of who said so; empty where that is not known, or this computer
    """

    kind: RefusalKind
    by: str = ""


@dataclass(frozen=True)
class ExaminedDevice:
    """What is looked at.

    :param host: the address or name that was given
    :param did: the did it should have; None where that is not known
    :param has_token: whether a token was given
    :param proven: whether somebody says that the property which is read exists
    """

    host: str
    port: int
    did: int | None = None
    has_token: bool = False
    proven: bool = False


@dataclass(frozen=True)
class Route:
    """How this computer reaches the device.

    :param address: the device's address in numbers; empty where the name is not known
    :param trouble: why nothing can be sent; empty where it can
    :param source: our address
    :param interface: the interface that has it
    :param subnet: our subnet that the device's address is in; empty where a router is between
    :param gateway: the next router's address, where one is between and the system tells
    """

    address: str = ""
    trouble: str = ""
    source: str = ""
    interface: str = ""
    subnet: str = ""
    gateway: str = ""


class HelloAnswer(NamedTuple):
    """One answer to a hello.

    :param stamp: the device's clock, seconds
    :param at: when it came, monotonic seconds
    :param shown: whether it shows a token, and whether that is the one that was given
    """

    did: int
    stamp: int
    at: float
    shown: Shown = "nothing"


@dataclass(frozen=True)
class Hellos:
    """What came of hellos.

    :param seconds: how long an answer was waited for
    :param elsewhere: other addresses that answered from
    :param neighbour: whether somebody at that address answers on the link (ARP); None where that is not known
    :param ping: whether that address answers a ping; None where that was not tried
    :param searched: whether the did was looked for on the network
    :param found_at: where it answers now, if that is elsewhere
    """

    sent: int
    seconds: float = 0.0
    answers: tuple[HelloAnswer, ...] = ()
    elsewhere: tuple[str, ...] = ()
    neighbour: bool | None = None
    ping: bool | None = None
    searched: bool = False
    found_at: str = ""


@dataclass(frozen=True)
class DeviceAnswer:
    """An authentic answer to a command: its sign is right under the token it was asked with.

    :param error: whether it is an error; then ``code`` and ``message`` tell
    :param exe_time: milliseconds the device says it spent
    :param stamp: the device's clock, seconds
    :param at: when it came, monotonic seconds
    """

    result: object = None
    error: bool = False
    code: int | None = None
    message: str = ""
    exe_time: float | None = None
    stamp: int = 0
    at: float = 0.0

    @classmethod
    def of(cls, payload: Mapping[str, object], stamp: int, at: float) -> DeviceAnswer:
        """Read an answer out of the payload that a device sent."""
        spent = _number(payload.get("exe_time"))
        exe_time = None if spent is None else float(spent)
        error = read_error(payload, "")
        if error is None:
            return cls(result_of(payload), exe_time=exe_time, stamp=stamp, at=at)
        code = error.code if _number(error.code) is not None else None
        return cls(None, True, code, error.message, exe_time, stamp, at)


def _number(value: object) -> int | float | None:
    """Return what is a number; None for what is none, or so large that it can mean nothing."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and -_MEANINGLESS < value < _MEANINGLESS else None  # type: ignore[operator,return-value]


@dataclass(frozen=True)
class Asked:
    """A command that was sent, and what came of it.

    :param sent: copies, each under an id of its own
    :param damaged: what was wrong with answers that could not be used
    :param hellos: hellos that were answered meanwhile
    """

    method: str
    sent: int
    seconds: float = 0.0
    answer: DeviceAnswer | None = None
    damaged: tuple[str, ...] = ()
    hellos: int = 0


class Memory(NamedTuple):
    """What was found out about repeated ids.

    :param remembers: None where it could not be found out
    """

    remembers: bool | None


@dataclass(frozen=True)
class Examined:
    """All that was seen; None for what was not tried.

    :param within: seconds there were for all of it
    :param late: whether the time was over before all was tried
    :param refusals: of all datagrams, each once
    :param info: ``miIO.info`` under the token that was given
    :param shown_info: the same under the token that the device shows, where that is another one or none was given
    :param again: ``miIO.info`` once more, a moment later
    :param stale: ``miIO.info`` with a stamp far off the device's clock
    :param reads: harmless questions for the MCU
    :param association: ``miIO.wifi_assoc_state``
    :param sockets: sockets of this computer that are tied to the device's address; None where the system does not tell
    """

    target: ExaminedDevice
    within: float = 30.0
    late: bool = False
    route: Route | None = None
    hello: Hellos | None = None
    refusals: tuple[Refusal, ...] = ()
    info: Asked | None = None
    shown_info: Asked | None = None
    again: Asked | None = None
    stale: Asked | None = None
    memory: Memory | None = None
    reads: tuple[Asked, ...] = ()
    association: Asked | None = None
    sockets: int | None = None
    stale_by: int = field(default=0)

    # --- what follows from it ------------------------------------------------------------------------------------

    @property
    def accepted(self) -> Asked | None:
        """``miIO.info`` as it was answered, under whichever token; None where it was not."""
        return next((each for each in (self.info, self.shown_info) if each and each.answer), None)

    @property
    def authentic(self) -> tuple[DeviceAnswer, ...]:
        """All authentic answers."""
        asked = (self.info, self.shown_info, self.again, self.stale, *self.reads, self.association)
        return tuple(each.answer for each in asked if each is not None and each.answer is not None)

    @property
    def heard(self) -> bool:
        """Whether anything of a device came from that address."""
        return bool(self.authentic) or (self.hello is not None and bool(self.hello.answers))

    @property
    def did(self) -> int | None:
        """The did that answers at the address; the last one where it changed."""
        answers = self.hello.answers if self.hello is not None else ()
        return answers[-1].did if answers else None

    @property
    def is_another(self) -> bool:
        """Whether another device than the one that is meant answers."""
        return self.target.did is not None and self.did not in (None, self.target.did)

    @property
    def shown(self) -> Shown:
        """What the device shows of a token."""
        answers = self.hello.answers if self.hello is not None else ()
        shown = [each.shown for each in answers if each.shown != "nothing"]
        return shown[-1] if shown else "nothing"

    @property
    def stamps(self) -> list[tuple[float, int]]:
        """The device's clock: when it was told, and what; not that of another device at its address."""
        hellos = self.hello.answers if self.hello is not None else ()
        told = [(each.at, each.stamp) for each in hellos if each.did == self.did]
        return sorted([*told, *((each.at, each.stamp) for each in self.authentic)])

    @property
    def about(self) -> dict[str, object]:
        """What the device told of itself; empty where it did not."""
        asked = self.accepted
        result = asked.answer.result if asked is not None and asked.answer is not None else None
        if isinstance(result, list) and len(result) == 1:
            result = result[0]
        return {str(key): value for key, value in result.items()} if isinstance(result, dict) else {}
