"""The ``@command`` decorator: what a command line needs to know of a method, attached to it as data.

Nothing here imports click; :meth:`miio_lan.Device.get_device_group` builds commands from this data when asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType, MappingProxyType
from typing import Any, NamedTuple, TypeVar, overload

Method = TypeVar("Method", bound=Callable[..., Any])
#: What ``click.argument(...)`` and ``click.option(...)`` return.
ClickDecorator = Callable[[Any], Any]

_ATTRIBUTE = "__miio_command__"


class CommandData(NamedTuple):
    """How a method appears on the command line.

    :param name: its name there; None for the method's own
    :param decorators: click arguments and options; none of them: parameters are taken from the annotations
    :param default_output: a decorator around the call that shows its result, see
        :func:`miio_lan.click_common.format_output`
    :param settings: further keyword arguments for ``click.Command`` (``help``, ``hidden``, ...)
    """

    name: str | None = None
    decorators: tuple[ClickDecorator, ...] = ()
    default_output: ClickDecorator | None = None
    settings: Mapping[str, Any] = MappingProxyType({})


@overload
def command(method: Method, /) -> Method: ...


@overload
def command(
    *decorators: ClickDecorator,
    name: str | None = None,
    default_output: ClickDecorator | None = None,
    skip_autodetect: bool = False,
    **settings: Any,
) -> Callable[[Method], Method]: ...


def command(
    *decorators: Any,
    name: str | None = None,
    default_output: ClickDecorator | None = None,
    skip_autodetect: bool = False,  # noqa: ARG001 - accepted from python-miio's form; nothing here autodetects
    **settings: Any,
) -> Any:
    """Make a method of a :class:`miio_lan.Device` a command of its command line.

    Plain (``@command``) or with click objects, in the form python-miio has:
    ``@command(click.argument("level", type=int), default_output=format_output("Setting {level}"))``.
    The method itself stays as it is.
    """
    if (
        len(decorators) == 1
        and not settings
        and name is None
        and default_output is None
        and _is_method(decorators[0])
    ):
        return _attach(decorators[0], CommandData())
    data = CommandData(name, tuple(decorators), default_output, settings)
    return lambda method: _attach(method, data)


def _is_method(function: Any) -> bool:
    """Tell a decorated method from what ``click.option()`` returns: both are plain functions."""
    if not isinstance(function, FunctionType):
        return False
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    return code is not None and code.co_varnames[: code.co_argcount][:1] == ("self",)


def _attach(method: Method, data: CommandData) -> Method:
    setattr(method, _ATTRIBUTE, data)
    return method


def commands_of(cls: type) -> dict[str, tuple[str, CommandData]]:
    """Give a class's commands by their names on the command line: (attribute name, data).

    A subclass's method takes the place of its base's even where it has no ``@command`` of its own.
    """
    found: dict[str, tuple[str, CommandData]] = {}
    for base in reversed(cls.__mro__):
        for attribute, member in vars(base).items():
            data = getattr(member, _ATTRIBUTE, None)
            if isinstance(data, CommandData):
                found[attribute] = (data.name or attribute, data)
    return {name: (attribute, data) for attribute, (name, data) in found.items()}
