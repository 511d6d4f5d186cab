"""An update carried out by a task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
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

    from miio_lan.device.aio import AsyncDevice
    from miio_lan.device.ota.update import Step
    from miio_lan.lan.client.aio import AsyncConnection


class AsyncFirmwareInstall:
    """One update of a device, for an event loop; arguments and meanings are those of the blocking one.

    :meth:`miio_lan.AsyncDevice.installing` makes one.

    Iterate over it (``async for phase in install: ...``), or await :meth:`run`. A cancelled task, and a loop over it
    that is left early and closed, end it at once: the file is served no more.

    :param until: has all calls of the task end by an instant
    """

    def __init__(
        self,
        device: AsyncDevice,
        connection: AsyncConnection,
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
        self._stage_options: dict[str, Any] = {
            "md5": md5,
            "version": version,
            "address": address,
            "port": port,
        }
        self._source = source
        self._stage: Stage | None = None
        self._cancelled = asyncio.Event()
        self._begun = False
        #: How it ended; None until it did.
        self.result: UpdateResult | None = None

    async def run(self, on_phase: Callable[[UpdatePhase], object] | None = None) -> UpdateResult:
        """Carry it out and give its end; see :meth:`miio_lan.device.ota.blocking.FirmwareInstall.run`."""
        checked_function("on_phase", on_phase)
        phases = self.phases()
        try:
            async for phase in phases:
                if on_phase is not None:
                    on_phase(phase)
        finally:
            await phases.aclose()
        assert self.result is not None  # noqa: S101 - every update ends with one
        if self.result.failed:
            raise error_of(self.result)
        return self.result

    def cancel(self) -> None:
        """Give it up; the device may go on with what it has (``result.text`` says what that is)."""
        self._cancelled.set()

    def __aiter__(self) -> AsyncIterator[UpdatePhase]:
        return self.phases()

    async def phases(self) -> AsyncGenerator[UpdatePhase, None]:
        """Carry it out, and give what happens as it happens.

        :raises InvalidArgument: for what no device could install, and if it was carried out before
        :raises DeviceException: if the file cannot be served
        """
        if self._begun:
            raise InvalidArgument("this update was carried out before: make another one")
        self._begun = True
        connection = self._connection
        # A large file takes its time, here and below.
        stage = self._stage = await asyncio.to_thread(lambda: Stage(self._source, **self._stage_options))
        try:
            began = time.monotonic()
            # Looked for first: a device with a name may have moved, and no other address gets the file.
            host = await connection.find_peer(began + self._patience()) if stage.serves else connection.host
            way = (host, connection.port, connection.source_ip)
            update = Update(await asyncio.to_thread(stage.open, *way), self._pace, began)
            try:
                async for phase in self._carry_out(update, stage):
                    yield phase
            finally:
                self.result = self.result or given_up(update, stage)
        finally:
            stage.close()

    async def _carry_out(self, update: Update, stage: Stage) -> AsyncGenerator[UpdatePhase, None]:
        session = self._connection.session
        answer: Any = None
        while update.result is None:
            step = update.go_on(answer, time.monotonic(), stage.served(), session.clock.last)
            self.result = update.result
            for phase in update.take_phases():
                yield phase
            if step is not None:
                answer = await self._do(step, stage, update.began + self._pace.total)
                if self._cancelled.is_set():
                    self.result = given_up(update, stage)
        for phase in update.take_phases():
            yield phase

    def _patience(self) -> float:
        """Give the seconds that finding the device may take: those of a command, within those of all."""
        return min(checked_patience(self._device.timeout, self._device.retry_count), self._pace.total)

    async def _do(self, step: Step, stage: Stage, end: float) -> Any:
        """Wait, or ask; an error is given back like an answer.

        :param end: when all of it ends, monotonic seconds
        """
        if isinstance(step, PollPause):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._cancelled.wait(), step.seconds)
            return None
        if isinstance(step, StopServing):
            stage.close()
            return None
        try:
            if step.retry_count is None:
                with self._until(end):
                    return await self._device.send(step.method, step.params)
            with self._until(time.monotonic() + self._pace.answer):
                return await self._device.send(step.method, step.params, step.retry_count)
        except DeviceException as error:
            return error
