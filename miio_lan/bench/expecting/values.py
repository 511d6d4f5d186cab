"""Whether a value is the one that a test wants."""

from __future__ import annotations

from collections.abc import Mapping

from miio_lan.pairing.content import same_value


def is_wanted(wanted: object, have: object) -> bool:
    """Tell whether a value is what a test wants: of a number the same as a line can say it, but no 1 for True.

    To join what crossed two wires, 1 and true are one. A test that asks for the one means it: which of the two a
    product says is what may be wrong with it.
    """
    if isinstance(wanted, Mapping) and isinstance(have, Mapping):
        return wanted.keys() == have.keys() and all(is_wanted(wanted[key], have[key]) for key in wanted)
    if isinstance(wanted, (list, tuple)) and isinstance(have, (list, tuple)):
        return len(wanted) == len(have) and all(map(is_wanted, wanted, have))
    return isinstance(wanted, bool) == isinstance(have, bool) and same_value(wanted, have)
