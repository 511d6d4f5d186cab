"""What the options and settings mean together, and what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from miio_lan.pytest_plugin import labgrid_place

if TYPE_CHECKING:
    from miio_lan.bench.places.file import ProductEntry

QUICK_POLL_INTERVAL = 0.02
"""Seconds between polls of the virtual MCU: ten times as often as real ones, so that tests are quick."""
KEEP = ("failed", "all", "none")

_OF_ONE_PRODUCT = ("host", "uart", "virtual", "labgrid", "token", "port", "uart_up", "spec", "power")


@dataclass(frozen=True)
class Settings:
    """Where the product is.

    :param virtual: whether a virtual product was asked for
    :param product: the name of the product, where it has one
    :param did: its device id, where that is known
    :param labgrid: the place of labgrid, or the target of an environment (``FILE.yaml:TARGET``), where it is
    :param coordinator: labgrid's coordinator, where it was named
    :param profile: how the module of a virtual product behaves
    :param misbehave: how the MCU of a virtual product misbehaves
    :param own_retries: whether ``retries`` was given on the command line, which goes before a bench file
    :param own_poll_interval: the same of ``poll_interval``
    :param bench: the bench file, where one was given; then all that is said of one product is in its entries
    :param entries: the products of the bench file by name
    """

    host: str | None
    token: str | None
    port: int
    uart: str | None
    uart_up: str | None
    spec: str | None
    virtual: bool
    poll_interval: float
    recordings: Path
    keep: str
    retries: int | None = None
    logs: Path | None = None
    power: str | None = None
    labgrid: str | None = None
    coordinator: str | None = None
    product: str | None = None
    did: int | None = None
    profile: str = "document"
    misbehave: tuple[str, ...] = ()
    bench: Path | None = None
    entries: Mapping[str, ProductEntry] | None = None
    own_retries: bool = False
    own_poll_interval: bool = False

    def __repr__(self) -> str:
        return f"<Settings: {self.describe() or 'no product'}>"

    @property
    def real(self) -> bool:
        """Whether a product on the bench was named."""
        return self.host is not None or self.uart is not None or self.labgrid is not None

    def describe(self) -> str:
        """Say in words what is tested; empty when that was not said."""
        if self.entries is not None and self.bench is not None:
            products = ", ".join(f"{name} ({each.describe()})" for name, each in self.entries.items())
            return f"bench {self.bench.name}: {products}"
        if self.virtual:
            from miio_lan.uart.ports.port import has_ptys

            return "virtual product" + ("" if has_ptys() else ", module and MCU joined in memory")
        lines = [each for each in (self.uart, self.uart_up) if each]
        if self.labgrid is not None:
            return f"labgrid: {self.labgrid}"
        return ", ".join(
            [*([self.host] if self.host else []), *([f"UART {' and '.join(lines)}"] if lines else [])]
        )

    def of_product(self, name: str) -> Settings:
        """Give the settings of a product of the bench file.

        Without a bench file, a virtual product by that name.

        :raises KeyError: if it is not in the bench file
        """
        if self.entries is None:
            return replace(self, product=name)
        entry = self.entries[name]
        keeps_retries = self.own_retries or entry.retries is None
        keeps_poll = self.own_poll_interval or entry.poll_interval is None
        return replace(
            self,
            product=name,
            entries=None,
            **{
                each: getattr(entry, each)
                for each in ("host", "token", "port", "did", "uart", "uart_up", "spec", "virtual", "power")
            },
            labgrid=entry.labgrid,
            coordinator=entry.coordinator or self.coordinator,
            retries=self.retries if keeps_retries else entry.retries,
            poll_interval=self.poll_interval if keeps_poll else entry.poll_interval or 0,
            profile=entry.profile or self.profile,
            misbehave=entry.misbehave,
        )

    def called(self, name: str) -> str:
        """Say how a setting is called where it was given: an option, or a key of the bench file."""
        if self.labgrid is not None:
            return f"{name.replace('_', '-')} of {self.labgrid}"
        if self.bench is not None:
            return f"{name} of {self.product}"
        return f"--miio-{name.replace('_', '-')}"

    @classmethod
    def of(cls, config: pytest.Config) -> Settings:
        """Read and check them; an option on the command line goes before a setting in a file.

        :raises pytest.UsageError: naming the option that is wrong, and what would be right
        """
        # Here, and nothing heavier: whoever runs pytest without a product pays for it.
        from miio_lan.bench.places.entry import MOST_RETRIES, QUICKEST_POLL, SLOWEST_POLL
        from miio_lan.lan import PORT

        given = _Given(config)
        bench = given.bench()
        labgrid = labgrid_place.asked(given) if bench is None else None
        elsewhere = bench is not None or labgrid is not None
        virtual, host, uart = (False, None, None) if elsewhere else given.product()
        token = given.token(from_environment=host is not None)
        found = cls(
            host=host,
            token=token if host else None,
            port=PORT if bench else given.number("port", PORT, 1, 65535, whole=True),
            uart=uart,
            uart_up=None if virtual or elsewhere else given.text("uart_up"),
            spec=None if bench else given.text("spec"),
            virtual=virtual,
            poll_interval=given.number("poll_interval", QUICK_POLL_INTERVAL, QUICKEST_POLL, SLOWEST_POLL),
            recordings=given.path("recordings") or _home(config) / "miio-recordings",
            keep=given.text("keep") or "failed",
            retries=given.number("retries", None, 0, MOST_RETRIES, whole=True),
            logs=given.path("logs"),
            power=None if bench else given.power(virtual=virtual),
            bench=bench,
            entries=given.entries(bench) if bench else None,
            own_retries=given.option("retries") is not None,
            own_poll_interval=given.option("poll_interval") is not None,
            labgrid=labgrid,
            coordinator=config.getoption("lg_coordinator", None),
        )
        found.check(token_given=given.option("token") is not None)
        given.refuse_taken_for_tests()
        if found.real:
            given.refuse_workers()
        if found.keep != "none":
            given.check_folder("recordings")
        given.check_folder("logs")
        spec = None if bench else given.path("spec")
        if spec is None or not spec.suffix:
            return found
        from miio_lan.keeping import missing_file  # here: who names no description loads nothing of it

        if problem := missing_file(spec):
            from miio_lan.uart.document import model_fault

            if spec.suffix.lower() not in (".json", ".toml") and not model_fault(found.spec or ""):
                return found  # a model, whose description was fetched
            raise pytest.UsageError(f"--miio-spec: {problem}")
        return replace(found, spec=str(spec))

    def check(self, *, token_given: bool) -> None:
        """Refuse what does not fit together."""
        if self.host is not None and self.token is None:
            raise pytest.UsageError(
                "--miio-host needs the token of the product: give --miio-token, or set MIIO_LAN_TOKEN"
            )
        if self.host is None and token_given and not self.virtual:
            raise pytest.UsageError("--miio-token without --miio-host: whose token is it?")
        if self.token is not None:
            _check_token(self.token)
        if self.uart_up is not None and self.uart is None:
            raise pytest.UsageError(
                "--miio-uart-up is the second of two receivers: give --miio-uart (at the module's TX) too"
            )
        if self.keep not in KEEP:
            raise pytest.UsageError(f"--miio-keep is one of {', '.join(KEEP)}, not {self.keep!r}")


def _check_token(token: str) -> None:
    """Refuse what is no token, without showing it: reports are handed on.

    :raises pytest.UsageError: saying what is wrong with it
    """
    from miio_lan.errors import (
        InvalidTokenException,  # here: pytest loads this file, also where no product is tested
    )
    from miio_lan.lan.cipher import parse_token

    try:
        parse_token(token)
    except InvalidTokenException as error:
        raise pytest.UsageError(f"--miio-token: {error}") from None


class _Given:
    """The options and settings as they were given."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def option(self, name: str) -> Any:
        return self._config.getoption(f"miio_{name}")

    def text(self, name: str) -> str | None:
        value = self.option(name)
        if value is None:
            value = self._config.getini(f"miio_{name}") or None
        elif not value.strip():
            raise pytest.UsageError(f"--miio-{name.replace('_', '-')} is empty")
        return value.strip() if value is not None else None

    def token(self, *, from_environment: bool) -> str | None:
        """Give the token, as a text that tracebacks and lists of variables do not show."""
        from miio_lan.variables import TOKEN_VARIABLE  # here, for the same reason as above

        given = self.text("token") or (os.environ.get(TOKEN_VARIABLE) if from_environment else None)
        if given is None:
            return None
        from miio_lan.record.redact import Secret  # here, for the same reason as above

        return Secret(given)

    def bench(self) -> Path | None:
        """Give the bench file; an option that names a product otherwise goes before a setting, and two are refused."""
        text = self.text("bench")
        if text is None:
            return None
        asked = self.option("bench") is not None
        for name in _OF_ONE_PRODUCT:
            option = f"--miio-{name.replace('_', '-')}"
            if self.option(name) is None:
                continue
            if not asked and name in ("host", "uart", "virtual", "labgrid"):
                return None
            raise pytest.UsageError(
                f"{option} is of one product, and the bench file says it of each: give {option} or --miio-bench"
            )
        return self.path("bench")

    def entries(self, path: Path) -> Mapping[str, ProductEntry]:
        """Read the bench file."""
        from miio_lan.bench.places.file import read_bench  # here, for the same reason as above
        from miio_lan.errors import BenchFileError
        from miio_lan.pytest_plugin.warned import Warned
        from miio_lan.virtual.mcu.misbehave import MISBEHAVIOURS
        from miio_lan.virtual.module.profile import PROFILES

        with Warned() as found:
            try:
                entries = read_bench(path, profiles=PROFILES, misbehaviours=MISBEHAVIOURS)
            except BenchFileError as error:
                raise pytest.UsageError(f"--miio-bench: {error}") from None
        if not hasattr(self._config, "workerinput"):  # once is enough
            for text in found.texts:
                self._warn(f"--miio-bench: {text}")
        return entries

    def _warn(self, text: str) -> None:
        try:
            self._config.issue_config_time_warning(pytest.PytestWarning(text), stacklevel=2)
        except pytest.PytestWarning as error:  # they are to be errors
            raise pytest.UsageError(str(error)) from None

    def product(self) -> tuple[bool, str | None, str | None]:
        """Say which product is meant: virtual, or at which address and port."""
        named = {name: self.option(name) for name in ("host", "uart")}
        asked = self.option("virtual")
        if asked and (clash := [name for name, value in named.items() if value is not None]):
            raise pytest.UsageError(
                f"--miio-virtual and --miio-{clash[0]} are two products: give one of them"
            )
        for name in ("token", "port", "uart_up"):
            if asked and self.option(name) is not None:
                raise pytest.UsageError(
                    f"--miio-{name.replace('_', '-')} is of a real product, and --miio-virtual starts a virtual one: "
                    "give one of them"
                )
        here = any(value is not None for value in named.values())
        if asked or (not here and self._config.getini("miio_virtual")):
            return True, None, None
        return False, self.text("host"), self.text("uart")

    def power(self, *, virtual: bool) -> str | None:
        """Give the command that switches the product; the virtual one needs none."""
        command = self.text("power")
        if command is None:
            return None
        if virtual and self.option("power") is not None:
            raise pytest.UsageError(
                "--miio-power is of a real product, and the virtual one has a switch of its own: leave it away"
            )
        from miio_lan.bench.places.power import CommandPower  # here, for the same reason as above
        from miio_lan.errors import InvalidArgument

        try:
            CommandPower(command)
        except InvalidArgument as error:
            raise pytest.UsageError(f"--miio-power: {error}") from None
        return command

    def refuse_taken_for_tests(self) -> None:
        """Refuse ports that pytest took for the place of the tests, before it knew our options."""
        for name in ("uart", "uart_up"):
            url = self.option(name)
            if url and url.startswith("/") and self._config.rootpath in Path(url).parents:
                option = f"--miio-{name.replace('_', '-')}"
                raise pytest.UsageError(
                    f"write {option}={url}, with an equals sign: pytest takes {url} for the place of your tests"
                )

    def refuse_workers(self) -> None:
        """Refuse several workers of pytest-xdist at one product.

        Each would hear the lines of the others, and change the values they set.
        """
        options = self._config.option
        if getattr(options, "dist", "no") == "no" or hasattr(self._config, "workerinput"):
            return
        workers = sum(_times(each) for each in getattr(options, "tx", None) or ())
        if workers > 1:
            raise pytest.UsageError(
                f"-n {workers}: there is one product on the bench, and its tests run one after the other; "
                "leave -n away, name several in a file for --miio-bench, or give -n 0"
            )

    def check_folder(self, name: str) -> None:
        """Refuse a place for files that can be none."""
        path = self.path(name)
        if path is None:
            return
        try:
            there = next(each for each in (path, *path.parents) if each.exists())
            problem = "is not a folder" if not there.is_dir() else ""
        except OSError as error:
            there, problem = path, f"cannot be used: {error.strerror or error}"
        if not problem and not os.access(there, os.W_OK | os.X_OK):
            problem = "cannot be written to"
        if problem:
            raise pytest.UsageError(f"--miio-{name} names a folder for {name}, and {there} {problem}")

    def number(self, name: str, default: Any, least: float, most: float, *, whole: bool = False) -> Any:
        text = self.text(name)
        if text is None:
            return default
        try:
            number = int(text) if whole else float(text)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            kind = "a whole number" if whole else "a number"
            option = f"--miio-{name.replace('_', '-')}"
            raise pytest.UsageError(f"{option} is {kind} from {least:g} to {most:g}, not {text!r}")
        return number

    def path(self, name: str) -> Path | None:
        """Give a path: on the command line it starts here, in a file where that file is."""
        text = self.text(name)
        if text is None:
            return None
        return self.home(name) / text

    def home(self, name: str) -> Path:
        """Give the folder that a path starts from."""
        return self._config.invocation_params.dir if self.option(name) is not None else _home(self._config)


def _times(worker: str) -> int:
    """Tell how many workers ``popen`` or ``2*popen`` means, as pytest-xdist writes it."""
    times, star, _ = worker.partition("*")
    return int(times) if star and times.isdigit() else 1


def _home(config: pytest.Config) -> Path:
    return config.inipath.parent if config.inipath is not None else config.invocation_params.dir


SETTINGS = pytest.StashKey[Settings]()
