"""Values of properties: which formats there are, and which values a property accepts.

The formats, ranges and lists are those of the MIoT specification; the codes are those the serial document lists for
the ``result`` of a ``get_properties``, ``set_properties`` or ``action``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from miio_lan.foreign import show as show
from miio_lan.record.redact import HIDDEN, is_secret
from miio_lan.uart.document import Code as Code

Value = bool | int | float | str
Number = int | float

INTEGER_LIMITS: dict[str, tuple[int, int]] = {
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    "int": (-(2**31), 2**31 - 1),
}
FLOAT_FORMATS = frozenset({"float", "double"})
# Everything structured crosses both wires as one string; what is inside is the product's own business.
TEXT_FORMATS = frozenset({"string", "hex", "tlv8", "struct", "array"})
FORMATS = frozenset({"bool"}) | INTEGER_LIMITS.keys() | FLOAT_FORMATS | TEXT_FORMATS

LARGEST = 1e300
"""A number beyond this is none: no format holds it, and it could not be reckoned with as a float."""

_BITS_LOSE = 2.0**-23
"""What of a number is lost in the 24 bits that a float of 32 bits has for it."""
_DECIMALS_LOSE = 1e-6
"""What is lost in the six decimals that C writes by default."""

ACCESS = frozenset({"read", "write", "notify"})


@dataclass(frozen=True)
class Property:
    """One property of a service.

    :param format: ``"bool"``, ``"uint8"`` ... ``"int64"``, ``"float"``, ``"string"``, ...
    :param access: any of ``"read"``, ``"write"``, ``"notify"``; none for what is only an action's argument
    :param range: (lowest, highest, step), where the specification gives one
    :param choices: (value, description) pairs, where only certain values are allowed
    :param max_length: characters a string may have
    :param initial: the value a virtual product starts with, None where the description does not say
    :param place: where it stands: the description, and the entry in it
    """

    siid: int
    piid: int
    type: str
    name: str
    description: str
    format: str
    access: frozenset[str]
    unit: str = ""
    range: tuple[Number, Number, Number] | None = None
    choices: tuple[tuple[Value, str], ...] = ()
    max_length: int | None = None
    initial: Value | None = None
    place: str = field(default="", compare=False, repr=False)

    @property
    def iid(self) -> tuple[int, int]:
        """``(siid, piid)``."""
        return self.siid, self.piid

    @property
    def readable(self) -> bool:
        """Whether ``get_properties`` may ask for it."""
        return "read" in self.access

    @property
    def writable(self) -> bool:
        """Whether ``set_properties`` may change it."""
        return "write" in self.access

    @property
    def notifies(self) -> bool:
        """Whether the product reports changes of it."""
        return "notify" in self.access

    def problem(self, value: object) -> str:
        """Say what is wrong with ``value`` as a value of this property; empty when nothing is.

        Types are not converted: 25.0 is no value of an integer property, and 1 is none of a bool. Real products
        refuse them alike.
        """
        return self._refusal(value)[0]

    def limit(self, value: object) -> str:
        """Say what of the property refuses ``value``, and where that is published; empty when nothing does."""
        problem, limit = self._refusal(value)
        return f"{limit} in {self.place or 'the description'}" if problem else ""

    def _refusal(self, value: object) -> tuple[str, str]:
        """Say what is wrong with a value, and which of the property's facts says so.

        What the product's maker published comes before what the format could hold.
        """
        wrong_type = self._type_problem(value)
        if wrong_type:
            low, high, _ = self.range or (0, 0, 0)
            more = f", value-range {low}..{high}" if self.range else ""
            return wrong_type, f"format {self.format}{more}"
        if self.choices and not any(is_same(value, choice) for choice, _ in self.choices):
            listed = ", ".join(_choice(*choice) for choice in self.choices)
            return f"{self._shown(value)} is not one of {listed}", "value-list"
        if isinstance(value, str):
            if self.max_length is not None and len(value) > self.max_length:
                return f"{len(value)} characters are more than {self.max_length}", "max-length"
            return "", ""
        if not isinstance(value, int | float):
            return "", ""
        outside = self._range_problem(value)
        if outside:
            return outside, "value-range"
        return self._size_problem(value), f"format {self.format}"

    def check(self, value: object) -> Code | None:
        """Give the code with which a product refuses ``value``, None when the value is legal."""
        return Code.BAD_VALUE if self.problem(value) else None

    def default(self) -> Value:
        """Give a legal first value: the described one, else the first choice, the lowest value, or an empty one."""
        if self.initial is not None:
            return self.initial
        if self.choices:
            return self.choices[0][0]
        if self.format == "bool":
            return False
        if self.format in TEXT_FORMATS:
            return ""
        low = self._lowest()
        return low if self.format in INTEGER_LIMITS else float(low)

    def _lowest(self) -> Number:
        """Zero where zero is legal, as a product without a measurement shows it; otherwise the lowest value."""
        if self.range is None or not self._range_problem(0):
            return 0
        return self.range[0]

    def _shown(self, value: object) -> str:
        """Write a value for a complaint; that of a password is nobody's business."""
        return HIDDEN if is_secret(self.name, value) else show(value)

    def _type_problem(self, value: object) -> str:
        if self.format == "bool":
            return "" if isinstance(value, bool) else f"{self._shown(value)} is not true or false"
        if self.format in TEXT_FORMATS:
            return "" if isinstance(value, str) else f"{self._shown(value)} is not a string"
        if self.format in FLOAT_FORMATS:
            if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
                return f"{self._shown(value)} is not a number"
            return ""
        if isinstance(value, bool) or not isinstance(value, int):
            return f"{self._shown(value)} is not an integer ({self.format})"
        return ""

    def _size_problem(self, value: Number) -> str:
        """Say whether the format has room for a number."""
        low, high = INTEGER_LIMITS.get(self.format, (-LARGEST, LARGEST))
        return (
            "" if low <= value <= high else f"{self._shown(value)} is outside {low}..{high} ({self.format})"
        )

    def _range_problem(self, value: Number) -> str:
        if self.range is None or isinstance(value, bool):
            return ""
        low, high, step = self.range
        if not low <= value <= high and not (is_same(value, low) or is_same(value, high)):
            return f"{self._shown(value)} is outside {low}..{high}"
        if step and not on_step(value, low, step):
            return f"{self._shown(value)} is not a step of {step} from {low}"
        return ""


def is_same(one: object, other: object) -> bool:
    """Whether two values are the same, with room for what decimals lose in a product.

    Products keep them in 32 bits and write them with six decimals, or with all: 22.7 is 22.700001 or
    22.700000762939453.
    """
    if not isinstance(one, float) and not isinstance(other, float):
        return one == other
    if not isinstance(one, int | float) or not isinstance(other, int | float):
        return False
    try:
        return abs(one - other) <= _lost(one, other)
    except OverflowError:  # an integer beyond all floats
        return False


def on_step(value: Number, low: Number, step: Number) -> bool:
    """Whether ``value`` lies a whole number of ``step`` above ``low``, decimals with the room of :func:`is_same`."""
    if isinstance(value, int) and isinstance(low, int) and isinstance(step, int):
        return (value - low) % step == 0
    steps = (value - low) / step
    if not math.isfinite(steps):  # a step too fine for this machine's floats refuses nothing
        return True
    return abs(steps - round(steps)) * step <= _lost(value, low)


def _lost(*numbers: Number) -> float:
    """Say what is lost at most of the largest number, and of its difference from others."""
    return _DECIMALS_LOSE + _BITS_LOSE * max(map(abs, numbers))


def _finite(value: Number) -> bool:
    return abs(value) <= LARGEST


def _choice(value: Value, description: str) -> str:
    return f"{value} ({description})" if description else f"{value}"
