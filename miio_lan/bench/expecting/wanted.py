"""What a command has to be like that a test asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict, Unpack

from miio_lan.bench.expecting.values import is_wanted
from miio_lan.device.description.names import find_action, find_property
from miio_lan.device.description.spec import Spec
from miio_lan.errors import InvalidArgument, SpecError
from miio_lan.foreign import show
from miio_lan.given import checked_number
from miio_lan.pairing.exchange import Exchange
from miio_lan.record.redact import redact_value


class Criteria(TypedDict, total=False):
    """What a test may ask of a command; what is absent, or None, may be anything.

    :param siid: with ``piid``, ``aiid`` and ``value``: what one of its properties, or its action, must have; of an
        action, ``piid`` and ``value`` are those of one of its arguments. ``True`` and 1 are two values
    :param params: the parameters as a whole
    :param property: the name of a property in the description, in the place of ``siid`` and ``piid``
    :param action: the name of an action in the description, in the place of ``siid`` and ``aiid``
    """

    siid: int | None
    piid: int | None
    aiid: int | None
    value: object
    params: object
    property: str | None
    action: str | None


class Wanted:
    """What a command has to be like.

    :param method: the method, None for any
    :param ids: siid, piid, aiid, value: what one of its properties, or its action, must have
    :param params: the parameters as a whole
    """

    @classmethod
    def of(cls, spec: Spec | None, method: str | None, **criteria: Unpack[Criteria]) -> Wanted:
        """Make one of what a test gives; what is absent, or None, may be anything.

        :param spec: the description that names are looked up in
        :raises SpecError: (a ``ValueError``) if the description has no such name, or none is known
        :raises InvalidArgument: if names and numbers are given, or what no command can have
        :raises TypeError: if there is no such criterion
        """
        if unknown := criteria.keys() - Criteria.__annotations__:
            raise TypeError(
                f"no criterion: {', '.join(sorted(unknown))}; there are {', '.join(Criteria.__annotations__)}"
            )
        if method is not None and (not isinstance(method, str) or not method):
            raise InvalidArgument(f"a method is a word such as 'get_properties', not {show(method)}")
        found: dict[str, object] = {**_numbers_of(spec, criteria), "value": criteria.get("value")}
        return cls(
            method, {key: each for key, each in found.items() if each is not None}, criteria.get("params")
        )

    def __init__(self, method: str | None, ids: Mapping[str, object], params: object = None) -> None:
        self._method = method
        self._ids = dict(ids)
        self._params = params

    def is_met_by(self, exchange: Exchange) -> bool:
        """Tell whether a command is like this."""
        if self._method not in (None, exchange.method):
            return False
        if self._params is not None and not is_wanted(self._params, exchange.params):
            return False
        return not self._ids or any(
            all(key in item and is_wanted(value, item[key]) for key, value in self._ids.items())
            for item in _items(exchange)
        )

    def __str__(self) -> str:
        ids = ", ".join(f"{key} {redact_value(value)!r}" for key, value in self._ids.items())
        whole = f" {redact_value(self._params)!r}" if self._params is not None else ""
        return (self._method or "a command") + (f" with {ids}" if ids else "") + whole


def checked_id(name: str, number: object) -> None:
    """Let a number pass, or None; what is none fits no command, so that nothing like it would ever happen.

    :raises InvalidArgument: if it is neither
    """
    if number is not None:
        checked_number(name, number, 0)


def _numbers_of(spec: Spec | None, criteria: Criteria) -> dict[str, int | None]:
    """Give siid, piid and aiid, in whose place the name of a property or of an action may stand."""
    numbers = {"siid": criteria.get("siid"), "piid": criteria.get("piid"), "aiid": criteria.get("aiid")}
    for key, number in numbers.items():
        checked_id(key, number)
    name, action = criteria.get("property"), criteria.get("action")
    if name is None and action is None:
        return numbers
    if None not in (name, action) or any(each is not None for each in numbers.values()):
        raise InvalidArgument("give the name of a property, that of an action, or numbers: one of them")
    if spec is None:
        raise SpecError(
            "no description is known, which names need: give --miio-spec, or Bench(..., spec=...)"
        )
    if name is not None:
        return dict(zip(("siid", "piid"), find_property(spec, name).iid, strict=True))
    return dict(zip(("siid", "aiid"), find_action(spec, action or "").iid, strict=True))


def _items(exchange: Exchange) -> list[Mapping[str, object]]:
    """Give the properties of a command, or its action and each argument of that: siid, piid, aiid, value."""
    params = exchange.params
    if isinstance(params, Mapping) and isinstance(params.get("properties"), list):
        keys = ("siid", "piid", "value")  # of a line, where no request was seen
        return [dict(zip(keys, each, strict=False)) for each in params["properties"]]
    found = params if isinstance(params, list) else [params]
    items = [each for each in found if isinstance(each, Mapping)]
    return [*items, *(argument for each in items for argument in _arguments(each))]


def _arguments(action: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Give the arguments of an action with its ids; in a list, as of a line, or with their names, as on the LAN."""
    given = action.get("in")
    ids = {key: action[key] for key in ("siid", "aiid") if key in action}
    found: list[Mapping[str, object]] = []
    for each in given if isinstance(given, list) else ():
        if isinstance(each, Mapping):
            found.append({**ids, **{key: each[key] for key in ("piid", "value") if key in each}})
        elif isinstance(each, (list, tuple)):
            found.append({**ids, **dict(zip(("piid", "value"), each, strict=False))})
        else:
            found.append({**ids, "value": each})  # some clients leave out which argument it is
    return found
