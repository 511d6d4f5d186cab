"""What the observation did to a line is held against nobody; what looks like it, and is the MCU's, is."""

from __future__ import annotations

import pytest
from support.talk import outcome, talk, verdict

from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.rules import torn
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.verdict import Outcome
from miio_lan.record import Record
from miio_lan.uart.listening.overhearing import Overhearing

PASS, FAIL, UNSEEN = Outcome.PASS, Outcome.FAIL, Outcome.NOT_OBSERVED

STEADY = "\n".join(f"{number * 0.2:.3f} > get_down\n< down none" for number in range(10))
"""Polls until 1.8 s."""
LATER = "\n".join(f"{9 + number * 0.2:.3f} > get_down\n< down none" for number in range(10))


def test_the_numbers_are_those_of_the_rule() -> None:
    assert (torn.SOON_OVER, torn.SELDOM) == (1.0, 2)


# --- a good MCU, and a tap that begins, ends or is unplugged anywhere -----------------------------------------------

TALK = [
    ("up", b"get_down\r"),
    ("down", b"down get_properties 2 1 2 2\r"),
    ("up", b'result 2 1 0 true 2 2 0 "two words"\r'),
    ("down", b"ok\r"),
    ("up", b"properties_changed 2 3 21.5\r"),
    ("down", b"ok\r"),
    ("up", b'event_occured 2 1 4 3 5 "x"\r'),
    ("down", b"ok\r"),
    ("up", b"get_down\r"),
    ("down", b"down set_properties 2 1 false\r"),
    ("up", b"result 2 1 0\r"),
    ("down", b"ok\r"),
    ("up", b"properties_changed 2 1 false\r"),
    ("down", b"ok\r"),
]
SIZE = sum(len(line) for _, line in TALK)
POLLS = [("up", b"get_down\r"), ("down", b"down none\r")] * 8


def said(*, begin: int = 0, end: int = SIZE, cut: int | None = None) -> list[Record]:
    """Hear the talk from one byte to another; ``cut``: the place where the tap is unplugged for a while."""
    records: list[Record] = []
    tap = Overhearing(records.append, wall=lambda now: 1e9 + now)
    now, at = 100.0, 0
    for direction, line in [*TALK, *(POLLS if end == SIZE else [])]:
        now += 0.19 if line == b"get_down\r" else 0.01
        for byte in line:
            if at == cut:
                for way in ("up", "down"):
                    tap.mark("outage: unplugged", way, now)  # type: ignore[arg-type]
                now += 5.0
                for way in ("up", "down"):
                    tap.mark("outage over", way, now)  # type: ignore[arg-type]
            if begin <= at < end or at >= SIZE:
                tap.feed(direction, bytes([byte]), now)  # type: ignore[arg-type]
            at += 1
    tap.flush()
    return records


def failures(records: list[Record]) -> list[str]:
    found = judgement_of(records).verdicts
    return [f"{each.rule.name}: {each.text}" for each in found if each.outcome is FAIL]


@pytest.mark.parametrize("third", range(3))
def test_a_tap_may_begin_at_any_byte(third: int) -> None:
    for begin in range(third, SIZE, 3):
        assert failures(said(begin=begin)) == [], begin


@pytest.mark.parametrize("third", range(3))
def test_a_tap_may_end_at_any_byte(third: int) -> None:
    for end in range(third, SIZE, 3):
        assert failures(said(end=end)) == [], end


@pytest.mark.parametrize("third", range(3))
def test_a_tap_may_be_unplugged_at_any_byte(third: int) -> None:
    for cut in range(third, SIZE, 3):
        assert failures(said(cut=cut)) == [], cut


# --- single lines -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "expected", "script"),
    [
        # The first line that was heard.
        ("known-commands", PASS, f"-1 > own\n< down none\n{STEADY}"),
        ("known-commands", FAIL, f"-1 > hello\n< error\n{STEADY}"),
        ("known-commands", FAIL, f"{STEADY}\n> own\n< error"),
        ("local-commands", UNSEEN, "-1 > version 0001\n< ok\n3 > get_dow\\"),
        # Without its end: where the observation ends, is interrupted, or the MCU starts; and where nothing is so.
        ("line-end", PASS, f"{STEADY}\n> get_d\\"),
        ("line-end", PASS, f"{STEADY}\n1.9 > get_d\\\n1.95 --\n{LATER}"),
        ("line-end", PASS, f"{STEADY}\n1.9 > get_d\\\n8 > model a.b.c\n< ok\n{LATER}"),
        ("line-end", FAIL, f"{STEADY}\n1.9 > get_d\\\n{LATER}"),
        ("value-form", PASS, f'{STEADY}\n1.9 > properties_changed 2 1 "un\\\n1.95 --\n{LATER}'),
        # Some bytes of it: the module took it for what it was.
        ("known-commands", PASS, f"{STEADY}\n> get_dwn\n< down none\n3 > get_down\n< down none"),
        ("known-commands", PASS, f"{STEADY}\n> event_ccured 2 1\n< ok\n3 > get_down\n< down none"),
        ("known-commands", FAIL, f"{STEADY}\n> get_dwn\n< error\n3 > get_down\n< down none"),
        ("known-commands", FAIL, f"{STEADY}\n> get_dwn\n3 > get_down\n< down none"),
        ("known-commands", FAIL, f"{STEADY}\n> hello\n< ok\n3 > get_down\n< down none"),
        # Whoever says it again and again means it.
        ("known-commands", FAIL, STEADY + "\n> event_ccured 2 1\n< ok" * 3),
    ],
)
def test_a_torn_line(rule: str, expected: Outcome, script: str) -> None:
    found = verdict(rule, script)
    assert found.outcome is expected, found
    assert found.broken == (1 if expected is FAIL and "ccured" not in script else found.broken)


def test_where_the_module_is_not_heard_what_is_rare_may_be_torn() -> None:
    once = [each for each in talk(f"{STEADY}\n> get_dwn\n3 > get_down") if each.direction == "up"]
    often = [each for each in talk(STEADY + "\n> get_dwn" * 3 + "\n3 > get_down") if each.direction == "up"]
    assert Observed(once).torn == {id(once[-2]): "some bytes of it were not heard"}
    assert Observed(often).torn == {}


def test_whoever_plays_the_module_knows_what_he_heard() -> None:
    script = f"{STEADY}\n> get_dwn\n< ok\n3 > get_down\n< down none"
    assert outcome("known-commands", script) is PASS
    assert outcome("known-commands", script, driven=True) is FAIL
    # But not what was said before he came, unless the MCU was still off.
    late = f"-1 > own\n< error\n{STEADY}"
    assert outcome("known-commands", late, driven=True) is PASS
    assert outcome("known-commands", late, driven=True, from_boot=True) is FAIL


def test_it_says_what_was_not_held_against_the_mcu() -> None:
    found = verdict("local-commands", "-1 > version 0001\n< ok\n3 > get_dow\\")
    assert found.text.startswith("its beginning was not heard: version: ")
