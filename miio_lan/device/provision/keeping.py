"""A device that was set up is kept under a name, so that its token is not lost when it is shown no more."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from miio_lan.device.fleet.named import DevicesFile, NamedDevice, check_name, device_of
from miio_lan.device.provision.result import DONE, NOT_STORED, Provisioned
from miio_lan.errors import DevicesFileError
from miio_lan.foreign import excerpt
from miio_lan.given import checked_flag
from miio_lan.record.redact import told_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from miio_lan.device.provision.run import Run
    from miio_lan.paths import FilePath

LOCK_PATIENCE = 3.0
"""Seconds to wait for others that change the file, after an interruption: who interrupts wants an end."""
_MODEL = re.compile(r"[A-Za-z0-9._-]{1,40}")


class Keeper:
    """Keeps the device in the file of names.

    :param name: the name it gets; by default the one that its did has already, or one made of its model and did
    :param wanted: whether it is to be kept; by default if it gets a name
    :param replacing: whether the name may belong to another device, which loses it then
    :param path: the file of names; the user's by default
    :raises InvalidArgument: (a ``ValueError``) for what cannot be a name, and for neither yes nor no
    :raises DevicesFileError: (a ``ValueError``) if the file cannot be read, or written
    """

    def __init__(
        self,
        name: str | None,
        *,
        wanted: bool | None = None,
        replacing: bool = False,
        path: FilePath | None = None,
    ) -> None:
        if name is not None:
            check_name(name)
        self.name = name
        self.wanted = name is not None if wanted is None else checked_flag("store", wanted)
        replacing = checked_flag("replace", replacing)
        self._file = DevicesFile(path)
        #: The name that the device is kept under by now.
        self._kept: str | None = None
        known = self._file.read().get(name or "") if self.wanted else None
        if self.wanted:  # or the device would be set up, and its token lost
            self._file.check_writable()
        #: The did that the name belongs to, 0 for a device without one; None where it may be taken.
        self.owner = None if known is None or replacing else known.did or 0

    def keep(self, run: Run, clock: Callable[[], float]) -> Provisioned:
        """Keep the device, if it is wanted and worth it, and give what became of all."""
        if not self._is_due(run):
            return run.result()
        run.begins("store", "keeping its address and its token", clock())
        try:
            kept = self._write(run)
        except DevicesFileError as error:
            run.ends(NOT_STORED, f"its token is not kept: {error}", clock())
            return run.result()
        told = told_of(f"it is kept as {excerpt(kept)}", f"miio-lan -d {kept} info")
        run.ends(DONE, told, clock(), name=kept)
        return run.result(kept)

    def interrupted(self, run: Run) -> str:
        """Keep what is worth it although not all was done; say what is known, in a sentence.

        Nobody is told of phases here: who was told may be what failed.
        """
        if not run.was_told:
            return "nothing was sent to a device but greetings"
        return f"the device {run.did} was told to join {excerpt(run.plan.ssid)}; {self._kept_at_last(run)}"

    def _kept_at_last(self, run: Run) -> str:
        if not self._is_due(run):
            return "its token is not kept"
        again = "It shows it again after a reset, when it waits to be set up"
        try:
            kept = self._kept or self._write(run, LOCK_PATIENCE)
        except DevicesFileError as error:
            return f"its token is not kept: {error}. {again}"
        except KeyboardInterrupt:  # once more: what was interrupted first is raised all the same
            return f"its token is not kept. {again}"
        return f"it is kept as {excerpt(kept)}"

    def _is_due(self, run: Run) -> bool:
        return self.wanted and run.worth_keeping and run.did is not None and run.token is not None

    def _write(self, run: Run, seconds: float = math.inf) -> str:
        """Put it into the file, and give its name. Who is not sure that this was done does it again: nothing changes.

        :param seconds: how long to wait for others that change the file
        :raises DevicesFileError: if it cannot be written
        """
        kept: list[str] = []

        def edit(devices: dict[str, NamedDevice]) -> None:
            kept[:] = [_put(devices, run, self.name)]

        self._file.change(edit, seconds)
        self._kept = kept[0]
        return self._kept


def _put(devices: dict[str, NamedDevice], run: Run, name: str | None) -> str:
    """Add or renew the entry; every name of this did gets the new token and address."""
    model = None if run.info is None else run.info.model
    model = (
        model if model is not None and model.isprintable() else None
    )  # the token shall not be lost with it
    # Until it is found, its address is that of its access point, which it will leave.
    address = next(iter(run.plan.new_hosts), run.ip)
    renewed = device_of(
        "new", {"ip": address, "token": run.token, "did": run.did, "model": model, "port": run.plan.port}
    )
    same = [each.name for each in devices.values() if each.did == run.did]
    chosen = name or (same[0] if same else _free_name(model, run.did or 0, devices))
    for each in dict.fromkeys((*same, chosen)):
        before = devices.get(each)
        mine = before if before is not None and before.did == run.did else renewed
        devices[each] = replace(renewed, name=each, model=model or mine.model, more=mine.more)
    return chosen


def _free_name(model: str | None, did: int, devices: dict[str, NamedDevice]) -> str:
    plain = model if model is not None and _MODEL.fullmatch(model) else "device"
    wished = f"{plain.strip('.-') or 'device'}-{did}"
    name, number = wished, 2
    while name in devices:
        name, number = f"{wished}-{number}", number + 1
    return name
