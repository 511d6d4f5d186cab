"""Brings the lines of two receivers into the order in which they were said.

Goal
    Two adapters listen to a line, one for each direction. Each stamps what it reads some milliseconds late, in its own
    time: USB adapters collect bytes for up to 16 ms, and a busy computer adds to that. So a ``result`` may bear an
    earlier time than the line that it answers. Whoever reads the conversation wants the question before the answer.

Plan
    A merge of two sorted sequences with a look-ahead of :data:`LATENESS`. Within a direction the order is certain, so
    each direction is a queue, and the only question is which of the two heads comes next. Heads further apart than
    :data:`LATENESS` go by their stamps. Closer ones are decided by who can answer whom:

    * The module's line has the earlier stamp. If the MCU's line is a question that it may reply to, and no other open
      question explains it, the MCU's line comes first.
    * The MCU's line has the earlier stamp. If it is an answer, the MCU has asked for work, and the module hands out
      such work within the look-ahead, the module's line comes first; not where it says something before it that only
      the answer explains.
    * In all other cases the stamps decide.

Example
    ``G`` is ``get_down``, ``D`` is ``down set_properties 2 1 5``, ``R`` is ``result 2 1 0``, ``K`` is ``ok``. The
    receiver at the MCU is 1 ms late, the one at the module 12 ms::

        ms                          0   2   4   6   8   10  12  14  16  18  20  22
        said       by the MCU       G           R
                   by the module        D           K
        stamped    at the MCU         G           R
                   at the module                                D           K

    By stamp: G R D K. When the heads are R (7 ms) and D (14 ms), they are close, the MCU has asked for work (G), and D
    is what a ``result`` answers: D comes first. Then R is before K by its stamp, and the order is G D R K.

There is one implementation, :class:`Ordering`, fed live or with a whole recording. It holds a line back only as long
as the other receiver may still bring one that comes before it. No I/O and no clock.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator

from miio_lan.errors import RecordError
from miio_lan.record import Record
from miio_lan.uart.bridge.faults import delivered, invented
from miio_lan.uart.commands import Down
from miio_lan.uart.document import IDENTITY_REQUESTS
from miio_lan.uart.reading import plain, read_line
from miio_lan.uart.replies import POLL_WORD, may_reply
from miio_lan.uart.turns import LATENESS, text_of

ANSWERED_WITHIN = 0.1
"""Seconds for which a line of the MCU counts as an open question; modules answer within milliseconds."""

OBSERVED_WITHIN = 2.0
"""Seconds within which a recording holds what was observed at one time: a line that never ended is recorded a second
after its first byte, a line of a busy line 0.2 s after it."""

# Reports that are also answers to a request of the module.
_REQUESTS = {word: f"down {request}" for request, word in IDENTITY_REQUESTS.items()}
_ANSWERS = frozenset({"result", "error", *_REQUESTS})


def in_order(records: Iterable[Record]) -> list[Record]:
    """Order the records of both wires: the lines as they were said, the datagrams among them by their time."""
    ordering = Ordering()
    for record in sorted(records, key=lambda record: record.instant):
        ordering.take(record)
    return ordering.flush()


def in_stream(records: Iterable[Record | None]) -> Iterator[Record]:
    """Order the records of both wires while they are read, as :func:`in_order` would, in little memory.

    Where the time jumps back, because a recording goes on after its computer was started anew, all begins anew.

    :param records: in the order of observation: no later than :data:`OBSERVED_WITHIN` after their instant; None where
        nothing came for as long, so that nothing has to wait for what comes next
    :raises RecordError: what reading them raises, after everything that came before it was given
    """
    early: list[tuple[float, int, Record]] = []  # a heap
    count = itertools.count()
    ordering = Ordering()
    latest = -math.inf

    def rest() -> Iterator[Record]:
        while early:
            yield from ordering.feed(heapq.heappop(early)[2])
        yield from ordering.flush()

    try:
        for record in records:
            if record is None or record.instant < latest - OBSERVED_WITHIN:
                yield from rest()
                ordering, latest = Ordering(), -math.inf
            if record is None:
                continue
            latest = max(latest, record.instant)
            heapq.heappush(early, (record.instant, next(count), record))
            while early[0][0] < latest - OBSERVED_WITHIN:
                yield from ordering.feed(heapq.heappop(early)[2])
    except RecordError:
        yield from rest()
        raise
    yield from rest()


class Ordering:
    """Orders the records of both wires as they come, and gives each as soon as nothing can come before it.

    Records are fed in the order of their instants. One that comes with an earlier instant than the one before it is
    put in its place if that is still open, and otherwise given as soon as possible; the order within a direction
    stays. No I/O and no clock: :meth:`feed`, :meth:`tick` and :meth:`flush` give what is ready.
    """

    def __init__(self) -> None:
        self._up: deque[Record] = deque()
        self._down: deque[Record] = deque()
        self._datagrams: deque[Record] = deque()
        self._asked: deque[tuple[float, str]] = deque(maxlen=32)
        # Nothing more comes with an earlier instant, and nothing that was taken has a later one.
        self._known = -math.inf

    def feed(self, record: Record) -> list[Record]:
        """Take a record; give what is ready now, this one or others, in order."""
        self.take(record)
        self._known = max(self._known, record.instant)
        return self._ready()

    def take(self, record: Record) -> None:
        """Take a record that says nothing about what is still to come: for whole recordings."""
        if record.wire != "uart":
            self._datagrams.append(record)
        else:
            (self._up if record.direction == "up" else self._down).append(record)

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` gives something, if no record comes before; monotonic seconds, None for never."""
        if self._datagrams and self._datagrams[0].instant < self._first:
            return self._datagrams[0].instant
        return self._next()[1] if self._up or self._down else None

    def tick(self, now: float) -> list[Record]:
        """Take that nothing with an instant up to ``now`` is still to come; give what is ready."""
        self._known = max(self._known, math.nextafter(now, math.inf))
        return self._ready()

    def flush(self) -> list[Record]:
        """Take that nothing more comes; give the rest. What is fed afterwards is given at once."""
        self._known = math.inf
        return self._ready()

    def _ready(self) -> list[Record]:
        ready: list[Record] = []
        while self._up or self._down:
            queue, needed = self._next()
            if self._known <= needed:
                break
            line = queue.popleft()
            self._note(line)
            ready += self._datagrams_before(line.instant)
            ready.append(line)
        # They come before the next line, whichever of the two heads that is, and whatever else comes.
        return [*ready, *self._datagrams_before(min(self._known, self._first))]

    def _datagrams_before(self, instant: float) -> Iterator[Record]:
        while self._datagrams and (self._datagrams[0].instant < instant or instant == math.inf):
            yield self._datagrams.popleft()

    # --- the merge of both directions of the line; see the module for its plan -------------------------------------

    @property
    def _first(self) -> float:
        """The earliest instant of a line that was not given yet; infinite when there is none."""
        return min([queue[0].instant for queue in (self._up, self._down) if queue], default=math.inf)

    def _next(self) -> tuple[deque[Record], float]:
        """Give the queue whose head comes next, as far as is known, and up to when all must be known to be certain.

        With a single head the other one is thought of as the earliest that may still come. Every step is decided by
        the same comparisons, so that what is fed line by line is ordered like what is there from the start.
        """
        if not self._down:
            up = self._up[0]
            return self._up, up.instant + LATENESS if self._may_answer(up) else -math.inf
        if not self._up:
            down = self._down[0]
            return self._down, down.instant if self._explained(down) else down.instant + LATENESS
        up, down = self._up[0], self._down[0]
        up_is_early = up.instant <= down.instant
        early, late = (up, down) if up_is_early else (down, up)
        by_stamp = (self._up if up_is_early else self._down), -math.inf
        if late.instant > early.instant + LATENESS:
            return by_stamp
        if _is_part(up) or _is_part(down):
            return by_stamp  # a firmware transfer has neither questions nor answers
        if not delivered(up) or invented(down):
            return by_stamp  # said to, or by, a bridge alone, which has one clock
        if not up_is_early:
            is_question = not self._explained(down) and may_reply(text_of(down), _word(up))
            return (self._up if is_question else self._down), -math.inf
        if not self._may_answer(up):
            return by_stamp
        end = up.instant + LATENESS
        return (self._down, -math.inf) if self._is_asked_for(up, end) else (self._up, end)

    def _may_answer(self, up: Record) -> bool:
        """Tell whether the MCU has asked for work, and this may be its answer to what it was handed out."""
        return _word(up) in _ANSWERS and POLL_WORD in self._open(up.instant)

    def _is_asked_for(self, up: Record, end: float) -> bool:
        """Tell whether the module hands out by then what such an answer is to, and all it says before that has a cause.

        An ``ok`` that nothing else explains is the module's word to the answer: what follows was not asked before it.
        """
        asked = self._open(up.instant)
        for record in itertools.takewhile(lambda record: record.instant <= end, self._down):
            if _wants(record, _word(up)):
                return POLL_WORD in asked
            text = text_of(record)
            place = next((place for place, word in enumerate(asked) if may_reply(text, word)), -1)
            if place < 0 and text == "ok":
                return False
            asked = asked[place + 1 :]
        return False

    def _explained(self, down: Record) -> bool:
        """Tell whether a line of the module answers a line of the MCU that came before, or needs none."""
        return _is_part(down) or any(may_reply(text_of(down), word) for word in self._open(down.instant))

    def _open(self, instant: float) -> list[str]:
        return [word for asked_at, word in self._asked if asked_at >= instant - ANSWERED_WITHIN]

    def _note(self, record: Record) -> None:
        """Keep account of what the module has not answered yet."""
        if _is_part(record):
            return
        text = text_of(record)
        if record.direction == "up" and text and delivered(record):
            self._asked.append((record.instant, _word(record)))
        if record.direction == "up" or invented(record):
            return
        while self._asked and self._asked[0][0] < record.instant - ANSWERED_WITHIN:
            self._asked.popleft()
        place = next((place for place, (_, word) in enumerate(self._asked) if may_reply(text, word)), -1)
        for _ in range(place + 1):
            self._asked.popleft()


def _is_part(record: Record) -> bool:
    """Tell whether this is no line, but a part of a firmware transfer."""
    return "transfer" in (record.reading or {})


def _wants(down: Record, answer: str) -> bool:
    """Tell whether what is handed out is answered by such a line."""
    if answer in _REQUESTS:
        return text_of(down) == _REQUESTS[answer]
    command = read_line(plain(down), "down", None)
    return isinstance(command, Down) and command.wants_result


def _word(record: Record) -> str:
    return text_of(record).partition(" ")[0]
