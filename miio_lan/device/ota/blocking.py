"""An update carried out by the thread that asks for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from miio_lan.device.arguments import checked_patience
from miio_lan.device.ota.outcome import UpdatePhase, UpdateResult
from miio_lan.device.ota.pace import Pace, paced
from miio_lan.device.ota.staging import Source, Stage, given_up
from miio_lan.device.ota.update import PollPause, StopServing, Update
from miio_lan.device.ota.verdicts import error_of
from miio_lan.errors import DeviceException, InvalidArgument
from miio_lan.given import checked_function

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from miio_lan.device.blocking import Device
    from miio_lan.device.ota.update import Step
    from miio_lan.lan.client.blocking import Connection


class FirmwareInstall:
    """One update of a device: serves the file, asks the device to fetch it, and follows it to its proven end.

    :meth:`miio_lan.Device.installing` makes one.

    Iterate over it for the phases as they come (``for phase in install: ...``), or let :meth:`run` do that. Either
    closes the file server, however it ends.

    :param connection: the device's; ``until`` has all calls of the thread end by an instant
    :param source: path or content of a file, or a url; see :class:`~miio_lan.device.ota.staging.Stage`
    :param timeout: seconds for all of it
    :param pace: its other times, see :class:`~miio_lan.device.ota.pace.Pace`
    :raises InvalidArgument: for what no device could install
    """

    def __init__(
        self,
        device: Device,
        connection: Connection,
        source: Source,
        *,
        until: Callable[[float], AbstractContextManager[None]],
        md5: str | None = None,
        version: str | None = None,
        timeout: float | None = None,
        address: str | None = None,
        port: int = 0,
        pace: Pace | None = None,
    ) -> None:
        self._device = device
        self._connection = connection
        self._until = until
        self._pace = paced(pace, timeout)
        self._stage = Stage(source, md5=md5, version=version, address=address, port=port)
        self._cancelled = threading.Event()
        self._begun = False
        #: How it ended; None until it did.
        self.result: UpdateResult | None = None

    def run(self, on_phase: Callable[[UpdatePhase], object] | None = None) -> UpdateResult:
        """Carry it out and give its end; ``result.proven`` is False where nothing proves that it is installed.

        :param on_phase: called with each phase
        :raises UpdateFailed: if it failed, or was cancelled
        :raises DeviceException: if the file cannot be served
        """
        checked_function("on_phase", on_phase)
        with closing(iter(self)) as phases:
            for phase in phases:
                if on_phase is not None:
                    on_phase(phase)
        assert self.result is not None  # noqa: S101 - every update ends with one
        if self.result.failed:
            raise error_of(self.result)
        return self.result

    def cancel(self) -> None:
        """Give it up, from any thread; the device may go on with what it has (``result.text`` says what that is)."""
        self._cancelled.set()

    def __iter__(self) -> Generator[UpdatePhase, None, None]:
        if self._begun:
            raise InvalidArgument("this update was carried out before: make another one")
        self._begun = True
        with self._stage as stage:
            connection, began = self._connection, time.monotonic()
            # Looked for first: a device with a name may have moved, and no other address gets the file.
            host = connection.find_peer(began + self._patience()) if stage.serves else connection.host
            image = stage.open(host, connection.port, connection.source_ip)
            update = Update(image, self._pace, began)
            try:
                yield from self._carry_out(update)
            finally:
                self.result = self.result or given_up(update, self._stage)

    def _carry_out(self, update: Update) -> Generator[UpdatePhase, None, None]:
        session = self._connection.session
        answer: Any = None
        while update.result is None:
            step = update.go_on(answer, time.monotonic(), self._stage.served(), session.clock.last)
            self.result = update.result
            yield from update.take_phases()
            if step is not None:
                answer = self._do(step, update.began + self._pace.total)
                if self._cancelled.is_set():
                    self.result = given_up(update, self._stage)
        yield from update.take_phases()

    def _patience(self) -> float:
        """Give the seconds that finding the device may take: those of a command, within those of all."""
        return min(checked_patience(self._device.timeout, self._device.retry_count), self._pace.total)

    def _do(self, step: Step, end: float) -> Any:
        """Wait, or ask; an error is given back like an answer.

        :param end: when all of it ends, monotonic seconds
        """
        if isinstance(step, PollPause):
            self._cancelled.wait(step.seconds)
            return None
        if isinstance(step, StopServing):
            self._stage.close()
            return None
        try:
            if step.retry_count is None:
                with self._until(end):
                    return self._device.send(step.method, step.params)
            with self._until(time.monotonic() + self._pace.answer):
                return self._device.send(step.method, step.params, step.retry_count)
        except DeviceException as error:
            return error
