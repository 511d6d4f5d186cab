"""The device on the LAN as a resource of labgrid, and where its token comes from.

What an exporter says of a resource is printed by it, kept by the coordinator, and told to every client. So there is no
place for a token in it: the resource says where the client finds the token.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attr
from labgrid.factory import target_factory
from labgrid.resource.common import Resource

from miio_lan.device.fleet.named import DevicesFile
from miio_lan.errors import DeviceException, InvalidTokenException, PlaceError
from miio_lan.foreign import printable
from miio_lan.keeping import MOST_TOKEN_BYTES
from miio_lan.lan import PORT
from miio_lan.lan.cipher import parse_token
from miio_lan.record.redact import Secret, told_of
from miio_lan.variables import TOKEN_VARIABLE

_NOT_HERE = (
    "no token belongs into labgrid's files: the exporter prints it, and the coordinator tells it to every client. "
    "Give token_file (a file at the client) or token_variable (a variable of its environment)"
)

_text = attr.validators.optional(attr.validators.instance_of(str))


def _refuse(_resource: object, _attribute: object, value: object) -> None:
    if value is not None:
        raise PlaceError(_NOT_HERE)


@target_factory.reg_resource
@attr.s(eq=False)
class MiioDevice(Resource):
    """A miIO or MIoT device on a LAN that the client reaches.

    An exporter needs nothing of this package: it hands on what it does not know.

    :param host: its address or name, as the client reaches it
    :param port: its UDP port
    :param did: its device id; finds the token in the client's file of named devices
    :param spec: its description: a model, the name of a shipped one, or a file at the client
    :param token_file: the file at the client that has the token
    :param token_variable: the variable of the client's environment that has the token
    :param token: refused: see above
    """

    host: str = attr.ib(validator=attr.validators.instance_of(str))
    port: int = attr.ib(default=PORT, validator=attr.validators.instance_of(int))
    did: int | None = attr.ib(
        default=None, validator=attr.validators.optional(attr.validators.instance_of(int))
    )
    spec: str | None = attr.ib(default=None, validator=_text)
    token_file: str | None = attr.ib(default=None, validator=_text)
    token_variable: str | None = attr.ib(default=None, validator=_text)
    token: Any = attr.ib(default=None, repr=False, validator=_refuse)


def token_of(device: Any) -> Secret:
    """Find the token of a device at this computer.

    In this order: ``token_file``, ``token_variable``, the file of named devices by ``did``, ``MIIO_LAN_TOKEN``.

    :param device: a :class:`MiioDevice`
    :raises PlaceError: if there is none, saying where it was looked for; never with a token in the text
    """
    if device.token_file is not None:
        path = path_at_the_client(device, device.token_file)
        return _checked(_read(path), f"token_file {path}")
    if device.token_variable is not None:
        return _of_variable(device.token_variable, f"token_variable {device.token_variable}")
    if device.did is not None and (found := _of_did(device.did)) is not None:
        return found
    if TOKEN_VARIABLE in os.environ:
        return _of_variable(TOKEN_VARIABLE, TOKEN_VARIABLE)
    looked = f"the file of named devices has no did {device.did}, and " if device.did is not None else ""
    raise PlaceError(
        f"no token for the device at {printable(device.host)}: {looked}{TOKEN_VARIABLE} is not set. Give its resource "
        "token_file or token_variable, or set that variable"
    )


def path_at_the_client(resource: Any, path: str) -> Path:
    """Give a path that a resource names: from the folder of the environment's file, or from here without one."""
    env = resource.target.env if resource.target is not None else None
    if env is not None:
        return Path(env.config.resolve_path(path))
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user, or one without a folder: then that is no file's name
        return Path(path)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_TOKEN_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        raise PlaceError(
            f"token_file {path} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None


def _of_variable(name: str, source: str) -> Secret:
    value = os.environ.get(name)
    if value is None:
        raise PlaceError(told_of(source, "the environment has no such variable"))
    return _checked(value, source)


def _of_did(did: int) -> Secret | None:
    try:
        devices = DevicesFile().read()
    except DeviceException as error:
        raise PlaceError(str(error)) from error
    return next((Secret(each.token) for each in devices.values() if each.did == did), None)


def _checked(text: str, source: str) -> Secret:
    try:
        return Secret(parse_token(text.strip()).hex())
    except InvalidTokenException as error:
        raise PlaceError(told_of(source, error)) from None
