"""Bytes that are no text: they save no line from a fault, and begin none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.blocks import block

from miio_lan.uart.bridge.faults import DROPPED, Fault
from miio_lan.uart.bridge.interference import Interference
from miio_lan.uart.commands import Direction
from miio_lan.uart.document import PARTIAL_LINE_TIME


class Wire:
    """What one end says, in pieces, and what of it is heard at the other."""

    def __init__(self, *rules: str, direction: Direction = "up") -> None:
        self.between = Interference(map(Fault.parse, rules))
        self.direction: Direction = direction
        self.now = 0.0
        self.dropped: list[bytes] = []

    def say(self, *pieces: bytes) -> bytes:
        return b"".join([self._heard(piece) for piece in pieces])

    def _heard(self, piece: bytes) -> bytes:
        steps = self.between.feed(self.direction, piece, self.now)
        self.dropped += [step.data for step in steps if step.note == DROPPED]
        return b"".join([step.data for step in steps if step.deliver])

    def wait(self, seconds: float) -> bytes:
        """Let time pass as the loop of a bridge does."""
        until, heard = self.now + seconds, b""
        while (deadline := self.between.deadline) is not None and deadline <= until:
            self.now = deadline
            heard += b"".join([step.data for step in self.between.tick(self.now) if step.deliver])
        self.now = until
        return heard


NOISY = [
    ("drop properties_changed", "up", b'properties_changed 1 5 "\xff\xff\xff\xff"\r'),
    ("drop up *", "up", 'properties_changed 1 5 "\u5ba2\u5385"\r'.encode()),
    ("drop down *", "down", b"down no\xffne\r"),
    ("drop get_properties", "down", b"down get_\x00properties 2 1\r"),
    ("drop get_properties 2.1", "down", b"down get_properties 2 1\xc3\r"),
    ("drop none", "down", b"do\xfewn none\r"),
    ("drop ok", "down", b"\x80\x81ok\r"),
    ("drop model", "up", b"\x15mo\x06del a.b.c\r"),
    ("drop model", "up", b"mo\x01del a.b.\x02c\r"),
]


@pytest.mark.parametrize(("rule", "direction", "line"), NOISY)
def test_noise_within_a_line_does_not_save_it(rule: str, direction: Direction, line: bytes) -> None:
    wire = Wire(rule, direction=direction)
    assert wire.say(line) == b""
    assert wire.dropped == [line]


@pytest.mark.parametrize(("rule", "direction", "line"), [each for each in NOISY if b"\x01" not in each[2]])
def test_it_does_not_when_the_line_comes_byte_by_byte(rule: str, direction: Direction, line: bytes) -> None:
    wire = Wire(rule, direction=direction)
    heard = wire.say(*[bytes([byte]) for byte in line])
    assert not any(0x21 <= byte <= 0x7E for byte in heard)  # what stands before the line at most
    assert [heard + dropped for dropped in wire.dropped] == [line]


@pytest.mark.parametrize(
    ("rule", "line", "heard"),
    [
        (r"alter down *: s/none/x/", b"down no\xffne\r", b"down x\r"),
        (r"alter down *: s/n/\xff/", b"down none\r", b"dow\xff \xffo\xffe\r"),
        (r"alter down *: s/\xff/n/", b"down \xffone\r", b"down none\r"),
    ],
)
def test_a_substitution_sees_and_sends_any_byte(rule: str, line: bytes, heard: bytes) -> None:
    assert Wire(rule, direction="down").say(line) == heard


def test_a_count_is_used_up_by_the_line_that_is_meant() -> None:
    wire = Wire("drop properties_changed x1")
    noisy, plain = b'properties_changed 1 5 "\xff"\r', b"properties_changed 2 1 true\r"
    assert wire.say(noisy, plain) == plain


JUNK = [b"\x00", b"\n", b"\xff\xfe\x80", b"\x06", b"\x01", b" ", b"ok\r\n", b"get_down\r\xff", b"\x90\r"]


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("pause", [0.0, 0.3, PARTIAL_LINE_TIME, 1.5, 60.0])
def test_after_junk_on_an_idle_line_the_next_line_is_the_next(junk: bytes, pause: float) -> None:
    wire = Wire()
    assert wire.say(junk) == junk
    wire.wait(pause)
    wire.between.add(Fault.parse("drop model x1"))
    assert wire.say(b"model a.b.c\r", b"model d.e.f\r") == b"model d.e.f\r"


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("pause", [0.0, 0.3, PARTIAL_LINE_TIME, 1.5, 60.0])
def test_after_junk_while_faults_are_active_too(junk: bytes, pause: float) -> None:
    wire = Wire("drop model x3")
    heard = wire.say(junk) + wire.wait(pause) + wire.say(b"model 1\r")
    assert [line[-8:] for line in wire.dropped] == [b"model 1\r"]
    assert heard == junk or wire.dropped[0] == junk[len(heard) :] + b"model 1\r"


@pytest.mark.parametrize("pause", [0.01, 0.9, 1.5, 5.0])
def test_the_lf_of_an_mcu_begins_no_line(pause: float) -> None:
    wire = Wire("drop model x3")
    for _ in range(4):
        wire.say(b"model a.b.c\r\n")
        wire.wait(pause)
    assert len(wire.dropped) == 3


def test_a_line_that_was_passing_when_a_fault_came_goes_on_to_its_end() -> None:
    wire = Wire()
    wire.say(b"mod", b"\n", b"\xff")
    wire.between.add(Fault.parse("drop *"))
    assert wire.say(b"el a\rmodel b\r") == b"el a\r"


@pytest.mark.parametrize("last", [b"\x00", b""])
def test_a_line_that_lost_its_end_is_waited_for_as_a_module_waits(last: bytes) -> None:
    wire = Wire()
    wire.say(b"get_do")  # the power went off
    wire.wait(PARTIAL_LINE_TIME)
    wire.say(last)
    wire.between.add(Fault.parse("drop model x1"))
    assert wire.say(b"model a.b.c\r") == b""


@pytest.mark.parametrize("number", [13, 65])
def test_a_block_behind_lines_with_faults_is_not_held(number: int) -> None:
    wire = Wire("drop *", direction="down")
    said = block(number, b"A\r" * 64)
    assert wire.say(b"ok\r", *[bytes([byte]) for byte in said]) == said


@given(st.binary(max_size=12).filter(lambda junk: not any(0x21 <= byte <= 0x7E for byte in junk)))
def test_no_junk_saves_a_line(junk: bytes) -> None:
    wire = Wire("drop model")
    wire.say(junk + b"model a.b.c\r")
    assert wire.dropped == [junk[junk.rfind(b"\r") + 1 :] + b"model a.b.c\r"]


def test_a_fault_that_is_injected_again_counts_anew() -> None:
    fault = Fault("drop", "model", skip=1, times=1)
    between = Interference([fault, fault])
    for _ in range(3):
        said = [bool(between.feed("up", b"model a.b.c\r", 0.0)[0].note) for _ in range(4)]
        assert said[-1] is False
        between.add(fault)
    assert between.done == {str(fault): 4}
    assert between.faults == (fault,) * 5
