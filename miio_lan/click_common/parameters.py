"""Command line parameters for a method, made of its signature and annotations."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterable, MutableSequence, MutableSet, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any

import click

from miio_lan.click_common.types import EnumType, LiteralParamType

_Parameter = inspect.Parameter
_PLAIN: dict[object, click.ParamType[Any]] = {  # type: ignore[type-arg,unused-ignore]
    int: click.INT,
    float: click.FLOAT,
    bool: click.BOOL,
    str: click.STRING,
}
_ABSTRACT = (Collection, Iterable, MutableSequence, MutableSet, Sequence, AbstractSet)


def parameters_of(method: Callable[..., Any]) -> list[click.Parameter]:
    """Make the parameters for a method that takes ``self``.

    What has no default is a required argument; what has one is an optional argument, or a ``--flag/--no-flag`` when it
    is a bool; keyword-only parameters are options. A sequence takes as many values as there are; a second one, and
    what follows a sequence, becomes an option, since nobody could tell whose value is whose.
    """
    signature = inspect.signature(method)
    _self, *given = signature.parameters.values()
    made: list[click.Parameter] = []
    for parameter in given:
        if parameter.kind is _Parameter.VAR_KEYWORD:
            continue
        after_many = any(isinstance(each, click.Argument) and each.nargs == -1 for each in made)
        made.append(_made(parameter, _annotation(method, parameter), option=after_many))
    return made


def _made(parameter: inspect.Parameter, annotation: object, *, option: bool) -> click.Parameter:
    required = parameter.default is _Parameter.empty and parameter.kind is not _Parameter.VAR_POSITIONAL
    default = None if parameter.default is _Parameter.empty else parameter.default
    item = item_of(annotation)
    many = item is not None or parameter.kind is _Parameter.VAR_POSITIONAL
    kind = type_of(annotation if item is None else item)
    flag = "--" + parameter.name.replace("_", "-")
    if kind is click.BOOL and not many and not required:
        return click.Option([parameter.name, f"{flag}/--no-{flag[2:]}"], default=default)
    if option or parameter.kind is _Parameter.KEYWORD_ONLY:
        return _option(parameter.name, flag, kind, many=many, required=required, default=default)
    if many:
        whole = _whole_list if isinstance(kind, LiteralParamType) else None
        return click.Argument([parameter.name], type=kind, nargs=-1, required=required, callback=whole)
    # A default of None would count as one.
    settings: dict[str, Any] = {} if required else {"default": default}
    return click.Argument([parameter.name], type=kind, required=required, **settings)


def _whole_list(ctx: click.Context, param: click.Parameter, value: Any) -> Any:  # noqa: ARG001 - click's signature
    """Take one list as the values themselves: python-miio's users write ``[1, 2]`` where ``1 2`` will do."""
    return tuple(value[0]) if len(value) == 1 and isinstance(value[0], list) else value


def _option(name: str, flag: str, kind: Any, *, many: bool, required: bool, default: Any) -> click.Option:
    settings: dict[str, Any] = {"type": kind, "multiple": many, "required": required}
    if default is not None:
        settings |= {"default": default, "show_default": not isinstance(default, Enum)}
    return click.Option([name, flag], **settings)


def arguments_of(method: Callable[..., Any], values: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Make the arguments of the call: what was not given is left to the method's own default."""
    parameters = inspect.signature(method).parameters
    # What stands before *args can be given by position only.
    by_position = any(each.kind is _Parameter.VAR_POSITIONAL for each in parameters.values())
    given: list[Any] = []
    named: dict[str, Any] = {}
    for name, each in parameters.items():
        if name not in values:
            continue
        absent = values[name] in (None, ()) and each.default is not _Parameter.empty
        value = each.default if absent else values[name]
        if each.kind is _Parameter.VAR_POSITIONAL:
            given += value
        elif each.kind is _Parameter.POSITIONAL_ONLY or (
            by_position and each.kind is not _Parameter.KEYWORD_ONLY
        ):
            given.append(value)
        else:
            named[name] = list(value) if isinstance(value, tuple) and not absent else value
    return given, named


def _annotation(method: Callable[..., Any], parameter: inspect.Parameter) -> object:
    """Give a parameter's annotation as a type; one that cannot be found out is a text."""
    annotation = parameter.annotation
    if annotation is _Parameter.empty:
        has_type = parameter.default is not _Parameter.empty and type(parameter.default) in _PLAIN
        return type(parameter.default) if has_type else str
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return _meant(typing.get_type_hints(holder, globalns=getattr(method, "__globals__", {}))["it"])
    except Exception:  # noqa: BLE001 - names that exist for type checkers alone, or in a function's body
        return str


def _meant(annotation: object) -> object:
    """Give the type itself: of a name for one (``type Level = int``, ``NewType``), and X for ``X | None``.

    Other unions are ``Any``: the value itself then tells its type.
    """
    while True:
        if isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # typing has it from Python 3.12 on
            annotation = annotation.__value__  # type: ignore[attr-defined]
        elif typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
            others = [each for each in typing.get_args(annotation) if each is not type(None)]
            annotation = others[0] if len(others) == 1 else Any
        else:
            return annotation


def item_of(annotation: object) -> object | None:
    """Give the type of the items of a sequence type; None for what is no sequence."""
    origin = typing.get_origin(annotation) or annotation
    if not isinstance(origin, type) or issubclass(origin, (str, bytes, dict)) or origin is object:
        return None
    is_many = issubclass(origin, (list, tuple, set, frozenset)) or origin in _ABSTRACT
    if not is_many:
        return None
    arguments = [each for each in typing.get_args(annotation) if each is not Ellipsis]
    return _meant(arguments[0]) if len(arguments) == 1 else Any


def type_of(annotation: object) -> Any:
    """Give the click type for an annotation; what has no plain form is written as JSON or a literal."""
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return EnumType(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        choices = typing.get_args(annotation)
        if all(isinstance(choice, str) for choice in choices):
            return click.Choice(list(choices))
    return LiteralParamType()
