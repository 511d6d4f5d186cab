from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import RecordError
from miio_lan.record import Record, write
from miio_lan.uart.listening.overhearing import Overhearing
from miio_lan.uart.listening.watch import LineWatch
from miio_lan.uart.logs.textlog import read_text_log


def lines(text: str, **options: object) -> list[tuple[str, bytes]]:
    records = read_text_log(io.StringIO(text), **options)  # type: ignore[arg-type]
    return [(record.direction, record.raw.rstrip(b"\r")) for record in records]


CONVERSATION = [
    ("up", b"get_down"),
    ("down", b"down get_properties 2 1"),
    ("up", b"result 2 1 0 true"),
    ("down", b"ok"),
]


MODULE_LOG = """\
[21:10:25][V][miot:091]: Received MCU message 'get_down'
[21:10:25][V][miot:181]: Sending reply 'down get_properties 2 1' to MCU
[21:10:26][V][miot:091]: Received MCU message 'result 2 1 0 true'
[21:10:26][V][miot:181]: Sending reply 'ok' to MCU
"""
PYTHON_LOG = """\
2024-01-02 12:00:00.123 TX: b'get_down\\r'
2024-01-02 12:00:00.130 RX: b'down get_properties 2 1\\r'
2024-01-02 12:00:00.140 TX: b'result 2 1 0 true\\r'
2024-01-02 12:00:00.141 RX: b'ok\\r'
"""


@pytest.mark.parametrize(
    "text",
    [
        "↑get_down\n↓down get_properties 2 1\n↑ result 2 1 0 true \n↓ ok",
        "↑get_down ↓down get_properties 2 1\n↑result 2 1 0 true ↓ok",
        "TX: get_down\nRX: down get_properties 2 1\nTX: result 2 1 0 true\nRX: ok",
        "RX: get_down\nTX: down get_properties 2 1\nRX: result 2 1 0 true\nTX: ok",
        "TX: get_down\\n\nRX: down get_properties 2 1\\n\nTX: result 2 1 0 true\\n\nRX: ok\\n",
        "TX: get_down\\r\nTX: \\n\nRX: down get_properties 2 1\\r\nTX: result 2 1 0 true\\r\nTX: \\n\nRX: ok\\r",
        "-> get_down\n<- down get_properties 2 1\n-> result 2 1 0 true\n<- ok",
        "< get_down\n> down get_properties 2 1\n< result 2 1 0 true\n> ok",
        "MCU: get_down\nMODULE: down get_properties 2 1\nMCU: result 2 1 0 true\nMODULE: ok",
        "send: get_down\nrecv: down get_properties 2 1\nsend: result 2 1 0 true\nrecv: ok",
        "get_down\ndown get_properties 2 1\nresult 2 1 0 true\nok",
        "→ get_down\n← down get_properties 2 1\n→ result 2 1 0 true\n← ok",
        ">>> get_down\n<<< down get_properties 2 1\n>>> result 2 1 0 true\n<<< ok",
        "TX get_down\nRX down get_properties 2 1\nTX result 2 1 0 true\nRX ok",
        "MCU -> WIFI: get_down\nWIFI -> MCU: down get_properties 2 1\nMCU -> WIFI: result 2 1 0 true\nWIFI -> MCU: ok",
        "I (12) uart: get_down\nI (13) uart: down get_properties 2 1\nI (14) uart: result 2 1 0 true\nI (15) uart: ok",
        MODULE_LOG,
        PYTHON_LOG,
        "MCU -> get_down\nMCU <- down get_properties 2 1\nMCU -> result 2 1 0 true\nMCU <- ok",
        "a.b_c: MCU → 'get_down'\nMCU ← WIFI: down get_properties 2 1\nMCU → WIFI: result 2 1 0 true\nMCU ← ok",
        "\x1b[32m[   1.5] > get_down\x1b[0m\n[1.6] < down get_properties 2 1\n[1.7] > result 2 1 0 true\n[1.8] < ok",
        "67 65 74 5f 64 6f 77 6e 0d\ndown get_properties 2 1\nresult 2 1 0 true\nok",
    ],
)
def test_logs_of_many_shapes(text: str) -> None:
    assert lines(text) == CONVERSATION


def test_readings_follow_the_conversation() -> None:
    records = list(read_text_log(io.StringIO("get_down\ndown action 2 1\nresult 2 1 0\nok\nnet\ncloud\n")))
    assert records[2].reading is not None
    assert records[2].reading["answers"] == "action"
    assert records[5].reading == {"command": "reply", "answers": "net", "state": "cloud", "valid": True}


def test_times_are_kept_and_midnight_is_passed() -> None:
    text = "23:59:59.500 TX: get_down\n00:00:00.500 RX: down none\n00:00:01 TX: get_down\nget_down\n"
    instants = [record.instant for record in read_text_log(io.StringIO(text))]
    assert instants == [86399.5, 86400.5, 86401.0, 86401.0]


def test_escapes_become_bytes() -> None:
    text = '[1.0] TX: properties_changed 1 5 "\\xff\\xff"\n'
    assert lines(text) == [("up", b'properties_changed 1 5 "\xff\xff"')]
    assert lines('properties_changed 1 5 "\\u4e2d"') == [("up", b'properties_changed 1 5 "\\u4e2d"')]
    assert lines('properties_changed 1 5 "中\\xff"') == [
        ("up", 'properties_changed 1 5 "中'.encode() + b'\xff"')
    ]
    assert lines("\udcff\udcffget_down") == [("up", b"\xff\xffget_down")]
    assert lines("get_down \ud800")[0][0] == "up"


def test_replies_without_marks_are_told_by_the_question() -> None:
    text = "time\n2015-06-04 16:58:07\nmac\n34ce00892ab7\nmodel\nxiaomi.dev.v1\nversion\n2.0.0\nerror\n"
    assert [direction for direction, _ in lines(text)] == ["up", "down"] * 4 + ["down"]
    assert lines('error "stuck" -5001') == [("up", b'error "stuck" -5001')]


def test_a_mark_that_stands_before_both_ends_says_nothing() -> None:
    both = "device: get_down\ndevice: down get_properties 2 1\ndevice: result 2 1 0 true\ndevice: ok\n"
    assert lines(both) == CONVERSATION
    assert lines(both + "tx: hello\n") == CONVERSATION
    assert ("down", b"hello") in lines(both + "rx: net\ntx: hello\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("TX: hello\nRX: ok\n", [("up", b"hello"), ("down", b"ok")]),
        ("TX: get_down\nRX: hello\n", [("up", b"get_down"), ("down", b"hello")]),
        ("MODULE: ok\nTX: hello\n", [("down", b"ok"), ("up", b"hello")]),
        ("TX: hello\nRX: world\n", []),
        ("TX: hello\nRX: world\nIN: ok\n", [("down", b"ok")]),
    ],
)
def test_a_mark_before_nothing_known_is_that_of_the_other_end(
    text: str, said: list[tuple[str, bytes]]
) -> None:
    assert lines(text) == said


def test_the_caller_may_know_the_direction() -> None:
    assert lines("ok\nget_down", direction="down") == [("down", b"ok"), ("down", b"get_down")]
    assert lines("↑ok", direction="down") == [("up", b"ok")]


def test_recordings_are_read_anew() -> None:
    file = io.StringIO()
    old = Record("uart", "up", 1.0, 50.0, b"net\r", reading={"command": None, "valid": False})
    write(
        file,
        [
            old,
            Record("uart", "down", 1.1, 50.1, b"", note="outage over"),
            Record("lan", "up", 2.0, 51.0, b"{}"),
        ],
    )
    file.seek(0)
    again = list(read_text_log(file))
    assert [(record.instant, record.wall, record.note) for record in again] == [
        (1.0, 50.0, ""),
        (1.1, 50.1, "outage over"),
    ]
    assert again[0].reading == {"command": "net", "valid": True}
    with pytest.raises(RecordError, match="line 1"):
        list(read_text_log(io.StringIO('{"wire": 5}')))


def test_an_end_of_a_line_too_many_is_no_row_of_a_recording() -> None:
    recorded: list[Record] = []
    watch = LineWatch(recorded.append, wall=lambda instant: instant)
    watch.feed("up", b"get_down\r\r\n", 0.0)
    watch.feed("down", b"down none\r", 0.1)
    watch.feed("up", b"\n\rnet\r\r\n", 0.2)
    watch.flush()
    assert len(recorded) == 7
    written = io.StringIO()
    write(written, recorded)
    assert lines(written.getvalue()) == [("up", b"get_down"), ("down", b"down none"), ("up", b"net")]


@pytest.mark.parametrize("end", [b"", b"\r", b"\n", b"\r\n"])
def test_a_record_is_one_row_whatever_ends_it(end: bytes) -> None:
    said = [
        Record("uart", "up", 1.0, 1.0, b"get_down" + end),
        Record("uart", "down", 1.1, 1.1, b"down none" + end),
    ]
    written = io.StringIO()
    write(written, [*said, *(replace(record, instant=record.instant + 1) for record in said)])
    again = list(read_text_log(io.StringIO(written.getvalue())))
    assert [(record.instant, record.raw) for record in again] == [
        (1.0, b"get_down" + end), (1.1, b"down none" + end), (2.0, b"get_down" + end), (2.1, b"down none" + end),
    ]  # fmt: skip
    assert all(record.reading and record.reading["command"] in ("get_down", "down") for record in again)


def test_what_a_bridge_did_stays_in_its_recording() -> None:
    said = [
        Record("uart", "up", 1.0, 1.0, b"get_down\r"),
        Record("uart", "down", 1.01, 1.01, b"down get_properties 2 1\r"),
        Record("uart", "up", 1.1, 1.1, b"result 2 1 0 true\r", note="dropped by the bridge"),
        Record("uart", "up", 1.2, 1.2, b"result 2 1 0 5\r", note="noise, held back for 0.1 s by the bridge"),
        Record("uart", "down", 1.21, 1.21, b"ok\r", note="not forwarded by the bridge"),
    ]
    written = io.StringIO()
    write(written, said)
    again = list(read_text_log(io.StringIO(written.getvalue())))
    assert [(record.raw, record.note) for record in again] == [
        (b"get_down\r", ""),
        (b"down get_properties 2 1\r", ""),
        (b"result 2 1 0 true\r", "dropped by the bridge"),
        (b"result 2 1 0 5\r", "held back for 0.1 s by the bridge"),
        (b"ok\r", "not forwarded by the bridge"),
    ]
    # The module never heard the first: the second is the answer.
    assert again[3].reading is not None
    assert again[3].reading["results"] == [[2, 1, 0, 5]]


@pytest.mark.parametrize("last", ["model a.b.c", "result 2 1 0 tr", "\n"])
def test_what_was_heard_stays_in_its_recording(last: str) -> None:
    """How a listener joined in, what it lost, and what nobody ended: no line shows that by itself."""
    said = [
        ("up", b"sult 2 1 0\r", 0.0), ("up", b"get_dwn\r", 0.1), ("down", b"dwn none\r", 0.2),
        ("up", b"get_down\r", 0.3), ("down", b"down get_properties 2 1\r", 0.31), ("up", last.encode(), 0.4),
        ("up", b"result 2 1 0 true\r", 1.8), ("down", b"ok\r", 1.81), ("up", b"get_d", 3.0), ("down", b"down n", 3.1),
    ]  # fmt: skip
    recorded: list[Record] = []
    listener = Overhearing(recorded.append, wall=lambda instant: instant)
    for direction, raw, instant in said:
        listener.tick(instant)
        listener.feed(direction, raw, instant)  # type: ignore[arg-type]
    listener.flush()
    written = io.StringIO()
    write(written, recorded)
    again = list(read_text_log(io.StringIO(written.getvalue())))
    assert [(record.raw, record.note, record.reading) for record in again] == [
        (record.raw, record.note, record.reading) for record in recorded
    ]
    notes = {note for record in again for note in record.note.split(", ")}
    assert {"noise", "late start", "lost bytes", "unfinished"} <= notes


def test_blocks_of_firmware_in_a_recording_stay_blocks() -> None:
    block = bytes([1, 1, 254, *range(128), 7, 7])
    recorded = Record("uart", "down", 1.0, 50.0, block, {"xmodem": "block", "number": 1}, "xmodem")
    file = io.StringIO()
    write(
        file, [recorded, Record("uart", "up", 1.1, 50.1, b"\x06", {"xmodem": "ack"}, "xmodem, by the bridge")]
    )
    file.seek(0)
    first, second = read_text_log(file)
    assert first == recorded
    assert (second.raw, second.reading, second.note) == (b"\x06", {"xmodem": "ack"}, "xmodem, by the bridge")


def test_an_empty_log_has_no_lines() -> None:
    assert lines("") == []
    assert lines("\n \n") == []


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    try:
        records = list(read_text_log(io.StringIO(text)))
    except RecordError:
        assert '{"wire"' in text
        return
    assert all(record.direction in {"up", "down"} for record in records)


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    file = io.StringIO()
    write(file, [Record("uart", "up", 1.0, 2.0, b"get_down\r")])
    assert lines("\ufeff" + file.getvalue()) == [("up", b"get_down")]
    assert lines("\ufeffTX: get_down\nRX: down none\n") == [("up", b"get_down"), ("down", b"down none")]


@pytest.mark.parametrize("left", [1, 5, 40])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_last_line_of_a_recording_that_a_crash_cut_off_is_left_out(left, end, caplog) -> None:
    line = json.dumps(Record("uart", "up", 1.0, 1.0, b"get_down\r").as_json())
    (found,) = read_text_log([line + end, line[:left]])
    assert found.raw == b"get_down\r"
    assert "cut off" in caplog.text
    assert list(read_text_log([line[:40]])) == []
