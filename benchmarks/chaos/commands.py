"""The commands that are sent, each with a number no other has, and what came of them for the caller."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.chaos.kinds import PRESS, TOGGLE

Sort = Literal["read", "echo", "info", "set", "press", "button", "toggle"]

#: (seconds per attempt, further attempts)
PATIENCE = ((5.0, 3), (5.0, 3), (2.0, 3), (1.0, 2), (0.4, 2), (5.0, 0), (1.0, 0), (4.5, 1))
#: Must not run twice.
UNSAFE = frozenset({"press", "button", "toggle"})
_SORTS: tuple[Sort, ...] = ("read", "echo", "info", "set", "press", "button", "toggle")
_SHARES = (20, 5, 4, 25, 20, 10, 16)
#: The first number: nothing that is a code, an id or a first value.
FIRST = 1000


@dataclass(slots=True)
class Command:
    """One command of a caller.

    :param number: no other command has it; sets set it, presses carry it
    :param iids: what is read or set
    :param began: when the call began; ``ended``: when it was over
    :param copies: datagrams that carried it
    """

    number: int
    sort: Sort
    method: str
    params: Any
    iids: tuple[tuple[int, int], ...] = ()
    timeout: float = 5.0
    retry_count: int = 3
    began: float = 0.0
    ended: float | None = None
    result: Any = None
    error: Exception | None = None
    copies: int = 0

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        return self.sort in {"read", "echo", "info"}

    @property
    def deadline(self) -> float:
        """When the call has to be over."""
        return self.began + self.timeout * (1 + self.retry_count)

    @property
    def said_ok(self) -> bool:
        """Whether the caller was told that it was carried out."""
        if self.ended is None or self.error is not None:
            return False
        if self.sort == "set" and isinstance(self.result, list):
            return all(_code(item) >= 0 for item in self.result)
        return self.sort in {"button", "set"} or _code(self.result) >= 0

    @property
    def echoes(self) -> bool:
        """Whether the result holds the number, as it has to (True also where nothing is to be echoed)."""
        if self.sort == "press" and isinstance(self.result, Mapping):
            return self.result.get("out", [{"piid": 2, "value": self.number}]) == [
                {"piid": 2, "value": self.number}
            ]
        return self.sort not in {"button", "echo"} or self.result == [self.number]


def _code(item: Any) -> int:
    code = item.get("code") if isinstance(item, Mapping) else None
    return code if isinstance(code, int) else -1


class Commands:
    """Draws commands."""

    def __init__(self, rng: random.Random, first: int = FIRST) -> None:
        self._rng = rng
        self._next = first

    def draw(self, *, sets: bool = True) -> Command:
        """Give the next command.

        :param sets: whether it may be one that sets a property
        """
        number, self._next = self._next, self._next + 1
        (sort,) = self._rng.choices(_SORTS, _SHARES)
        if sort == "set" and not sets:
            sort = "read"
        timeout, retry_count = self._rng.choice(PATIENCE)
        method, params, iids = self._content(sort, number)
        return Command(number, sort, method, params, iids, timeout, retry_count)

    def _content(self, sort: Sort, number: int) -> tuple[str, Any, tuple[tuple[int, int], ...]]:
        if sort == "read":
            iids = tuple(sorted(self._rng.sample([(2, 1), (2, 2), (2, 3)], self._rng.randint(1, 3))))
            return "get_properties", [_item(iid) for iid in iids], iids
        if sort == "set":
            iids = self._rng.choice((((2, 2),), ((2, 2),), ((2, 3),), ((2, 2), (2, 3))))
            return "set_properties", [{**_item(iid), "value": number} for iid in iids], iids
        if sort == "press":
            return "action", {**_ids(PRESS), "in": [number]}, ()
        if sort == "toggle":
            return "action", {**_ids(TOGGLE), "in": []}, ()
        if sort == "info":
            return "miIO.info", [], ()
        return ("press_button" if sort == "button" else "get_echo"), [number], ()


def _item(iid: tuple[int, int]) -> dict[str, Any]:
    return {"did": f"{iid[0]}.{iid[1]}", "siid": iid[0], "piid": iid[1]}


def _ids(iid: tuple[int, int]) -> dict[str, Any]:
    return {"did": f"{iid[0]}.{iid[1]}", "siid": iid[0], "aiid": iid[1]}


def number_of(payload: object) -> int | None:
    """Tell which command a request carries; None for hellos, questions of the session's own, and all else.

    It stands under ``n``; where methods of MiotDevice were used, which add no keys, it is the value or the argument.
    """
    if not isinstance(payload, Mapping):
        return None
    params, number = payload.get("params"), payload.get("n")
    if payload.get("method") == "set_properties" and isinstance(params, list):
        number = params[0]["value"]
    elif payload.get("method") == "action" and isinstance(params, Mapping) and params["in"]:
        number = params["in"][0]
    return number if isinstance(number, int) else None
