from __future__ import annotations

import json
import sys
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import HOSTILE, steering

from miio_lan import Device, DeviceError, DeviceStatus
from miio_lan.bench.trace import account, trace
from miio_lan.device.info import DeviceInfo
from miio_lan.foreign import excerpt, printable, printable_json
from miio_lan.pairing.pairing import pair
from miio_lan.record import Record

EVERY = "".join(map(chr, range(sys.maxunicode + 1)))
INVISIBLE_LETTERS = "\u034f\u115f\u1160\u3164\uffa0"
# The block of what steers hieroglyphs. Unicode 15 has named letters in it: blanks and the signs of lost ones.
HIEROGLYPH_CONTROLS = {chr(one) for one in range(0x13430, 0x13460)}


def test_of_all_characters_what_steers_becomes_an_escape():
    assert steering(EVERY), "the test sees nothing"
    shown = printable(EVERY)
    assert steering(shown) == []
    assert "\n" not in shown
    assert "\t" not in shown


def test_what_is_seen_and_does_not_steer_stays():
    kept = "".join(each for each in EVERY if each.isprintable() and unicodedata.category(each)[0] in "LNPS")
    assert len(kept) > 100_000
    changed = {one for one in kept if printable(one) != one}
    assert changed - HIEROGLYPH_CONTROLS == set(INVISIBLE_LETTERS) - {"\u034f"}
    assert printable("客厅\u3000灯 ❤️ \u00a0") == "客厅\u3000灯 ❤️ \u00a0"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31m\u202eb\ud800\n", r"a\x1b[31m\u202eb\ud800\n"),
        ("\x9b\x7f\ufeff\U000e0041", r"\x9b\x7f\ufeff\U000e0041"),
        (INVISIBLE_LETTERS, r"\u034f\u115f\u1160\u3164\uffa0"),
        ("plain text, \\ and 'all'", "plain text, \\ and 'all'"),
        ("", ""),
    ],
)
def test_escapes_say_which_character_it_was(text, shown):
    assert printable(text) == shown


def test_rows_stay_rows_where_that_is_asked_for():
    assert printable("a\r\n\tb\x1b", rows=True) == "a\\r\n\tb\\x1b"


@given(st.text())
def test_what_was_made_printable_stays_as_it_is(text):
    shown = printable(text)
    assert printable(shown) == shown
    assert steering(shown) == []


@given(
    st.recursive(
        st.text() | st.sampled_from([HOSTILE]), lambda each: st.lists(each) | st.dictionaries(st.text(), each)
    )
)
def test_json_means_the_same_and_steers_nothing(value):
    for shown in (printable_json(json.dumps(value, ensure_ascii=False, indent=at)) for at in (None, 2)):
        assert steering(shown) == []
        assert json.loads(shown) == json.loads(json.dumps(value))


def test_an_excerpt_is_quoted_ascii_and_as_long_as_a_glance():
    assert excerpt("x\x1b\u202e'") == '"x\\x1b\\u202e\'"'
    assert excerpt("a" * 40) == repr("a" * 40)
    assert excerpt("a" * 41) == repr("a" * 37 + "...")


ROWS = HOSTILE + "\r\nfaked row"


def test_no_repr_steers():
    info = DeviceInfo({"model": ROWS, "fw_ver": ROWS, "mac": ROWS, "netif": {"localIp": ROWS}})
    device = Device("127.0.0.1", "0" * 32)
    device._model = ROWS

    class Status(DeviceStatus):
        @property
        def name(self) -> str:
            return ROWS

    for shown in (repr(info), repr(device), repr(Status()), str(DeviceError(-1, ROWS))):
        assert steering(shown) == []
        assert "\n" not in shown
        assert "owned" in shown


def test_no_trace_of_a_failed_test_steers():
    record = Record("uart", "down", 1.0, 1e9, b"", {"method": ROWS}, ROWS, ROWS)
    raw = f"down {ROWS} 1\r".encode("utf-8", "surrogatepass")
    records = [
        replace(record, wire="lan", reading={"id": 1, "method": ROWS, "params": [ROWS]}),
        replace(record, raw=raw),
        replace(record, direction="up", instant=1.2, raw=b"result " + raw),
        replace(
            record, wire="lan", direction="up", instant=1.4, reading={"id": 1, "error": {"message": ROWS}}
        ),
    ]
    shown = trace(records)
    assert steering(shown) == []
    assert "owned" in shown
    exchange = pair(records)[0]
    assert steering(account(replace(exchange, notes=(ROWS,)))) == []
    assert "faked" in account(exchange)
