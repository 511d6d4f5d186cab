"""Between two ends of a line: bytes of both directions in, what goes on to the other end out, faults included.

What no fault can concern goes on byte by byte. A line that may be meant is held back until its CR, and for no longer
than a module would wait for it. It is known by the text that a module would hold: noise within it saves no line, and
noise alone begins none. The bytes of a firmware transfer are never held. No I/O and no clock.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from miio_lan.uart.bridge.faults import (
    ALTERED,
    ANSWERED,
    DROPPED,
    HELD_BACK,
    SENT,
    Fault,
    may_begin,
    spoken,
)
from miio_lan.uart.commands import Direction, Down, Error, Result, read
from miio_lan.uart.commands.answering import takes_firmware
from miio_lan.uart.document import PARTIAL_LINE_TIME
from miio_lan.uart.firmware.transfer import ASK_FOR_CRC, BLOCK_HEAD, CHECKS, SIZES, head_at
from miio_lan.uart.line import CR, GRAPHIC, KEPT, kept_text
from miio_lan.uart.replies import OpenLines, is_echo
from miio_lan.uart.turns import without_prompt

MAX_DELAYED = 1 << 20
"""Bytes that may wait behind a delay; a line at full speed brings less in the longest one."""


class Passage(NamedTuple):
    """Bytes on their way.

    :param direction: ``"up"`` travels to the module, ``"down"`` to the MCU
    :param instant: monotonic seconds of the read that brought the first byte
    :param deliver: whether the bytes reach the other end
    :param heard: whether they count as said: False for a line that is answered by nothing
    :param note: what was done to them
    """

    direction: Direction
    data: bytes
    instant: float
    deliver: bool = True
    heard: bool = True
    note: str = ""


@dataclass(eq=False, slots=True)
class _Owed:
    """A line the module has heard, and will answer."""

    text: str
    instant: float
    ours: bool  # said by the bridge: the MCU must not see the answer
    word: str = field(init=False)  # its first one

    def __post_init__(self) -> None:
        self.word = self.text.partition(" ")[0]


@dataclass(eq=False, slots=True)
class _Injected:
    """A fault since it was asked for; asked for again, the same one counts anew."""

    fault: Fault
    fitted: int = 0  # lines


@dataclass(slots=True)
class _Lane:
    """One direction."""

    direction: Direction
    line: bytearray = field(default_factory=bytearray)  # what is known of the line now being said
    began: float = 0.0
    last: float = 0.0
    passing: bool = False  # the line is of no interest and goes on as it comes
    binary: int = 0  # bytes of a transfer's block still to come
    tail: bytes = b""  # the last bytes gone on, where a block may have begun
    behind: list[Passage] = field(default_factory=list)  # to be said when the line that is passing is over
    waiting: deque[tuple[float, Passage]] = field(default_factory=deque)
    size: int = 0


class Interference:
    """Applies faults to a line.

    Of several faults that fit a line, the first that is not used up decides.

    :param faults: what to do; may be changed at any time
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = [_Injected(fault) for fault in faults]
        self._done: Counter[str] = Counter()
        self._up, self._down = _Lane("up"), _Lane("down")
        self._lanes: dict[Direction, _Lane] = {"up": self._up, "down": self._down}
        self._owed: OpenLines[_Owed] = OpenLines()
        self._steps: list[Passage] = []
        self._transfer = False  # the MCU has said that it is ready for firmware, and nothing since

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is to be done, used up or not."""
        return tuple([each.fault for each in self._faults])

    @property
    def done(self) -> Mapping[str, int]:
        """How often each fault was applied, by its text."""
        return dict(self._done)

    def add(self, *faults: Fault) -> None:
        """Do this too, after what is to be done already."""
        self._faults += [_Injected(fault) for fault in faults]

    def clear(self) -> None:
        """Do nothing any more; what is delayed still comes in its time."""
        self._faults.clear()
        if not any(owed.ours for owed in self._owed):
            self._owed.clear()

    def lets_pass(self, direction: Direction, data: bytes, now: float) -> bool:
        """Tell at little cost whether bytes, which come next, simply go on, for nothing is to be done to any line.

        They need not be fed then.
        """
        if not self._is_idle:
            return False
        lane = self._lanes[direction]
        if data.endswith(CR):
            lane.passing = False
            return True
        if not lane.passing or CR in data or now >= lane.last + PARTIAL_LINE_TIME:
            lane.passing = GRAPHIC.search(data, data.rfind(CR) + 1) is not None
        lane.last = now
        return True

    def feed(
        self, direction: Direction, data: bytes, now: float, *, downlink: Down | None = None
    ) -> list[Passage]:
        """Take bytes that one end said; return what is to be done now, in this order.

        :param downlink: the downlink that waits for its ``result``
        """
        if self.lets_pass(direction, data, now):
            return [Passage(direction, data, now)]
        self._release_due(now)
        while data:
            data = self._take(self._lanes[direction], data, now, downlink)
        return self._taken()

    def _taken(self) -> list[Passage]:
        steps, self._steps = self._steps, []
        return steps

    @property
    def _is_idle(self) -> bool:
        """Whether there is nothing to do but to let everything go on."""
        if self._faults or self._owed:
            return False
        up, down = self._up, self._down
        # Written out, for this is asked twice for each read of a busy line.
        if up.line or up.waiting or up.behind or up.binary:
            return False
        return not (down.line or down.waiting or down.behind or down.binary)

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None for never."""
        times = [lane.waiting[0][0] for lane in self._lanes.values() if lane.waiting]
        times += [lane.last + PARTIAL_LINE_TIME for lane in self._lanes.values() if lane.line]
        return min(times, default=None)

    def tick(self, now: float) -> list[Passage]:
        """Give what was held back for long enough."""
        self._release_due(now)
        return self._taken()

    def _release_due(self, now: float) -> None:
        for lane in self._lanes.values():
            while lane.waiting and (lane.waiting[0][0] <= now or lane.size > MAX_DELAYED):
                _, step = lane.waiting.popleft()
                lane.size -= len(step.data)
                # It is said now: the other end, and what is read from it, know nothing of the delay.
                self._steps.append(step._replace(instant=max(now, step.instant)))
            if lane.line and now >= lane.last + PARTIAL_LINE_TIME:
                if lane.passing:
                    self._line_over(lane, now)
                else:
                    self._release(lane)
                    lane.last = now  # for the other end, which waits for the rest

    def flush(self) -> list[Passage]:
        """Give everything that is held back, whatever the time: nothing more will come."""
        for lane in self._lanes.values():
            self._steps += [step for _, step in lane.waiting]
            lane.waiting.clear()
            lane.size = 0
            if lane.line and not lane.passing:
                self._release(lane)
        return self._taken()

    # --- bytes -------------------------------------------------------------------------------------------------------

    def _take(self, lane: _Lane, data: bytes, now: float, downlink: Down | None) -> bytes:
        """Take the first bytes, up to a CR or the end of a block, and return the rest."""
        if lane.binary:
            size = min(lane.binary, len(data))
            lane.binary -= size
            # Where the check is a sum, what counts as its second byte begins the next block.
            lane.tail = (lane.tail + data[:size])[-2:]
            self._emit(lane, Passage(lane.direction, data[:size], now))
            return data[size:]
        end = data.find(CR) + 1 or len(data)
        piece, rest = data[:end], data[end:]
        if not lane.line:
            lane.began = now
            if now >= lane.last + PARTIAL_LINE_TIME:
                lane.passing, lane.tail = False, b""  # nobody waits for the rest of it
        lane.last = now
        lane.line += piece
        if lane.passing:
            del lane.line[KEPT:]
            rest = self._pass(lane, piece, now) + rest
        elif len(lane.line) > KEPT or not self._concerns(lane):
            rest = self._release(lane) + rest
        elif piece.endswith(CR):
            line = bytes(lane.line)
            lane.line.clear()
            lane.tail = b""
            self._decide(lane, line, now, downlink)
        if lane.passing and piece.endswith(CR):
            self._passed(lane.direction, bytes(lane.line), now)
            self._line_over(lane, now)
        return rest

    def _release(self, lane: _Lane) -> bytes:
        """Let the line go on as it comes. What has no text begins none: the next line is another."""
        line = bytes(lane.line)
        lane.passing = GRAPHIC.search(line) is not None
        if not lane.passing:
            lane.line.clear()
        return self._pass(lane, line, lane.began)

    def _pass(self, lane: _Lane, data: bytes, instant: float) -> bytes:
        """Have bytes go on. Where a block begins in them, its bytes are no line; what is behind it is returned."""
        rest = b""
        known = lane.tail + data
        start = head_at(known)
        if start is not None and len(known) - start >= BLOCK_HEAD:
            end = start + BLOCK_HEAD + SIZES[known[start]] + CHECKS["crc"] - len(lane.tail)
            data, rest = data[:end], data[end:]
            lane.binary = end - len(data)
            lane.line.clear()
            lane.passing = False
        lane.tail = (lane.tail + data)[-2:]
        self._emit(lane, Passage(lane.direction, data, instant))
        return rest

    def _line_over(self, lane: _Lane, now: float) -> None:
        lane.line.clear()
        lane.passing = False
        behind, lane.behind = lane.behind, []
        for step in behind:
            self._emit(lane, step._replace(instant=now))

    def _emit(self, lane: _Lane, step: Passage, due: float | None = None) -> None:
        """Have a step follow those of its direction that wait."""
        if due is None and not lane.waiting:
            self._steps.append(step)
            return
        last = lane.waiting[-1][0] if lane.waiting else step.instant
        lane.waiting.append((max(last, due or last), step))
        lane.size += len(step.data)

    # --- lines -------------------------------------------------------------------------------------------------------

    def _concerns(self, lane: _Lane) -> bool:
        """Tell whether a fault may be about the line of which this is the beginning."""
        line, direction = bytes(lane.line), lane.direction
        text = kept_text(line)
        if head_at(lane.tail + line) is not None:
            return False  # a block of a transfer begins, or may
        if not text and line.strip(b"\r\n \x00\xff"):
            return False  # noise alone, or controls of a transfer; the others often stand before a line
        if self._transfer and not text.strip(chr(ASK_FOR_CRC)):
            return False  # the receiver asks for the first block, and no CR will come
        if direction == "down" and self._owed and self._owed[0].ours:
            return True
        heads = [each.fault.heads(direction) for each in self._active()]
        return any(head is not None and may_begin(text, head) for head in heads)

    def _active(self) -> list[_Injected]:
        """Give the faults that were not applied as often as they may be."""
        return [each for each in self._faults if each.fitted < each.fault.skip + (each.fault.times or inf)]

    def _decide(self, lane: _Lane, line: bytes, now: float, downlink: Down | None) -> None:
        """Do to a complete line what a fault demands, or let it go on."""
        text, direction = kept_text(line), lane.direction
        owed = self._answered(text, now) if direction == "down" else None
        if owed is not None and owed.ours:
            self._emit(lane, Passage(direction, line, lane.began, deliver=False, note=DROPPED))
            return
        command = read(line, direction=direction, pending=downlink if direction == "up" else None)
        if direction == "up":
            self._transfer = takes_firmware(command)
        answers = owed.word if owed is not None else ""
        if direction == "up" and isinstance(command, (Result, Error)) and downlink is not None:
            answers = downlink.method
        for each in self._active():
            if text and each.fault.fits(command, direction, answers, line):
                each.fitted += 1
                if each.fitted > each.fault.skip:
                    self._apply(each.fault, lane, line, now)
                    return
        self._say(lane, Passage(direction, line, lane.began), now)

    def _apply(self, fault: Fault, lane: _Lane, line: bytes, now: float) -> None:
        self._done[str(fault)] += 1
        said, up = Passage(lane.direction, line, lane.began), lane is self._up
        if fault.kind == "drop":
            # The module's word counts as said: it will not say it again. The MCU's was never heard by the module.
            self._emit(lane, said._replace(deliver=False, heard=not up, note=DROPPED))
        elif fault.kind == "delay":
            note = HELD_BACK.format(fault.seconds)
            self._say(lane, said._replace(note=note), now, due=now + fault.seconds)
        elif fault.kind == "duplicate":
            self._say(lane, said, now)
            self._say(lane, said._replace(note=SENT), now)
        elif fault.kind == "alter":
            self._emit(lane, said._replace(deliver=False, heard=False, note=ALTERED))
            if changed := fault.altered(line):
                self._say(lane, said._replace(data=changed, note=SENT), now)
        else:
            self._emit(lane, said._replace(deliver=False, note=ANSWERED))
            self._answer(fault, self._down if up else self._up, now)

    def _answer(self, fault: Fault, lane: _Lane, now: float) -> None:
        step = Passage(lane.direction, spoken(fault.text), now, note=SENT)
        if lane is self._up:
            for line in step.data.split(CR):
                if text := kept_text(line):
                    self._owed.add(_Owed(text, now, ours=True))
        if lane.line and lane.passing:  # in the middle of somebody else's line
            lane.behind.append(step)
        else:
            self._emit(lane, step)

    def _say(self, lane: _Lane, step: Passage, now: float, due: float | None = None) -> None:
        """Have a whole line go on to the other end."""
        if lane is self._up and (text := kept_text(step.data)):
            heard_at = lane.waiting[-1][0] if lane.waiting else now
            self._owed.add(_Owed(text, max(heard_at, due or now), ours=False))
        self._emit(lane, step, due)

    def _passed(self, direction: Direction, line: bytes, now: float) -> None:
        """Keep account of a line that went on as it came."""
        text = kept_text(line)
        if direction == "down":
            self._answered(text, now)
        elif text and (self._faults or self._owed):
            self._owed.add(_Owed(text, now, ours=False))

    def _answered(self, text: str, now: float) -> _Owed | None:
        """Give the line of the MCU that a line of the module answers; what was passed over is forgotten."""
        self._owed.expire(now)
        text = without_prompt(text, "down")
        if self._owed and is_echo(text, self._owed[0].text):
            return None
        return self._owed.take(self._owed.place_of(text, now))[0]
