"""The small rules of the session: ids, clock, pacing, codes, replies."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import DeviceError, McuTimeout, RecoverableError
from miio_lan.lan import codes
from miio_lan.lan.client import call
from miio_lan.lan.client.clock import CLOCK_TOLERANCE, DeviceClock
from miio_lan.lan.client.ids import MAX_ID, IdSource
from miio_lan.lan.client.incoming.reply import read_error, reply_id
from miio_lan.lan.client.pacing import INITIAL_RESEND, MIN_RESEND, RoundTrips
from miio_lan.record.redact import redact


def test_a_clock_nobody_saw_gives_zero() -> None:
    clock = DeviceClock()
    assert not clock.known
    assert clock.stamp(5000.0) == 0
    assert not clock.surely_running_since(0.0)


@given(st.floats(0, 1e6), st.integers(0, 2**32 - 1), st.floats(0, CLOCK_TOLERANCE - 0.01), st.floats(0, 1000))
def test_delay_on_the_way_never_turns_the_clock_back(
    now: float, stamp: int, delay: float, later: float
) -> None:
    clock = DeviceClock()
    assert not clock.observe(stamp, now)
    before = clock.stamp(now + delay + later)
    assert not clock.observe(stamp, now + delay)
    assert clock.stamp(now + delay + later) == before


def test_a_clock_that_jumped_is_followed_and_told() -> None:
    clock = DeviceClock()
    clock.observe(1000, 50.0)
    assert clock.observe(2, 60.0)
    assert clock.stamp(61.0) == 3
    assert clock.surely_running_since(59.0)
    assert not clock.surely_running_since(57.0)
    assert clock.observe(1_700_000_000, 62.0)
    assert clock.stamp(63.0) == 1_700_000_001
    assert not clock.surely_running_since(61.0)


def test_a_stamp_is_never_negative() -> None:
    clock = DeviceClock()
    clock.observe(0, 100.0)
    assert clock.stamp(90.0) == 0


@given(st.integers(0, MAX_ID), st.integers())
def test_ids_are_31_bits_never_zero_and_all_different(start: int, seed: int) -> None:
    ids = IdSource(start, random.Random(seed))
    given_ids = [ids.next() for _ in range(200)]
    assert all(1 <= number <= MAX_ID for number in given_ids)
    assert len(set(given_ids)) == 200
    assert ids.last == given_ids[-1]


@given(st.integers(0, MAX_ID), st.integers())
def test_ids_that_were_given_of_late_are_known(start: int, seed: int) -> None:
    ids = IdSource(start, random.Random(seed))
    assert all(ids.may_have_given(number) for number in [ids.next() for _ in range(200)])
    assert not any(ids.may_have_given(number) for number in (None, 0, -ids.last, MAX_ID + 1))
    assert not ids.may_have_given(ids.last % MAX_ID + 1)


def test_a_start_id_is_counted_on_from() -> None:
    ids = IdSource(100, random.Random(1))
    assert ids.last == 100
    assert ids.next() == 101


def test_what_was_never_timed_waits_no_longer_than_an_attempt() -> None:
    pace = RoundTrips()
    assert pace.resend_after("x", 5.0) == INITIAL_RESEND
    assert pace.resend_after("x", 0.3) == 0.3


def test_methods_are_timed_apart() -> None:
    pace = RoundTrips()
    for _ in range(50):
        pace.observe("fast", 0.004)
        pace.observe("slow", 2.0)
    assert pace.resend_after("fast", 5.0) == MIN_RESEND
    assert 2.0 < pace.resend_after("slow", 5.0) < 3.0
    assert pace.resend_after("slow", 1.0) == 1.0


def test_the_table_of_methods_is_bounded() -> None:
    pace = RoundTrips()
    for number in range(1000):
        pace.observe(f"m{number}", 0.1)
    assert len(pace._by_method) <= 256


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-4001, "not readable"),
        (-4007, "wrong device id"),
        (1, "accepted"),
        (-704042011, "device offline (not found, said by the device cloud)"),
        (-704220043, "value error (not understood, said by the client)"),
        (-704010905, "authentication (not authorised"),
        (-704999777, "reason 777 (status 499, said by the place 9)"),
        (-9999, "did not answer"),
        (-123, ""),
        (704042011, ""),
        (0, "done"),
    ],
)
def test_codes_are_explained(code: int, words: str) -> None:
    assert words in codes.explain_item(code)
    assert bool(codes.explain_item(code)) is bool(words)


def test_errors_without_a_code_need_no_words() -> None:
    assert codes.explain(None) == ""
    assert codes.explain(-9999).startswith("the MCU did not answer")
    assert codes.explain(-4002) == "the property is not writable"


@pytest.mark.parametrize(
    ("code", "kind"), [(-9999, McuTimeout), (-30012, RecoverableError), (-5001, DeviceError)]
)
def test_errors_have_the_class_their_number_asks_for(code: int, kind: type[DeviceError]) -> None:
    error = read_error({"id": 3, "error": {"code": code, "message": None}, "exe_time": "soon"}, "x")
    assert type(error) is kind
    assert (error.code, error.message, error.exe_time, error.id) == (code, "", None, 3)


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (-9999, "user ack timeout", McuTimeout),
        (-9999, "User ack timeout.", McuTimeout),
        (-9999, "UART timeout", McuTimeout),
        (-9999, "", McuTimeout),
        (-9999, "sensor timeout", RecoverableError),
        (-9999, "door open", RecoverableError),
        (-9998, "user ack invalid", DeviceError),
        (-9998, "door open", DeviceError),
        (-10000, "door open", DeviceError),
    ],
)
def test_an_mcus_own_words_are_told_from_the_modules(code: int, words: str, kind: type[DeviceError]) -> None:
    error = read_error({"id": 3, "error": {"code": code, "message": words}}, "x")
    assert type(error) is kind
    own = code != -10000 and "ack" not in words and "UART" not in words and bool(words)
    assert ("the MCU's own error" in str(error)) is own
    assert ("did not answer" in str(error) or "did not fit" in str(error)) is (code != -10000 and not own)


@pytest.mark.parametrize("value", [None, True, 1.5, "x", "-3", "1" * 11, "٣", [], {}])
def test_what_is_no_id(value: object) -> None:
    assert reply_id({"id": value}) is None


def test_a_device_that_quotes_its_token_does_not_bring_it_into_an_error() -> None:
    token = "00112233445566778899aabbccddeeff"
    for error in ({"code": -1, "message": f"tok {token}"}, f"tok {token}"):
        read = read_error({"id": 1, "error": error}, "x")
        assert read is not None
        assert token not in repr(read) + str(read) + read.message


def test_logins_are_hidden_from_urls() -> None:
    assert redact('"app_url":"http://u:pw@h/f.bin"') == '"app_url":"http://(hidden)@h/f.bin"'
    assert redact("mail me@example") == "mail me@example"


def test_secrets_are_hidden_from_texts() -> None:
    text = '{"token" : "deadbeef", "passwd":"a\\"b", "x":"00112233445566778899aabbccddeeff", "ssid":"net"}'
    assert redact(text) == '{"token" : "(hidden)", "passwd":"(hidden)", "x":"(hidden)", "ssid":"net"}'


def test_the_pages_name_the_errors_that_are_answered_by_another_attempt() -> None:
    docs = Path(__file__).parents[2] / "docs"
    table = re.findall(
        r"^\| (-[\d, -]+) \|.*\| yes[^|]*\|$", (docs / "lan-protocol.md").read_text("utf-8"), re.MULTILINE
    )
    named = {int(code) for row in table for code in re.findall(r"-\d+", row)}
    assert named == codes.RECOVERABLE
    (listed,) = re.findall(r"recoverable errors \(([^)]*)\)", (docs / "architecture.md").read_text("utf-8"))
    assert {int(code) for code in listed.split(", ")} == codes.RECOVERABLE


def test_the_page_says_of_each_code_whether_the_command_may_have_run() -> None:
    page = (Path(__file__).parents[2] / "docs" / "lan-protocol.md").read_text("utf-8")
    told: dict[int, str] = {}
    for numbers, ran in re.findall(
        r"^\| (-\d[\d, …-]*) \| [^|]+ \| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE
    ):
        for part in numbers.split(", "):
            first, *last = [int(each) for each in part.split(" … ")]
            bounds = sorted((first, *(last or [first])))
            told |= dict.fromkeys(range(bounds[0], bounds[1] + 1), ran.partition(";")[0])
    assert {code: codes.may_have_run(code) for code in told} == {code: told[code] == "yes" for code in told}
    assert set(told) >= {code for code in range(-40_000, 0) if codes.may_have_run(code)}


def test_the_page_names_what_may_be_sent_again() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    (row,) = re.findall(r"^\| (reads \(.*) \| when the answer is overdue", page, re.MULTILINE)
    named = re.findall(r"`([^`]+)`", row)
    prefixes = {each.removesuffix("...") for each in named if each.endswith("...")}
    assert prefixes == set(call._READ_PREFIXES)
    assert set(named) - {f"{each}..." for each in prefixes} == call._READS | call._ABSOLUTE_SETS
    assert not call.is_repeat_safe("set_power")
