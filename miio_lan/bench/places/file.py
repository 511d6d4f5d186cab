"""The bench file: the products of a bench by name, and where each of them is.

.. code-block:: toml

    [products.left]
    host = "192.0.2.7"
    token_file = "left.token"
    uart = "/dev/ttyUSB0"

    [products.rehearsal]
    virtual = true

Paths in it are seen from its own folder. It is read only; errors name file, product and key, and never show a token.
"""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from miio_lan.bench.places.entry import (
    KEYS,
    MOST_RETRIES,
    QUICKEST_POLL,
    SLOWEST_POLL,
    ProductEntry,
)
from miio_lan.bench.places.power import CommandPower
from miio_lan.device.fleet.named import DevicesFile, did_of
from miio_lan.errors import BenchFileError, DevicesFileError, InvalidArgument, InvalidTokenException
from miio_lan.foreign import excerpt, show
from miio_lan.keeping import missing_file, open_to_others
from miio_lan.lan import PORT
from miio_lan.lan.cipher import parse_token
from miio_lan.paths import FilePath, checked_path
from miio_lan.record.redact import Secret, as_secret, told_of

__all__ = ["KEYS", "ProductEntry", "parse_bench", "read_bench", "split_place"]

_LOGGER = logging.getLogger(__name__)

BENCH_FILE = "miio.toml"
"""What the file is usually called."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOKEN_BYTES = 4096
_OF_REAL = ("host", "device", "token_file", "uart", "uart_up", "power", "labgrid", "coordinator")
_OF_PLACE = ("host", "device", "token", "token_file", "port", "did", "uart", "uart_up")
_ENVIRONMENT = re.compile(r"(?P<file>.+\.ya?ml)(?::(?P<target>.+))?")
_OF_VIRTUAL = ("profile", "misbehave", "poll_interval")
_OF_HOST = ("token", "token_file", "port", "did")


def read_bench(
    path: FilePath, *, profiles: Collection[str] = (), misbehaviours: Collection[str] = ()
) -> dict[str, ProductEntry]:
    """Read a bench file; its products come in its order.

    :param profiles: the profiles of virtual modules that there are; without any, they are not checked
    :param misbehaviours: the misbehaviours of virtual MCUs that there are; the same
    :raises BenchFileError: (a ``ValueError``) naming the file, the product, and what is wrong; never a token
    """
    path = checked_path("a bench file", path, BenchFileError)
    data = _content(path, "the bench file")
    known = {"profile": profiles, "misbehave": misbehaviours}
    return parse_bench(data.decode("utf-8-sig", "surrogateescape"), path, known=known)


def parse_bench(
    text: str, path: Path, *, known: Mapping[str, Collection[str]] | None = None
) -> dict[str, ProductEntry]:
    """Read the content of a bench file.

    :param path: where it comes from; paths in it are seen from there
    :param known: by key, the words that a key may have
    :raises BenchFileError: as :func:`read_bench`
    """
    text = as_secret(text)  # whoever shows the variables of a frame shows no token
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BenchFileError(told_of(path, f"is not TOML: {error}")) from None
    except (ValueError, RecursionError):
        raise BenchFileError(told_of(path, "is not TOML in UTF-8")) from None
    products = document.pop("products", None)
    if document:
        other = excerpt(next(iter(document)))
        problem = f"{other} is no part of a bench file: products are [products.NAME]"
        raise BenchFileError(told_of(path, problem))
    if not isinstance(products, dict) or not products:
        raise BenchFileError(told_of(path, "there is no product: give at least one [products.NAME]"))
    found: dict[str, ProductEntry] = {}
    for name, entry in products.items():
        try:
            _check_name(name, found)
            found[name] = _EntryReading(entry, path, known or {}).product(name)
        except InvalidArgument as error:
            raise BenchFileError(told_of(path, told_of(excerpt(name), error))) from None
    if any(isinstance(entry, dict) and "token" in entry for entry in products.values()):
        _warn_if_open(path)
    _check_twice(found, path)
    return found


def _content(path: Path, what: str, most: int = 1 << 20) -> bytes:
    try:
        with path.open("rb") as file:
            data: bytes = as_secret(file.read(most + 1))
    except FileNotFoundError:
        raise BenchFileError(told_of(path, "there is no such file")) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BenchFileError(told_of(path, f"{what} cannot be read: {reason}")) from None
    if len(data) > most:
        raise BenchFileError(told_of(path, f"{what} holds more than {most} bytes"))
    return data


def _warn_if_open(path: Path) -> None:
    """Warn where others may read a file that holds a token."""
    try:
        about = path.stat()
    except OSError:
        return
    if warning := open_to_others(about):
        _LOGGER.warning("%s %s", path, warning)


def _check_name(name: str, others: Collection[str]) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidArgument("the name of a product has 1 to 64 of the characters a-z, A-Z, 0-9, _ and -")
    # Recordings bear the name, and some file systems do not tell the two apart.
    if same := [each for each in others if each.lower() == name.lower()]:
        raise InvalidArgument(f"{excerpt(same[0])} is there, too: names differ in more than capital letters")


def _check_twice(products: Mapping[str, ProductEntry], path: Path) -> None:
    """Refuse two products at one address or place, and a serial port that two receivers shall be."""
    users: dict[str, str] = {}
    for each in products.values():
        given = {"host": f"{each.host}, UDP port {each.port},"}
        for key, same in each.exclusive.items():
            who, shown = told_of(excerpt(each.name), key), given.get(key) or getattr(each, key)
            if same in users:
                raise BenchFileError(told_of(path, f"{who}: {shown} is that of {users[same]} already"))
            users[same] = who


def split_place(text: str) -> tuple[str | None, str]:
    """Tell a place of labgrid from a target in an environment's file.

    :returns: None and the place, or the file and the target (``main`` where none is named)
    """
    # Of what is no text, opening the place tells.
    match = _ENVIRONMENT.fullmatch(text) if isinstance(text, str) else None
    return (None, text) if match is None else (match["file"], match["target"] or "main")


class _EntryReading:
    """Reads what stands under the name of a product; each fault is an :class:`InvalidArgument` that names its key."""

    def __init__(self, entry: object, path: Path, known: Mapping[str, Collection[str]]) -> None:
        if not isinstance(entry, dict):
            raise InvalidArgument(f"a table [products.NAME] is expected, not {kind_of(entry)}")
        self._entry = {key: as_secret(value) if "token" in key else value for key, value in entry.items()}
        self._path = path
        self._known = known

    def product(self, name: str) -> ProductEntry:
        """Make the product of what is there."""
        self._check_keys()
        virtual = self._flag("virtual")
        self._check_way(virtual)
        found: dict[str, Any] = {
            "uart": self._text("uart"),
            "uart_up": self._text("uart_up"),
            "spec": self._spec(),
            "power": self._power(),
            "retries": self._number("retries", 0, MOST_RETRIES, whole=True),
        }
        if "labgrid" in self._entry:
            found |= {"labgrid": self._place(), "coordinator": self._text("coordinator")}
        if virtual:
            found |= {
                "profile": self._profile(),
                "misbehave": self._misbehave(),
                "poll_interval": self._number("poll_interval", QUICKEST_POLL, SLOWEST_POLL),
            }
        if found["uart_up"] and not found["uart"]:
            raise InvalidArgument(
                "uart_up is the second of two receivers: give uart (at the module's TX) too"
            )
        return ProductEntry(name, virtual, **self._device(virtual), **found)

    def _check_keys(self) -> None:
        for key in self._entry:
            if key not in KEYS:
                import difflib  # for those who mistype

                close = difflib.get_close_matches(key, KEYS, n=1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(KEYS))}"
                raise InvalidArgument(told_of(f"there is no key {excerpt(key)}", hint))

    def _check_way(self, virtual: bool) -> None:
        """Refuse a product that is at no place, or at two."""
        entry = self._entry
        for key in _OF_REAL if virtual else _OF_VIRTUAL:
            if key in entry:
                problem = (
                    "is of a real product, and this one is virtual" if virtual else "is of a virtual product"
                )
                raise InvalidArgument(f"{key} {problem}")
        if virtual:
            return
        if "labgrid" in entry:
            if clash := [key for key in _OF_PLACE if key in entry]:
                raise InvalidArgument(f"{clash[0]} is known of a place of labgrid: leave it away")
            return
        if "coordinator" in entry:
            raise InvalidArgument("coordinator is labgrid's: give the place, too, as labgrid")
        if "host" in entry and "device" in entry:
            raise InvalidArgument("host and device are two ways to say where it is: give one of them")
        if "device" in entry and (clash := [key for key in _OF_HOST if key in entry]):
            raise InvalidArgument(f"{clash[0]} is known of a named device: leave it away, or give host")
        if (
            "host" not in entry
            and (clash := [key for key in _OF_HOST if key in entry])
            and "device" not in entry
        ):
            raise InvalidArgument(f"{clash[0]} without host: whose is it?")
        if not {"host", "device", "uart"} & entry.keys():
            raise InvalidArgument(
                "give host and token, device (a named one), uart, labgrid (a place) or virtual = true"
            )

    def _device(self, virtual: bool) -> dict[str, Any]:
        if "device" in self._entry:
            name = self._text("device") or ""
            try:
                named = DevicesFile().get(name)
            except DevicesFileError as error:
                raise InvalidArgument(f"device: {error}") from None
            return {"host": named.ip, "token": Secret(named.token), "port": named.port, "did": named.did}
        host, token = self._text("host"), self._token()
        if host and token is None:
            raise InvalidArgument("host needs the token of the product: give token_file, or token")
        default = 0 if virtual else PORT
        port = self._number("port", 1, 65535, whole=True) or default
        return {"host": host, "token": token, "port": port, "did": self._did()}

    def _did(self) -> int | None:
        try:
            return did_of(self._entry.get("did"))
        except InvalidArgument as error:
            raise InvalidArgument(f"did: {error}") from None

    def _token(self) -> Secret | None:
        given: object = self._entry.get("token")
        wrong = "the token is wrong"
        if "token_file" in self._entry:
            if given is not None:
                raise InvalidArgument("token and token_file are two ways to give one thing: use one of them")
            path = self._path.parent / (self._text("token_file") or "")
            wrong = told_of("token_file", f"{path} holds no token")
            try:
                data = _content(path, "the token", _TOKEN_BYTES)
            except BenchFileError as error:
                raise InvalidArgument(told_of("token_file", error)) from None
            _warn_if_open(path)
            given = Secret(data.decode("utf-8-sig", "replace").strip())
        if given is None:
            return None
        if not isinstance(given, str):
            raise InvalidArgument(f"token is a text of 32 hexadecimal digits, not {kind_of(given)}")
        try:
            return Secret(parse_token(given).hex())
        except InvalidTokenException as error:
            raise InvalidArgument(f"{wrong} ({error})") from None

    def _spec(self) -> str | None:
        spec = self._text("spec")
        if spec is None or not spec.lower().endswith((".json", ".toml")):
            return spec  # a model, or the name of a shipped one
        path = self._path.parent / spec
        if problem := missing_file(path):
            raise InvalidArgument(f"spec: {problem}")
        return str(path)

    def _power(self) -> str | None:
        command = self._text("power")
        if command is not None:
            try:
                CommandPower(command)
            except InvalidArgument as error:
                raise InvalidArgument(f"power: {error}") from None
        return command

    def _place(self) -> str:
        text = self._text("labgrid") or ""
        file, target = split_place(text)
        if file is None:
            return text
        path = self._path.parent / file
        if problem := missing_file(path):
            raise InvalidArgument(f"labgrid: {problem}")
        return f"{path}:{target}"

    def _profile(self) -> str | None:
        profile = self._text("profile")
        return None if profile is None else self._word("profile", profile)

    def _misbehave(self) -> tuple[str, ...]:
        given = self._entry.get("misbehave", [])
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise InvalidArgument(f'misbehave is a list of texts such as ["silent"], not {kind_of(given)}')
        return tuple(self._word("misbehave", each) for each in given)

    def _word(self, key: str, word: str) -> str:
        words = self._known.get(key, ())
        if words and word not in words:
            raise InvalidArgument(f"{key}: there is no {excerpt(word)}; there are {', '.join(words)}")
        return word

    def _text(self, key: str) -> str | None:
        value = self._entry.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise InvalidArgument(f"{key} is a text, not {kind_of(value)}")
        if not value.strip() or not value.isprintable():
            raise InvalidArgument(f"{key} is {'empty' if not value.strip() else 'no printable text'}")
        return value.strip()

    def _flag(self, key: str) -> bool:
        value = self._entry.get(key, False)
        if not isinstance(value, bool):
            raise InvalidArgument(f"{key} is true or false, not {kind_of(value)}")
        return value

    def _number(self, key: str, least: float, most: float, *, whole: bool = False) -> Any:
        value = self._entry.get(key)
        if value is None:
            return None
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            shown = show(value) if isinstance(value, int | float) else kind_of(value)
            kind = "a whole number" if whole else "a number"
            raise InvalidArgument(f"{key} is {kind} from {least:g} to {most:g}, not {shown}")
        return value


def kind_of(value: object) -> str:
    """Say what kind of TOML value this is."""
    names: Mapping[type, str] = {dict: "a table", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "a date")
