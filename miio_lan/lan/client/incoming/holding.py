"""Holding a subscription: looking whether the device still has it, and asking for it again where it has not.

Rules only, part of a session, driven by its ``tick``: neither a caller's wait nor a hanging call delays them, and no
push waits for them. A look is a hello, whose answer shows the stamp of the subscription that the device holds for us.
That stamp, not the answer to ``miIO.sub``, is what counts in the end. Source: docs/lan-protocol.md, "Pushes".
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from miio_lan.errors import DeviceError, DeviceException, DeviceTimeout
from miio_lan.lan.client.incoming.reply import read_error, result_of
from miio_lan.lan.packet import PushAbility

#: Seconds between two looks while all is well.
CHECK_EVERY = 30.0
#: Seconds to the next look where one was not answered, or a subscription refused; doubled each time.
FIRST_WAIT, MAX_WAIT = 1.0, 30.0
#: Seconds to a second look where the first shows another stamp: that may be a late answer to an older hello.
SECOND_LOOK = 0.3
#: Looks without an answer after which the device may be elsewhere, or gone.
UNANSWERED = 3
SUBSCRIBE = "miIO.sub"
METHODS = ("properties_changed", "event_occured")
WILDCARD = "."


class Hold:
    """One client's subscription with one device.

    :param virtual_did: the did we pose as, 64 bits
    :param update_ts: the stamp of the subscription, Unix seconds
    :param now: monotonic seconds
    :param unix: the same instant in Unix seconds
    """

    def __init__(self, virtual_did: int, update_ts: int, now: float, unix: float) -> None:
        self.virtual_did = virtual_did
        self.update_ts = update_ts
        self._epoch = unix - now
        #: When :meth:`tick` is wanted next, monotonic seconds.
        self.due = now + CHECK_EVERY
        self._wait = 0.0
        # Whether to subscribe whatever the device holds: it holds it for another address of ours.
        self._renewing = False
        # Looks since the last certainty; the one at which another stamp was seen; those and questions left unanswered.
        self._looks = self._doubted = self._unanswered = self._unheeded = 0
        self._open = False
        self._looked = -math.inf
        self._since: float | None = None
        self._refusal: DeviceError | None = None
        self._pending: list[str] = []
        self._asked: dict[int, str] = {}
        self._elsewhere = self._forgotten = False

    # --- time ----------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> bool:
        """Tell whether a hello is to be said now: then it counts as said."""
        if now < self.due:
            return False
        if self._since is None:
            self._since = now
        if self._open:
            self._unanswered += 1
            self._elsewhere = self._elsewhere or self._unanswered % UNANSWERED == 0
        self._open = True
        self._looks += 1
        self._looked = now
        self._later(now)
        return True

    def look(self, now: float) -> None:
        """Look at once: there is reason to. But not so often that others could make us shout."""
        self.due = min(self.due, max(now, self._looked + SECOND_LOOK))

    def wait(self, until: float) -> None:
        """Look again at an instant (monotonic seconds): what an answer may lead to cannot be asked before."""
        self._open, self._unanswered = False, 0
        self.due = until

    def renew(self, now: float) -> None:
        """Subscribe again at once: the device would send to where nobody listens."""
        self._renewing = True
        self._wait = 0.0
        self.due = min(self.due, now)

    def _later(self, now: float) -> None:
        self._wait = min(MAX_WAIT, self._wait * 2) if self._wait else FIRST_WAIT
        self.due = now + self._wait

    # --- what the device says --------------------------------------------------------------------------------------

    @property
    def awaits_greeting(self) -> bool:
        """Whether an answer to a look is under way."""
        return self._open

    def greeted(self, ability: PushAbility | None, now: float) -> list[dict[str, object]] | None:
        """Take a hello's answer.

        :param ability: what its mark says; None where it has none: a late answer to a plain hello, or that of a device
            that is starting. It says nothing
        :returns: the parameters to ask ``miIO.sub`` with now; None where there is nothing to ask
        """
        if ability is None:
            return None
        self._open, self._unanswered = False, 0
        if self._renewing:
            return self._ask_anew(ability, now)
        if ability.sub_ts == self.update_ts & 0xFFFF_FFFF:
            if not self._pending or ability.wildcard:
                self._confirmed(now)
            return self._ask(now) if self._pending and self._looks else None
        if not self._looks:
            self.look(now)  # not asked for, so of an unknown age
        elif not self._doubted:
            self._doubted = self._looks
            self.due = min(self.due, now + SECOND_LOOK)
        elif self._doubted < self._looks:  # else it is the same answer once more
            return self._ask_anew(ability, now)
        return None

    def _ask_anew(self, ability: PushAbility, now: float) -> list[dict[str, object]]:
        self._renewing = False
        self._forgotten = ability.sub_ts != self.update_ts & 0xFFFF_FFFF
        self.update_ts = max(self.update_ts + 1, int(self._epoch + now))
        self._pending = [WILDCARD] if ability.wildcard else list(METHODS)
        return self._ask(now)

    def _ask(self, now: float) -> list[dict[str, object]]:
        self._looks = self._doubted = 0
        self._unheeded += 1
        self._asked.clear()
        self._later(now)
        return [
            {
                "version": "2.0",
                "did": str(self.virtual_did),
                "update_ts": self.update_ts,
                "sub_method": method,
            }
            for method in self._pending
        ]

    def take_forgotten(self) -> bool:
        """Tell, once, that the device no longer had the subscription: most likely it restarted."""
        forgotten, self._forgotten = self._forgotten, False
        return forgotten

    def asked(self, number: int, method: object) -> None:
        """Note the id under which ``miIO.sub`` goes out."""
        self._asked[number] = str(method)

    def answered(self, number: int, payload: Mapping[str, object], now: float) -> bool:
        """Take an answer, and tell whether it was one to a question of this."""
        method = self._asked.pop(number, None)
        if method is None:
            return False
        error = refusal(payload)
        if error is not None:
            self._refusal = error
            self._unheeded = 0
        elif method in self._pending:
            self._pending.remove(method)
            if not self._pending:
                self._confirmed(now)
        return True

    def _confirmed(self, now: float) -> None:
        self._pending.clear()
        self._asked.clear()
        self._looks = self._doubted = self._unanswered = self._unheeded = 0
        self._since = self._refusal = None
        self._elsewhere = self._open = False
        self._wait = 0.0
        self.due = now + CHECK_EVERY

    # --- what the caller learns ------------------------------------------------------------------------------------

    def take_elsewhere(self) -> bool:
        """Tell, once, that the device may have another address by now."""
        elsewhere, self._elsewhere = self._elsewhere, False
        return elsewhere

    def complaint(self, peer: str, patience: float, now: float) -> DeviceException | None:
        """Give the error of a subscription that nobody knows to be held, once for each time of patience.

        :param patience: seconds without a word of the device about it; and some looks without an answer
        """
        if self._since is None or now - self._since < patience:
            return None
        if self._refusal is not None:
            self._since, error = now, self._refusal
            return error
        if max(self._unanswered, self._unheeded) < UNANSWERED:
            return None
        self._since = now
        return DeviceTimeout(
            f"{peer} does not answer whether it still tells changes by itself; it is asked on and on"
        )


def refusal(payload: Mapping[str, object]) -> DeviceError | None:
    """Give the error of an answer to ``miIO.sub``: also a negative code as its result is one."""
    error = read_error(payload, SUBSCRIBE)
    if error is not None:
        return error
    result = result_of(payload)
    while isinstance(result, list) and len(result) == 1:
        result = result[0]
    message: object = None
    if isinstance(result, Mapping):
        message, result = result.get("message"), result.get("code")
    if isinstance(result, str) and result.strip().removeprefix("-").isdecimal() and len(result) <= 12:
        result = int(result)
    if isinstance(result, int) and result < 0:
        return read_error({"error": {"code": result, "message": message}}, SUBSCRIBE)
    return None
