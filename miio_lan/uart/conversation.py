"""The line's conversation: which reply belongs to which line of the MCU, which answer to which downlink.

Goal: the serial line has neither numbers nor direction marks beyond its two wires. Still one place, this one, has to
say what answers what, and how sure that is: live displays, the bridge, pairing and every rule read it here, so that
they cannot contradict each other. "In doubt" is a good answer, a wrong one that sounds sure is not.

Plan. Lines of both directions come in, in the order in which they were said (:mod:`miio_lan.uart.order`), with their
instants; turns and downlinks come out. A *turn* is a line of the MCU with the module's reply; replies are matched by
:class:`~miio_lan.uart.replies.OpenLines`. A *downlink* is what the module handed out, with its answer. An answer
(``result`` or ``error``) belongs

1. to the downlink that waits, when it fits it: carries its ids, or needs none;
2. else to one that was given up, when it names its ids: it is late;
3. else to the one that waits, though it does not fit it;
4. else to nothing that was seen (an orphan), or it repeats the answer to the last downlink.

What the module says to an answer is heard afterwards. An answer it *refused* was no answer to what waits; the one it
*takes* is. A reply to nothing that was seen shows that a line was lost: what is under way then is in doubt.

::

    10.1  down get_properties 2 1        the MCU is slow, the module gives up after 4 s
    14.3  down get_properties 2 2
    14.4  result 2 1 0 true     -> error   names 2.1: its answer, 4.3 s late. No answer to 2.2, and refused as one.
    14.5  result 2 2 0 50       -> ok      the answer to 2.2, after 0.2 s

Where a bridge stands in between, the two ends do not hear the same: there are two conversations then, ``side`` says
whose this is. The module's explains what a LAN client got, the MCU's is what the MCU is judged by.

No I/O and no clock; nothing a line can hold raises; what is remembered is bounded where no history is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Literal

from miio_lan.record import Record
from miio_lan.record.marks import BREAKS, is_mark, words_of
from miio_lan.uart.bridge.faults import ALTERED, delivered, held_back, invented, is_replied_to
from miio_lan.uart.commands import Direction, Down, Error, GetDown, Noise, Reply, Result
from miio_lan.uart.commands.answering import takes_firmware
from miio_lan.uart.document import UPDATE_FW
from miio_lan.uart.glued import heard_by_itself
from miio_lan.uart.history import LineHistory
from miio_lan.uart.ledger import LATEST, SHORTEST_ANSWER_TIME, Ledger
from miio_lan.uart.line import CR, THROWN_AWAY
from miio_lan.uart.reading import as_echo, parts_of, plain, read_answer, read_line
from miio_lan.uart.replies import MAX_OPEN, POLL_WORD, SLOW_REPLY, OpenLines
from miio_lan.uart.starts import IDENTITY_WORDS, Starts
from miio_lan.uart.turns import Before, Downlink, Quiet, Seen, Turn, text_of, text_of_raw, without_prompt

Side = Literal["module", "mcu"]

BLIND = 8.0
"""Seconds from when the watching begins in which an answer may be the late one to a line that was not seen."""
ASIDE = frozenset({"echo", "xmodem"})  # notes of what is no line of the conversation


class Conversation(LineHistory):
    """Takes the lines of both directions in the order in which they were said.

    :param side: whose conversation it is, where a bridge stands between the two
    :param before: what of the time before the first line still matters
    :param one_clock: whether one program heard, or said, both directions, so that the order of stamps is certain
    :param live: whether only what is under way is asked for, by whoever then has to :meth:`forget` the rest
    """

    def __init__(
        self,
        side: Side = "module",
        before: Before | None = None,
        *,
        one_clock: bool = False,
        live: bool = False,
    ) -> None:
        super().__init__(before)
        self.side = side
        self._one_clock = one_clock
        self._live = live
        self._ledger = Ledger()
        self._starts = Starts()
        self._open: OpenLines[Turn] = OpenLines()
        self._glued: list[Turn] = []  # that ran into each other, the last time that some did
        self._burst: list[Turn] = []  # since nothing was open
        self._under_way: list[Turn] = []  # answers of a live line that may not be let go yet
        self._blind_until = before.blind_until if before is not None else None
        self._last_hidden = self._said_until = self._now = -inf
        self._fed = self._count = 0
        self._transfer = False
        self._altered = False  # what a bridge makes of the MCU's last line is still to come

    @property
    def waiting(self) -> Downlink | None:
        """The downlink that waits for its answer, None when there is none."""
        return self._ledger.waiting

    @property
    def polled(self) -> bool:
        """Whether the MCU has asked for work and was not replied to yet."""
        return any(each.word == POLL_WORD for each in self._open)

    def now(self) -> Before:
        """Give what of all this may matter to what comes later."""
        return Before(self.first, self._blind_until, frozenset(self.heard), self.others)

    # --- taking --------------------------------------------------------------------------------------------------

    def read(self, direction: Direction, raw: bytes, now: float, *, text: str | None = None) -> Seen:
        """Read a line where it stands, without taking it; to be taken before the next one is read.

        :param text: its printable text, where nothing odd was found in it
        """
        if self._open and (expired := self._open.expire(now)):
            self._give_up(expired)
        text = text_of_raw(raw, direction) if text is None else without_prompt(text, direction)
        if direction == "down":
            place = self._open.place_of(text, now)
            asked = self._open.at(place)
            back = any(each.comes_back_in(text) for each in self._open)
            command = read_line(raw, direction, asked.command if asked else None)
            return Seen(text, as_echo(command) if back else command, back, place)
        if not text.startswith(("result", "error")):
            return Seen(text, read_line(raw, direction, None))
        target, others = self._ledger.find(raw, now)
        context = target or self._ledger.repeated
        answer = read_answer(raw, context) if context is not None else None
        if answer is None or (target is None and not answer.valid):
            # It does not repeat what came before: its own line was not seen.
            answer = read_line(raw, direction, None)
        return Seen(text, answer, target=target, others=others)

    def feed(self, record: Record, seen: Seen | None = None) -> None:
        """Take a record of the UART, with what :meth:`read` gave for it where that was asked before."""
        note, raw = record.note, record.raw
        if not raw and is_mark(record):
            return
        before = self._now
        self._begin(record)
        dropped = not raw.endswith(CR)
        if note or not raw:
            notes = words_of(note)
            if notes & BREAKS or not raw:
                self._break(record, away="outage" in notes)
            if "gap" in notes:
                self.gaps.append((before, self._now))  # what was lost came since the last line that was not
            if not raw or notes & ASIDE:
                return
            dropped = dropped or bool(notes & THROWN_AWAY)
        self.heard.add(record.direction)
        if record.direction == "up":
            self._up(record, seen, dropped=dropped)
        else:
            self._down(record, seen)
        if record.note and self.side == "module" and not delivered(record):
            self._withheld(record)

    def finish(self, ended: float | None = None) -> None:
        """Nothing more will come.

        :param ended: when the observation ended, monotonic seconds; with the last record by default
        """
        self._open.clear()
        if ended is not None:
            self.ended = max(self.ended, ended)

    def forget(self) -> None:
        """Drop what is finished. Turns and downlinks know each other: the garbage collector would have to find them."""
        open_lines, before = set(self._open), self._under_way[-MAX_OPEN:]
        self._under_way = []
        for turn in (*before, *self.said):
            if turn.answers is not None and (turn in open_lines or self._ledger.keeps(turn.answers)):
                self._under_way.append(turn)
            else:
                turn.answers = None
        super().forget()

    def _begin(self, record: Record) -> None:
        self._fed += 1
        if self._fed == 1:
            self.began = record.instant
            self.first = self.began if self.first is None else self.first
            self._blind_until = self.first + BLIND if self._blind_until is None else self._blind_until
        if record.instant > self._now:  # of two receivers one is later: what follows is not earlier for that
            self._now = record.instant
        self.ended = self._now
        if self.away and (since := self.away.pop(record.direction, None)) is not None:
            self.gaps.append((since, self._now))

    def _break(self, record: Record, *, away: bool) -> None:
        if away:
            self.away[record.direction] = self._now
        self.breaks.append(self._now)
        self._blind_until = self._now + BLIND
        _, passed = self._open.take(len(self._open))
        self._give_up(passed)
        self._ledger.interrupt()

    def _withheld(self, record: Record) -> None:
        """Note that the other end did not hear this, or heard something else (a fault of a bridge)."""
        if (task := self._ledger.current) is None:
            return
        if record is task.record:
            task.notes.append(f"the MCU did not get this line: {record.note}")
        elif record.direction == "up" and text_of(record).startswith(("result ", "error ")) and task.waits:
            task.notes.append(f"the module did not get the answer of the MCU: {record.note}")
            task.extra.append(record)

    # --- from the MCU --------------------------------------------------------------------------------------------

    def _up(self, record: Record, seen: Seen | None, *, dropped: bool) -> None:
        if record.note and not (delivered(record) if self.side == "module" else not invented(record)):
            self._spoken_for(record)
            return
        self._altered = ALTERED in record.note
        if seen is None:
            seen = self.read("up", plain(record), self._now)
        if not seen.text or (self._transfer and isinstance(seen.command, Noise)):
            return  # what a bootloader says between blocks is no line of the document
        self._open.end_help()
        parts = parts_of(seen.text)
        for number, part in enumerate(parts):
            if len(parts) > 1:
                seen = self.read("up", part.encode(), self._now)
            turn = self._say(record, seen, glued=len(parts) > 1, dropped=dropped)
            if number == 0 and not dropped and (not record.note or is_replied_to(record)):
                if full := self._open.add(turn):
                    self._give_up(full)
                self._burst.append(turn)
        if len(parts) > 1:
            self._glued = self.said[-len(parts) :]

    def _spoken_for(self, record: Record) -> None:
        """Take what a bridge said in place of the MCU: the module replies to that, too."""
        text = text_of(record)
        if self.side == "module":
            if text == POLL_WORD:
                self.kept_back.append(self._now)
        elif self._altered:
            self._altered = False  # what was made of it is replied to once
        elif text:
            self._open.add(Turn(record, text, read_line(record.raw, "up", None), instant=self._now))

    def _say(self, record: Record, seen: Seen, *, glued: bool, dropped: bool) -> Turn:
        turn = Turn(record, seen.text, seen.command, self._count, self._now, glued, dropped)
        self._count += 1
        if isinstance(seen.command, GetDown):
            self._polled(turn)
        elif isinstance(seen.command, (Result, Error)):
            self._answered(turn, seen)
            self._transfer |= "down" not in self.heard and takes_firmware(seen.command)
        else:
            self._transfer = False
            if turn.word in IDENTITY_WORDS:
                unseen = self._now if self.polled else self.unseen[-1] if self.unseen else -inf
                self._starts.tell(turn, unseen=unseen)
        self.said.append(turn)
        return turn

    def _polled(self, turn: Turn) -> None:
        self.polls.append(turn.instant)
        if not self._live and self._is_quiet():
            self.quiet.append(Quiet(turn.instant, self._fed - 1, self.now()))
        if (waiting := self.waiting) is not None:
            waiting.polls.append(turn)

    def _is_quiet(self) -> bool:
        busy = self._open or self._said_until >= self._now or self._hides()
        return not busy and self._ledger.owes_nothing(self._now)

    def _hides(self) -> bool:
        return self._now - self._last_hidden < LATEST

    def _answered(self, turn: Turn, seen: Seen) -> None:
        turn.blind = self._blind_until is not None and turn.instant < self._blind_until
        # An MCU that has asked for work waits for what it gets before it answers anything.
        asked = self.polled
        if seen.target is not None:
            self._ledger.answer(turn, seen.target, seen.others, hidden=asked or self._hides())
            over = turn.late or turn.instant - seen.target.instant > SHORTEST_ANSWER_TIME
            astray = not turn.fits and bool(self.unseen) and turn.instant - self.unseen[-1] < LATEST
            if seen.target.missed and (asked or not turn.fits):
                turn.blind = astray = True  # its own was not seen, and neither was what was handed out since
            if astray or (over and (asked or self.missing(seen.target.instant, turn.instant))):
                turn.sure = False  # it may be to something that was not seen
        elif not self._ledger.answer_unasked(turn, hidden=self._hides()):
            self.orphans.append(turn)
            current = self._ledger.current
            lost = self.unseen and (current is None or self.unseen[-1] > current.instant)
            turn.blind = turn.blind or self._hides() or asked or bool(lost)

    # --- from the module -----------------------------------------------------------------------------------------

    def _down(self, record: Record, seen: Seen | None) -> None:
        ours = not invented(record)
        if self.side == "module" and not ours:
            return
        said_at = self._now - held_back(record) if record.note and self.side == "mcu" else self._now
        if seen is None:
            seen = self.read("down", plain(record), said_at)
        if not seen.text or seen.echo:
            return
        if ours:
            self.told.append((record, seen.command))
        if self.side == "mcu" and not delivered(record):
            if ALTERED not in record.note:
                self._open.take(seen.place)  # it will not be said again
            return
        self._said_until = self._now
        turn, passed = self._open.take(seen.place)
        if passed:
            self._give_up(passed)
        turn = turn or heard_by_itself(self._glued, seen.text, self._now, said=self._count)
        if turn is not None:
            self._reply(turn, record)
        if isinstance(seen.command, Down):
            self._handed_out(record, seen.command, seen.text, turn)
        elif turn is None or (turn.word == POLL_WORD and seen.text == "error"):
            self._unexplained(seen, turn)

    def _reply(self, turn: Turn, record: Record) -> None:
        if turn.reply is None:
            turn.reply = record
        waited = self._now - turn.instant
        if turn.word == POLL_WORD and waited > SLOW_REPLY and waited - held_back(record) > SLOW_REPLY:
            self.unseen.append(turn.instant)  # it may be to a later poll, and both lines between were missed
        if not self._open:
            self._burst.clear()
        if turn is self._starts.sign and turn.accepted:
            self._blind_until = -inf
            self._ledger.forgive()
        if (downlink := turn.answers) is not None:
            if downlink.command.method == UPDATE_FW and turn.accepted:
                self._transfer = takes_firmware(turn.command)
            if turn.refused and turn.fits and self._hides():
                turn.sure = False  # to what was not seen, perhaps, which asked for the same and was given up
            self._ledger.acknowledge(turn, downlink)

    def _unexplained(self, seen: Seen, turn: Turn | None) -> None:
        """Take a reply that tells of something that was not seen: a lost line of the MCU, or why a poll is put off."""
        waiting = self.waiting
        if turn is None:
            if not isinstance(seen.command, Reply):
                return
            self.unexplained.append(self._now)
            if waiting is not None and seen.text in ("ok", "error"):
                waiting.missed = True
        if waiting is None and seen.text == "error":
            self.hidden.append(self._now)
            self._last_hidden = self._now

    def _give_up(self, turns: Iterable[Turn]) -> None:
        """A reply of the module was not seen: those around it may be off by one."""
        for turn in turns:
            if turn.word == POLL_WORD:
                self.unseen.append(turn.instant)
            for each in self._burst:
                each.reply_sure = each is turn
            # Nothing more is to be said of those; where one direction alone is heard, a burst has no end.
            self._burst = [each for each in self._burst if each.reply_sure]
        if not self._open:
            self._burst.clear()

    def _handed_out(self, record: Record, command: Down, text: str, asked: Turn | None) -> None:
        self._transfer = False
        method = command.method
        if method in ("", "none"):
            self._ledger.close(command, self._now)
            if method:
                self.idle.append(self._now)
            return
        downlink = Downlink(record, text, command, asked, self._now)
        if not self._ledger.hand_out(downlink):
            return
        self.downlinks.append(downlink)
        last = self.orphans[-1] if self.orphans and not self._one_clock else None
        if last is not None and command.wants_result and self._ledger.adopt(last, downlink):
            self.orphans.pop()
        self._starts.request(downlink)


def converse(
    records: Iterable[Record], *, side: Side = "module", ended: float | None = None, one_clock: bool = False
) -> Conversation:
    """Read the serial records of an observation, in the order in which they were said; all others are passed over.

    :param ended: when the observation ended, monotonic seconds; with the last record by default
    :param one_clock: as for :class:`Conversation`, and ``side`` too
    """
    conversation = Conversation(side, one_clock=one_clock)
    for record in records:
        if record.wire == "uart":
            conversation.feed(record)
    conversation.finish(ended)
    return conversation
