"""What proves that other firmware runs: a restart, and another version after it. No I/O and no clock."""

from __future__ import annotations

from miio_lan.device.ota.outcome import UNKNOWN, Versions
from miio_lan.lan.client.clock import CLOCK_TOLERANCE, STAMP_STEP, UNIX_TIME


class Boots:
    """Watches a count of seconds since boot: the stamp of the LAN, or ``life`` of ``miIO.info``.

    Each has a watch of its own. Unix time tells nothing, and neither does a count that goes on as it should.

    :param exact: each count is what the device said after the one before was asked for: a lower one is a restart,
        however little it fell
    """

    def __init__(self, *, exact: bool = False) -> None:
        #: When the device began to run, as far as is known; at most a second late.
        self.booted: float | None = None
        self._exact = exact
        self._heard: float | None = None
        self._seconds = 0.0

    def observe(self, seconds: float, now: float) -> bool:
        """Take a count that was told at an instant, and tell whether it shows a restart since the one before.

        A restart lies after the last word of before. What is merely late, or was set by hand, does not.
        """
        heard, booted, before = self._heard, self.booted, self._seconds
        if heard is not None and now <= heard:
            return False
        self._heard, self._seconds = now, seconds
        if seconds >= UNIX_TIME:
            self.booted = None
            return False
        began = now - seconds
        fell = self._exact and booted is not None and seconds < before
        lost = booted is None or began - booted > CLOCK_TOLERANCE
        if fell or (heard is not None and lost and began > heard - STAMP_STEP):
            self.booted = began
            return True
        self.booted = began if booted is None else min(booted, began)
        return False


class UpdateEvidence:
    """The versions of before and after, and the restart between them.

    :param wanted: the version that is to be there afterwards, None where nobody said
    """

    def __init__(self, wanted: str | None) -> None:
        self.wanted = wanted
        self.before = UNKNOWN
        self.after = UNKNOWN
        self.restarted = False
        # Whether it restarted with the file, and has not told the version of before since.
        self._fresh = False
        # The MCU's last version, since when it has told that, and whether the file was there by then.
        self._mcu_told: str | None = None
        self._mcu_since = 0.0
        self._mcu_had_file = False

    def restart(self, *, with_file: bool) -> None:
        """Note a restart after the request.

        :param with_file: whether the device had all of the file by then
        """
        self.restarted = True
        self._fresh = with_file
        self.after = UNKNOWN

    def told(self, versions: Versions, now: float, *, with_file: bool) -> bool:
        """Take the versions that are told after the request; tell whether they are others than before.

        :param with_file: whether the device has all of the file
        """
        if versions.module is not None and versions.module == self.before.module:
            self._fresh = False  # it takes another restart to start another firmware
        if versions.mcu not in (None, self._mcu_told):
            self._mcu_told, self._mcu_since, self._mcu_had_file = versions.mcu, now, with_file
        news = versions not in (self.after, self.before) and self.before != UNKNOWN
        self.after = Versions(versions.module or self.after.module, versions.mcu)
        return news

    @property
    def module_changed(self) -> bool:
        """Whether the module tells another version than before."""
        return None not in (self.before.module, self.after.module) and self.before.module != self.after.module

    @property
    def mcu_changed(self) -> bool:
        """Whether the MCU does."""
        return None not in (self.before.mcu, self.after.mcu) and self.before.mcu != self.after.mcu

    @property
    def changed(self) -> bool:
        """Whether any of the two does."""
        return self.module_changed or self.mcu_changed

    def fits(self, version: str | None) -> bool:
        """Tell whether a version is the wanted one; any is, where none was named."""
        return self.wanted is None or version == self.wanted

    @property
    def is_there(self) -> bool:
        """Whether a version is told that is the wanted one; False where none was named."""
        return self.wanted is not None and self.wanted in self.after

    @property
    def was_there(self) -> bool:
        """Whether it had been told before the update already."""
        return self.wanted is not None and self.wanted in self.before

    def proof(self, now: float, *, installed: bool, steady: float) -> str:
        """Say what proves that the new firmware runs; empty while nothing does.

        The module: a restart after the request, and another version than before. The MCU: another version than before;
        the module has it from the MCU alone, which tells it when it starts, and the module need not restart.

        :param installed: whether the device said that it is installed
        :param steady: seconds for which the MCU has to tell it, where neither a wanted version nor ``installed`` is
            there to back it
        """
        if self.module_changed and self._fresh and self.fits(self.after.module):
            return f"it restarted, and its version is {self.after.module} ({self.before.module} before)"
        backed = self.wanted is not None or installed or (self.restarted and now - self._mcu_since >= steady)
        if self.mcu_changed and self._mcu_had_file and self.fits(self.after.mcu) and backed:
            return f"the MCU tells version {self.after.mcu} ({self.before.mcu} before)"
        return ""
