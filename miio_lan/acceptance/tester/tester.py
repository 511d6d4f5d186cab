"""A module that tests the MCU in front of it: the virtual module, refusing at first, and a script that drives it.

No I/O and no clock: bytes and the time come in, bytes and deadlines come out. What it finds is not judged here; the
line is recorded by whoever drives it, and judged by the rules.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial

from miio_lan.acceptance.rules.lines import is_identity
from miio_lan.acceptance.tester.progress import Progress
from miio_lan.uart import commands as c
from miio_lan.uart.document import ANSWER_TIME
from miio_lan.uart.firmware.xmodem import CANCEL
from miio_lan.uart.line import Line, tokens_of
from miio_lan.uart.pieces import pieces
from miio_lan.uart.values import read_values
from miio_lan.virtual.module.module import Module
from miio_lan.virtual.module.profile import DOCUMENT
from miio_lan.virtual.module.requests.request import RequestOutcome

# Answers that are too long are accepted and judged afterwards: to refuse them would only cost the 4 s of a time-out.
TESTER_PROFILE = replace(DOCUMENT, name="tester", longest=2047)
FALSE_MODEL = "miiolan.false.model"
_DID = 1
_TESTER_TOKEN = bytes(16)
_STARTS = (b"C", b"\x15")
_FIRST_BYTES = 60
"""Bytes of an MCU kept from the beginning, for whoever has to be told that they are no lines."""


@dataclass(frozen=True)
class Timing:
    """How long the tester waits, in seconds, where no rule is about that time.

    :param power_up: for the first sign of life
    :param boot: for the reports at power-up to be over
    :param answer: for an answer, before the next downlink may be handed out (serial document: 4 s)
    :param late: for an answer after that time, so that it can be called late rather than missing
    :param transfer: for the MCU to come back from an update
    """

    power_up: float = 30.0
    boot: float = 10.0
    answer: float = ANSWER_TIME
    late: float = 2.0
    transfer: float = 60.0


@dataclass(frozen=True)
class Wait:
    """What a script waits for; it is sent whether that has come.

    :param until: whether it has come
    :param seconds: after which the script goes on anyway
    """

    until: Callable[[], bool]
    seconds: float


Script = Generator[Wait, bool, None]


class Interrupted(Exception):
    """Raised within a script that is to put back what it has changed, and end."""


class Tester:
    """The module's end of the line.

    :param refusals: how often each report at power-up is refused before it is accepted; may be changed
    :ivar heard: lines of the MCU by command word, ``"noise"`` for what is none
    :ivar identified: reports of model, version and Bluetooth configuration by command word; queries are none
    :ivar since: the instant from which the rules count the time for these reports: that of the first one, and until
        there is one, that of the first line
    :ivar reported: how often each property was reported
    :ivar stage: what is being done, for people
    :ivar sound: whether the last answer is a line of its own, with values that are written well
    :ivar received: how many bytes came from the MCU, and ``first`` the first of them
    :ivar unaccepted: words of reports at power-up of which the last was refused
    :ivar course: how far the script got
    """

    def __init__(
        self,
        script: Callable[[Tester], Script],
        *,
        timing: Timing | None = None,
        refusals: int = 2,
        wall: Callable[[float], float] | None = None,
    ) -> None:
        self.timing = timing or Timing()
        self.module = Module(
            device_id=_DID,
            token=_TESTER_TOKEN,
            profile=replace(TESTER_PROFILE, answer_time=self.timing.answer),
            model=FALSE_MODEL,
            wall=wall,
            on_line=self._on_line,
        )
        self.now = 0.0
        self.heard: Counter[str] = Counter()
        self.identified: Counter[str] = Counter()
        self.since = 0.0
        self.reported: Counter[tuple[int, int]] = Counter()
        self.stage = ""
        self.course = Progress()
        self.sound = False
        self._line_sound = False
        self.received, self.first = 0, b""
        self.unaccepted: set[str] = set()
        self.done = False
        self.refusals = refusals
        self._refused: Counter[str] = Counter()
        self._script = script(self)
        self._wait = next(self._script)
        self._due = math.inf  # until it is started; the MCU may be heard before
        self._raw = bytearray()
        #: Whether the MCU may ask for the first block of a transfer, and whether it has.
        self.transfer_expected = self.transfer_started = False

    # -- the machine -------------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Switch the module on and begin."""
        self.now = now
        self.module.start(now)
        self._due = now + self._wait.seconds
        self._advance()

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the MCU."""
        self.now = now
        self.received += len(data)
        self.first = (self.first + data)[:_FIRST_BYTES]
        if self.transfer_expected and data[:1] in _STARTS:
            self.transfer_started = True
        self.module.receive_uart(data, now)
        self._advance()

    def tick(self, now: float) -> None:
        """Do what is due."""
        self.now = now
        self.module.tick(now)
        self._advance()

    def interrupt(self, now: float) -> None:
        """Have the script put back what it has changed, and end."""
        self.now = now
        self._go_on(lambda: self._script.throw(Interrupted()))
        self._advance()

    def take_output(self) -> bytes:
        """Give what is to be written to the MCU."""
        data = self.module.take_uart() + bytes(self._raw)
        self._raw.clear()
        return data

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds."""
        mine = None if self.done else self._due
        times = [each for each in (mine, self.module.deadline) if each is not None]
        return min(times, default=None)

    def _advance(self) -> None:
        while not self.done:
            came = self._wait.until()
            if not came and self.now < self._due:
                return
            self._go_on(partial(self._script.send, came))

    def _go_on(self, resume: Callable[[], Wait]) -> None:
        """Have the script go on to what it waits for next, or to its end."""
        try:
            self._wait = resume()
            self._due = self.now + self._wait.seconds
        except (Interrupted, StopIteration):
            self.done = True

    # -- what the MCU says -------------------------------------------------------------------------------------------

    def _on_line(self, line: Line, now: float) -> str | None:
        self.now = max(self.now, now)
        parts = [c.read(each, direction="up") for each in pieces(line.text)]
        if self.silent:
            self.since = now
        for command in parts:
            self.heard[command.command or "noise"] += 1
            if is_identity(command):
                if not self.identified:
                    self.since = now
                self.identified[command.command or ""] += 1
            if isinstance(command, c.PropertiesChanged):
                self.reported.update((siid, piid) for siid, piid, _ in command.changes)
        self._line_sound = len(parts) == 1 and _is_sound(line)
        first = parts[0]
        word = first.command or ""
        if is_identity(first) and self._refused[word] < self.refusals:
            self._refused[word] += 1
            self.unaccepted.add(word)
            return "error"
        self.unaccepted.discard(word)
        return None

    @property
    def silent(self) -> bool:
        """Whether nothing was heard at all."""
        return not self.heard

    @property
    def answers(self) -> int:
        """How many answers to downlinks were heard."""
        return self.heard["result"] + self.heard["error"]

    # -- what a script does ------------------------------------------------------------------------------------------

    def hand_out(self, text: str, done: Callable[[RequestOutcome], None]) -> None:
        """Have the MCU fetch a downlink."""

        def take(outcome: RequestOutcome, _: float) -> None:
            self.sound = self._line_sound and not outcome.silent
            done(outcome)

        self.module.hand_out(text, self.now, take)

    @property
    def updating(self) -> bool:
        """Whether the MCU is offered firmware, or sent it: left alone now, it may wait for that in its bootloader."""
        return self.transfer_expected or self.module.updates.under_way

    def break_off_update(self, reason: str) -> None:
        """Offer and send no firmware any more; what was offered and not fetched is forgotten."""
        self.module.updates.stop(reason, self.now)
        self.module.update.reset()
        self.module.queue.clear()

    def cancel_transfer(self) -> None:
        """Tell the MCU that no firmware will come."""
        self._raw += CANCEL


def _is_sound(line: Line) -> bool:
    """Whether no byte was dropped from the midst of a line, and each of its parameters is a value as JSON writes it."""
    whole = line.text.encode() in line.raw
    return whole and not any(fault for _, fault in read_values(tokens_of(line.text)[1:]))


def heard_again(tester: Tester, *words: str, times: int = 1) -> Callable[[], bool]:
    """Make a condition: each of these words was said so many times more since now."""
    wanted = {word: tester.heard[word] + times for word in words}
    return lambda: all(tester.heard[word] >= count for word, count in wanted.items())


def told_again(tester: Tester, word: str) -> Callable[[], bool]:
    """Make a condition: a report at power-up was made again since now, or an error was the answer to the request."""
    before, errors = tester.identified[word], tester.heard["error"]
    return lambda: tester.identified[word] > before or tester.heard["error"] > errors
