"""What a finished product is asked over the LAN, in which order. The answers are judged by the rules, not here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from miio_lan.acceptance.rules.line.answers import UNKNOWN_METHOD
from miio_lan.acceptance.tester import plan
from miio_lan.acceptance.tester.progress import Progress
from miio_lan.acceptance.tester.script import GIVE_UP
from miio_lan.device.description.spec import Spec
from miio_lan.device.description.values import Property
from miio_lan.device.miot import MiotDevice
from miio_lan.device.steps.plain import named_action, named_property
from miio_lan.errors import DeviceError, DeviceException, DeviceTimeout, McuTimeout, PayloadDecodeException

_LOGGER = logging.getLogger(__name__)

_GONE = "the product does not answer any more"
_MUTE = "the MCU does not answer"  # as the module tells
_WHY = {McuTimeout: _MUTE, PayloadDecodeException: "the replies of the product cannot be read"}


@dataclass(eq=False)
class LanRun:
    """One session with a product.

    :param spec: the product's description; without it only what needs none is done
    :param allow: words of :data:`~miio_lan.acceptance.tester.plan.ALLOWED`
    :param progress: called with each stage
    :param course: where it is noted how far it got
    """

    device: MiotDevice
    spec: Spec | None
    allow: Collection[str]
    progress: Callable[[str], object] | None = None
    course: Progress = field(default_factory=Progress)
    _missed: int = field(default=0, init=False)
    _stage_now: str = field(default="", init=False)
    # What the last calls that brought nothing have in common.
    _why: str = field(default=_GONE, init=False)
    # Whether the last call was met by silence.
    _unheard: bool = field(default=False, init=False)
    _values: dict[tuple[int, int], Any] = field(default_factory=dict, init=False)

    def run(self) -> None:
        """Ask for everything. Whatever ends it, what was set and is not yet what it was is put back.

        :raises DeviceException: if the product cannot be reached at all
        """
        try:
            self._ask()
        finally:
            self._put_back()

    def _ask(self) -> None:
        self._stage("miIO.info")
        self.device.send("miIO.info")
        if self.spec is not None:
            self._reads(self.spec)
        self._stage("unknown methods")
        self._call(UNKNOWN_METHOD)
        self._call(UNKNOWN_METHOD, ["a b", 1])
        if self.spec is not None and "writes" in self.allow:
            self._writes(self.spec)
        if self.spec is not None and "actions" in self.allow:
            self._actions(self.spec)
        if self._unheard and self._missed < 2 * GIVE_UP:
            # Whether the last command was lost, or has silenced the product, is told by what comes after it.
            self._call("miIO.info")

    def _put_back(self) -> None:
        """Set again what was set, to what it was before; ends as soon as the product does not take part."""
        if not (wanted := self.course.to_put_back):
            return
        self._stage("putting back what was set")
        # A product that was given up may be there again; one that is not shall not be waited for again and again.
        self._missed = 2 * GIVE_UP - 1
        for prop, before in wanted:
            if self._set(prop, before):
                self.course.put_back(prop)
                self._verify(prop)

    def _stage(self, text: str) -> None:
        self._stage_now = text
        if self.progress is not None:
            self.progress(text)

    def _call(self, method: str, params: Any = None, *, repeat: bool = True) -> Any:
        """Call, and give the result; None when there is none. What went wrong is on the record.

        :param repeat: whether it is asked once more after silence, for networks lose datagrams
        """
        if self._missed >= 2 * GIVE_UP:
            self.course.leave_out(self._stage_now, self._why, told=self._why == _MUTE)
            return None
        for _ in range(2 if repeat else 1):
            try:
                result = self.device.send(method, params, 0)
            except DeviceException as error:
                # A product that cannot be reached any more, or a reply nobody can read: the rest will tell.
                _LOGGER.info("%s: %s", method, error)
                self._miss(error)
                if not self._unheard:
                    return None
            else:
                self._missed, self._unheard = 0, False
                return result
        return None

    def _miss(self, error: DeviceException) -> None:
        """Count what brought nothing; the product's own refusal is an answer."""
        self._unheard = isinstance(error, DeviceTimeout)
        if isinstance(error, DeviceError) and not isinstance(error, McuTimeout):
            self._missed = 0
            return
        why = next((told for kind, told in _WHY.items() if isinstance(error, kind)), _GONE)
        self._why = why if not self._missed or why == self._why else _GONE
        self._missed += 1

    def _get(self, iids: Iterable[tuple[int, int]]) -> Any:
        return self._call("get_properties", [named_property(*iid) for iid in iids])

    def _reads(self, spec: Spec) -> None:
        self._stage("reading")
        for prop in spec.readable():
            self._read(prop)
        for iids in plan.odd_reads(spec):
            self._get(iids)

    def _read(self, prop: Property) -> None:
        match self._get([prop.iid]):
            case [{"code": 0, "value": value}] if not prop.problem(value):
                self._values[prop.iid] = value

    def _may_set(self, prop: Property) -> bool:
        """Whether a property can be set back afterwards, or nobody could read what it was anyway."""
        if not prop.readable:
            return True
        if prop.iid not in self._values:
            self._read(prop)
        why = plan.cannot_set_back(prop, self._values.get(prop.iid))
        if why and self._missed < 2 * GIVE_UP:
            self.course.leave_out(self._stage_now, why, told=True)
        return not why

    def _set(self, prop: Property, value: object) -> bool:
        """Set a property; whether the product took it."""
        match self._call("set_properties", [{**named_property(*prop.iid), "value": value}]):
            case [{"code": 0 | 1}]:
                return True
        return False

    def _change(self, prop: Property, value: object) -> bool:
        """Set a property to a value that is not its own; whether the product took it."""
        if self._missed < 2 * GIVE_UP:
            self.course.will_change(prop, self._values.get(prop.iid))
        return self._set(prop, value)

    def _verify(self, prop: Property) -> None:
        """Read what was set, so that each value is compared."""
        if prop.readable:
            self._get([prop.iid])

    def _writes(self, spec: Spec) -> None:
        self._stage("writing")
        for prop in filter(self._may_set, spec.writable()):
            before = self._values.get(prop.iid)
            for value in plan.legal_values(prop):
                if self._change(prop, value):
                    self._verify(prop)
            for value in plan.forbidden_values(prop):
                self._change(prop, value)
            self._verify(prop)
            if before is not None and self._set(prop, before):
                self.course.put_back(prop)
                self._verify(prop)
        for prop in filter(self._may_set, plan.read_only(spec, self._values)):
            self._set(prop, self._values[prop.iid])
        siid, piid = plan.missing_property(spec)
        self._call("set_properties", [{"did": "none", "siid": siid, "piid": piid, "value": 1}])

    def _actions(self, spec: Spec) -> None:
        self._stage("actions")
        for siid, aiid, arguments in plan.calls(spec):
            given = [{"piid": piid, "value": value} for piid, value in arguments]
            self._call("action", named_action(siid, aiid, given), repeat=False)  # it may have run
