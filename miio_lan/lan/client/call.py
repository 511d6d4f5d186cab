"""One command on its way: what was sent, what was heard, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from miio_lan.errors import (
    DeviceError,
    DeviceException,
    DeviceTimeout,
    InvalidArgument,
    OutcomeUnknown,
    PayloadDecodeException,
    RequestTooLong,
)
from miio_lan.lan.client.repeating.afoot import Targets
from miio_lan.lan.packet import MAX_REQUEST, sealed_size
from miio_lan.lan.payload import REQUEST_KEYS, dump_payload

#: Absolute by definition: setting a value twice is setting it once.
_ABSOLUTE_SETS = frozenset({"set_properties"})
_READ_PREFIXES = ("get_", "miIO.get_")
_READS = frozenset({"miIO.info", "miIO.wifi_assoc_state"})
#: Bytes of a request that fits whatever its id: header, padding and ten digits take less than the rest.
_SURELY_FITS = MAX_REQUEST - 64
#: What every request begins with.
_HEAD = b'{"id":%d,'
#: Said of a command that is no read and was perhaps executed.
MAY_HAVE_RUN = "The command may have been executed: look at the product's state before repeating it"


def is_read(method: str) -> bool:
    """Tell whether a command only asks, so that nothing is changed by it."""
    return method.startswith(_READ_PREFIXES) or method in _READS


@lru_cache(maxsize=256)
def is_repeat_safe(method: str) -> bool:
    """Tell whether a command may be executed twice without anybody noticing: reads and absolute sets.

    Unknown methods may be toggles or increments, so they are not.
    """
    return is_read(method) or method in _ABSOLUTE_SETS


class Call:
    """A command (or, with ``method`` None, a handshake) from start to end.

    What most calls never write stands in the class: they end after one datagram each way.

    :param timeout: seconds per attempt
    :param deadline: monotonic second at which it ends, whatever happens
    :param retries: how many recoverable errors may still be answered with another attempt
    :param safe: whether it may run twice
    :param once: whether exactly one datagram may carry it (``retry_count=0``)
    """

    #: What it sets, see :mod:`miio_lan.lan.client.repeating.afoot`.
    targets: Targets = frozenset()
    resend_after: float = 0.0
    id: int = 0
    payload: bytes = b""
    #: The stamp of the first datagram, the place of its id among all that went out, and how many of the earlier ones
    #: may arrive after it.
    first_stamp: int = 0
    place: int = 0
    overtaken: int = 0
    last_sent: float = 0.0
    #: Whether one that must not run twice may go out (again) now.
    cleared: bool = True
    #: Whether a hello was sent to see whether the device is there at all.
    looking: bool = False
    #: Ids under which the device had no room for it.
    refused: frozenset[int] = frozenset()
    hurried: int = 0
    busy: int = 0
    accompany: bool = False
    #: Whether it began when its time was over: its address was looked for, or an observer waited for, that long.
    late: bool = False

    hellos_heard: int = 0
    #: How many datagrams came damaged meanwhile, by kind.
    damaged: Mapping[str, int] = MappingProxyType({})
    #: How many answers came meanwhile that bear no id which was asked.
    strays: int = 0
    refusals: int = 0
    trouble: str = ""
    restarted: bool = False
    other_token: bool = False
    unreadable: PayloadDecodeException | None = None
    unreadables: int = 0
    refused_with: DeviceError | None = None
    #: Why it was not sent again, in words.
    not_repeated: str = ""

    def __init__(
        self,
        method: str | None,
        started: float,
        timeout: float,
        deadline: float,
        retries: int,
        *,
        safe: bool,
        once: bool = False,
    ) -> None:
        self.method = method
        self.started = started
        self.timeout = timeout
        self.deadline = deadline
        self.retries = retries
        self.safe = safe
        self.once = once
        #: Id -> when it was sent under it for the first time (nan once it was sent again under it), and the last time.
        self.sent_at: dict[int, float] = {}
        self.last_sent_at: dict[int, float] = {}
        self.active = False
        self.awaits_hello = False
        self.next_send = 0.0
        self.first_sent: float | None = None
        self.sends = 0
        #: Datagrams that left with it, but for those of which it is sure that they were not taken.
        self.copies_out = 0
        self.done = False
        self.result: object = None
        self.error: Exception | None = None

    def note_damage(self, kind: str) -> None:
        """Note that a datagram came damaged."""
        self.damaged = {**self.damaged, kind: self.damaged.get(kind, 0) + 1}

    def write(self, number: int, params: object, extra: Mapping[str, object] | None) -> None:
        """Write the text that carries the command, under its first id.

        That is done once, and the parameters are not kept. So all copies say the same, whatever becomes of the caller's
        objects meanwhile, and what is wrong with them does not come up in the middle of somebody else's call.

        :param extra: further top-level keys of the request
        :raises InvalidArgument: if ``extra`` has a key that every request has
        :raises RequestTooLong: if no device would accept a request of this size
        :raises DeviceException: if the parameters have no JSON form
        """
        request = {"id": number, "method": self.method, "params": params}
        if extra:
            if clash := REQUEST_KEYS & extra.keys():
                raise InvalidArgument(
                    f"extra parameters cannot replace the request's own {', '.join(sorted(clash))}"
                )
            request.update(extra)
        try:
            payload = dump_payload(request)
        except (TypeError, ValueError, RecursionError) as error:
            raise DeviceException(f"the parameters of {self.method} have no JSON form: {error}") from None
        # Later ids may have more digits, up to ten.
        if (
            len(payload) > _SURELY_FITS
            and (size := sealed_size(len(payload) - len(str(number)) + 10)) > MAX_REQUEST
        ):
            raise RequestTooLong(
                f"{self.method} would take a datagram of {size} bytes, devices accept {MAX_REQUEST}: "
                f"shorten the parameters or split them over several commands"
            )
        self.id, self.payload = number, payload

    def carry(self, number: int) -> None:
        """Take another id: all but that stays as it was written."""
        rest = self.payload[len(_HEAD % self.id) :]
        self.id, self.payload = number, _HEAD % number + rest

    def outcome(self) -> object:
        """Give the result.

        :raises DeviceException: what ended the call instead of a result
        """
        if self.error is not None:
            raise self.error
        return self.result

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        return self.method is None or is_read(self.method)

    def timed_out(self, peer: str, now: float) -> DeviceException:
        """Build the error for a call that got no answer, telling all that is known and what to do next."""
        may_have_run = self.copies_out > 0
        if self.refused_with is not None and (self.safe or not may_have_run):
            if may_have_run:
                self.refused_with.doubt("" if self.is_read else MAY_HAVE_RUN)
            return self.refused_with
        if self.unreadable is not None and self.safe:
            return self._not_readable(peer, self.unreadable)
        elapsed = now - self.started
        what = f"{peer} gave no answer to {self.method or 'a hello'} within {elapsed:.1f} s"
        if self.first_sent is None:
            told, asked = self._never_sent()
            return DeviceTimeout(
                f"{what}: {told}", method=self.method, sent=self.sends, elapsed=elapsed, asked=asked
            )
        text = f"{what} (sent {'once' if self.sends == 1 else f'{self.sends} times'}): {self._unanswered()}"
        if may_have_run and not self.is_read:
            text += f". {MAY_HAVE_RUN}"
        kind = OutcomeUnknown if may_have_run and not self.safe else DeviceTimeout
        return kind(text, method=self.method, sent=self.sends, elapsed=elapsed, may_have_run=may_have_run)

    def _not_readable(self, peer: str, answer: PayloadDecodeException) -> DeviceException:
        text = f"{peer} answered {self.method}, but not readably: {answer}"
        if not self.is_read:
            text += f". {MAY_HAVE_RUN}"
        error = PayloadDecodeException(text, kind=answer.kind, raw=answer.raw)
        error.may_have_run = self.copies_out > 0
        return error

    def without_content(self, peer: str) -> DeviceException:
        """Build the error for a call that was answered by a reply with nothing in it."""
        error = PayloadDecodeException(
            f"{peer} answered {self.method} without any content. {MAY_HAVE_RUN}", kind="empty"
        )
        error.may_have_run = True
        return error

    def cut_short(self, text: str) -> DeviceException:
        """Build the error for a call that ends before its time (interrupted, closed)."""
        may_have_run = self.copies_out > 0
        if may_have_run and not self.is_read:
            text += f". {MAY_HAVE_RUN}"
        error = (OutcomeUnknown if may_have_run and not self.safe else DeviceException)(text)
        error.may_have_run = may_have_run
        return error

    def _never_sent(self) -> tuple[str, bool]:
        """Say why it was not sent, and whether the device was asked all the same, by a hello."""
        what = "the command" if self.method else "it"
        if self.deadline <= self.started:
            return f"{what} was not sent, because the time for the whole call was over", False
        if self.late:
            return f"{what} was not sent, because its time was over before its turn", False
        if self.refusals:
            return f"{self.trouble}. Check the address and the port", True
        if not self.awaits_hello and self.method is not None:
            return (
                "the command was not sent, because earlier ones to this device had not ended, or copies of them might "
                "still arrive"
            ), False
        return (
            "it does not answer hellos either. Check the address, that the product has power and Wi-Fi, and that "
            "no firewall or router lies between (products ignore other subnets)"
        ), True

    def _unanswered(self) -> str:
        parts = []
        if self.restarted:
            parts.append("the device restarted meanwhile")
        if self.other_token:
            parts.append("it shows another token than the one given")
        if self.damaged:
            counts = ", ".join(f"{count} x {kind}" for kind, count in sorted(self.damaged.items()))
            if self.damaged.keys() == {"empty"}:
                parts.append(f"replies came without any content ({counts}), perhaps to something else")
            else:
                parts.append(
                    f"replies came damaged ({counts}); a reply too long for the device does that: ask for less"
                )
        if self.strays:
            came = "an answer" if self.strays == 1 else f"{self.strays} answers"
            parts.append(
                f"{came} came under the right token, but with no id that was asked, so not known to what"
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
        if self.not_repeated:
            parts.append(self.not_repeated)
        return "; ".join(parts)
