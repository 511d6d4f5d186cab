"""How a firmware update changes a virtual MCU: when it leaves for its bootloader, and what it comes back as."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from miio_lan.uart.document import UPDATE_FW, UPDATE_READY
from miio_lan.virtual.image import read_image
from miio_lan.virtual.mcu.identity import next_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miio_lan.virtual.mcu.bootloader import Bootloader
    from miio_lan.virtual.mcu.mcu import Mcu

_LOGGER = logging.getLogger(__name__)


def resets_on(mcu: Mcu, method: str, arguments: Sequence[str]) -> bool:
    """Tell whether it leaves for its bootloader at a downlink, without a word."""
    if mcu.update_answer != UPDATE_READY:
        return False
    if method == UPDATE_FW:
        return mcu.bootloader.reset in ("offer", "updating")
    told = method == "MIIO_net_change" and arguments[:1] == ["updating"]
    return told and mcu.bootloader.reset == "updating"


def leave_bootloader(mcu: Mcu, bootloader: Bootloader) -> None:
    """Keep what the bootloader took, or note that it took nothing."""
    if bootloader.image is not None:
        mcu.image = bootloader.image
        old, mcu.version = mcu.version, version_after(mcu, bootloader.image)
        mcu.hooks.run(mcu.on_image, bootloader.image)
        tell(mcu, f"took {len(bootloader.image)} bytes; version {old} is followed by {mcu.version}")
    elif bootloader.failed:
        mcu.counters["failed updates"] += 1
        tell(mcu, f"failed, {bootloader.failed}; version {mcu.version} starts again")


def version_after(mcu: Mcu, image: bytes) -> str:
    """Give the version that an image brings: the one it says, the one that was set, or the next number."""
    return read_image(image).version or mcu.updated_version or next_version(mcu.version)


def tell(mcu: Mcu, text: str) -> None:
    """Tell people what happens to the firmware."""
    if mcu.on_told is not None:
        mcu.hooks.run(mcu.on_told, text)
    else:
        _LOGGER.info("firmware: %s", text)
