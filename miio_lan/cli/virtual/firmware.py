"""What the virtual commands have to do with firmware: how an MCU takes it, where it is kept, what is told of it."""

from __future__ import annotations

import logging
import queue
import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli import completion
from miio_lan.cli.files import check_files, is_no_plain_file, replace_file
from miio_lan.click_common.failures import refuse
from miio_lan.click_common.output import echo
from miio_lan.errors import SpecError
from miio_lan.record.pipes import READER_TIME

if TYPE_CHECKING:
    from collections.abc import Callable

    from miio_lan.virtual.mcu.mcu import Mcu
    from miio_lan.virtual.module.module import Module

_LOGGER = logging.getLogger(__name__)

#: What ``--update`` means: what is answered to ``update_fw``, and when the MCU leaves for its bootloader.
_ANSWERS: dict[str, tuple[str | None, str]] = {
    "ready": ("ready", "ready"),
    "busy": ("busy", "ready"),
    "silent": (None, "ready"),
    "resets": ("ready", "offer"),
    "resets-early": ("ready", "updating"),
}
_TRANSFERS = ("crc", "checksum", "mute", "cancels", "resets")


def mcu_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options about the MCU's firmware."""
    for option in (
        click.option(
            "--save-firmware",
            metavar="FILE",
            shell_complete=completion.files,
            help="Write each firmware that was received there, in place of the one before.",
        ),
        click.option(
            "--refuse-firmware",
            metavar="WORDS",
            help="Receive firmware, and refuse it with these words in place of starting it.",
        ),
        click.option(
            "--transfer",
            type=click.Choice(_TRANSFERS),
            default="crc",
            show_default=True,
            help="What its bootloader asks for; or it never asks, cancels in the middle, or loses power there.",
        ),
        click.option(
            "--update",
            type=click.Choice(list(_ANSWERS)),
            default="ready",
            show_default=True,
            help="What it does at update_fw: answer, stay silent, or reset without a word and let its bootloader "
            "answer; resets-early does so at MIIO_net_change updating already.",
        ),
    ):
        function = option(function)
    return function


class ImageFile(click.File):
    """A file with an image, ``-`` for stdin where there is one.

    Click's own words have its name before a colon, which hides the reason of some.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Open it.

        :raises click.UsageError: if it cannot be read
        """
        if value == "-" and sys.stdin is None:
            self.fail("there is no standard input to read", param, ctx)
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            reason = getattr(error.__context__, "strerror", None) or "it is none"
            refuse(f"the firmware {value} cannot be read: {reason}")


IMAGES_FOR = click.option(
    "--images-for",
    type=click.Choice(["module", "mcu"]),
    default="module",
    show_default=True,
    help="What an image from the LAN is for that does not say so itself.",
)


def prepare_mcu(mcu: Mcu, options: dict[str, Any]) -> None:
    """Make an MCU take firmware as the options say."""
    from miio_lan.virtual.mcu.bootloader import refusal_line

    settings = mcu.bootloader
    mcu.update_answer, settings.reset = _ANSWERS[options["update"]]
    kind = options["transfer"]
    settings.crc = kind != "checksum"
    settings.fault = kind if kind in ("mute", "cancels", "resets") else ""
    settings.refusal = options["refuse_firmware"] or ""
    if settings.refusal:
        try:
            refusal_line(settings.refusal)
        except SpecError as error:
            refuse(str(error))
    mcu.on_told = _tell("firmware")
    if options["save_firmware"] is not None:
        check_files([options["save_firmware"]], [options["spec"]])
        keeper = ImageKeeper(options["save_firmware"])
        mcu.on_image = keeper.keep
        click.get_current_context().call_on_close(keeper.close)


def prepare_module(module: Module) -> None:
    """Let a module tell what its updates from the LAN come to."""
    module.updates.on_told = _tell("update")


def _tell(what: str) -> Callable[[str], None]:
    return lambda text: echo(f"{what}: {text}", err=True)


class ImageKeeper:
    """Writes each image in the place of the one before.

    A reader of a pipe may take its time, and the line of the product has none: what is no plain file is written in a
    thread of its own.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._images: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def keep(self, image: bytes) -> None:
        """Write an image; one for a pipe as soon as those before it are written."""
        if not is_no_plain_file(self._path):
            self._write(image)
            return
        self._images.put(image)
        if self._thread is None:
            # A daemon: it ends with the program, whatever the reader does.
            self._thread = threading.Thread(target=self._work, name="miio images", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait a moment until all is written, and say where it is not."""
        if self._thread is None:
            return
        self._images.put(None)
        self._thread.join(READER_TIME)
        if self._thread.is_alive():
            self._tell("its reader takes nothing")

    def _work(self) -> None:
        while (image := self._images.get()) is not None:
            self._write(image)

    def _write(self, image: bytes) -> None:
        try:
            replace_file(self._path, image)
        except OSError as error:
            self._tell(error.strerror or str(error))  # the product goes on: its own flash has it

    def _tell(self, problem: str) -> None:
        echo(f"Error: {self._path} cannot be written: {problem}", err=True)
