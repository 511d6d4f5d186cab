"""Firmware updates that really happen: the download, then the module's own restart or the transfer to its MCU.

``downloading``, ``downloaded``, ``installing``, then ``installed``, ``failed`` or a restart. No I/O and no clock: what
is to be fetched is asked for, and what came is told. Source: serial document, update_fw; observed module firmware.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from miio_lan.device.ota import MAX_URL
from miio_lan.uart import commands as c
from miio_lan.uart.document import VERSION_RESTART, version_fault
from miio_lan.uart.values import shown
from miio_lan.virtual.image import ImagePart, read_image
from miio_lan.virtual.module.download import Download, UpdateTimes, md5_of, server_of, url_of
from miio_lan.virtual.module.firmware import FirmwareTransfer

if TYPE_CHECKING:
    from miio_lan.uart.line import Line
    from miio_lan.virtual.hooks import Hooks
    from miio_lan.virtual.module.chip import Chip
    from miio_lan.virtual.module.download import Fetch
    from miio_lan.virtual.module.line.mcu_queue import McuQueue
    from miio_lan.virtual.module.profile import Profile
    from miio_lan.virtual.module.update import FirmwareUpdate

_LOGGER = logging.getLogger(__name__)

OWN_IMAGE_LIMIT = 2 * 1024 * 1024
"""Bytes of the largest image of its own that the module takes."""


class UpdateBoard(Protocol):
    """What an update needs of the module around it."""

    chip: Chip
    hooks: Hooks
    profile: Profile
    queue: McuQueue
    update: FirmwareUpdate
    next_firmware: str | None
    firmware_limit: int

    @property
    def net(self) -> str:
        """The network state."""

    def restart(self, now: float) -> None:
        """Restart at once."""


class Updates:
    """The updates of one module, one at a time.

    :param plain_images: what an image is for that came by ``app_url`` and does not say so itself
    :ivar times: how long things take
    :ivar on_told: called with what happens, in words for people; else it is logged
    :ivar failed: why the last update from the LAN failed; empty while it did not
    """

    def __init__(self, board: UpdateBoard, times: UpdateTimes, plain_images: ImagePart) -> None:
        self.times = times
        self.plain_images = plain_images
        self.on_told: Callable[[str], object] | None = None
        self.failed = ""
        self._board = board
        self._fetches = 0
        self._key = ""
        self._download: Download | None = None
        self._transfer: FirmwareTransfer | None = None
        self._own: bytes | None = None
        self._from_lan = False
        self._due: float | None = None
        self._words = ""
        self._before: str | None = None
        self._is_waiting = False

    @property
    def under_way(self) -> bool:
        """Whether an update that began on the LAN, or a transfer, is going on."""
        return bool(self._download or self._transfer or self._own is not None or self._is_waiting)

    @property
    def wanted(self) -> Fetch | None:
        """What is to be fetched now, None for nothing."""
        return self._download.wanted if self._download is not None else None

    @property
    def is_silent(self) -> bool:
        """Whether it is too busy writing its flash to answer anybody."""
        return self._own is not None and self.times.silent

    # -- beginning and ending ----------------------------------------------------------------------------------

    def start(self, params: Mapping[str, object], now: float) -> None:
        """Begin what ``miIO.ota`` asks for; nothing happens while an update is going on."""
        found = url_of(params, MAX_URL)
        if found is None or self.under_way:
            return
        self._key, url = found
        self.failed = ""
        self._tell(f"downloading from {server_of(url)}, as {self._key}")
        md5 = md5_of(params) if self._board.profile.checks_md5 else ""
        limit = max(OWN_IMAGE_LIMIT, self._board.firmware_limit)
        self._fetches += 1
        self._download = Download(self._fetches, url, md5, limit, self.times, now)
        self._go_on(now)

    def send(self, image: bytes, now: float, done: Callable[[str, float], None]) -> None:
        """Send the MCU an image that is there already."""
        hooks = self._board.hooks
        self._transfer = FirmwareTransfer(image, now, lambda failed, at: hooks.run(done, failed, at))

    def stop(self, reason: str, now: float) -> None:
        """Break off whatever goes on, as a restart does."""
        transfer, self._transfer = self._transfer, None
        if transfer is not None:
            transfer.done(reason, now)
        elif self.under_way:
            self._end("failed", reason)
        self._clear()

    def _clear(self) -> None:
        self._download = self._transfer = self._own = self._due = self._before = None
        self._is_waiting = self._from_lan = False
        self._words = ""

    def _end(self, state: str, failed: str = "", told: str = "") -> None:
        self.failed = failed
        self._tell(f"failed, {failed}" if failed else told)
        self._clear()
        self._board.update.report(state)

    def _tell(self, text: str) -> None:
        if self.on_told is not None:
            self._board.hooks.run(self.on_told, text)
        else:
            _LOGGER.info("update: %s", text)

    # -- the download ------------------------------------------------------------------------------------------

    def answered(self, number: int, start: int, total: int | None, now: float) -> None:
        """See :meth:`Download.answered`."""
        if self._download is not None:
            self._download.answered(number, start, total, now)
            self._go_on(now)

    def received(self, number: int, data: bytes, now: float) -> None:
        """See :meth:`Download.received`."""
        if self._download is not None:
            self._download.received(number, data, now)
            self._go_on(now)

    def ended(self, number: int, failure: str, now: float, *, final: bool = False) -> None:
        """See :meth:`Download.ended`."""
        if self._download is not None:
            self._download.ended(number, failure, now, final=final)
            self._go_on(now)

    def _go_on(self, now: float) -> None:
        download = self._download
        if download is None:
            return
        self._fetches = download.number
        if download.failed:
            self._end("failed", download.failed)
        elif download.done:
            self._download = None
            self._tell(f"downloaded {len(download.image)} bytes")
            self._board.update.report("downloaded", 100)
            self._install(download.image, now)
        else:
            self._board.update.report("downloading", download.progress)

    # -- the installation --------------------------------------------------------------------------------------

    def _install(self, image: bytes, now: float) -> None:
        part = "mcu" if self._key == "mcu_url" else read_image(image).part or self.plain_images
        limit = self._board.firmware_limit if part == "mcu" else OWN_IMAGE_LIMIT
        if len(image) > limit:
            self._end("failed", f"an image of {len(image)} bytes is too large: {limit} are taken at most")
        elif part == "mcu":
            self._before = self._board.chip.mcu_version
            offers = self._board.profile.update_offers
            self._transfer = FirmwareTransfer(
                image, now, self._sent, notice=True, offers=offers, is_free=self._is_free
            )
            self._from_lan = True
        elif fault := read_image(image).fault:
            self._end("failed", f"the image is none: {fault}")
        else:
            self._own, self._due = image, now + self.times.flash
            self._board.update.report("installing", 100)
            self._tell("installing, for the module itself")

    def _is_free(self) -> bool:
        return not self._board.queue.in_work

    def _start_own(self, image: bytes, now: float) -> None:
        board = self._board
        old = board.chip.firmware
        board.chip.firmware = read_image(image).version or board.next_firmware or following(old)
        self._tell(f"restarting, firmware {old} is followed by {board.chip.firmware}")
        self._clear()
        board.restart(now)

    def _sent(self, failed: str, now: float) -> None:
        """The transfer of an update from the LAN is over."""
        if failed:
            self._end("failed", failed)
            self._tell_net()
            return
        self._tell("sent; the MCU is asked for its version")
        self._is_waiting, self._due = True, now + self.times.version
        self._board.update.report("installing", 100)

    def _on_version(self, version: str, now: float) -> None:
        if version == self._before and self._words:
            self._end("failed", f"the MCU reports version {version} as before, and said {self._words}")
        else:
            before = f", {self._before} before" if self._before is not None else ""
            self._end("installed", told=f"installed; the MCU reports version {version}{before}")
            if self._board.profile.restarts_after_mcu_update:
                self._due = now + VERSION_RESTART
        self._tell_net()

    def _tell_net(self) -> None:
        """The MCU was told "updating": older modules tell each change, newer ones the difference by themselves."""
        board = self._board
        if board.profile.every_notice:
            board.queue.notify(f"MIIO_net_change {board.net}")

    # -- the line ----------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> bytes:
        """Take bytes of the MCU; returned are those that are lines."""
        return data if self._transfer is None else self._transfer.receive(data, now)

    def reply(self, line: Line, now: float) -> str | None:
        """Answer a line of the MCU; None leaves it to the module."""
        if self._transfer is not None:
            return self._transfer.reply(line, now)
        if self._is_waiting:
            command = c.read(line.text, direction="up")
            if isinstance(command, c.McuVersion) and not version_fault(command.version):
                self._on_version(str(command.version), now)
            elif isinstance(command, (c.Noise, c.Error)) and line.text:
                self._words = self._words or shown(line.text)
        return None

    def take_output(self, now: float) -> bytes:
        """Drain what is to be sent to the MCU, and note how far it is. To be called after everything above."""
        transfer = self._transfer
        if transfer is None:
            return b""
        said = transfer.take_output()
        queue, update = self._board.queue, self._board.update
        if transfer.told:
            queue.told_net("updating")
        if update.scripted:
            pass  # an update that runs by itself on the LAN is left alone
        elif transfer.over and not self._from_lan:
            update.report("failed" if transfer.failed else "installed")
        elif not transfer.over and transfer.progress is not None:
            update.report("installing", transfer.progress)
        if transfer.over:
            self._transfer, self._from_lan = None, False
            if not transfer.failed:
                queue.notify("MIIO_mcu_version_req")
            transfer.done(transfer.failed, now)
        return said

    # -- time --------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None for never."""
        due = (each.deadline for each in (self._download, self._transfer) if each is not None)
        return min((at for at in (*due, self._due) if at is not None), default=None)

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self._download is not None:
            self._download.tick(now)
            self._go_on(now)
        if self._transfer is not None:
            self._transfer.tick(now)
        if self._due is None or now < self._due:
            return
        self._due = None
        if self._own is not None:
            self._start_own(self._own, now)
        elif self._is_waiting:
            self._end("failed", f"the image was sent, but no version came within {self.times.version:g} s")
            self._tell_net()
        else:
            self._board.restart(now)


_LAST_NUMBER = re.compile(r"\d+(?=\D*\Z)", re.ASCII)


def following(version: str) -> str:
    """Give the version after another one: its last number is one more, in as many digits."""
    return _LAST_NUMBER.sub(lambda found: f"{int(found[0]) + 1:0{len(found[0])}}", version, count=1)
