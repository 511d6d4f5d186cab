"""Places of a coordinator, acquired and released by labgrid's rules, and targets of an environment's file."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import threading
from argparse import Namespace
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, redirect_stdout, suppress
from types import TracebackType
from typing import Any, Self

from labgrid import Environment, Target
from labgrid.binding import BindingError
from labgrid.exceptions import InvalidConfigError, NoConfigFoundError, NoSupplierFoundError
from labgrid.factory import target_factory
from labgrid.remote.client import Error as ClientError
from labgrid.remote.client import start_session
from labgrid.resource.remote import RemotePlace, RemotePlaceManager

from miio_lan.bench.places.file import split_place
from miio_lan.errors import DeviceException, PlaceError
from miio_lan.foreign import printable
from miio_lan.labgrid.driver import MiioBenchDriver
from miio_lan.labgrid.entry import Entry, entry_of
from miio_lan.paths import FilePath, checked_path
from miio_lan.record.redact import told_of

_LOGGER = logging.getLogger(__name__)

COORDINATOR = "127.0.0.1:20408"
"""Where the coordinator is, if neither an argument nor ``LG_COORDINATOR`` says so: labgrid's own default."""

LONGEST = 60.0
"""Seconds a coordinator has for an answer: to acquire a place, its exporters start what they export."""

_TURN = threading.RLock()
"""Labgrid's client has one loop, which one thread may run at a time."""

_BEGUN: list[Any] = []
"""Sessions that were begun here, and end with the last place that uses them."""


class Place:
    """A target of labgrid that is ours until it is closed. A context manager that closes.

    :ivar name: the name of the place, or of the target
    :ivar target: labgrid's target
    :ivar entry: what a bench needs of it
    """

    def __init__(self, name: str, target: Any, entry: Entry, closing: ExitStack) -> None:
        self.name = name
        self.target = target
        self.entry = entry
        self._closing = closing

    def __repr__(self) -> str:
        return f"<Place {self.name}: {self.entry!r}>"

    def close(self) -> None:
        """Let go: places that were acquired here are released, those that were acquired before are left so."""
        with _TURN:
            self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_place(
    name: str,
    *,
    coordinator: str | None = None,
    uart: str | None = None,
    uart_up: str | None = None,
) -> Place:
    """Use a place of the coordinator: acquired if it is free, and released when it is closed.

    A place that this user has acquired on this computer already (``labgrid-client acquire``) is used, and stays so.
    All places of a process have the same coordinator.

    :param name: the place; ``+TOKEN`` of a reservation, ``+`` for that of ``LG_TOKEN``, as ``labgrid-client`` takes it
    :param coordinator: ``HOST[:PORT]``; ``LG_COORDINATOR`` or ``127.0.0.1:20408`` by default
    :param uart: the name of the serial port that listens; see :func:`miio_lan.labgrid.lines.receivers`
    :param uart_up: the name of the one at the MCU's TX
    :raises PlaceError: if it cannot be had or lacks something; it is not acquired then
    """
    address = coordinator or os.environ.get("LG_COORDINATOR") or COORDINATOR
    with _TURN, ExitStack() as undo:
        session = _session(address, None, undo)
        found = _acquire(session, name, undo)
        target = Target(found, env=None)
        _forget_later(target, undo)
        RemotePlace(target, name=found)
        return Place(found, target, _entry(target, uart, uart_up), undo.pop_all())


def open_environment(path: FilePath, target: str = "main", *, coordinator: str | None = None) -> Place:
    """Use a target of an environment's file. Places that it names are acquired and released as by :func:`open_place`.

    Where it has a :class:`~miio_lan.labgrid.driver.MiioBenchDriver`, that one names the serial ports.

    :param path: the YAML file
    :param target: the name of the target
    :param coordinator: ``HOST[:PORT]``; the file's ``coordinator_address``, or as :func:`open_place` by default
    :raises PlaceError: if the file cannot be read, has no such target, or that lacks something
    """
    path = checked_path("an environment", path, PlaceError)
    with _TURN, ExitStack() as undo:
        try:
            env = Environment(config_file=str(path))
            config = env.config.get_targets().get(target)
            if not config:
                there = ", ".join(env.config.get_targets()) or "none"
                raise PlaceError(f"{path} has no target {target}; there are {there}")
            _acquire_all(env, config, coordinator, undo)
            made = env.get_target(target)
        except (NoConfigFoundError, InvalidConfigError, NoSupplierFoundError, BindingError) as error:
            raise PlaceError(told_of(path, error.msg)) from error
        except (OSError, KeyError, ImportError) as error:
            raise PlaceError(f"{path} cannot be used: {printable(str(error))}") from error
        _forget_later(made, undo)
        driver = next((each for each in made.drivers if isinstance(each, MiioBenchDriver)), None)
        names = (driver.uart, driver.uart_up) if driver is not None else (None, None)
        return Place(target, made, _entry(made, *names), undo.pop_all())


def open_any(text: str, *, coordinator: str | None = None) -> Place:
    """Use a place, or ``FILE.yaml:TARGET``, as a bench file and ``--miio-labgrid`` name it.

    :raises PlaceError: as the two do
    """
    file, target = split_place(text)
    if file is None:
        return open_place(target, coordinator=coordinator)
    return open_environment(file, target, coordinator=coordinator)


def _acquire_all(env: Any, config: Any, coordinator: str | None, undo: ExitStack) -> None:
    """Acquire the places that a target names, before labgrid looks for their resources."""
    resources, _ = target_factory.normalize_config(config)
    names = list(resources.get("RemotePlace", {}))
    if not names:
        return
    default = coordinator or os.environ.get("LG_COORDINATOR") or COORDINATOR
    address = coordinator or env.config.get_option("coordinator_address", default)
    session = _session(address, env, undo)
    for name in names:
        _acquire(session, name, undo)


def _entry(target: Any, uart: str | None, uart_up: str | None) -> Entry:
    try:
        return entry_of(target, uart=uart, uart_up=uart_up)
    except DeviceException:
        raise
    except Exception as error:  # what labgrid's drivers raise has no common root
        raise PlaceError(
            f"{target.name} cannot be used: {type(error).__name__}: {printable(str(error))}"
        ) from error


def _session(address: str, env: Any, undo: ExitStack) -> Any:
    """Give the one session of this process; end it with the last place, if it was begun here."""
    manager = RemotePlaceManager.get()
    if manager.session is not None and not manager.session.stopping.is_set():
        if manager.url not in (None, address):
            raise PlaceError(
                f"this process uses the coordinator {manager.url} already, and {address} is another one"
            )
        undo.callback(_end_session, manager, manager.session)
        return manager.session
    try:
        session = start_session(address, extra={"env": env})
    except (ClientError, OSError) as error:
        raise PlaceError(f"no coordinator of labgrid answers at {address}: {_said(error)}") from error
    manager.session, manager.loop, manager.url, manager.env = session, session.loop, address, env
    _BEGUN.append(session)
    undo.callback(_end_session, manager, session)
    return session


def _end_session(manager: Any, session: Any) -> None:
    if session not in _BEGUN or any(isinstance(each, RemotePlace) for each in manager.resources):
        return  # somebody else began it, or uses it, too
    _BEGUN.remove(session)
    if manager.session is session:
        manager.session = manager.loop = manager.url = None
    session.loop.run_until_complete(session.stop())
    session.loop.run_until_complete(session.close())
    session.loop.close()


def _acquire(session: Any, name: str, undo: ExitStack) -> str:
    """Acquire a place if it is free, and release it in the end; give its name."""
    try:
        _await(session, session.sync_with_coordinator())
        place = session.get_place(name)
        if place.acquired:
            session.get_acquired_place(name)  # by us, or it is an error that says by whom
            _LOGGER.info("place %s is acquired already, and will stay so", place.name)
            return str(place.name)
        _run(session, session.acquire, place.name)
    except ClientError as error:
        raise PlaceError(f"place {printable(name)} cannot be had: {_said(error)}") from error
    undo.callback(_release, session, place.name)
    return str(place.name)


def _release(session: Any, name: str) -> None:
    try:
        _run(session, session.release, name)
    except ClientError as error:
        _LOGGER.warning("place %s was not released: %s", name, _said(error))


def _run(session: Any, work: Callable[[], Any], name: str) -> None:
    """Have the client of labgrid do something with a place. What it prints is logged."""
    before, session.args = session.args, Namespace(place=name, allow_unmatched=False, kick=False)
    env, session.env = session.env, None  # or it would take the places of the file, all at once
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            _await(session, work())
    finally:
        session.args, session.env = before, env
        for line in printed.getvalue().splitlines():
            _LOGGER.info("labgrid: %s", line)


def _await(session: Any, work: Coroutine[Any, Any, Any]) -> None:
    """Wait for the coordinator, but not for ever: one that was restarted does not answer an old session."""
    try:
        session.loop.run_until_complete(asyncio.wait_for(work, LONGEST))
    except TimeoutError:
        raise ClientError(f"the coordinator does not answer within {LONGEST:g} s") from None


def _forget_later(target: Any, undo: ExitStack) -> None:
    """Close a target in the end, and have it no longer looked after."""

    def forget() -> None:
        target.cleanup()
        manager = RemotePlaceManager.get()
        for each in target.resources:
            for kept in (manager.resources, manager.unmanaged_resources):
                with suppress(ValueError):
                    kept.remove(each)

    undo.callback(forget)


def _said(error: BaseException) -> str:
    text = str(error).removeprefix("Error: ")
    return printable(text) if text else type(error).__name__
