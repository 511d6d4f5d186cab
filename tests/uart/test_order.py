"""The order of two directions whose stamps are late, each by a time of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ordering import merged

from miio_lan.errors import RecordError
from miio_lan.record import Record
from miio_lan.uart.bridge.faults import DROPPED, SENT
from miio_lan.uart.firmware.xmodem import block
from miio_lan.uart.order import ANSWERED_WITHIN, LATENESS, Ordering, in_order, in_stream

UP = ("get_down", "result 2 1 0 5", 'error "no" -5001', "properties_changed 2 1 5", "model a.b.c", "net", "")
DOWN = ("down none", "down get_properties 2 1", "down MIIO_model_req", "ok", "error", "cloud", "")


def line(at: float, direction: str, text: str, note: str = "") -> Record:
    return Record("uart", direction, at, at, text.encode() + b"\r", note=note)


def datagram(at: float) -> Record:
    return Record("lan", "down", at, at, b"")


def texts(*records: Record) -> list[str]:
    return [record.raw.decode().rstrip() for record in merged(records)]


def test_constants() -> None:
    # Adapters collect bytes for 16 ms; modules answer within milliseconds.
    assert (LATENESS, ANSWERED_WITHIN) == (0.03, 0.1)


def test_an_answer_that_seems_to_come_first_comes_second() -> None:
    assert texts(line(1.010, "up", "get_down"), line(1.0, "down", "down none")) == ["get_down", "down none"]


def test_a_result_that_seems_to_come_before_its_line_comes_after_it() -> None:
    # The example of the module's own text.
    stamped = [
        line(0.001, "up", "get_down"),
        line(0.007, "up", "result 2 1 0"),
        line(0.014, "down", "down set_properties 2 1 5"),
        line(0.020, "down", "ok"),
    ]
    assert texts(*stamped) == ["get_down", "down set_properties 2 1 5", "result 2 1 0", "ok"]


@pytest.mark.parametrize("method", ["MIIO_unknown", "ble_unknown", "none_of_these", "update_fw"])
def test_whatever_wants_an_answer_has_it_behind_it(method: str) -> None:
    stamped = [
        line(0.001, "up", "get_down"),
        line(0.007, "up", 'error "no such method" -5001'),
        line(0.014, "down", f"down {method}"),
        line(0.020, "down", "ok"),
    ]
    assert texts(*stamped) == ["get_down", f"down {method}", 'error "no such method" -5001', "ok"]


@pytest.mark.parametrize("word", ["ok", "error"])
def test_an_answer_that_the_module_replied_to_is_to_nothing_it_handed_out_later(word: str) -> None:
    """What the answer is to was missed; all of it was said within a few milliseconds."""
    stamped = [
        line(0.001, "up", "get_down"),
        line(0.003, "up", "result 2 1 0"),
        line(0.004, "down", word),
        line(0.005, "up", "get_down"),
        line(0.006, "down", "down get_properties 2 1"),
        line(0.007, "up", "result 2 1 0 5"),
        line(0.008, "down", "ok"),
    ]
    assert merged(stamped) == stamped


def test_a_reply_to_a_report_says_nothing_of_the_answer_behind_it() -> None:
    stamped = [
        line(0.001, "up", "properties_changed 2 1 5"),
        line(0.002, "up", "get_down"),
        line(0.007, "up", "result 2 1 0"),
        line(0.008, "down", "ok"),
        line(0.014, "down", "down set_properties 2 1 5"),
        line(0.020, "down", "ok"),
    ]
    said = ["properties_changed 2 1 5", "get_down", "ok", "down set_properties 2 1 5", "result 2 1 0", "ok"]
    assert texts(*stamped) == said


def test_what_is_far_apart_stays_as_it_is() -> None:
    late = line(1.031, "up", "get_down")
    assert texts(late, line(1.0, "down", "down none")) == ["down none", "get_down"]
    late = line(1.029, "up", "get_down")
    assert texts(late, line(1.0, "down", "down none")) == ["get_down", "down none"]


def test_a_question_that_was_never_answered_explains_nothing_for_long() -> None:
    lost = line(0.5, "up", "get_down")
    rest = [line(1.010, "up", "get_down"), line(1.0, "down", "down none")]
    assert texts(lost, *rest) == ["get_down", "get_down", "down none"]


def test_what_only_a_bridge_heard_or_said_explains_nothing() -> None:
    records = [
        line(1.000, "up", "get_down", DROPPED),
        line(1.001, "down", "error", SENT),
        line(1.010, "up", "get_down"),
        line(1.005, "down", "down none"),
    ]
    assert texts(*records) == ["get_down", "error", "get_down", "down none"]


def test_datagrams_stand_at_their_time() -> None:
    records = [line(1.010, "up", "get_down"), line(1.0, "down", "down none"), datagram(1.005), datagram(2.0)]
    assert [record.wire for record in in_order(records)] == ["lan", "uart", "uart", "lan"]


# --- whatever was said and however late it was stamped ----------------------------------------------------------------

EXCHANGES = (
    ("get_down", "down none"),
    ("get_down", "down get_properties 2 1", "result 2 1 0 5", "ok"),
    ("get_down", "down unheard_of", 'error "no" -5001', "ok"),
    ("get_down", "down MIIO_model_req", "model a.b.c", "ok"),
    ("properties_changed 2 1 5", "ok"),
    ("mcu_version 0001", "ok"),
    ("net", "cloud"),
)
milliseconds = st.integers(0, 20).map(lambda count: count / 1000)


@st.composite
def conversations(draw: st.DrawFn) -> list[list[Record]]:
    """Give exchanges in which each line answers the one before, as two receivers stamp them, each in its own time."""
    now = 1.0
    constant = {"up": draw(milliseconds) / 2, "down": draw(milliseconds) / 2}
    last = {"up": 0.0, "down": 0.0}
    said: list[list[Record]] = []
    for exchange in draw(st.lists(st.sampled_from(EXCHANGES), min_size=1, max_size=8)):
        now += draw(st.sampled_from((0.001, 0.01, 0.2)))
        said.append([])
        for place, text in enumerate(exchange):
            direction = "down" if place % 2 else "up"
            now += 0.0005 + draw(milliseconds)
            # A receiver collects bytes: its delays change, but it never swaps two lines.
            last[direction] = max(last[direction], now + constant[direction] + draw(milliseconds))
            said[-1].append(line(last[direction], direction, text))
    return said


@given(conversations())
def test_no_answer_comes_before_what_it_answers(said: list[list[Record]]) -> None:
    ordered = in_order([record for exchange in said for record in exchange])
    place = {id(record): number for number, record in enumerate(ordered)}
    for exchange in said:
        places = [place[id(record)] for record in exchange]
        assert places == sorted(places)


@st.composite
def anything(draw: st.DrawFn) -> list[Record]:
    """Give records of both wires in the order of their instants, with many ties."""
    now, records = 1.0, []
    for _ in range(draw(st.integers(0, 24))):
        now += draw(st.sampled_from((0.0, 0.0, 0.001, 0.01, 0.015, 0.03, 0.031, 0.1, 0.2)))
        direction = draw(st.sampled_from(("up", "down", "lan")))
        if direction == "lan":
            records.append(datagram(now))
            continue
        text = draw(st.sampled_from(UP if direction == "up" else DOWN))
        note = draw(st.sampled_from(("", "", "", DROPPED if direction == "up" else SENT)))
        records.append(line(now, direction, text, note))
    return records


def identities(records: list[Record]) -> list[int]:
    return [id(record) for record in records]


@given(anything(), st.data())
def test_what_is_fed_one_by_one_is_ordered_like_what_is_there_at_once(records, data) -> None:
    ordering, given_out = Ordering(), []
    for place, record in enumerate(records):
        given_out += ordering.feed(record)
        end = records[place + 1].instant if place + 1 < len(records) else record.instant + 1
        if data.draw(st.booleans()) and end > record.instant:
            given_out += ordering.tick(math.nextafter(end, 0.0))  # what comes next is later than that
    assert identities(given_out + ordering.flush()) == identities(in_order(records))


@given(anything())
def test_a_stream_is_ordered_like_a_whole_recording(records) -> None:
    assert identities(list(in_stream(records))) == identities(in_order(records))


@given(anything())
def test_a_line_is_held_back_only_until_the_other_receiver_cannot_bring_an_earlier_one(records) -> None:
    ordering = Ordering()
    for record in records:
        ordering.feed(record)
        assert ordering.deadline is None or record.instant <= ordering.deadline <= record.instant + 0.03
    while (deadline := ordering.deadline) is not None:
        assert deadline <= records[-1].instant + 0.03
        assert ordering.tick(deadline)
    assert ordering.flush() == []


# --- live -------------------------------------------------------------------------------------------------------------


def given_by(*fed: Record) -> list[list[str]]:
    ordering = Ordering()
    return [[each.raw.decode().rstrip() for each in ordering.feed(record)] for record in fed]


def test_a_poll_and_its_answer_are_not_held_back() -> None:
    ordering = Ordering()
    poll, none = line(1.0, "up", "get_down"), line(1.001, "down", "down none")
    assert ordering.feed(poll) == [poll]
    assert ordering.feed(none) == []  # another get_down of the same instant may still come
    assert ordering.deadline == 1.001
    assert ordering.tick(1.001) == [none]
    assert ordering.deadline is None


def test_an_answer_waits_for_the_line_it_may_answer() -> None:
    ordering = Ordering()
    result, down = line(1.005, "up", "result 2 1 0"), line(1.012, "down", "down set_properties 2 1 5")
    assert ordering.feed(line(1.0, "up", "get_down")) != []
    assert ordering.feed(result) == []
    assert ordering.deadline == pytest.approx(1.035)
    assert ordering.tick(1.011) == []
    assert ordering.feed(down) == [down, result]


def test_an_answer_waits_no_longer_than_the_look_ahead() -> None:
    ordering = Ordering()
    result = line(1.005, "up", "result 2 1 0")
    ordering.feed(line(1.0, "up", "get_down"))
    ordering.feed(result)
    assert ordering.tick(1.034) == []
    assert ordering.tick(1.036) == [result]


def test_an_answer_comes_at_once_when_its_line_was_heard() -> None:
    assert given_by(
        line(1.0, "up", "get_down"),
        line(1.005, "up", "result 2 1 0"),
        line(1.012, "down", "down set_properties 2 1 5"),
    ) == [["get_down"], [], ["down set_properties 2 1 5", "result 2 1 0"]]


def test_what_nothing_explains_waits_for_its_question() -> None:
    assert given_by(line(1.0, "down", "down none"), line(1.029, "up", "get_down")) == [
        [],
        ["get_down", "down none"],
    ]


def test_datagrams_wait_for_lines_before_them_and_for_no_others() -> None:
    ordering = Ordering()
    answer, early, late = line(1.0, "down", "down none"), datagram(1.01), datagram(1.02)
    assert ordering.feed(answer) + ordering.feed(early) + ordering.feed(late) == []
    assert ordering.deadline == 1.03
    assert ordering.tick(1.03) == [answer, early, late]
    assert ordering.feed(datagram(2.0)) == []
    assert ordering.deadline == 2.0
    assert len(ordering.tick(2.0)) == 1


def test_a_small_inversion_is_put_right_while_its_place_is_open() -> None:
    answer, question = line(1.010, "down", "down none"), line(1.004, "up", "get_down")
    assert given_by(answer, question) == [[], ["get_down"]]
    # Nothing is lost when it is not.
    ordering = Ordering()
    ordering.tick(5.0)
    assert ordering.feed(question) == [question]
    assert ordering.feed(answer) == [answer]


def test_after_the_end_everything_is_given_at_once() -> None:
    ordering = Ordering()
    ordering.flush()
    assert len(ordering.feed(line(1.0, "down", "ok"))) == 1
    assert len(ordering.feed(datagram(1.0))) == 1


# --- recordings -------------------------------------------------------------------------------------------------------


def test_a_line_that_was_recorded_long_after_its_beginning_has_its_place() -> None:
    records = [line(1.0, "up", "net"), line(2.5, "up", "get_down"), line(1.4, "up", "unfin")]
    assert [each.instant for each in in_stream(records)] == [1.0, 1.4, 2.5]


def test_a_recording_that_goes_on_after_a_restart_is_not_mixed() -> None:
    records = [line(500.0, "up", "net"), line(1.010, "up", "get_down"), line(1.0, "down", "down none")]
    assert [each.instant for each in in_stream(records)] == [500.0, 1.010, 1.0]


def test_a_stream_is_read_as_it_is_given() -> None:
    read: list[float] = []

    def records() -> Iterator[Record]:
        for second in range(100):
            read.append(float(second))
            yield line(float(second), "up", "net")

    stream = in_stream(records())
    assert next(stream).instant == 0.0
    assert read == [0.0, 1.0, 2.0, 3.0]


def test_a_silence_lets_all_go_and_begins_anew() -> None:
    late = [
        line(1.0, "up", "get_down"),
        line(1.001, "up", "result 2 1 0"),
        line(1.010, "down", "down set_properties 2 1 0"),
    ]
    stream = in_stream(iter([*late, None, None, line(3.5, "up", "net"), line(3.4, "down", "ok")]))
    assert [next(stream).instant for _ in late] == [1.0, 1.010, 1.001]
    assert [each.instant for each in stream] == [3.4, 3.5]


def test_what_was_read_before_a_damaged_record_is_given() -> None:
    def records() -> Iterator[Record]:
        yield line(1.0, "up", "net")
        raise RecordError("line 2 of the recording: not JSON")

    stream = in_stream(records())
    assert next(stream).instant == 1.0
    with pytest.raises(RecordError):
        next(stream)


def test_a_firmware_transfer_stays_in_the_order_of_its_stamps() -> None:
    def part(at: float, direction: str, kind: str, raw: bytes) -> Record:
        return Record("uart", direction, at, at, raw, reading={"transfer": kind}, note="xmodem")

    said = [
        line(1.0, "up", "get_down"),
        line(1.0001, "down", "down update_fw"),
        line(1.0002, "up", 'result "ready"'),
        line(1.0003, "down", "ok"),
        part(1.0004, "up", "C", b"C"),
        part(1.0005, "down", "block", block(1, b"firmware" * 16, crc=True)),
        part(1.0006, "up", "ACK", b"\x06"),
        part(1.0007, "down", "block", block(2, b"firmware" * 16, crc=True)),
        part(1.0008, "up", "ACK", b"\x06"),
        part(1.0009, "down", "EOT", b"\x04"),
        part(1.0010, "up", "ACK", b"\x06"),
        line(1.0011, "up", "mcu_version 0002"),
        line(1.0012, "down", "ok"),
    ]
    assert merged(said) == said
