"""Kinds of values typed by people: members of an enum, and JSON or Python literals."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import warnings
from enum import Enum
from typing import TYPE_CHECKING, Any

import click

from miio_lan.foreign import show

if TYPE_CHECKING:
    from typing import NoReturn

_TOKEN = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s\[\]{},:"']+""")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_EXAMPLE = '["power"]'
# How Python keeps a byte of an argument that it could not decode.
_BYTE = re.compile("[\udc80-\udcff]")


class EnumType(click.Choice):  # type: ignore[type-arg,unused-ignore] # generic since click 8.2
    """Takes the name of a member and gives the member.

    :param enumcls: the enum
    :param casesensitive: whether ``OFF`` is another word than ``off``
    """

    def __init__(self, enumcls: type[Enum], casesensitive: bool = False) -> None:
        self._members = {
            name if casesensitive else name.lower(): member for name, member in enumcls.__members__.items()
        }
        super().__init__(list(self._members), case_sensitive=casesensitive)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give the member of that name; a member stays what it is."""
        if isinstance(value, Enum):
            return value
        return self._members[super().convert(value, param, ctx)]


class LiteralParamType(click.ParamType):  # type: ignore[type-arg,unused-ignore] # generic since click 8.3
    """Takes JSON, or else a Python literal: ``[1, "a"]``, ``true``, ``{'mode': None}``."""

    name = "literal"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give the value that was written; what is no text stays what it is."""
        if not isinstance(value, str):
            return value
        try:
            return read_literal(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def no_text(text: str) -> str:
    """Say that bytes are no text, as of a terminal with another encoding: a device would get something else for them.

    :return: a sentence without its end; empty for what is text
    """
    if text.isascii() or not _BYTE.search(text):
        return ""
    return f"{show(text)} is no text: UTF-8 is expected, or what the locale says"


def read_literal(text: str) -> Any:
    """Read JSON, or else a Python literal.

    :raises ValueError: saying why it is neither, and what JSON would look like
    """
    if problem := no_text(text):
        raise ValueError(problem)
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        trouble = error
    if texts := _side_by_side(text):
        raise ValueError(f"a comma is missing between {texts[0]} and {texts[1]}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in a text that may not even be a literal
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        where = (
            f" ({trouble.msg} at column {trouble.colno})" if isinstance(trouble, json.JSONDecodeError) else ""
        )
        shown = text if len(text) <= 200 else text[:197] + "..."
        raise ValueError(
            f"{shown!r} is neither JSON{where} nor a Python literal. "
            f"JSON would look like {shell_quoted(suggestion(text))}"
        ) from None


def _side_by_side(text: str) -> tuple[str, str] | None:
    """Find two texts with nothing between them: Python would make one of them, and nobody means that here."""
    before = None
    try:
        for token in tokenize.generate_tokens(io.StringIO(text.strip()).readline):
            if token.type == tokenize.STRING and before is not None:
                return before, token.string
            if token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT):
                before = token.string if token.type == tokenize.STRING else None
    except (tokenize.TokenError, SyntaxError):
        pass
    return None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def suggestion(text: str) -> str:
    """Write ``text`` as the JSON it may have been before a shell took its quotes; an example where that is hopeless."""
    quoted = _TOKEN.sub(lambda match: _quoted(match[0]), text.strip())
    try:
        json.loads(quoted)
    except (ValueError, RecursionError):
        return _EXAMPLE
    return quoted


def _quoted(token: str) -> str:
    if token[0] == '"' or token in ("true", "false", "null") or _NUMBER.fullmatch(token):
        return token
    if token in ("True", "False"):
        return token.lower()
    return json.dumps(token.strip("'"), ensure_ascii=False)


def shell_quoted(text: str) -> str:
    """Write ``text`` so that a shell leaves it alone (always quoted, also where that would not be necessary)."""
    return "'" + text.replace("'", "'\"'\"'") + "'"
