"""Every call once, as steps: parameters out, reply in. The faces (blocking, asyncio) only carry the steps out.

A call is a generator that yields :class:`Ask` objects, gets each reply (or error) back at the same place, and
returns what its caller wanted.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from miio_lan.device.arguments import checked_credentials, checked_members
from miio_lan.device.info import DeviceInfo
from miio_lan.device.steps.slices import cut
from miio_lan.errors import (
    DeviceError,
    DeviceException,
    DeviceInfoUnavailableException,
    DeviceTimeout,
    InvalidArgument,
    PayloadDecodeException,
)
from miio_lan.record.redact.secret import as_secret

Result = TypeVar("Result")


class Ask(NamedTuple):
    """One command to send.

    :param params: None for an empty list
    :param retry_count: None for the device's own
    :param repeat_safe: None to decide by the method's name
    """

    method: str
    params: Any = None
    retry_count: int | None = None
    repeat_safe: bool | None = None


Steps = Generator[Ask, Any, Result]


def try_list(method: str, params: Any) -> Steps[Any]:
    """Ask for a list of a length that may be too much: without retries, for a shorter list is the better one.

    Silence is met by the same question once more: a list that is too long looks like a datagram that got lost.

    :raises DeviceException: what :meth:`miio_lan.Device.send` raises
    """
    try:
        answer = yield Ask(method, params, retry_count=0)
    except DeviceTimeout:
        answer = yield Ask(method, params, retry_count=0)
    return answer


def fetch_info() -> Steps[DeviceInfo]:
    """Ask the device who it is.

    :raises DeviceInfoUnavailableException: if it answers with an error or with nothing usable, as vacuums and
        gateways without cloud do; the model can then be given by hand
    """
    try:
        answer = yield Ask("miIO.info")
    except (DeviceError, PayloadDecodeException) as error:
        raise DeviceInfoUnavailableException(
            f"the device does not tell who it is ({error}); give its model by hand where one is needed"
        ) from error
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, dict):
        raise DeviceInfoUnavailableException(
            f"the device answers miIO.info with {_kind(answer)} instead of an object; "
            f"give its model by hand where one is needed"
        )
    return DeviceInfo(answer)


def _kind(answer: object) -> str:
    """Say what kind of JSON value an answer is; not the value, which may have a secret in it."""
    if answer is None or isinstance(answer, bool):
        return "null" if answer is None else "true or false"
    return "a text" if isinstance(answer, str) else "a list" if isinstance(answer, list) else "a number"


def read_slices(properties: Sequence[Any], getter: str, max_properties: int | None) -> Steps[list[Any]]:
    """Read properties in slices of at most ``max_properties``, and never more than a datagram holds."""
    values: list[Any] = []
    for part in cut(properties, getter, limit=max_properties):
        answer = yield Ask(getter, part)
        values.extend(answer if isinstance(answer, list) else [answer])
    if len(values) != len(properties):
        # Normal on products that leave out what they do not know, or ignore the names altogether.
        import logging  # loaded by those who want to see it

        logging.getLogger(__name__).debug(
            "%s: asked for %d properties, got %d values", getter, len(properties), len(values)
        )
    return values


def wifi_parameters(ssid: str, password: str, uid: int, extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """Build the parameters of ``miIO.config_router``.

    :raises InvalidArgument: see :func:`miio_lan.device.arguments.checked_credentials`
    """
    ssid, password = as_secret(ssid), as_secret(password)
    checked_credentials(ssid, password, uid)
    more = checked_members("extra_params", extra)
    return {"ssid": ssid, "passwd": password, "uid": uid, **(more or {})}


def accepted(answer: object) -> bool:
    """Tell whether an answer to a legacy command is one of the many spellings of yes.

    Seen: ``["ok"]``, ``"OK"``, ``[0]``, ``0``, ``{"code": 0}``.
    """
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, str):
        return answer.lower() == "ok"
    if isinstance(answer, Mapping):
        answer = answer.get("code")
    return answer == 0 and not isinstance(answer, bool)


def single(answer: object) -> Any:
    """Unwrap the one-element list that old methods answer with."""
    return answer[0] if isinstance(answer, list) and answer else answer


class PropertyTest(NamedTuple):
    """What :meth:`miio_lan.Device.test_properties` found out.

    :param values: per property, its value, or the error it was refused with
    :param max_properties: how many of the answered properties one request can ask for
    """

    values: Mapping[str, Any]
    max_properties: int

    @property
    def supported(self) -> list[str]:
        """Names of the properties the device gave a value for."""
        return [name for name, value in self.values.items() if _is_value(value)]

    @property
    def refusal(self) -> DeviceException | None:
        """The first error, when the device refused every property; None when it answered any."""
        refused = [value for value in self.values.values() if isinstance(value, DeviceException)]
        return refused[0] if refused and len(refused) == len(self.values) else None


def _is_value(value: object) -> bool:
    """Tell whether a device gave a value: many say by nothing, an empty list or an empty text that there is none."""
    return not isinstance(value, DeviceException) and value not in (None, "", [])


def try_properties(properties: Sequence[str], getter: str = "get_prop") -> Steps[PropertyTest]:
    """Ask for each property alone, then for growing lists of those with a value, to learn the device's limit.

    :raises InvalidArgument: if no properties are named
    """
    if not properties:
        raise InvalidArgument("name at least one property to test")
    values: dict[str, Any] = {}
    for name in properties:
        try:
            answer = yield Ask(getter, [name])
        except DeviceError as error:
            values[name] = error
        else:
            values[name] = single(answer)
    known = [name for name, value in values.items() if _is_value(value)]
    return PropertyTest(values, (yield from _largest_list(known, getter)))


def _largest_list(names: Sequence[str], getter: str) -> Steps[int]:
    """Find, by halving, how many of the names one request can ask for."""
    works, fails = min(1, len(names)), len(names) + 1
    trial = len(names)
    while fails - works > 1:
        try:
            answer = yield from try_list(getter, list(names[:trial]))
            complete = isinstance(answer, list) and len(answer) == trial
        except DeviceException as error:
            import logging

            logging.getLogger(__name__).debug("%d properties at once: %s", trial, error)
            complete = False
        works, fails = (trial, fails) if complete else (works, trial)
        trial = (works + fails) // 2
    return works
