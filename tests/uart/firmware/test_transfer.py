from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.blocks import block

from miio_lan.uart.firmware.transfer import (
    BLOCK_PATIENCE,
    HANDSHAKE,
    LULL,
    Piece,
    TransferPhase,
    TransferReader,
)


def parts(pieces: list[Piece]) -> list[object]:
    """Text as bytes, parts of a transfer by name and number."""
    return [
        p.raw
        if p.reading is None
        else (p.reading["transfer"], p.reading.get("number", p.reading.get("count")))
        for p in pieces
    ]


def test_a_block_is_cut_out_of_the_text_around_it() -> None:
    reader = TransferReader("down")
    pieces = reader.feed(b"ok\r" + block() + b"down none\r", 1.0, expected=False)
    assert parts(pieces) == [b"ok\r", ("block", 1), b"down none\r"]
    assert pieces[1].reading == {
        "command": None,
        "valid": True,
        "transfer": "block",
        "number": 1,
        "size": 128,
        "check": "crc",
    }


def test_a_block_byte_by_byte_has_the_instant_of_its_first_byte() -> None:
    reader = TransferReader("down")
    pieces = []
    for place, byte in enumerate(block(7)):
        pieces += reader.feed(bytes([byte]), place * 0.001, expected=False)
    assert parts(pieces) == [("block", 7)]
    assert pieces[0].instant == 0.0
    assert reader.deadline is None


def test_long_blocks_and_blocks_with_a_sum() -> None:
    reader = TransferReader("down")
    pieces = reader.feed(block(1, bytes(1024)), 0.0, expected=True)
    assert pieces[0].reading is not None
    assert pieces[0].reading["size"] == 1024
    sums = TransferReader("down")
    found = sums.feed(block(1, check="sum") + block(2, check="sum"), 0.0, expected=True)
    assert parts(found) == [("block", 1), ("block", 2)]
    assert [each.reading and each.reading["check"] for each in found] == ["sum", "sum"]


def test_a_single_block_with_a_sum_is_complete_after_some_silence() -> None:
    reader = TransferReader("down")
    assert reader.feed(block(check="sum"), 1.0, expected=True) == []
    assert reader.deadline == 1.0 + BLOCK_PATIENCE
    assert reader.tick(1.1) == []
    (whole,) = reader.tick(1.0 + BLOCK_PATIENCE)
    assert whole.reading is not None
    assert (whole.reading["check"], whole.reading["valid"]) == ("sum", True)


def test_another_kind_of_check_is_learnt_after_the_end() -> None:
    reader = TransferReader("down")
    first = reader.feed(block(check="sum") + b"\x04", 0.0, expected=True)
    second = reader.feed(block(check="crc"), 1.0, expected=True)
    assert parts(first + second) == [("block", 1), ("EOT", 1), ("block", 1)]


def like_a_sum(value: int) -> bytes:
    """Make the data of a block that looks whole, with a sum, where the last byte of its CRC is lost."""
    for beginning in itertools.count():
        data = bytes(125) + beginning.to_bytes(2, "big")
        data += bytes([(value - sum(data)) & 0xFF])
        if block(2, data)[-2] == value:
            return data
    raise AssertionError


def checks(pieces: list[Piece]) -> list[object]:
    """Number of each block, and its check; what is wrong with it where it is not whole."""
    readings = [piece.reading for piece in pieces if piece.reading is not None]
    return [(each["number"], each.get("check", each.get("problem"))) for each in readings]


@pytest.mark.parametrize("begun", [False, True])
def test_a_crc_that_lost_its_second_byte_is_no_sum(begun: bool) -> None:
    for value in range(256):
        reader, data = TransferReader("down"), like_a_sum(value)
        if begun:
            reader.feed(block(), 0.0, expected=True)
        else:
            reader.asked("C")
        pieces = reader.feed(block(2, data)[:-1], 1.0, expected=True)
        reader.asked("NAK")
        pieces += reader.tick(1.0 + BLOCK_PATIENCE)
        pieces += reader.feed(block(2, data) + block(3), 2.0, expected=True)
        assert checks(pieces) == [(2, "cut off after 132 bytes"), (2, "crc"), (3, "crc")], value


@pytest.mark.parametrize("data", [like_a_sum(0), like_a_sum(7), bytes(128)])
def test_who_comes_late_and_takes_a_damaged_crc_for_a_sum_learns_better(data: bytes) -> None:
    reader = TransferReader("down")
    pieces = reader.feed(block(2, data)[:-1], 1.0, expected=False)
    reader.asked("NAK")  # it may be about a block, as it is here
    pieces += reader.tick(1.0 + BLOCK_PATIENCE)
    pieces += reader.feed(block(2, data) + block(3), 2.0, expected=True)
    assert checks(pieces) == [(2, "sum"), (2, "crc"), (3, "crc")]


@pytest.mark.parametrize("data", [bytes(range(128)), like_a_sum(7), bytes(128)])
@pytest.mark.parametrize(
    ("heard", "first"),
    [
        (["NAK"], "sum"),
        (["C", "C", "NAK"], "sum"),
        ([], "sum"),
        (["C"], "cut off after 132 bytes"),  # the NAK was not heard
    ],
)
def test_sums_are_read_whatever_was_heard_of_the_receiver(data: bytes, heard: list[str], first: str) -> None:
    reader = TransferReader("down")
    reader.reset()
    for each in heard:
        reader.asked(each)
    wrong = block(4, check="sum")[:-1] + b"\x00"
    blocks = [block(1, data, check="sum"), block(2, data, check="sum"), block(3, check="sum")]
    pieces = reader.feed(b"".join([*blocks, wrong, block(4, check="sum")]), 0.0, expected=True)
    pieces += reader.flush()
    assert checks(pieces) == [(1, first), (2, "sum"), (3, "sum"), (4, "wrong check"), (4, "sum")]


def test_a_block_with_a_sum_that_was_asked_for_is_complete_at_once() -> None:
    reader = TransferReader("down")
    reader.reset()
    reader.asked("NAK")
    assert checks(reader.feed(block(check="sum"), 0.0, expected=True)) == [(1, "sum")]
    assert checks(reader.feed(block(2, check="sum"), 0.1, expected=True)) == [(2, "sum")]
    reader.asked("NAK")
    reader.asked("C")  # a receiver that was restarted
    assert checks(reader.feed(block(1), 1.0, expected=True)) == [(1, "crc")]


def test_a_block_that_lost_bytes_ends_where_the_next_begins() -> None:
    damaged = block(3)[:60]
    pieces = TransferReader("down").feed(damaged + block(3), 0.0, expected=True)
    assert [piece.raw for piece in pieces] == [damaged, block(3)]
    assert pieces[0].reading is not None
    assert pieces[0].reading["valid"] is False
    assert pieces[0].reading["problem"] == "cut off after 60 bytes"


@pytest.mark.parametrize(
    "begins", [b"\x01\x02\xfd\x02\xfd", b"\x02\x01\xfe\x01\xfe", b"\x01\xfe\x01\xff\x00"]
)
def test_no_block_begins_within_the_head_of_another(begins: bytes) -> None:
    reader = TransferReader("down")
    pieces = reader.feed(begins + bytes(2000), 0.0, expected=True)
    damaged = pieces[0]
    assert damaged.reading is not None
    assert damaged.reading["problem"] == "wrong check"
    assert len(damaged.raw) in {128 + 5, 1024 + 5}


def test_a_block_with_a_wrong_check_is_said_to_have_one() -> None:
    wrong = block()[:-1] + b"\x00"
    (piece,) = TransferReader("down").feed(wrong, 0.0, expected=True)
    assert piece.raw == wrong
    assert piece.reading is not None
    assert piece.reading["problem"] == "wrong check"


def test_a_block_whose_rest_never_comes_is_given_up() -> None:
    reader = TransferReader("down")
    reader.feed(block()[:100], 0.0, expected=True)
    pieces = reader.feed(b"ok\r", 9.0, expected=True)
    assert parts(pieces) == [("block", 1), b"ok\r"]
    assert pieces[0].reading is not None
    assert pieces[0].reading["problem"] == "cut off after 100 bytes"


def test_bytes_that_only_begin_like_a_block_are_text() -> None:
    reader = TransferReader("down")
    assert parts(reader.feed(b"\x01\x02\x03ok\r", 0.0, expected=False)) == [b"\x01\x02\x03ok\r"]
    assert parts(reader.feed(b"do\x01", 0.0, expected=False)) == [b"do"]
    assert parts(reader.feed(b"wn none\r", 0.1, expected=False)) == [b"\x01wn none\r"]
    reader.feed(b"\x01\x05", 0.0, expected=False)
    assert parts(reader.tick(BLOCK_PATIENCE)) == [b"\x01\x05"]


@pytest.mark.parametrize(
    ("direction", "data", "found"),
    [
        ("up", b"CCC", [("C", 3)]),
        ("up", b"\x06\x06\x15\x18\x18", [("ACK", 2), ("NAK", 1), ("CAN", 2)]),
        ("up", b"\x06get_down\r\x06", [("ACK", 1), b"get_down\r", ("ACK", 1)]),
        ("down", b"\x04ok\r\x18\x18\x18", [("EOT", 1), b"ok\r", ("CAN", 3)]),
        ("down", b"\x06ok\r", [("ACK", 1), b"ok\r"]),  # the receiver has cancelled, and said a line at once
        ("up", b"net C\r", [b"net C\r"]),
        ("down", b"C\r", [b"C\r"]),
    ],
)
def test_single_letters_belong_to_a_transfer_between_lines_when_one_is_expected(
    direction, data, found
) -> None:
    assert parts(TransferReader(direction).feed(data, 0.0, expected=True)) == found
    assert parts(TransferReader(direction).feed(data, 0.0, expected=False)) == [data]


def test_a_letter_in_the_middle_of_a_line_is_text() -> None:
    reader = TransferReader("up")
    assert parts(reader.feed(b"net ", 0.0, expected=True)) == [b"net "]
    assert parts(reader.feed(b"C\rC", 0.1, expected=True)) == [b"C\r", ("C", 1)]


def test_the_phase_begins_with_the_announcement_and_ends_with_silence_or_talk() -> None:
    phase = TransferPhase()
    assert not phase.expected(0.0)
    phase.announced(10.0)
    assert phase.expected(10.0 + HANDSHAKE)
    assert not phase.expected(10.1 + HANDSHAKE)
    phase.seen(100.0)
    assert phase.expected(100.0 + LULL)
    phase.over()
    assert not phase.expected(100.0)


CHUNKS = st.lists(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([1, 2, 253, 254, 255]), max_size=200).map(bytes)
    | st.sampled_from([block(), block(2, check="sum"), b"ok\r", b"\x01", b"CC"])
)


@given(CHUNKS, st.sampled_from(["up", "down"]), st.booleans(), st.integers(1, 300))
def test_no_byte_is_lost_or_reordered(chunks, direction, expected, size) -> None:
    data = b"".join(chunks)
    reader = TransferReader(direction)
    pieces = []
    for start in range(0, len(data), size):
        pieces += reader.feed(data[start : start + size], start * 0.01, expected=expected)
        assert len(reader._block) <= 1029
    pieces += reader.flush()
    assert b"".join(piece.raw for piece in pieces) == data
    assert all(piece.raw for piece in pieces)
