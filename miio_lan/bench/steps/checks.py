"""Compares the steps of a command with what a test wants of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from miio_lan.errors import InvalidArgument
from miio_lan.given import checked_seconds
from miio_lan.pairing.exchange import STOPS
from miio_lan.record import Record
from miio_lan.record.lanes import said
from miio_lan.record.redact import redact

if TYPE_CHECKING:
    from miio_lan.bench.steps.missing import Missing
    from miio_lan.bench.steps.seen import SeenExchange

Wish = str | bytes | re.Pattern[str] | None
"""What a step must be: its text, whatever ends the line, or a pattern to be found in it; None for anything."""

NOT_ASKED: Final = "not asked"
"""Stands for a place to stop at that nobody named; None means that all went through."""


def check_steps(
    seen: SeenExchange,
    wishes: Mapping[str, Wish],
    *,
    within: float | None = None,
    stopped_at: str | None = NOT_ASKED,
    ambiguous: bool | None = None,
) -> list[str]:
    """Say what is otherwise than wanted; the parameters are those of :meth:`~miio_lan.bench.steps.seen.Steps.check`.

    :raises InvalidArgument: when nothing is wanted, or something that no command can be
    """
    named = {name: wish for name, wish in wishes.items() if wish is not None}
    if not named and within is None and stopped_at == NOT_ASKED and ambiguous is None:
        raise InvalidArgument("check() checks what is named: name a step, within=, stopped_at= or ambiguous=")
    if stopped_at not in (None, NOT_ASKED, *STOPS):
        raise InvalidArgument(f"no command stops at {stopped_at!r}, but at one of {', '.join(STOPS)}")
    if within is not None:
        checked_seconds("within=", within)
    problems = [text for name, wish in named.items() if (text := _differs(name, getattr(seen, name), wish))]
    if stopped_at != NOT_ASKED and seen.stopped_at != stopped_at:
        problems.append(f"it {_stop(seen.stopped_at)}, wanted: {_stop(stopped_at)}")
    if ambiguous is not None and seen.ambiguous != ambiguous:
        problems.append("it is ambiguous" if seen.ambiguous else "it is not ambiguous")
    if within is not None and (text := _too_long(seen, within)):
        problems.append(text)
    return problems


def _differs(name: str, step: Record | Missing, wish: Wish) -> str | None:
    if not isinstance(step, Record):
        return f"{name}: {step!r}, wanted {_shown(wish)}"
    met = wish.search(step.text) is not None if isinstance(wish, re.Pattern) else step == wish
    shown = redact(step.text) if step.wire == "lan" else said(step)
    return None if met else f"{name}: {shown!r}, wanted {_shown(wish)}"


def _shown(wish: Wish) -> str:
    if isinstance(wish, re.Pattern):
        return f"what {redact(wish.pattern)!r} finds"
    text = wish.decode("ascii", "backslashreplace") if isinstance(wish, bytes) else str(wish)
    return repr(redact(text.strip("\r\n")))


def _stop(stopped_at: str | None) -> str:
    return "went through" if stopped_at is None else f"stopped at {stopped_at!r}"


def _too_long(seen: SeenExchange, within: float) -> str | None:
    taken = seen.total_time if seen.request else seen.mcu_time
    if not isinstance(taken, float):
        return f"it took: {taken!r}, wanted at most {within:g} s"
    return f"it took {taken:.3f} s, wanted at most {within:g} s" if taken > within else None
