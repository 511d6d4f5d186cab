"""The status codes of the serial document (section "status code"), with their words: both wires speak by them.

On the UART they stand in ``result``, on the LAN in the ``code`` of an item; the module hands them on as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, Self


class Code(IntEnum):
    """Status codes of one property or action.

    :ivar words: what the code means
    """

    words: str

    def __new__(cls, number: int, words: str) -> Self:
        """Make a member of its number and its words."""
        code = int.__new__(cls, number)
        code._value_ = number
        code.words = words
        return code

    OK = 0, "done"
    ACCEPTED = 1, "accepted, not finished yet"
    NOT_READABLE = -4001, "the property is not readable"
    NOT_WRITABLE = -4002, "the property is not writable"
    NO_SUCH = -4003, "no such property, action or event"
    INTERNAL = -4004, "internal error of the product"
    BAD_VALUE = -4005, "the value is out of range or of the wrong type"
    BAD_ARGUMENT = -4006, "wrong action argument"
    BAD_DID = -4007, "wrong device id"


STATUS_CODES: Final[Mapping[int, str]] = MappingProxyType({int(code): code.words for code in Code})
"""The status codes with their words."""
