"""Switching a product's power: off, on, and off and on again.

What switches it is somebody else's: a program for a USB hub or a socket, a driver of labgrid, or the virtual product
(:class:`miio_lan.virtual.power.VirtualPower`). Here is what tests need of it, and the first two.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from time import sleep
from typing import IO, Any, Protocol

from miio_lan.errors import InvalidArgument, PowerError
from miio_lan.foreign import show
from miio_lan.given import checked_seconds, checked_words

_LOGGER = logging.getLogger(__name__)

OFF_FOR = 2.0
"""Seconds between off and on: what the capacitors of usual products take to run empty."""
LONGEST = 60.0
"""Seconds a switching command may take."""
ACTION = "{action}"
"""Stands for ``on`` or ``off`` in a command."""
_MOST_SAID = 300


class Power(Protocol):
    """Switches a product. Anything with these three methods will do."""

    def off(self) -> None:
        """Switch it off.

        :raises PowerError: if it was not switched
        """

    def on(self) -> None:
        """Switch it on.

        :raises PowerError: if it was not switched
        """

    def cycle(self, off_for: float | None = None) -> None:
        """Switch it off, wait, and switch it on.

        :param off_for: seconds in between; what suits the switch by default
        :raises PowerError: if it was not switched
        """


class CommandPower:
    """Switches a product by a command, which is run without a shell.

    :param command: e.g. ``uhubctl -l 1-1 -p 2 -a {action}``; ``{action}`` becomes ``on`` or ``off``, and stands at the
        end where it is not written
    :param timeout: seconds the command may take; what it leaves running in the background is not waited for
    :ivar is_on: whether the product is on, as far as was switched here; None before that, and when nobody knows
    :ivar in_doubt: whether nobody knows, because a command did not end
    :raises InvalidArgument: if that is no command, or no number of seconds
    """

    def __init__(self, command: str | Sequence[str], *, timeout: float = LONGEST) -> None:
        words = _checked_words(command)
        if not words:
            raise InvalidArgument("the power command is empty; it is e.g. 'uhubctl -l 1-1 -p 2 -a {action}'")
        self.command = words if any(ACTION in word for word in words) else [*words, ACTION]
        self.timeout = checked_seconds("timeout", timeout)
        self.is_on: bool | None = None
        self.in_doubt = False

    def __repr__(self) -> str:
        return f"<CommandPower {shlex.join(self.command)}>"

    def off(self) -> None:
        """See :class:`Power`."""
        self._switch("off")
        self.is_on, self.in_doubt = False, False

    def on(self) -> None:
        """See :class:`Power`."""
        self._switch("on")
        self.is_on, self.in_doubt = True, False

    def cycle(self, off_for: float | None = None) -> None:
        """See :class:`Power`."""
        switch_off_and_on(self, OFF_FOR if off_for is None else off_for)

    def _switch(self, action: str) -> None:
        words = [word.replace(ACTION, action) for word in self.command]
        _LOGGER.info("power %s: %s", action, shlex.join(words))
        try:
            code, said = self._run(words)
        except subprocess.TimeoutExpired:
            raise PowerError(
                f"it is not known whether the product was switched {action}: {shlex.join(words)} "
                f"did not end within {self.timeout:g} s"
            ) from None
        except (OSError, ValueError) as error:
            problem = f"cannot be run: {getattr(error, 'strerror', None) or error}"
        else:
            if code == 0:
                return
            problem = f"ended with code {code}" + (f" and said {show(said)}" if said else "")
        raise PowerError(f"the product was not switched {action}: {shlex.join(words)} {problem}")

    def _run(self, words: list[str]) -> tuple[int, str]:
        """Run a command; give the code it ends with and what it said last. One that does not end is ended."""
        own_session = sys.platform != "win32"  # so that what it started can be ended with it
        # In files, not by pipes: a child that stays in the background keeps a pipe open after the command has ended.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(  # noqa: S603 - the command is the user's own
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=own_session
            )
            try:
                code = process.wait(self.timeout)
            except BaseException:  # also when the user interrupts: a terminal does not reach another session
                self.is_on, self.in_doubt = None, True
                _end(process)
                raise
            return code, _end_of(err) or _end_of(out)


def _checked_words(command: Any) -> list[str]:
    if isinstance(command, str):
        try:
            return shlex.split(command)
        except ValueError as error:
            raise InvalidArgument(f"the power command {show(command)} has odd quotes: {error}") from None
    words = checked_words("the words of a power command", command, "['uhubctl', '-a', '{action}']")
    if wrong := [word for word in words if not isinstance(word, str)]:
        raise InvalidArgument(f"the words of a power command are texts, not {show(wrong[0])}")
    return words


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and its children: one of them could switch the product when nobody expects it any more."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_of(file: IO[bytes]) -> str:
    """Give the last of what a command has written."""
    file.seek(-min(4 * _MOST_SAID, file.seek(0, os.SEEK_END)), os.SEEK_END)
    return file.read(4 * _MOST_SAID).decode("utf-8", "replace").strip()[-_MOST_SAID:]


class LabgridPower:
    """Switches a product by a power driver of labgrid, or anything that follows its ``PowerProtocol``.

    :param driver: an active driver, e.g. ``target.get_driver("PowerProtocol")``
    :ivar is_on: whether the product is on, as far as was switched here; None before that, and when nobody knows
    :ivar in_doubt: whether nobody knows, because the driver failed
    """

    def __init__(self, driver: Power) -> None:
        self._driver = driver
        self.is_on: bool | None = None
        self.in_doubt = False

    def __repr__(self) -> str:
        return f"<LabgridPower {type(self._driver).__name__}>"

    def off(self) -> None:
        """See :class:`Power`."""
        self._ask("off", self._driver.off)
        self.is_on, self.in_doubt = False, False

    def on(self) -> None:
        """See :class:`Power`."""
        self._ask("on", self._driver.on)
        self.is_on, self.in_doubt = True, False

    def cycle(self, off_for: float | None = None) -> None:
        """See :class:`Power`. Without ``off_for``, the driver's own delay counts."""
        if off_for is not None:
            switch_off_and_on(self, off_for)
            return
        self._ask("off and on", self._driver.cycle)
        self.is_on, self.in_doubt = True, False

    def _ask(self, action: str, switch: Callable[[], object]) -> None:
        try:
            switch()
        except Exception as error:  # the errors of drivers have no common root
            self.is_on, self.in_doubt = None, True
            raise PowerError(f"the product was not switched {action}: {show(str(error))}") from error


def switch_off_and_on(power: Power, off_for: float) -> None:
    """Switch a product off, wait so many seconds, and switch it on: that, too, when something fails or interrupts.

    :raises InvalidArgument: if that is no number of seconds; nothing is switched then
    """
    checked_seconds("off_for", off_for, zero=True)
    try:
        power.off()
        sleep(off_for)
    finally:
        power.on()
