from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.blocks import block

from miio_lan.record import Record
from miio_lan.uart.listening.overhearing import LATE_START, LOST_BYTES, XMODEM, Overhearing

WALL = 1700000000.0


class Bench:
    def __init__(self) -> None:
        self.records: list[Record] = []
        self.heard = Overhearing(self.records.append, wall=lambda now: WALL + now, peer="bench")
        self.now = 0.0

    def say(self, *lines: str | bytes) -> list[Record]:
        """Let lines cross, ``>`` before those of the MCU, ``<`` before the module's; bytes are said as they are."""
        before = len(self.records)
        for line in lines:
            data = line.encode() + b"\r" if isinstance(line, str) else line
            self.heard.feed("up" if data[:1] == b">" else "down", data[1:], self.now)
            self.now += 0.01
        return self.records[before:]

    def begun(self) -> Bench:
        """Have one good line cross in both directions."""
        self.say(">get_down", "<down none")
        return self


def notes(records: list[Record]) -> list[str]:
    return [record.note for record in records]


def test_lines_are_read_as_a_watch_reads_them() -> None:
    bench = Bench()
    *_, result, reply = bench.say(
        ">get_down", "<down get_properties 2 1", b">result 2 1 0 t", b">rue\r", "<ok"
    )
    assert result == Record(
        "uart", "up", 0.02, WALL + 0.02, b"result 2 1 0 true\r", result.reading, peer="bench"
    )
    assert result.reading is not None
    assert (result.reading["answers"], result.reading["valid"]) == ("get_properties", True)
    assert (reply.note, bench.heard.downlink) == ("", None)


def test_a_line_cut_off_at_the_start_is_marked_once_in_each_direction() -> None:
    bench = Bench()
    assert notes(bench.say("<e_properties 2 1", ">t_down", ">wn", "<down none")) == [
        "noise, late start",
        "noise, late start",
        "noise",
        "",
    ]
    assert LATE_START == "late start"


def test_a_first_line_that_is_a_command_is_no_late_start() -> None:
    assert notes(Bench().say(b">\xff\xffget_down\r", "<down none")) == ["", ""]
    # Without the downlink before it, all readings of a result are open; the line itself is whole.
    assert notes(Bench().say(">result 2 1 0 5", "<ok")) == ["", ""]


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        (">et_down", True),
        (">get_dwn", True),
        (">esult 2 1 0 5", True),
        (">get_get_down", True),
        (">resultget_down", True),
        (">prop_changed 2 1 3", True),
        ("<dow none", True),
        ("<down nonedown none", True),
        (">hello there", False),
        ("<*** boot loader ***", False),
        (">xyzzy", False),
        (">\x7f\x7f", False),
        (">properties_changed 2 1", False),  # a command, if a wrong one
    ],
)
def test_lines_that_lost_bytes_are_told_from_noise(line, lost) -> None:
    (record,) = Bench().begun().say(line)
    assert (LOST_BYTES in record.note) is lost


def test_noise_in_between_does_not_shift_what_follows() -> None:
    bench = Bench().begun()
    noise, _, _, result = bench.say(b"<\xfe\xaa\x90?\r", ">get_down", "<down action 2 1", ">result 2 1 0")
    assert noise.note == "noise"
    assert result.reading is not None
    assert result.reading["answers"] == "action"


def test_an_echo_is_marked() -> None:
    assert notes(Bench().say(">echo on", "<ok", ">net", "<# net", "<cloud"))[3] == "echo"
    first = Bench().say(">net", "<net")[1]
    assert first.note == "echo"


@pytest.mark.parametrize("prompt", ["", "\n\n# "])
def test_the_lines_of_echo_mode_are_echoes_and_replies(prompt: str) -> None:
    bench = Bench()
    bench.say(">echo on", "<ok")
    talk = [
        ("get_down", "down get_properties 2 1"),
        ("result 2 1 0 5", "ok"),
        ("net", "cloud"),
        ("noise", "error"),
    ]
    for said, reply in [
        *talk,
        ("properties_changed 2 1 6", "ok"),
        ('error "x" -1', "ok"),
        ("get_down", "down none"),
    ]:
        _, echo, answer = bench.say(f">{said}", f"<{prompt}{said}", f"<{reply}")
        assert (echo.note, answer.note) == ("echo", ""), said
    _, reply = bench.say(">get_down", f"<{prompt}down none")
    assert reply.note == ""
    both = bench.say(">model a.b.c", ">get_down", "<get_down", "<model a.b.c", "<ok", "<down none")
    assert notes(both) == ["", "", "echo", "echo", "", ""]


def test_a_firmware_transfer_does_not_disturb_the_lines_around_it() -> None:
    bench = Bench().begun()
    said = bench.say(
        ">get_down", "<down update_fw", '>result "ready"', "<ok",
        b">C", b">C", b"<" + block(1, b"\r" * 128), b">\x06", b"<" + block(2), b">\x06", b"<\x04", b">\x06",
        ">mcu_version 0002", "<ok",
    )  # fmt: skip
    assert [record.note == XMODEM for record in said] == [*[False] * 4, *[True] * 8, *[False] * 2]
    assert [(record.reading or {}).get("transfer") for record in said[4:12]] == [
        *("C", "C", "block", "ACK", "block", "ACK", "EOT", "ACK"),
    ]
    assert said[-1].reading is not None
    assert said[-1].reading["answers"] == "mcu_version"
    # The MCU is back: what begins with such a letter is a line again.
    assert [record.raw for record in bench.say(b">Country\r")] == [b"Country\r"]


@pytest.mark.parametrize(("asked", "valid"), [(b"C", False), (b"\x15", True)])
def test_how_blocks_are_checked_is_what_the_mcu_asked_for(asked: bytes, valid: bool) -> None:
    bench = Bench().begun()
    cut_off = block(1, bytes(128))[:-1]
    assert cut_off == block(1, bytes(128), check="sum")
    bench.say(">get_down", "<down update_fw", '>result "ready"', "<ok", b">" + asked, b"<" + cut_off)
    bench.heard.tick(bench.now + 1.0)
    reading = bench.records[-1].reading
    assert reading is not None
    assert (reading["transfer"], reading["valid"], reading.get("check")) == (
        "block",
        valid,
        "sum" if valid else None,
    )


def test_a_transfer_is_announced_by_the_mcu_where_the_module_is_not_heard() -> None:
    bench = Bench()
    said = bench.say('>result "ready"', b">C", b">\x06", b">\x06", ">mcu_version 0002", b">Country\r")
    assert notes(said) == ["", XMODEM, XMODEM, XMODEM, "", "noise"]
    bench = Bench()
    assert notes(bench.say('>result "reading"', b">Country\r")) == ["", "noise"]


def test_a_cancelled_transfer_leaves_the_lines_behind_it_whole() -> None:
    """The sender acknowledges that it was cancelled; where a line came at once, its reply is in the same read."""
    bench = Bench().begun()
    bench.say(">get_down", "<down update_fw", '>result "ready"', "<ok", b">C", b"<" + block(1))
    cans, error, ack, reply = bench.say(b'>\x18\x18\x18error "signature wrong" -5004\r', b"<\x06ok\r")
    assert [record.raw for record in (cans, ack, reply)] == [b"\x18\x18\x18", b"\x06", b"ok\r"]
    assert notes([cans, error, ack, reply]) == [XMODEM, "", XMODEM, ""]
    assert (reply.reading or {})["answers"] == "error"


def test_blocks_are_recognised_by_a_listener_who_came_late() -> None:
    bench = Bench()
    bench.say(b"<" + b"1" * 40, b"<" + block(9), b">\x06", b"<" + block(10))
    rest, first, ack, second = bench.records
    assert [first.raw, ack.raw, second.raw] == [block(9), b"\x06", block(10)]
    assert notes([first, ack, second]) == [XMODEM] * 3
    assert (rest.raw, "unfinished" in rest.note) == (
        b"1" * 40,
        True,
    )  # given up: no line goes on after a block


def test_what_the_bridge_adds_to_the_note_stays_with_its_line() -> None:
    bench = Bench().begun()
    bench.heard.feed("up", b"net\r", 1.0, note="sent by the bridge")
    bench.heard.feed("down", b"cloud\r", 1.0)
    assert notes(bench.records[2:]) == ["sent by the bridge", ""]


def test_a_line_set_aside_is_recorded_and_answered_by_nothing() -> None:
    bench = Bench()
    bench.say(">get_down", "<down get_properties 2 1")
    bench.heard.aside("up", b"result 2 1 0 7\r", 1.0, note="dropped by the bridge")
    aside = bench.records[-1]
    assert aside.reading is not None
    assert (aside.reading["answers"], aside.note, aside.wall) == (
        "get_properties",
        "dropped by the bridge",
        WALL + 1.0,
    )
    assert bench.heard.downlink is not None


def test_unfinished_lines_and_blocks_are_given_up_in_time() -> None:
    bench = Bench().begun()
    assert bench.heard.deadline is None
    bench.heard.feed("up", b"get_do", 5.0)
    bench.heard.feed("down", block()[:50], 5.1)
    assert bench.heard.deadline == 5.6
    bench.heard.tick(5.6)
    assert bench.records[-1].raw == block()[:50]
    assert bench.heard.deadline == 6.0
    bench.heard.tick(6.0)
    assert bench.records[-1].note == "noise, unfinished, lost bytes"
    assert bench.heard.deadline is None


def test_after_an_outage_a_line_may_begin_in_the_middle() -> None:
    bench = Bench().begun()
    bench.heard.feed("down", block()[:50], 1.0)
    bench.heard.mark("outage: gone", "up", 2.0)
    bench.say(">own")
    assert notes(bench.records[2:]) == [XMODEM, "outage: gone", "noise, late start"]


def test_no_bytes_are_nothing() -> None:
    bench = Bench()
    bench.heard.feed("up", b"", 0.0)
    assert bench.records == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["up", "down"]),
            st.binary(max_size=40)
            | st.sampled_from([b"get_down\r", b"down update_fw\r", block(), b"C", b"\x06"]),
        ),
        max_size=30,
    )
)
def test_whatever_crosses_is_recorded_whole(chunks) -> None:
    bench = Bench()
    for place, (direction, data) in enumerate(chunks):
        bench.heard.feed(direction, data, place * 0.3)
        bench.heard.tick(place * 0.3 + 0.2)
    bench.heard.flush()
    for direction in ("up", "down"):
        sent = b"".join(data for way, data in chunks if way == direction)
        assert b"".join(each.raw for each in bench.records if each.direction == direction) == sent
    assert all(record.reading is not None and "valid" in record.reading for record in bench.records)
