"""What a device does with an id it has seen before: found out with a harmless question, remembered for the session.

Some devices drop a repeated id in silence, some answer it as before without acting, some execute it again; of the newer
Wi-Fi modules nobody knows. ``miIO.info`` tells: the Wi-Fi module answers it by itself, and its ``life`` counts seconds.

::

    ask A                    the first question is answered: life 500
      wait 1.5 s             life has gone on by now
    ask A again, and B1      A is answered with a newer life: the device executes repeated ids, and that settles it
    ask A again, and B2      A is not answered, or as before, while the new questions B are: one round for "remembers"
    ...                      six such rounds in a row: it remembers

A copy of A that got lost looks like silence. The new question beside it gets lost as easily, and a round counts only
where it is answered; with every second question lost, six in a row by chance are one of four thousand.
"""

from __future__ import annotations

from collections.abc import Mapping

from miio_lan.lan.client.ids import IdSource
from miio_lan.lan.payload import dump_payload

#: The question.
QUESTION = "miIO.info"
#: Seconds from the first answer to the first repetition; ``life`` counts whole seconds.
LIFE_GOES_ON = 1.5
#: Seconds from one round to the next.
ROUND = 0.35
#: Rounds in a row that are proof, and rounds at most.
PROOF = 6
MAX_ROUNDS = 16
#: Seconds to the next first question while none is answered, doubled each time, and how many there are at most.
FIRST_WAIT = 0.5
MAX_FIRST = 5
#: Attempts to find out, at most: what does not tell its ``life`` will not do so later.
MAX_ATTEMPTS = 4


def life_of(payload: Mapping[str, object]) -> int | None:
    """Read the seconds of operation out of an answer to ``miIO.info``, None where they are not told."""
    result = payload.get("result")
    if isinstance(result, list) and len(result) == 1:
        result = result[0]
    life = result.get("life") if isinstance(result, dict) else None
    if isinstance(life, str) and life.isascii() and life.isdigit() and len(life) <= 10:
        return int(life)
    return life if isinstance(life, int) and not isinstance(life, bool) else None


class IdMemory:
    """What one device does with repeated ids, as far as it has been seen.

    :param ids: where questions get their ids
    """

    def __init__(self, ids: IdSource) -> None:
        #: True: seen to ignore or to replay them. False: seen to execute them. None: not known.
        self.remembers: bool | None = None
        #: How many newer ids have been seen not to make it forget one.
        self.depth = 0
        #: The newest answer to a question: seconds of operation, and when it came (monotonic seconds).
        self.newest: tuple[int, float] | None = None
        #: When :meth:`tick` is wanted next, monotonic seconds; None while nothing is asked.
        self.due: float | None = None
        self._ids = ids
        self._attempts = 0
        self._forget()

    def _forget(self) -> None:
        self.due = None
        self._asked: set[int] = set()
        self._first: int | None = None
        self._first_given = 0
        self._first_life = 0
        self._wait = FIRST_WAIT
        self._beside: int | None = None
        self._beside_answered = False
        self._rounds = 0
        self._quiet = 0

    @property
    def unknown(self) -> bool:
        """Whether asking may tell something new."""
        return self.remembers is None and self._attempts < MAX_ATTEMPTS

    @property
    def reach(self) -> int:
        """How many newer ids a command may have that is sent again under its own.

        A command that made us ask is older than the questions: after six rounds without a hitch it has seven newer ids,
        where the first question was remembered with five. That much more is assumed: that no device remembers six or
        seven ids, and not eight.
        """
        return PROOF + 1 if self.depth == PROOF - 1 else self.depth

    def question(self) -> tuple[int, bytes]:
        """Make the question under a new id."""
        number = self._ids.next()
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

    def tick(self, now: float) -> list[bytes]:
        """Give the questions that are to be sent now."""
        if self.due is None or now < self.due:
            return []
        return self._ask_first(now) if self._first is None else self._next_round(self._first, now)

    def answered(self, number: int, payload: Mapping[str, object], now: float) -> bool:
        """Take an answer, and tell whether it was one to a question of ours."""
        if number not in self._asked:
            return False
        life = life_of(payload)
        if number == self._first:
            self._repeated(life)
        elif self.due is None:
            pass  # too late to tell anything
        elif self._first is None:
            self._start(number, life, now)
        elif number == self._beside:
            self._beside_answered = life is not None and life > self._first_life
            self.newest = None if life is None else (life, now)
            if life is not None and life < self._first_life:
                self._forget()  # it restarted: begin anew another time
        return True

    def _ask_first(self, now: float) -> list[bytes]:
        if len(self._asked) >= MAX_FIRST:
            self.due = None
            return []
        self._first_given = self._ids.given
        number, payload = self.question()
        self._asked.add(number)
        self.due, self._wait = now + self._wait, self._wait * 2
        return [payload]

    def _start(self, number: int, life: int | None, now: float) -> None:
        if life is None:
            self.due = None
            return
        self._first, self._first_life = number, life
        self.due = now + LIFE_GOES_ON

    def _next_round(self, first: int, now: float) -> list[bytes]:
        if self._rounds:
            self._quiet = self._quiet + 1 if self._beside_answered else 0
        if self._quiet >= PROOF:
            self.remembers, self.due = True, None
            return []
        if self._rounds >= MAX_ROUNDS:
            self.due = None
            return []
        self._rounds += 1
        self.depth = self._ids.given - self._first_given - 1
        self._beside, payload = self.question()
        self._beside_answered = False
        self._asked.add(self._beside)
        self.due = now + ROUND
        return [_question(first), payload]

    def _repeated(self, life: int | None) -> None:
        """Take an answer to the repeated id; the one of the first time may come again, too."""
        if life is not None and life > self._first_life:
            self.remembers, self.due = False, None


def _question(number: int) -> bytes:
    return dump_payload({"id": number, "method": QUESTION, "params": []})
