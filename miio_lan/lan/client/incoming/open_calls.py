"""The calls of a session that are not done, and which of them an answer belongs to."""

from __future__ import annotations

from miio_lan.lan.client.call import Call
from miio_lan.lan.client.incoming.reply import find_id
from miio_lan.lan.client.repeating.afoot import Afoot


class OpenCalls:
    """Calls in the order of their begin.

    One list, and a mark on those that may send: wherever a thread is interrupted, a call is in it or not.
    """

    def __init__(self, sets_afoot: Afoot) -> None:
        #: All that are not done.
        self.all: list[Call] = []
        #: Id -> the call that waits for an answer to it.
        self.by_id: dict[int, Call] = {}
        #: Id of a question that comes before a resend -> the call that is to be sent again.
        self.checks: dict[int, Call] = {}
        #: What ended calls have left on the way.
        self.afoot = Afoot()
        #: Of that, what sets anything, beside that of others that speak to the same device.
        self._sets_afoot = sets_afoot
        self._owner = object()

    def share(self, sets_afoot: Afoot) -> None:
        """Keep what sets anything here from now on."""
        self._sets_afoot.move(self._owner, sets_afoot)
        self._sets_afoot = sets_afoot

    @property
    def active(self) -> list[Call]:
        """Those whose turn it is."""
        return [call for call in self.all if call.active]

    def remove(self, call: Call, now: float) -> None:
        """Take a call out that is done; copies of it may still be under way."""
        if self.by_id or call.sends > 1:
            for number, sent in call.last_sent_at.items():
                # It is nan where there are several copies, and one answer.
                again = call.sent_at[number] != call.sent_at[number]
                if self.by_id.pop(number, None) is not None or again:
                    self.afoot.left(number, sent, call.targets, again=again)
                    if call.targets:
                        self._sets_afoot.left((self._owner, number), sent, call.targets, again=again)
        if self.checks:
            for number in [number for number, other in self.checks.items() if other is call]:
                del self.checks[number]
        if call in self.all:
            self.all.remove(call)
        if self.all:
            self.release(now)

    def overtaken(self, now: float) -> int:
        """Tell how many ids that went out before now may reach the device after what goes out now."""
        return len(self.by_id) + self.afoot.count(now)

    def late_answer(self, number: int, now: float) -> None:
        """Take an answer nobody waits for: what may have waited for it to come goes on."""
        if self.afoot.answered(number):
            self._sets_afoot.answered((self._owner, number))
            self.release(now)

    def note_stray(self) -> None:
        """Note an answer that belongs to nothing that was asked, for those that wait for theirs."""
        for call in self.active:
            call.strays += call.first_sent is not None

    def release(self, now: float) -> None:
        """Let sets look again whether they may go out: something older is no longer under way."""
        for call in self.active:
            if call.targets and call.first_sent is None and not call.awaits_hello:
                call.next_send = min(call.next_send, now)

    def free_at(self, call: Call, now: float) -> float:
        """Tell when a set may go out first: not while an older one of the same property is open here."""
        for other in self.all:
            if other is call:
                break
            if other.active and other.targets & call.targets:
                return other.deadline
        return now

    def owner(self, plain: bytes, now: float, *, others: bool) -> Call | None:
        """Find the call that an unreadable answer belongs to: by its id, or because there is no other it could be.

        :param others: whether the device may have sent something that is no answer to a call
        """
        number = find_id(plain)
        if number is not None:
            return self.by_id.get(number)
        sent = [call for call in self.active if call.first_sent is not None]
        alone = len(sent) == 1 and not others and not self.checks and not self.afoot.anything(now)
        return sent[0] if alone else None
