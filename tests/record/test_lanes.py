from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.record import Record
from miio_lan.record.lanes import Lanes, line_text, said, transcript


def uart(direction: str, raw: bytes, instant: float = 0.0, **more) -> Record:
    return Record("uart", direction, instant, 1700000000.0 + instant, raw, **more)


def lan(direction: str, reading: dict[str, object] | None, instant: float = 0.0, **more) -> Record:
    return Record("lan", direction, instant, 1700000000.0 + instant, b"", reading, **more)


def test_the_two_speakers_of_a_line_have_a_lane_each() -> None:
    shown = transcript(
        [uart("up", b"get_down\r", 5.0), uart("down", b"down none\r", 5.0015), uart("up", b"\xffx\r", 6.0)],
        width=70,
    )
    assert shown.splitlines() == [
        "   seconds  MCU says                      module says",
        "     0.000  get_down",
        "     0.002                                down none",
        "     1.000  \\xffx",
    ]


def test_the_two_wires_have_a_lane_each() -> None:
    shown = transcript(
        [
            lan("down", {"id": 1, "method": "get_properties", "params": [{"siid": 2, "piid": 1}]}),
            uart("down", b"down get_properties 2 1\r", 0.1),
            uart("up", b"result 2 1 0 5\r", 0.11),
            lan("up", {"id": 1, "result": [{"siid": 2, "piid": 1, "code": 0, "value": 5}]}, 0.12),
        ],
        "wires",
        width=80,
    )
    assert shown.splitlines() == [
        "   seconds  LAN: client → ← module             UART: module → ← MCU",
        "     0.000  → get_properties 2.1",
        "     0.100                                     → down get_properties 2 1",
        "     0.110                                     ← result 2 1 0 5",
        "     0.120  ← 2.1=5",
    ]


def test_long_lines_are_wrapped_within_their_lane() -> None:
    lanes = Lanes(width=60)
    rows = list(lanes.rows(uart("down", b"down set_properties" + b" 2 1 5" * 12 + b"\r")))
    assert len(rows) > 2
    assert all(len(row) <= 60 for row in rows)
    assert rows[1].startswith(" " * (12 + lanes.lane + 2 + 2))
    assert list(Lanes(width=60).rows(uart("up", b"\r"))) == ["     0.000"]


def test_milliseconds_with_their_tenths() -> None:
    lanes = Lanes("wires", width=80, millis=True)
    rows = [row for record in (uart("up", b"a", 7.0), uart("up", b"b", 7.0504)) for row in lanes.rows(record)]
    assert lanes.header.split() == [
        "ms",
        *["LAN:", "client", "→", "←", "module", "UART:", "module", "→", "←", "MCU"],
    ]
    assert [row.split()[0] for row in rows] == ["0.0", "50.4"]


def test_times_of_day() -> None:
    lanes = Lanes(wall=True)
    (row,) = lanes.rows(uart("up", b"net\r", 0.25))
    stamp, text = row.split()
    assert (stamp[-4:], text, len(stamp)) == (".250", "net", 12)
    assert lanes.header.startswith("        time  MCU")


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (uart("up", b"x\r", note="noise, late start"), "x [noise, late start]"),
        (uart("up", b"", note="outage: gone"), "[outage: gone]"),
        (
            uart("down", b"\x01", reading={"transfer": "block", "number": 3, "size": 128}),
            "block 3, 128 bytes",
        ),
        (
            uart(
                "down", b"\x01", reading={"transfer": "block", "number": 3, "size": 128, "problem": "cut off"}
            ),
            "block 3, 128 bytes, cut off",
        ),
        (uart("up", b"CC", reading={"transfer": "C", "count": 2}), "C × 2"),
        (uart("up", b"\x06", reading={"transfer": "ACK", "count": 1}, note="xmodem"), "ACK [xmodem]"),
        (lan("down", None, note="hello"), "[hello]"),
        (lan("down", {"method": "miIO.info", "params": []}), "miIO.info"),
        (lan("up", {"id": 1, "result": ["ok"]}), '"ok"'),
        (lan("up", {"id": 1, "result": {"model": "a.b.c"}}), "model a.b.c"),
        (
            lan("up", {"id": 1, "error": {"code": -9999, "message": "user ack timeout"}}),
            "error -9999 user ack timeout",
        ),
        (
            lan("up", {"id": 1, "error": {"code": -2, "error": "unsupported"}}),
            'error -2 {"error": "unsupported"}',
        ),
        (lan("up", {"id": 1, "error": {"code": -5001}}), "error -5001"),
        (lan("up", {"id": 1, "error": "unknown"}), "error unknown"),
        (lan("up", {"id": 1, "error": -9999}), "error -9999"),
        (lan("up", {"id": 1, "error": None, "result": ["ok"]}), '"ok"'),
        (lan("up", {"id": 1, "method": "toggle", "result": ["ok"]}), '"ok"'),
        (lan("up", {"id": 1, "code": -5001, "exe_time": 7}), '{"code": -5001}'),
        (lan("up", {"id": 1, "result": [{"siid": 2, "piid": 1, "code": -4001}]}), "2.1: -4001"),
        (lan("up", {"id": 1, "result": [{"siid": 2, "piid": 1, "code": 0}]}), "2.1: 0"),
        (lan("down", {"method": "action", "params": {"siid": 2, "aiid": 1, "in": [5]}}), "action 2.1 5"),
        (lan("up", {"id": 1}), ""),
        (lan("up", {"id": 1, "result": ["\x1b[2J"]}), '"\\u001b[2J"'),
    ],
)
def test_what_a_record_says(record, text) -> None:
    assert said(record) == text


@given(st.binary())
def test_nothing_steers_the_terminal(raw) -> None:
    assert line_text(uart("up", raw)).isprintable()
    for row in Lanes().rows(uart("down", raw)):
        assert row.isprintable()


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (
            lan("up", {"id": 1, "result": {"token": "hunter", "ssid": "home"}}),
            '{"token": "(hidden)", "ssid": "home"}',
        ),
        (
            lan("down", {"method": "set", "params": [{"siid": 2, "piid": 1, "value": '{"psk":"hunter"}'}]}),
            r'set 2.1="{\"psk\":\"(hidden)\"}"',
        ),
        (lan("up", {"error": {"code": -1, "message": "psk=hunter"}}), "error -1 psk=(hidden)"),
        (uart("up", b'setwifi "home" "hunter"\r'), 'setwifi "home" (hidden)'),
        (uart("down", b'down x {"passwd":"hunter"}\r', note="late"), 'down x {"passwd":"(hidden)"} [late]'),
    ],
)
def test_secrets_are_hidden_before_lines_are_wrapped(record, text) -> None:
    assert said(record) == text
    assert "hunt" not in transcript([record], width=60)
