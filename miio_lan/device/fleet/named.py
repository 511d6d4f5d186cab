"""Devices by name: one JSON file that says where each of them is.

``{"lamp": {"ip": "192.168.1.9", "token": "...", "did": 12345, "model": "yeelink.light.lamp1"}}``

``ip`` and ``token`` are required, ``did`` and ``model`` are not; ``port`` is for a device that listens elsewhere than
at 54321. Other keys are kept and not looked at. The file holds tokens: it is written for its owner alone (mode 0600),
and as a whole or not at all.
"""

from __future__ import annotations

import json
import logging
import math
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miio_lan.device.arguments import MAX_ADDRESS
from miio_lan.errors import DevicesFileError, InvalidArgument, InvalidTokenException
from miio_lan.foreign import excerpt, kind_of, printable_json, show
from miio_lan.given import shown
from miio_lan.keeping import config_folder, locked, open_to_others, replace_file
from miio_lan.lan import PORT
from miio_lan.lan.discovery.announcement import DID_RANGE, MAX_DID
from miio_lan.paths import FilePath, checked_path
from miio_lan.record.redact import Secret, as_secret, is_secret, told_of
from miio_lan.variables import DEVICES_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LOGGER = logging.getLogger(__name__)

"""The environment variable that names the file, in place of the one in the platform's folder."""

MAX_NAME = 64
"""Characters of the longest name."""

_WHAT = "a file of devices"
_KEYS = ("ip", "token", "did", "model", "port")


@dataclass(frozen=True)
class NamedDevice:
    """What is known of a device with a name.

    :param ip: address or host name
    :param token: 32 hexadecimal digits; not shown by ``repr``
    :param did: the device id; what the device is found by when its address has changed
    :param model: the model, e.g. ``"yeelink.light.lamp1"``
    :param port: its UDP port
    :param more: what else the file has about it
    """

    name: str
    ip: str
    token: str = field(repr=False)
    did: int | None = None
    model: str | None = None
    port: int = PORT
    more: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def entry(self) -> dict[str, Any]:
        """Return the device as it stands in the file; the token included."""
        optional = {"did": self.did, "model": self.model, "port": None if self.port == PORT else self.port}
        given = {key: value for key, value in optional.items() if value is not None}
        return {"ip": self.ip, "token": self.token, **given, **self.more}

    def at(self, ip: str) -> NamedDevice:
        """Return the same device at another address."""
        return replace(self, ip=ip)


def default_path() -> Path:
    """Return where the file is: ``MIIO_LAN_DEVICES``, else in the platform's configuration folder."""
    if named := os.environ.get(DEVICES_VARIABLE):
        return Path(named)
    return config_folder() / "devices.json"


# --- reading -------------------------------------------------------------------------------------------------------


def read_devices(path: FilePath) -> dict[str, NamedDevice]:
    """Read a file of devices; they come in the file's order.

    :raises DevicesFileError: (a ``ValueError``) naming the file, the entry, and what is wrong; never a token
    """
    path = checked_path(_WHAT, path, DevicesFileError)
    found = _read(path)
    if found is None:
        raise DevicesFileError(told_of(path, "there is no such file"))
    return found


def _read(path: Path) -> dict[str, NamedDevice] | None:
    """Read a file of devices; None where there is none."""
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            data: bytes = as_secret(file.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DevicesFileError(f"{path} cannot be read: {error.strerror or error}") from None
    if warning := open_to_others(about):
        _LOGGER.warning("%s %s", path, warning)
    return parse_devices(data, str(path))


def parse_devices(text: str | bytes, source: str) -> dict[str, NamedDevice]:
    """Read the content of a file of devices.

    :param source: what errors call it
    :raises DevicesFileError: as :func:`read_devices`
    """
    text = as_secret(text)  # whoever shows the variables of a frame shows no token
    document = load_json(text, source)
    if not isinstance(document, dict):
        wanted = 'an object {"name": {"ip": ..., ...}} is expected'
        raise DevicesFileError(told_of(source, f"{wanted}, not {kind_of(document)}"))
    return {name: _device(name, entry, source) for name, entry in document.items()}


def load_json(text: str | bytes, source: str) -> Any:
    """Read JSON with secrets in it: they are not shown by the ``repr`` of what comes of it.

    :raises DevicesFileError: if it is none, or a name stands twice in one object
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except UnicodeDecodeError:
        problem = "is not UTF-8"
    except json.JSONDecodeError as error:
        problem = f"is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError as error:
        problem = f"cannot be read: {error}"
    raise DevicesFileError(told_of(source, problem))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{excerpt(name)} is there twice")
        found[name] = as_secret(value) if is_secret(name, value) else value
    return found


def _device(name: str, entry: object, source: str) -> NamedDevice:
    try:
        return device_of(name, entry)
    except InvalidArgument as error:
        raise DevicesFileError(told_of(source, told_of(excerpt(name), error))) from None


def device_of(name: str, entry: object) -> NamedDevice:
    """Make a device of what stands under its name.

    :raises InvalidArgument: (a ``ValueError``) saying what is wrong, without the token
    """
    check_name(name)
    if not isinstance(entry, dict):
        raise InvalidArgument(f"an object with ip and token is expected, not {kind_of(entry)}")
    more = {key: value for key, value in entry.items() if key not in _KEYS}
    return NamedDevice(
        name,
        _address(entry.get("ip")),
        _token(entry.get("token")),
        did_of(entry.get("did")),
        _model(entry.get("model")),
        _port(entry.get("port", PORT)),
        more,
    )


def check_name(name: Any) -> None:
    """Refuse what cannot be a device's name.

    :raises InvalidArgument: saying why
    """
    if not isinstance(name, str):
        raise InvalidArgument(f"a name is text, not {show(name)}")
    if not name or name != name.strip() or len(name) > MAX_NAME:
        raise InvalidArgument(
            f"a name has 1 to {MAX_NAME} characters and no blanks around it: {excerpt(name)}"
        )
    if name.startswith("-") or not name.isprintable():
        raise InvalidArgument(
            f"a name does not begin with a dash, and has no control characters: {excerpt(name)}"
        )


def _address(value: object) -> str:
    if value is None:
        raise InvalidArgument("ip is missing")
    if (
        not isinstance(value, str)
        or not value
        or not value.isprintable()
        or " " in value
        or len(value) > MAX_ADDRESS
    ):
        raise InvalidArgument(f"ip is an address or a host name, not {_shown(value)}")
    return value


def _token(value: object) -> Secret:
    from miio_lan.lan.cipher import parse_token  # only to look at names, no cryptography is needed

    if value is None:
        raise InvalidArgument("token is missing")
    try:
        return Secret(parse_token(value if isinstance(value, str) else "").hex())
    except InvalidTokenException as error:
        problem = str(error) if isinstance(value, str) else f"a token is text, not {kind_of(value)}"
    raise InvalidArgument(problem)


def did_of(value: object) -> int | None:
    """Read a did: a number, or its decimal digits as text; None, or an empty text, for none.

    :raises InvalidArgument: for what is no did
    """
    if value is None or value == "":
        return None
    digits = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 20
    number = int(value) if digits and isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= MAX_DID:
        raise InvalidArgument(f"{DID_RANGE}, not {_shown_number(value)}")
    return number


def _model(value: object) -> str | None:
    if value is not None and (not isinstance(value, str) or not value.isprintable()):
        raise InvalidArgument(f"model is text, not {_shown(value)}")
    return value or None


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 65536:
        raise InvalidArgument(f"port is a number from 1 to 65535, not {_shown_number(value)}")
    return value


def _shown(value: object) -> str:
    return excerpt(value) if isinstance(value, str) else kind_of(value)


def _shown_number(value: object) -> str:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return show(value) if is_number else _shown(value)


# --- the file of this user -----------------------------------------------------------------------------------------


class DevicesFile:
    """The named devices of this user.

    Each change reads the file anew, under a lock, and replaces it as a whole: programs may change it at the same time.

    :param path: where it is; :func:`default_path` by default
    :raises DevicesFileError: (a ``ValueError``) if that is no path
    """

    def __init__(self, path: FilePath | None = None) -> None:
        self.path = default_path() if path is None else checked_path(_WHAT, path, DevicesFileError)

    def read(self) -> dict[str, NamedDevice]:
        """Return the devices by name; none where there is no file yet.

        :raises DevicesFileError: as :func:`read_devices`
        """
        return _read(self.path) or {}

    def get(self, name: str) -> NamedDevice:
        """Return the device of that name.

        :raises DevicesFileError: if there is none; or the file cannot be read
        """
        if not isinstance(name, str):
            raise DevicesFileError(f"a device's name is text, not {show(name)}")
        known = self.read()
        if name in known:
            return known[name]
        import difflib  # for those who mistype

        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        others = f"there are {', '.join(map(excerpt, known))}" if known else "there is none"
        hint = f"did you mean {excerpt(close[0])}?" if close else f"{others} in {self.path}"
        raise DevicesFileError(told_of(f"no device is named {excerpt(name)}", hint))

    def change(self, edit: Callable[[dict[str, NamedDevice]], None], seconds: float = math.inf) -> None:
        """Have ``edit`` change the devices, and write what comes of it; nothing is written if nothing changed.

        :param seconds: how long to wait for others that change the file
        :raises DevicesFileError: if the file cannot be read or written, or nobody could read what would be written; it
            is as before then
        """
        try:
            # A link stays one: what it leads to is replaced.
            path = Path(os.path.realpath(self.path))
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(path.parent, seconds):
                devices = self.read()
                before = dict(devices)
                edit(devices)
                if list(devices.items()) != list(before.items()):
                    replace_file(path, _text(devices, str(self.path)).encode())
        except BlockingIOError:
            raise DevicesFileError(f"{self.path} cannot be written: another program is changing it") from None
        except OSError as error:
            raise DevicesFileError(f"{self.path} cannot be written: {error.strerror or error}") from None

    def check_writable(self) -> None:
        """See that the file can be written as far as its folder tells; nothing is made.

        :raises DevicesFileError: if it cannot
        """
        folder = Path(os.path.realpath(self.path)).parent
        while not folder.exists() and folder != folder.parent:  # it would be made
            folder = folder.parent
        if not os.access(folder, os.W_OK | os.X_OK):
            raise DevicesFileError(f"{self.path} cannot be written: that is not permitted in {folder}")

    def put(self, device: NamedDevice) -> None:
        """Add a device, or replace the one of its name.

        :raises DevicesFileError: as :meth:`change`
        """
        # JSON would make a text of a name that is none.
        if not (isinstance(device, NamedDevice) and isinstance(device.name, str)):
            raise DevicesFileError(f"a NamedDevice with a text for its name is kept, not {shown(device)}")
        self.change(lambda devices: devices.update({device.name: device}))

    def remove(self, name: str) -> None:
        """Forget the device of that name.

        :raises DevicesFileError: if there is none, and as :meth:`change`
        """

        def edit(devices: dict[str, NamedDevice]) -> None:
            devices.pop(name, None)

        self.get(name)
        self.change(edit)

    def moved(self, device: NamedDevice, ip: str, seconds: float = math.inf) -> None:
        """Note that a device has another address now, unless somebody else changed its entry meanwhile.

        :param seconds: how long to wait for others that change the file
        :raises DevicesFileError: as :meth:`change`
        """

        def edit(devices: dict[str, NamedDevice]) -> None:
            known = devices.get(device.name)
            if known is not None and (known.did, known.ip) == (device.did, device.ip):
                devices[device.name] = known.at(ip)

        self.change(edit, seconds)


def _text(devices: Mapping[str, NamedDevice], source: str) -> str:
    """Write devices as a file has them: one that is refused at reading would take the whole file from its user.

    :raises DevicesFileError: if nobody could read what would be written
    """
    entries = {name: device.entry() for name, device in devices.items()}
    try:
        text = printable_json(json.dumps(entries, indent=2, ensure_ascii=False)) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise DevicesFileError(told_of(source, f"cannot be written: {error}")) from None
    parse_devices(text, source)
    return text
