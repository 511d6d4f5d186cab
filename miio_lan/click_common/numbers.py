"""Kinds of numbers typed by people: seconds and factors, neither infinite nor absurd."""

from __future__ import annotations

import math
from typing import Any

import click


class Between(click.ParamType):  # type: ignore[type-arg,unused-ignore] # generic since click 8.3
    """Takes a finite number between two others, which are allowed.

    :param what: what it is a number of, for who mistyped
    """

    name = "number"

    def __init__(self, least: float, most: float, what: str = "seconds") -> None:
        self.least = least
        self.most = most
        self.what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give the number."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not self.least <= number <= self.most:
            few, many = (f"{each:.15g}" for each in (self.least, self.most))
            self.fail(f"{value!r} is no number of {self.what} between {few} and {many}.", param, ctx)
        return number


#: A time that passes. The longest one is some months: clocks and the waiting for them take no arbitrary numbers.
SECONDS = Between(0.0001, 10_000_000)
