"""What a device does with an id it has seen before: found out with a harmless question, remembered for the session.

Some devices drop a repeated id in silence, some answer it as before without acting, some execute it again; some
remember many ids, some a few; of the newer Wi-Fi modules nobody knows. ``miIO.info`` tells: the Wi-Fi module answers it
by itself, and its ``life`` counts seconds.

::

    toggle                   the command that got no answer
    ask 1, 2, ... 14         answered with life 500, 500, ... 501
    ask 1 again, and greet   life goes on: with a newer one in the answer, the device executes what is repeated, which
                             settles it; silence, or the old answer, while the hello is answered: one sign of a memory
    ask 2 again, and greet   another sign, and so on to the sixth
    ask 15                   answered with life 503: it takes commands, and did not restart. It remembers.

A copy that got lost looks like silence, and so does an answer that got lost. So one sign is none, and each comes from
another id: one that was executed again unnoticed would be new to the device, and even a bad memory would hold it. A
device that remembers eight ids or fewer is taken for a better one only after six losses in a row, on a network
that lost next to nothing of the questions.

What was seen is how many newer ids it bears (``depth``). So a command that must not run twice goes out again only while
its id has no more newer ones; and when it did, no more go out until its copies must have arrived: to a device that has
forgotten the id, one that comes late would be new.
"""

from __future__ import annotations

from collections.abc import Mapping

from miio_lan.lan.client.ids import IdSource
from miio_lan.lan.client.repeating.afoot import UNDER_WAY
from miio_lan.lan.payload import dump_payload

#: The question.
QUESTION = "miIO.info"
#: Questions under ids of their own.
QUESTIONS = 14
#: Of which so many have to be answered: silence means nothing on a network that loses much.
MIN_ANSWERS = 12
#: Seconds between them.
PACE = 0.12
#: Seconds between the answer to a question and its repetition at least; ``life`` counts whole seconds.
LIFE_GOES_ON = 1.5
#: Signs that are proof, the seconds one takes, and how many repetitions are sent at most.
PROOF = 6
ROUND = 0.3
MAX_ROUNDS = 9
#: Attempts at the last question, at most.
MAX_LAST = 3
#: Attempts to find out, at most: what does not tell its ``life`` will not do so later.
MAX_ATTEMPTS = 8
#: A greeting, among the questions that are to be sent.
GREETING = b""


def life_of(payload: Mapping[str, object]) -> int | None:
    """Read the seconds of operation out of an answer to ``miIO.info``, None where they are not told."""
    result = payload.get("result")
    if isinstance(result, list) and len(result) == 1:
        result = result[0]
    life = result.get("life") if isinstance(result, dict) else None
    if isinstance(life, str) and life.isascii() and life.isdigit() and len(life) <= 10:
        return int(life)
    return life if isinstance(life, int) and not isinstance(life, bool) else None


class _Asked:
    """A question, by the place of its id among all that went out, and when it did (monotonic seconds)."""

    def __init__(self, number: int, place: int, sent: float) -> None:
        self.number = number
        self.place = place
        self.sent = sent
        self.life: int | None = None
        self.answered = 0.0


class IdMemory:
    """What one device does with repeated ids, as far as it has been seen.

    :param ids: where questions get their ids
    """

    def __init__(self, ids: IdSource) -> None:
        #: True: seen to ignore or to replay them. False: seen to execute them. None: not known.
        self.remembers: bool | None = None
        #: How many newer ids have been seen not to make it forget one, by each of the signs.
        self.depth = 0
        #: Where the first question stood among the ids that went out.
        self.first_place = 0
        #: The newest answer to a question: seconds of operation, and when it came (monotonic seconds).
        self.newest: tuple[int, float] | None = None
        #: When :meth:`tick` is wanted next, monotonic seconds; None while nothing is asked.
        self.due: float | None = None
        #: Place of an id that is not to be forgotten, for a copy under it may still arrive -> until when.
        self.guarded: dict[int, float] = {}
        self._ids = ids
        self._attempts = 0
        self._forget()

    def _forget(self) -> None:
        self.due = None
        self._asked: dict[int, _Asked] = {}
        self._targets: list[_Asked] = []
        self._repeated: _Asked | None = None
        self._greeted = False
        self._rounds = 0
        self._signs = 0
        self._depths: list[int] = []
        self._last: list[int] = []

    @property
    def unknown(self) -> bool:
        """Whether asking may tell something new."""
        return self.remembers is None and self._attempts < MAX_ATTEMPTS

    def in_reach(self, place: int, more: int = 0) -> bool:
        """Tell whether the device surely remembers an id, as far as it was seen to.

        :param place: how many ids had gone out with it, but for those that may arrive after it
        :param more: how many further ones would go out
        """
        return self._ids.gone + more - place <= self.depth

    def is_asked_for(self, place: int) -> bool:
        """Tell whether an id is that of the command that made us ask, which the device is then taken to remember.

        It is older than every question: all of them come after it, two more than after the first of them, which the
        device was seen to remember. That no device's memory ends just there, at 14 or 15 ids, is assumed; that no other
        id of ours went out meanwhile is asked for.

        :param place: how many ids had gone out with it
        """
        return place < self.first_place and self._ids.gone - place <= QUESTIONS + 1

    def guard(self, place: int, now: float) -> None:
        """Note that what must not run twice went out again under its id: the device has to know that until it arrives.

        :param place: how many ids had gone out with it, but for those that may arrive after it
        """
        self.guarded[place] = now + UNDER_WAY

    def free_at(self, now: float, ids: int = 1) -> float:
        """Tell when new ids may go out: not while they could make the device forget one that a late copy bears.

        :param ids: how many
        """
        free = now
        for place, until in list(self.guarded.items()):
            if until <= now:
                del self.guarded[place]
            elif not self.in_reach(place, ids):
                free = max(free, until)
        return free

    def question(self) -> tuple[int, bytes]:
        """Make the question under a new id, which goes out at once."""
        number = self._ids.next()
        self._ids.gone += 1
        return number, _question(number)

    def begin(self, now: float) -> None:
        """Start to find out, where that is not known nor under way."""
        if self.unknown and self.due is None:
            self._forget()
            self._attempts += 1
            self.due = now

    def cancel(self) -> None:
        """Stop asking; what is known stays."""
        self.due = None

    def greeted(self) -> None:
        """Note that a hello was answered: the device is there."""
        self._greeted = True

    def tick(self, now: float) -> list[bytes]:
        """Give the questions, and greetings, that are to be sent now."""
        if self.due is None or now < self.due:
            return []
        if len(self._asked) < QUESTIONS:
            self.due = now + PACE
            return [self._ask(now)]
        if not self._rounds:
            answered = [asked for asked in self._asked.values() if asked.life is not None]
            self._targets = answered[:PROOF]
            if len(answered) < MIN_ANSWERS:
                self.due = None
                return []
        return self._next_round(now)

    def answered(self, number: int, payload: Mapping[str, object], now: float) -> bool:
        """Take an answer, and tell whether it was one to a question of ours."""
        asked = self._asked.get(number)
        if asked is None:
            return False
        life = life_of(payload)
        if asked.life is None:
            self._first_answer(asked, life, now)
        elif life is not None and life > asked.life:
            self.remembers, self.due = False, None
        return True

    def _ask(self, now: float) -> bytes:
        number, payload = self.question()
        self._asked[number] = _Asked(number, self._ids.gone, now)
        return payload

    def _first_answer(self, asked: _Asked, life: int | None, now: float) -> None:
        if life is None or (self._rounds and self.newest is not None and life + _OLDER_BY < self.newest[0]):
            self.due = None  # it does not tell, or it restarted: perhaps another time
            return
        asked.life, asked.answered = life, now
        self.newest = life, now
        if self.due is not None and asked.number in self._last:
            self.depth = min(self._depths)
            self.first_place = self._targets[0].place
            self.remembers, self.due = True, None

    def _next_round(self, now: float) -> list[bytes]:
        if self._repeated is not None and self._greeted:
            self._signs += 1
        if self._signs >= PROOF:
            return self._ask_last(now)
        target = self._targets[self._signs]
        if self._rounds >= MAX_ROUNDS:
            self.due = None
            return []
        if now < target.answered + LIFE_GOES_ON:
            self.due = target.answered + LIFE_GOES_ON
            return []
        self._rounds += 1
        self._depths[self._signs :] = [self._borne_by(target)]
        self._repeated, self._greeted = target, False
        self.due = now + ROUND
        return [_question(target.number), GREETING]

    def _borne_by(self, target: _Asked) -> int:
        """Tell how many newer ids the device surely got: those of answered questions that were sent after its answer.

        Others may have got lost, or come before it.
        """
        return sum(each.life is not None and each.sent >= target.answered for each in self._asked.values())

    def _ask_last(self, now: float) -> list[bytes]:
        self._repeated = None
        if len(self._last) >= MAX_LAST:
            self.due = None
            return []
        payload = self._ask(now)
        self._last.append(self._ids.last)
        self.due = now + ROUND
        return [payload]


#: Seconds by which an answer may be older than one that came before it.
_OLDER_BY = 4


def _question(number: int) -> bytes:
    return dump_payload({"id": number, "method": QUESTION, "params": []})
