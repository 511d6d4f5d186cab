from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import InvalidArgument
from miio_lan.record import Record
from miio_lan.uart.bridge import faults as faults_module
from miio_lan.uart.bridge.faults import (
    ALTERED,
    ANSWERED,
    DROPPED,
    HELD_BACK,
    NOT_FORWARDED,
    SENT,
    Fault,
    begins,
    delivered,
    held_back,
    invented,
    may_begin,
    spoken,
    touched,
)
from miio_lan.uart.commands import read

RULES = {
    "drop result x1": Fault("drop", "result", times=1),
    "drop ok result after 2 x1": Fault("drop", "ok", answers="result", skip=2, times=1),
    "delay 2.5s result get_properties": Fault("delay", "result", answers="get_properties", seconds=2.5),
    "duplicate properties_changed 2.1": Fault("duplicate", "properties_changed", ids=(2, 1)),
    "duplicate action 2": Fault("duplicate", "action", ids=(2, None)),
    "alter result x3: s/true/false/": Fault("alter", "result", times=3, text="s/true/false/"),
    "answer up get_down x5: error": Fault("answer", "get_down", direction="up", times=5, text="error"),
    "drop down *": Fault("drop", "*", direction="down"),
    "drop *": Fault("drop"),
}


@pytest.mark.parametrize("text", RULES)
def test_rules_are_read_and_written(text) -> None:
    assert Fault.parse(text) == RULES[text]
    assert str(RULES[text]) == text


def test_spelling_is_free() -> None:
    assert Fault.parse("  delay  x2 300ms result") == Fault("delay", "result", times=2, seconds=0.3)
    assert Fault.parse("drop down") == Fault("drop", direction="down")
    assert Fault.parse('answer get_down: down action 2 1 1 "a: b"').text == 'down action 2 1 1 "a: b"'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "begins with none of drop, delay"),
        ("lose result", "begins with none of"),
        ("drop", "which lines"),
        ("drop result get_properties more", "a word too many: 'more'"),
        ("drop result ?!", "no name, ids"),
        ("drop result x0", "at least 1"),
        ("drop result 2s", "only a delay has a time"),
        ("delay result", "a delay is more than 0"),
        ("delay 61s result", "at most 60 seconds"),
        ("delay 0s result", "more than 0"),
        ("answer result", "behind a colon"),
        ("alter result", "behind a colon"),
        ("alter result:", "nothing behind its colon"),
        ("drop result: ok", "takes no text"),
        ("alter result: s/a/b", "not s/old/new/"),
        ("alter result: s/(/b/", "not a regular expression"),
        ("alter result: s/a/\\9/", "cannot stand in place of 'a': invalid group reference 9"),
        ("alter result: s/a/\\g<b>/", "cannot stand in place of 'a': unknown group name"),
        ("drop result after", "does not say after how many"),
        ("drop result after x2", "after takes a bare number, as in 'after 2', not x2"),
        ("drop result x1 x2", "says twice how often"),
        ("drop result after 1 after 2", "says twice after how many"),
        ("delay 1s result 2s", "says twice how long"),
        ("drop result 2.1 2.2", "says twice which ids"),
        ("drop result x" + "9" * 5000, "a number that is too long"),
        ("answer get_down: \ud800", "half a character"),
        ("alter result: s/\ud800/x/", "half a character"),
    ],
)
def test_what_is_wrong_is_named(text, complaint) -> None:
    with pytest.raises(InvalidArgument, match=complaint.replace("(", "\\(")):
        Fault.parse(text)


def test_a_name_must_be_one() -> None:
    with pytest.raises(InvalidArgument, match="not a command"):
        Fault("drop", "two words")


@pytest.mark.parametrize(
    ("rule", "up", "down"),
    [
        ("drop result", "result", None),
        ("drop get_down", "get_down", None),
        ("drop error", "error", None),
        ("drop down error", None, "error"),
        ("drop ok", None, "ok"),
        ("drop reply", None, "reply"),
        ("drop get_properties", None, "down get_properties"),
        ("drop power_off", None, "down power_off"),
        ("drop up power_off", "power_off", None),
        ("drop down time", None, "down time"),
        ("drop country_code", "country_code", None),
        ("drop *", "*", "*"),
        ("drop up *", "*", None),
    ],
)
def test_which_lines_a_name_means(rule, up, down) -> None:
    fault = Fault.parse(rule)
    assert (fault.heads("up"), fault.heads("down")) == (up, down)


@pytest.mark.parametrize(
    ("rule", "direction", "line", "answers", "fits"),
    [
        ("drop result", "up", "result 2 1 0 5", "", True),
        ("drop result", "up", "resulting 1", "", False),
        ("drop result", "up", "get_down", "", False),
        ("drop result get_properties", "up", "result 2 1 0 5", "get_properties", True),
        ("drop result get_properties", "up", "result 2 1 0 5", "action", False),
        ("drop get_properties 2.1", "down", "down get_properties 1 1 2 1", "", True),
        ("drop get_properties 2.1", "down", "down get_properties 1 2", "", False),
        ("drop get_properties 2", "down", "down  get_properties 1 1 2 9", "", True),
        ("drop set_properties 2.1", "down", "down set_properties 2 1 true", "", True),
        ("drop action 2.1", "down", "down action 2 1", "", True),
        ("drop action 2.1", "down", "down action 2 2", "", False),
        ("drop event_occured 3.4", "up", "event_occured 3 4", "", True),
        ("drop properties_changed 2.2", "up", "properties_changed 2 1 0 2 2 1", "", True),
        ("drop down 2.1", "down", "down power_off", "", False),
        ("drop reply", "down", "cloud", "net", True),
        ("drop reply", "down", "down none", "get_down", False),
        ("drop reply", "down", "down", "", False),
        ("drop none", "down", "down none", "", True),
        ("drop *", "down", "anything", "", True),
        ("drop up *", "down", "anything", "", False),
    ],
)
def test_what_fits(rule, direction, line, answers, fits) -> None:
    command = read(line, direction=direction)
    assert Fault.parse(rule).fits(command, direction, answers) is fits


def test_a_result_has_ids_when_its_downlink_is_known() -> None:
    command = read("result 2 1 0 5", direction="up", pending="down get_properties 2 1")
    assert Fault.parse("drop result 2.1").fits(command, "up", "get_properties")
    assert not Fault.parse("drop result 2.2").fits(command, "up", "get_properties")


@given(
    st.sampled_from(["result", "down get_properties", "ok", "*", "reply"]),
    st.text(alphabet="abdeglnoprstuw_ i1", max_size=25)
    | st.sampled_from(
        ["result 2 1 0", "down get_properties 2 1", "down  get_properties", "ok", "cloud", "down"]
    ),
)
def test_a_line_is_held_from_its_first_byte_if_it_will_be_meant(head, line) -> None:
    if begins(line, head) and line.strip():
        assert all(may_begin(line[:size], head) for size in range(len(line)))


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("s/true/false/", b"result 2 1 0 true\r", b"result 2 1 0 false\r"),
        ("s/0 (\\d+)$/0 \\g<1>9/", b"result 2 1 0 5\r", b"result 2 1 0 59\r"),
        ("s|none|/|", b"down none\r", b"down /\r"),
        ("result 2 1 -4001", b"result 2 1 0 5\r", b"result 2 1 -4001\r"),
        ("sorry", b"ok\r", b"sorry\r"),
        ("s/x/y/", b"ok\r", b"ok\r"),
        ("s/0/\\xff/", b"result 2 1 0\r", b"result 2 1 \xff\r"),
        ("s/ (1)/\\x5c\\x2F\\1\\x0a\\n/", b"result 2 1\r", b"result 2\\/1\n\n\r"),
        ("s/0/\\\\xff/", b"result 2 1 0\r", b"result 2 1 \\xff\r"),
        ("s/\\xff/x/", b"result \xff\r", b"result x\r"),
        ("s/none/x/", b"down no\xffne\r", b"down x\r"),
        ("s/1/\udcff/", b"result 1\r", b"result \xff\r"),
        ("s/\udcff/x/", b"result \xff\r", b"result x\r"),
    ],
)
def test_alterations(text, old, new) -> None:
    assert Fault("alter", "result", text=text).altered(old) == new


def test_a_function_alters_as_it_likes() -> None:
    assert Fault("alter", "result", change=lambda line: line[:-1]).altered(b"result 1\r") == b"result 1"


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("ok", b"ok\r"),
        ("ok\\r", b"ok\r"),
        ("ok\\r\\nok", b"ok\r\nok\r"),
        ("\\xffget_down", b"\xffget_down\r"),
        ("\udcffget_down", b"\xffget_down\r"),  # as a shell hands on a byte that is no text
        ('result "a\\u0020b"', b'result "a\\u0020b"\r'),
    ],
)
def test_written_lines(text, data) -> None:
    assert spoken(text) == data


def test_records_tell_what_was_delivered() -> None:
    assert delivered(Record("uart", "up", 0.0, 0.0, b"ok\r", note=SENT))
    assert not delivered(Record("uart", "up", 0.0, 0.0, b"ok\r", note=f"noise, {DROPPED}"))


def test_the_examples_of_the_module_are_rules() -> None:
    text = faults_module.__doc__ or ""
    lines = [line.strip() for line in text.split("::\n\n")[1].split("\n\n")[0].splitlines()]
    assert len(lines) == 9
    for line in lines:
        Fault.parse(line.split("   ")[0])


def noted(note: str) -> Record:
    return Record("uart", "up", 1.0, 1.0, b"get_down\r", note=note)


@pytest.mark.parametrize(
    ("note", "arrived", "said_by_bridge", "seconds"),
    [
        ("", True, False, 0.0),
        ("noise", True, False, 0.0),
        (DROPPED, False, False, 0.0),
        (ALTERED, False, False, 0.0),
        (ANSWERED, False, False, 0.0),
        (SENT, True, True, 0.0),
        (HELD_BACK.format(0.3), True, False, 0.3),
        (HELD_BACK.format(0.00001), True, False, 0.00001),
        (f"{SENT}, {NOT_FORWARDED}", False, True, 0.0),
    ],
)
def test_what_the_notes_of_a_bridge_tell(
    note: str, arrived: bool, said_by_bridge: bool, seconds: float
) -> None:
    record = noted(note)
    assert delivered(record) is arrived
    assert invented(record) is said_by_bridge
    assert held_back(record) == seconds
    assert touched(record) is (not arrived or said_by_bridge or seconds > 0)
