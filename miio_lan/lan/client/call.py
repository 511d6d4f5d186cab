"""One command on its way: what was sent, what was heard, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from miio_lan.errors import (
    DeviceError,
    DeviceException,
    DeviceTimeout,
    InvalidArgument,
    OutcomeUnknown,
    PayloadDecodeException,
    RequestTooLong,
)
from miio_lan.lan.packet import MAX_REQUEST, sealed_size
from miio_lan.lan.payload import REQUEST_KEYS, dump_payload

#: Absolute by definition: setting a value twice is setting it once.
_ABSOLUTE_SETS = frozenset({"set_properties"})
_READ_PREFIXES = ("get_", "miIO.get_")
_READS = frozenset({"miIO.info", "miIO.wifi_assoc_state"})


def is_repeat_safe(method: str) -> bool:
    """Tell whether a command may be executed twice without anybody noticing: reads and absolute sets.

    Unknown methods may be toggles or increments, so they are not.
    """
    return method.startswith(_READ_PREFIXES) or method in _READS or method in _ABSOLUTE_SETS


@dataclass(slots=True, eq=False, repr=False)
class Call:
    """A command (or, with ``method`` None, a handshake) from start to end.

    :param timeout: seconds per attempt
    :param deadline: monotonic second at which it ends, whatever happens
    :param retries: how many recoverable errors may still be answered with another attempt
    :param safe: whether it may run twice
    """

    method: str | None
    params: object
    extra: Mapping[str, object]
    started: float
    timeout: float
    deadline: float
    retries: int
    safe: bool

    awaits_hello: bool = False
    next_send: float = 0.0
    resend_after: float = 0.0
    id: int = 0
    payload: bytes = b""
    sent_at: dict[int, float] = field(default_factory=dict)
    first_sent: float | None = None
    sends: int = 0
    hurried: int = 0
    accompany: bool = False

    hellos_heard: int = 0
    damaged: Counter[str] = field(default_factory=Counter)
    refusals: int = 0
    trouble: str = ""
    restarted: bool = False
    other_token: bool = False
    unreadable: PayloadDecodeException | None = None
    refused_with: DeviceError | None = None
    sends_when_refused: int = 0

    done: bool = False
    result: object = None
    error: Exception | None = None

    def __post_init__(self) -> None:
        clash = REQUEST_KEYS & self.extra.keys()
        if clash:
            raise InvalidArgument(
                f"extra parameters cannot replace the request's own {', '.join(sorted(clash))}"
            )

    def carry(self, number: int) -> None:
        """Take an id, and build the text that carries the command under it.

        :raises RequestTooLong: if no device would accept a request of this size
        :raises DeviceException: if the parameters have no JSON form
        """
        request = {"id": number, "method": self.method, "params": self.params, **self.extra}
        try:
            payload = dump_payload(request)
        except (TypeError, ValueError, RecursionError) as error:
            raise DeviceException(f"the parameters of {self.method} have no JSON form: {error}") from None
        # Later ids may have more digits, up to ten.
        size = sealed_size(len(payload) - len(str(number)) + 10)
        if size > MAX_REQUEST:
            raise RequestTooLong(
                f"{self.method} would take a datagram of {size} bytes, devices accept {MAX_REQUEST}: "
                f"shorten the parameters or split them over several commands"
            )
        self.id, self.payload = number, payload

    def outcome(self) -> object:
        """Give the result.

        :raises DeviceException: what ended the call instead of a result
        """
        if self.error is not None:
            raise self.error
        return self.result

    def timed_out(self, peer: str, now: float) -> DeviceException:
        """Build the error for a call that got no answer, telling all that is known and what to do next."""
        if self.refused_with is not None and (self.safe or self.sends == self.sends_when_refused):
            return self.refused_with
        if self.unreadable is not None and self.safe:
            text = f"{peer} answered {self.method}, but not readably: {self.unreadable}"
            return PayloadDecodeException(text, kind=self.unreadable.kind, raw=self.unreadable.raw)
        elapsed = now - self.started
        what = f"{peer} gave no answer to {self.method or 'a hello'} within {elapsed:.1f} s"
        if self.first_sent is None:
            return DeviceTimeout(
                f"{what}: {self._never_sent()}", method=self.method, sent=self.sends, elapsed=elapsed
            )
        text = f"{what} (sent {self.sends} times): {self._unanswered()}"
        if self.safe:
            return DeviceTimeout(text, method=self.method, sent=self.sends, elapsed=elapsed)
        text += ". The command may have been executed: look at the product's state before repeating it"
        return OutcomeUnknown(text, method=self.method, sent=self.sends, elapsed=elapsed)

    def _never_sent(self) -> str:
        if self.refusals:
            return f"{self.trouble}. Check the address and the port"
        if not self.awaits_hello and self.method is not None:
            return "the command was not sent, because earlier ones to this device had not ended"
        return (
            "it does not answer hellos either. Check the address, that the product has power and Wi-Fi, and that "
            "no firewall or router lies between (products ignore other subnets)"
        )

    def _unanswered(self) -> str:
        parts = []
        if self.restarted:
            parts.append("the device restarted meanwhile")
        if self.other_token:
            parts.append("it shows another token than the one given")
        if self.damaged:
            counts = ", ".join(f"{count} x {kind}" for kind, count in sorted(self.damaged.items()))
            parts.append(
                f"replies came damaged ({counts}); a reply too long for the device does that: ask for less"
            )
        if self.refusals:
            parts.append(self.trouble)
        if not parts and self.hellos_heard:
            parts.append(
                "it answers hellos, so it is there: the token may be wrong, the product may refuse local control "
                "or this subnet, or it is busy (a firmware update, an MCU that hangs)"
            )
        if not parts:
            parts.append("nothing at all was heard since the command was sent: it lost power or Wi-Fi")
        return "; ".join(parts)
