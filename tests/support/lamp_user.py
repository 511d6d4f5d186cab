"""Somebody who uses the shipped lamp over the LAN, remembers what it may hold now, and judges every answer by that.

What the lamp holds is known as a set of possible values: one after a confirmed write, more after a write that failed
on the way back. An answer outside of the set is a wrong answer, whatever misbehaviour was switched on.

A command the module gave up may still lie on the line, and be carried out later: until the next one has come through
behind it, nobody turns a knob, or nobody could say which of the two came last.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from support.ends import Caller

from miio_lan.uart.commands import STATUS_CODES
from miio_lan.virtual.mcu.misbehave import MISBEHAVIOURS
from miio_lan.virtual.product import VirtualProduct

ON, BRIGHTNESS, COLOUR, MODE, NAME, DELAY = (2, 1), (2, 2), (2, 3), (2, 5), (2, 11), (4, 2)
VALUES: dict[tuple[int, int], Callable[[random.Random], Any]] = {
    ON: lambda rng: rng.random() < 0.5,
    BRIGHTNESS: lambda rng: rng.randint(1, 100),
    COLOUR: lambda rng: rng.randrange(2700, 6501, 100),
    MODE: lambda rng: rng.randint(0, 4),
    NAME: lambda rng: rng.choice(["", "Desk lamp", 'say "hi"', "C:\\lamp", "灯 lamp", "x" * 30]),
    DELAY: lambda rng: rng.randint(1, 120),
}
#: Seconds between greetings; a module drops what is stamped two minutes from its own clock.
GREETING = 10.0
UNWRITABLE = [(*BRIGHTNESS, 0), (*BRIGHTNESS, 101), (*ON, 1), (*MODE, 9), (3, 1, 5.0), (9, 9, 1)]
#: What a module may tell instead of an answer: no answer, one that does not fit, the MCU's own errors.
ERRORS = frozenset({-9999, -9998, -5000, -5001, -5002, -5003})


class WrongAnswer(AssertionError):
    """An answer that is not true."""


class LampUser:
    """One user of one lamp; everything random comes from one seed."""

    def __init__(self, product: VirtualProduct, caller: Caller, seed: int) -> None:
        self.product = product
        self.caller = caller
        self.rng = random.Random(seed)
        self.active: frozenset[str] = frozenset()
        #: How often the MCU resets in mid-command, as a probability.
        self.resets = 0.01
        #: Whether a command that was given up may still be carried out.
        self.afoot = False
        self._greeted = float("-inf")
        self.counts: Counter[str] = Counter()
        values = product.call(lambda now: dict(product.mcu.values))
        self.held: dict[tuple[int, int], set[Any]] = {iid: {values[iid]} for iid in VALUES}
        self.commands = [self.get, self.get, self.set, self.set_badly, self.toggle, self.change, self.legacy]

    def command(self) -> None:
        """Give one command, and judge its answer; sometimes the lamp changes its ways before."""
        chance = self.rng.random()
        if chance < 0.1:
            self.misbehave()
        elif chance < 0.15 and not self.afoot:
            self.change_locally()
        self.rng.choice(self.commands)()

    def forget_reports(self) -> None:
        """Drop the reports the module keeps for whoever wants to look at them."""
        self.product.call(lambda now: self.product.module.reported.clear())

    def misbehave(self) -> None:
        """Switch to other misbehaviours, half of the time to none."""
        names = self.rng.sample(sorted(MISBEHAVIOURS), self.rng.choice([0, 0, 1, 1, 2, 3]))
        self.behave(*names)
        self.counts["switches"] += 1

    def behave(self, *names: str) -> None:
        """Switch to these misbehaviours."""
        self.active = frozenset(names)

        def switch(now: float) -> None:
            self.product.mcu.misbehave.clear()
            self.product.mcu.misbehave |= self.active

        self.product.call(switch)

    def change_locally(self) -> None:
        """Somebody turns a knob."""
        iid = self.rng.choice(list(VALUES))
        value = VALUES[iid](self.rng)
        self.product.call(lambda now: self.product.mcu.set_local(*iid, value, now))
        self.held[iid] = {value}
        self.counts["local changes"] += 1

    # What is asked, and what may be answered

    def get(self) -> None:
        """Read some properties."""
        chosen = self.rng.sample(list(VALUES), self.rng.randint(1, len(VALUES)))
        items = [{"siid": siid, "piid": piid} for siid, piid in chosen]
        answers = self._ask("get_properties", items)
        if answers is None:
            return
        self._are_these(chosen, answers)
        for iid, answer in zip(chosen, answers, strict=True):
            if answer["code"] == 0:
                self._is_held(iid, answer["value"])
            self._note("get", answer["code"])

    def set(self) -> None:
        """Write some properties."""
        chosen = self.rng.sample(list(VALUES), self.rng.randint(1, 4))
        values = {iid: VALUES[iid](self.rng) for iid in chosen}
        items = [{"siid": siid, "piid": piid, "value": values[siid, piid]} for siid, piid in chosen]
        answers = self._ask("set_properties", items)
        if answers is not None:
            self._are_these(chosen, answers)
        for at, iid in enumerate(chosen):
            code = answers[at]["code"] if answers is not None else None
            self.held[iid] = {values[iid]} if code == 0 else self.held[iid] | {values[iid]}
            if code is not None:
                self._note("set", code)

    def set_badly(self) -> None:
        """Write what cannot be written."""
        siid, piid, value = self.rng.choice(UNWRITABLE)
        answers = self._ask("set_properties", [{"siid": siid, "piid": piid, "value": value}])
        if answers is not None:
            self._are_these([(siid, piid)], answers)
            if answers[0]["code"] not in (-4002, -4003, -4004, -4005):
                raise WrongAnswer(f"{siid} {piid} {value} gave {answers}")
            self._note("refused set", answers[0]["code"])

    def toggle(self) -> None:
        """Call an action that may not happen twice."""
        old = self.held[ON]
        code = self._act(1, [])
        self.held[ON] = {not value for value in old} | (set() if code == 0 else old)

    def change(self) -> None:
        """Call an action with an argument and a value that comes back."""
        old, step = self.held[BRIGHTNESS], self.rng.randint(-100, 100)
        new = {min(max(value + step, 1), 100) for value in old}
        self.held[BRIGHTNESS] = old | new
        code = self._act(2, [{"piid": 10, "value": step}])
        if code == 0:
            self.held[BRIGHTNESS] &= new

    def _act(self, aiid: int, arguments: list[Any]) -> int | None:
        answer = self._ask("action", {"siid": 2, "aiid": aiid, "in": arguments})
        if answer is None:
            return None
        if (answer["siid"], answer["aiid"]) != (2, aiid):
            raise WrongAnswer(f"action 2.{aiid} gave {answer}")
        for out in answer.get("out", []):
            self._is_held((2, out["piid"]), out["value"])
        self._note("action", answer["code"])
        code: int = answer["code"]
        return code

    def legacy(self) -> None:
        """Call a method of the old kind, which gives back what it gets."""
        values = [self.rng.randint(-1000, 1000) for _ in range(self.rng.randint(1, 64))]
        answer = self._ask("echo", values)
        # A list that lacks its end looks like a shorter list: that the product cannot count reaches the caller.
        fits = [values, values[:-1]] if "wrong-counts" in self.active else [values]
        if answer is not None:
            if answer not in fits:
                raise WrongAnswer(f"echo {values} gave {answer}")
            self._note("legacy", 0)

    # How it is judged

    def _ask(self, method: str, params: Any) -> Any:
        """Give the result of a command; None where it was an error, which is counted."""
        if (now := time.monotonic()) - self._greeted > GREETING:
            self.caller.hello()
            self._greeted = now
        self.counts["commands"] += 1
        number = self.caller.send(method, params)
        if self.rng.random() < self.resets:
            self.product.call(self.product.mcu.start)
            self.counts["resets in mid-command"] += 1
        answer = self.caller.payload()
        if answer["id"] != number or ("result" in answer) is ("error" in answer):
            raise WrongAnswer(f"{number} {method} {params} gave {answer}")
        self.afoot = "error" in answer
        if not self.afoot:
            return answer["result"]
        code = answer["error"]["code"]
        if code not in ERRORS:
            raise WrongAnswer(f"{number} {method} {params} gave {answer}")
        self.counts[f"error {code}"] += 1
        return None

    def _are_these(self, iids: list[tuple[int, int]], answers: Any) -> None:
        if [(answer["siid"], answer["piid"]) for answer in answers] != iids:
            raise WrongAnswer(f"asked for {iids}, got {answers}")

    def _is_held(self, iid: tuple[int, int], value: Any) -> None:
        if isinstance(value, str) and value in ("true", "false") and "quoted-booleans" in self.active:
            value = value == "true"
        possible = self.held[iid]
        if not any(type(each) is type(value) and each == value for each in possible):
            raise WrongAnswer(f"{iid} is one of {possible}, not {value!r}, with {sorted(self.active)}")
        self.held[iid] = {value}

    def _note(self, what: str, code: int) -> None:
        # A product that leaves the code out has its value taken for one: an error, not a wrong value.
        known = code in STATUS_CODES or (what == "get" and "missing-code" in self.active)
        if not known:
            raise WrongAnswer(f"{what} gave the code {code}, with {sorted(self.active)}")
        self.counts[f"{what}: {code if code in STATUS_CODES else 'other code'}"] += 1
