"""Which refusals a checker has asked for: a report does not count those among what went wrong."""

from __future__ import annotations

import pytest
from support.tape import Tape

from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.refusals import wanted_refusals
from miio_lan.acceptance.tester.progress import Progress
from miio_lan.device.spec import Spec
from miio_lan.pairing.exchange import REFUSED

LAMP = Spec.shipped("lamp")


def count(down: str, answer: str, *, checked: bool = True, spec: Spec | None = LAMP) -> int:
    tape = Tape().up("model a.b.c").down("ok").fetch(down).up(answer).down("ok").fetch("none")
    session = Observed(tape.records, spec=spec, driven=checked, course=Progress() if checked else None)
    assert [each.stopped_at for each in session.exchanges] == [REFUSED if "-" in answer else None]
    return wanted_refusals(session)


@pytest.mark.parametrize(
    ("down", "answer"),
    [
        ("get_properties 77 1", "result 77 1 -4003"),
        ("set_properties 2 2 1000", "result 2 2 -4005"),
        ('set_properties 1 1 "x"', "result 1 1 -4002"),
        ("action 77 1", "result 77 1 -4003"),
        ("unknown_command", 'error "no such method" -5000'),
        ("get_properties 2", 'error "odd" -5001'),
        ("get_properties" + " 2 1" * 120, 'error "too long" -5001'),
    ],
)
def test_what_no_product_can_do_is_refused_on_purpose(down: str, answer: str) -> None:
    assert count(down, answer) == 1
    assert count(down, answer, checked=False) == 0  # who only listens does not know what was wanted


@pytest.mark.parametrize(
    ("down", "answer"),
    [
        ("get_properties 2 1", "result 2 1 -4004"),
        ("set_properties 2 2 50", "result 2 2 -4005"),
        ("get_properties 2 1", "result 2 1 0 true"),
        ("action 77 1", "result 77 1 0"),
    ],
)
def test_what_a_product_has_to_do_is_not(down: str, answer: str) -> None:
    assert count(down, answer) == 0


def test_without_a_description_only_the_form_tells() -> None:
    assert count("get_properties 77 1", "result 77 1 -4003", spec=None) == 0
    assert count("unknown_command", 'error "no such method" -5000', spec=None) == 1


def test_on_the_lan_alone_an_unknown_method_is_refused_on_purpose() -> None:
    tape = (
        Tape()
        .ask(1, "unknown_command")
        .reply(1, error=-5000)
        .ask(2, "get_prop", ["power"])
        .reply(2, error=-5000)
    )
    session = Observed(tape.records, spec=LAMP, course=Progress())
    assert [each.stopped_at for each in session.exchanges] == [REFUSED, REFUSED]
    assert wanted_refusals(session) == 1
