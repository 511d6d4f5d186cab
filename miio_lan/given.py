"""What callers give, of the kinds that occur everywhere: anything else ends as :class:`InvalidArgument`.

It is told before anything is begun, with the name of the argument and in words that say what would be right.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from miio_lan.errors import InvalidArgument
from miio_lan.foreign import show


def shown(value: object) -> str:
    """Write a value into an error, as :func:`miio_lan.foreign.show` does, without the secrets in it.

    What is given in the wrong place may have a token: the entry of a device, or the parameters of a command.
    """
    if value is None or isinstance(value, (int, float)):
        return show(value)
    from miio_lan.record.redact import redact  # most programs meet no such error

    return show(value, redact)


def checked_flag(name: str, given: Any) -> bool:
    """Give yes or no.

    :raises InvalidArgument: if it is neither; a text that says no would be taken for a yes
    """
    if not isinstance(given, int) or given not in (0, 1):
        raise InvalidArgument(f"{name} is True or False, not {shown(given)}")
    return bool(given)


def checked_function(name: str, given: Any) -> Any:
    """Give a function, or None.

    :raises InvalidArgument: if it is neither
    """
    if given is not None and not callable(given):
        raise InvalidArgument(f"{name} is a function, not {shown(given)}")
    return given


def checked_seconds(name: str, given: Any, *, zero: bool = False, endless: bool = False) -> float:
    """Give a number of seconds.

    :param zero: whether there may be none
    :param endless: whether infinity is one
    :raises InvalidArgument: if it is none
    """
    number = isinstance(given, (int, float)) and not isinstance(given, bool)
    # Beyond, deadlines are no numbers that a clock can be compared with.
    if number and ((0 < given < 1e9) or (zero and given == 0) or (endless and given == math.inf)):
        return given  # type: ignore[no-any-return]
    least = "from 0 and" if zero else "above 0 and"
    raise InvalidArgument(f"{name} is a number of seconds {least} below 1e9, not {shown(given)}")


def checked_instant(name: str, given: Any) -> float | None:
    """Give an instant on some clock, in seconds, or None.

    :raises InvalidArgument: if it is neither; nothing is before or after what is no number
    """
    if given is None:
        return None
    if isinstance(given, (int, float)) and not isinstance(given, bool) and abs(given) < 1e300:
        return given
    raise InvalidArgument(f"{name} is a number of seconds, not {shown(given)}")


def checked_number(name: str, given: Any, least: int | None = None, most: int | None = None) -> int:
    """Give a whole number; None for a bound where there is none.

    :raises InvalidArgument: if it is none, or one that is too small or too large
    """
    whole = isinstance(given, int) and not isinstance(given, bool)
    if whole and (least is None or given >= least) and (most is None or given <= most):
        return given  # type: ignore[no-any-return]
    bounds = "".join(
        f" {word} {bound}" for word, bound in (("from", least), ("to", most)) if bound is not None
    )
    raise InvalidArgument(f"{name} is a whole number{bounds}, not {shown(given)}")


def checked_word(name: str, given: Any, words: Collection[str]) -> str:
    """Give a word of those that there are.

    :raises InvalidArgument: if it is none of them
    """
    if not isinstance(given, str) or given not in words:
        raise InvalidArgument(f"{name} is one of {', '.join(words)}, not {shown(given)}")
    return given


def checked_words(name: str, given: Any, example: str) -> list[Any]:
    """Give a list of words, of any iterable of them.

    :param name: what is given, as the subject of a sentence
    :raises InvalidArgument: for anything else; a text would become a list of its letters
    """
    if isinstance(given, (str, bytes, bytearray, memoryview, Mapping)) or not isinstance(given, Iterable):
        raise InvalidArgument(f"{name} are a list, such as {example}, not {shown(given)}")
    return list(given)
