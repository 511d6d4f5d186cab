from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.record import Record
from miio_lan.uart.commands import GetProperties, Result
from miio_lan.uart.line import CR
from miio_lan.uart.listening.watch import LineWatch
from miio_lan.uart.replies import MAX_OPEN

WALL = 1700000000.0


class Bench:
    def __init__(self) -> None:
        self.records: list[Record] = []
        self.watch = LineWatch(self.records.append, wall=lambda now: WALL + now, peer="bench")
        self.now = 0.0

    def say(self, *lines: str | bytes) -> list[Record]:
        """Let lines cross the wire, ``>`` before those of the MCU, ``<`` before the module's; return their records."""
        before = len(self.records)
        for line in lines:
            data = line.encode() if isinstance(line, str) else line
            self.watch.feed("up" if data[:1] == b">" else "down", data[1:] + CR, self.now)
            self.now += 0.01
        return self.records[before:]


def reading(record: Record) -> dict[str, object]:
    assert record.reading is not None
    return dict(record.reading)


def test_every_line_becomes_a_record_with_direction_instant_and_bytes() -> None:
    up, down = Bench().say(">get_down", "<down none")
    assert up == Record(
        "uart", "up", 0.0, WALL, b"get_down\r", {"command": "get_down", "valid": True}, peer="bench"
    )
    assert (down.direction, down.instant, down.wall, down.raw) == ("down", 0.01, WALL + 0.01, b"down none\r")


def test_a_result_is_read_as_the_answer_to_the_downlink() -> None:
    bench = Bench()
    *_, result, reply = bench.say(">get_down", "<down get_properties 2 1", ">result 2 1 0 true", "<ok")
    assert reading(result)["answers"] == "get_properties"
    assert reading(result)["results"] == [[2, 1, 0, True]]
    assert reading(reply)["answers"] == "result"
    assert bench.watch.downlink is None


def test_a_report_in_between_does_not_close_the_downlink() -> None:
    bench = Bench()
    bench.say(">get_down", "<down set_properties 2 1 true", ">properties_changed 2 1 true", "<ok")
    *_, result = bench.say(">result 2 1 0")
    assert reading(result)["answers"] == "set_properties"


def test_an_error_answers_the_downlink_too() -> None:
    bench = Bench()
    bench.say(">get_down", "<down nonsense", '>error "undefined" -5000', "<ok")
    assert bench.watch.downlink is None


def test_a_refused_answer_leaves_the_downlink_open() -> None:
    bench = Bench()
    bench.say(">get_down", "<down get_properties 2 1", '>error "no" 5', "<error")
    assert isinstance(bench.watch.downlink, GetProperties)
    *_, result = bench.say(">result 2 1 0 5")
    assert reading(result)["answers"] == "get_properties"


def test_notices_do_not_wait_for_a_result() -> None:
    bench = Bench()
    bench.say(">get_down", "<down MIIO_net_change cloud", ">get_down", "<down MIIO_mcu_version_req")
    assert bench.watch.downlink is None


def test_replies_are_read_as_answers_in_order_when_lines_queue_up() -> None:
    *_, first, second = Bench().say(">net", ">mac", "<cloud", "<34ce00892ab7")
    assert (reading(first)["answers"], reading(first)["state"]) == ("net", "cloud")
    assert reading(second)["answers"] == "mac"


def test_an_unanswered_line_does_not_shift_what_follows() -> None:
    bench = Bench()
    bench.say(">model", ">get_down", "<down get_properties 1 1")  # a bare model may get no reply
    assert isinstance(bench.watch.downlink, GetProperties)
    *_, reply = bench.say(">get_down", ">mcu_version 0001", "<ok")
    assert reading(reply)["answers"] == "mcu_version"


def test_what_was_never_answered_is_forgotten() -> None:
    bench = Bench()
    bench.say(">net")
    bench.now += 3.0
    *_, reply = bench.say(">mac", "<34ce00892ab7")
    assert reading(reply)["answers"] == "mac"


def test_a_line_said_again_is_the_one_that_is_answered() -> None:
    bench = Bench()
    bench.say(">model a.b.c")
    bench.now += 1.0
    *_, refused = bench.say(">model a.b.c", "<error", ">mcu_version 0001", "<error")
    assert reading(refused)["answers"] == "mcu_version"
    bench.say(">net")
    bench.now += 0.4
    *_, reply = bench.say(">mac", "<cloud")
    assert reading(reply)["answers"] == "net", "others wait longer"


def test_lines_a_module_drops_wait_for_no_reply() -> None:
    bench = Bench()
    *_, reply = bench.say(">properties_changed 1 1 " + "9" * 600, ">net", "<local")
    assert reading(reply)["answers"] == "net"
    assert bench.records[0].note == "overlong"


def test_help_has_many_lines_until_the_next_command() -> None:
    bench = Bench()
    _, first, second = bench.say(">help", "<model", "<\nnet")
    assert reading(first)["answers"] == reading(second)["answers"] == "help"
    *_, reply = bench.say(">net", "<local")
    assert reading(reply)["answers"] == "net"


def test_an_echo_is_no_answer() -> None:
    bench = Bench()
    _, echo, prompted, reply = bench.say(">net", "<net", "<# net", "<uap")
    assert (echo.note, prompted.note, reply.note) == ("echo", "echo", "")
    assert reading(reply)["answers"] == "net"


@pytest.mark.parametrize(
    "said",
    [
        "get_down",
        "result 2 1 0 5",
        "properties_changed 2 1 6",
        "noise",
        "result 2 1 0 5get_down",
        "result 2 1 0 5get_downnet",
    ],
)
def test_an_echo_is_said_to_be_one_and_no_reply(said: str) -> None:
    bench = Bench()
    bench.say(">get_down", "<down get_properties 2 1")
    _, echo, prompted = bench.say(f">{said}", f"<{said}", f"<# {said}")
    for each in (echo, prompted):
        assert each.note == "echo"
        assert "comes back" in str(reading(each)["problem"])
        assert "no reply" not in str(reading(each)["problem"])


def test_noise_is_marked_and_the_next_line_is_read() -> None:
    bench = Bench()
    noise, _, line = bench.say(b">\xff\xfe#?", b"<error", b">\xff\xffget_down")
    assert noise.note == "noise"
    assert reading(line)["command"] == "get_down"
    assert line.raw == b"\xff\xffget_down\r"


def test_an_empty_line_is_recorded_and_answers_nothing() -> None:
    bench = Bench()
    _, empty, reply = bench.say(">net", "<\n", "<uap")
    assert (empty.raw, empty.note) == (b"\n\r", "")
    assert reading(reply)["answers"] == "net"


def test_an_unfinished_line_is_given_up_in_time() -> None:
    bench = Bench()
    assert bench.watch.deadline is None
    bench.watch.feed("up", b"get_do", 5.0)
    bench.watch.feed("down", b"o", 5.5)
    assert bench.watch.deadline == 6.0
    bench.watch.tick(6.0)
    assert bench.watch.deadline == 6.5
    bench.watch.tick(6.5)
    assert [(r.raw, r.note) for r in bench.records] == [
        (b"get_do", "noise, unfinished"),
        (b"o", "noise, unfinished"),
    ]
    assert bench.watch.deadline is None


def test_an_outage_gives_up_what_was_half_read_and_waits_for_no_reply() -> None:
    bench = Bench()
    bench.say(">get_down", "<down get_properties 2 1", ">net")
    bench.watch.feed("up", b"resu", bench.now)
    bench.watch.mark("outage", "up", 7.0)
    unfinished, mark = bench.records[-2:]
    assert unfinished.raw == b"resu"
    assert mark == Record("uart", "up", 7.0, WALL + 7.0, b"", note="outage", peer="bench")
    *_, reply = bench.say(">mac", "<34ce00892ab7")
    assert reading(reply)["answers"] == "mac"


def test_a_peer_that_is_never_answered_costs_no_memory() -> None:
    bench = Bench()
    for number in range(MAX_OPEN * 10):
        bench.watch.feed("up", b"net\r", 1.0)
        bench.watch.feed("down", b"down action 1 %d\r" % number, 1.0)
    conversation = bench.watch._conversation
    assert len(list(conversation._open)) <= MAX_OPEN
    assert len(conversation.said) <= 64
    assert len(conversation.downlinks) <= 64


WORDS = st.sampled_from(
    [
        b"get_down",
        b"down get_properties 2 1",
        b"down none",
        b"ok",
        b"error",
        b"result 2 1 0 1",
        b"help",
        b"net",
        b"\n",
        b"\xff",
    ]
)


@given(
    st.lists(
        st.tuples(st.booleans(), (WORDS | st.binary(max_size=30)).map(lambda line: line + CR)), max_size=30
    )
)
def test_any_lines_in_any_order_are_recorded_whole(lines: list[tuple[bool, bytes]]) -> None:
    bench = Bench()
    for up, data in lines:
        bench.watch.feed("up" if up else "down", data, 0.0)
    for direction in ("up", "down"):
        sent = b"".join(data for up, data in lines if up == (direction == "up"))
        assert b"".join(r.raw for r in bench.records if r.direction == direction) == sent
    assert all(record.reading is not None and "valid" in record.reading for record in bench.records)


def test_lines_that_are_known_already_are_read_alike_and_apart() -> None:
    bench = Bench()
    first, _, second, _ = bench.say(">get_down", "<down none", ">get_down", "<down none")
    assert first.reading == second.reading
    assert first.reading is not second.reading
    # The same words mean another thing as the answer to another line.
    _, ok, _, other = bench.say(">reboot", "<ok", ">net", "<ok")
    assert reading(ok)["answers"] == "reboot"
    assert (reading(other)["answers"], reading(other)["valid"]) == ("net", False)


def test_what_is_over_needs_no_search_for_garbage() -> None:
    bench = Bench()
    gc.collect()
    gc.disable()
    try:
        for number in range(200):
            ask, answer = f"<down set_properties 2 1 {number}", ">result 2 1 0"
            bench.say(">get_down", ask, answer, "<ok", ">get_down", "<down none")
        bench.records.clear()
        left = gc.collect()
    finally:
        gc.enable()
    assert left < 200  # turns and downlinks that know each other would be some thousands


def test_known_lines_cost_bounded_memory() -> None:
    bench = Bench()
    before = results_kept()
    for number in range(2000):
        bench.watch.feed("up", b"result %d\r" % number, 0.0)
        bench.watch.feed("up", b"result " + b"1 " * 200 + b"\r", 0.0)
    bench.records.clear()
    # Of 4,000 that were read 500 are kept, each with the one reading it has, and what the last lines may still need.
    assert results_kept() - before <= 1100


def results_kept() -> int:
    return sum(isinstance(each, Result) for each in gc.get_objects())


def test_a_reading_is_the_observers_own() -> None:
    bench = Bench()
    bench.say(">get_down", ">get_down")
    first, second = (record.reading for record in bench.records)
    assert first == second == {"command": "get_down", "valid": True}
    assert first is not second


def test_ends_of_lines_alone_are_nobody_s_fault() -> None:
    """CR CR LF, LF CR, and an LF behind which nothing comes."""
    seen: list[Record] = []
    watch = LineWatch(seen.append, wall=lambda instant: instant)
    watch.feed("up", b"net\r\r\n", 0.0)
    watch.feed("down", b"\n\rlocal\r\n", 0.1)
    watch.flush()
    assert [record.raw for record in seen] == [b"net\r", b"\r", b"\n\r", b"local\r", b"\n", b"\n"]
    assert [record.note for record in seen] == [""] * 6
    assert all(record.reading is not None and record.reading["valid"] for record in seen)
