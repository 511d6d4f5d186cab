"""What a command has to be like that a test asks for."""

from __future__ import annotations

from collections.abc import Mapping

from miio_lan.device.description.names import find_action, find_property
from miio_lan.device.description.spec import Spec
from miio_lan.errors import InvalidArgument, SpecError
from miio_lan.pairing.content import same_value
from miio_lan.pairing.exchange import Exchange
from miio_lan.record.redact import redact_value


class Wanted:
    """What a command has to be like.

    :param method: the method, None for any
    :param ids: siid, piid, aiid, value: what one of its properties, or its action, must have
    :param params: the parameters as a whole
    """

    @classmethod
    def of(
        cls,
        method: str | None,
        siid: int | None,
        piid: int | None,
        aiid: int | None,
        value: object,
        params: object,
    ) -> Wanted:
        """Make one of what was given; what is None may be anything."""
        given = {"siid": siid, "piid": piid, "aiid": aiid, "value": value}
        return cls(method, {key: each for key, each in given.items() if each is not None}, params)

    def __init__(self, method: str | None, ids: Mapping[str, object], params: object = None) -> None:
        self._method = method
        self._ids = dict(ids)
        self._params = params

    def is_met_by(self, exchange: Exchange) -> bool:
        """Tell whether a command is like this."""
        if self._method not in (None, exchange.method):
            return False
        if self._params is not None and not same_value(self._params, exchange.params):
            return False
        return not self._ids or any(
            all(key in item and same_value(item[key], value) for key, value in self._ids.items())
            for item in _items(exchange)
        )

    def __str__(self) -> str:
        ids = ", ".join(f"{key} {redact_value(value)!r}" for key, value in self._ids.items())
        whole = f" {redact_value(self._params)!r}" if self._params is not None else ""
        return (self._method or "a command") + (f" with {ids}" if ids else "") + whole


def numbers_of(
    spec: Spec | None,
    siid: int | None,
    piid: int | None,
    aiid: int | None,
    property: str | None,  # noqa: A002 - the field's own word
    action: str | None,
) -> tuple[int | None, int | None, int | None]:
    """Give siid, piid and aiid, in whose place the name of a property or of an action may stand.

    :raises SpecError: (a ``ValueError``) if the description has no such name, or none is known
    :raises InvalidArgument: if more than one of names and numbers is given
    """
    if property is None and action is None:
        return siid, piid, aiid
    if None not in (property, action) or any(each is not None for each in (siid, piid, aiid)):
        raise InvalidArgument("give the name of a property, that of an action, or numbers: one of them")
    if spec is None:
        raise SpecError(
            "no description is known, which names need: give --miio-spec, or Bench(..., spec=...)"
        )
    if property is not None:
        return (*find_property(spec, property).iid, None)
    found = find_action(spec, action or "").iid
    return found[0], None, found[1]


def _items(exchange: Exchange) -> list[Mapping[str, object]]:
    """Give the properties of a command, or its action, as objects with siid, piid, aiid, value."""
    params = exchange.params
    if isinstance(params, Mapping) and isinstance(params.get("properties"), list):
        keys = ("siid", "piid", "value")  # of a line, where no request was seen
        return [dict(zip(keys, each, strict=False)) for each in params["properties"]]
    found = params if isinstance(params, list) else [params]
    return [each for each in found if isinstance(each, Mapping)]
