"""What did not happen: falsy, says why, and shows both wires to whoever uses it all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from miio_lan.bench.trace import ExpectationFailed

Tell = Callable[[str], str]
"""Makes the text of a failure of a problem: what else is to be said, and both wires."""


class Missing:
    """A step, a time or a command that did not happen.

    It is falsy, equals None, and its ``repr`` says why. Whatever else is done with it (an attribute, a comparison)
    fails with the trace of both wires.

    :param what: what is missing, such as ``"result"``
    :param why: why, in a few words
    :param tell: makes the text of the failure
    """

    __slots__ = ("_tell", "_what", "_why")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, what: str, why: str, tell: Tell) -> None:
        self._what = what
        self._why = why
        self._tell = tell

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"<no {self._what}: {self._why}>"

    def __eq__(self, other: object) -> bool:
        __tracebackhide__ = True
        return other is None or other is self or self.fail(f"compared with {other!r}")

    def __ne__(self, other: object) -> bool:
        __tracebackhide__ = True
        return not self == other

    def __getattr__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        if name.startswith("_"):  # asked for by Python itself: whether it can be copied, iterated, awaited
            raise AttributeError(name)
        self.fail(f"asked for .{name}")

    def __lt__(self, other: object) -> NoReturn:
        __tracebackhide__ = True
        self.fail(f"compared with {other!r}")

    __le__ = __gt__ = __ge__ = __lt__

    def __getitem__(self, key: object) -> NoReturn:
        __tracebackhide__ = True
        self.fail(f"asked for [{key!r}]")

    def __contains__(self, item: object) -> bool:
        __tracebackhide__ = True
        self.fail(f"searched for {item!r}")

    def __float__(self) -> NoReturn:
        __tracebackhide__ = True
        self.fail("taken for a number")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __lt__

    def fail(self, use: str) -> NoReturn:
        """Fail, saying what it was used for."""
        __tracebackhide__ = True
        raise ExpectationFailed(self._tell(f"there is no {self._what} ({self._why}); it was {use}"))
