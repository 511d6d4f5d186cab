"""The status codes of the serial document, as both wires have them."""

from __future__ import annotations

import pytest

from miio_lan.device.description import values
from miio_lan.lan import codes
from miio_lan.status import STATUS_CODES, Code
from miio_lan.uart import document

CODES = {
    "OK": (0, "done"),
    "ACCEPTED": (1, "accepted, not finished yet"),
    "NOT_READABLE": (-4001, "the property is not readable"),
    "NOT_WRITABLE": (-4002, "the property is not writable"),
    "NO_SUCH": (-4003, "no such property, action or event"),
    "INTERNAL": (-4004, "internal error of the product"),
    "BAD_VALUE": (-4005, "the value is out of range or of the wrong type"),
    "BAD_ARGUMENT": (-4006, "wrong action argument"),
    "BAD_DID": (-4007, "wrong device id"),
}


def test_numbers_and_words() -> None:
    assert {code.name: (int(code), code.words) for code in Code} == CODES


def test_the_table_has_the_same() -> None:
    assert dict(CODES.values()) == STATUS_CODES


def test_a_code_is_found_by_its_number() -> None:
    assert Code(-4003) is Code.NO_SUCH
    assert f"{Code.NO_SUCH}" == "-4003"
    with pytest.raises(ValueError, match="-4008"):
        Code(-4008)


def test_both_wires_and_descriptions_have_this_table() -> None:
    assert document.Code is values.Code is Code
    assert document.STATUS_CODES is STATUS_CODES


@pytest.mark.parametrize("code", CODES.values())
def test_callers_are_told_the_same_words(code: tuple[int, str]) -> None:
    number, words = code
    assert codes.explain_item(number).startswith(words)
    assert codes.is_item_code(number)


def test_a_module_says_of_a_property_that_was_left_out_what_a_product_says_of_trouble() -> None:
    assert codes.explain_item(-4004) == "internal error of the product, or the MCU left this property out"
