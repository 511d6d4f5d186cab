"""The order in which the tester asks an MCU for everything the rules are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

from miio_lan.acceptance.rules.life.boot import BOOT_TIME, RETRY_TIME
from miio_lan.acceptance.rules.line.answers import UNKNOWN_METHOD
from miio_lan.acceptance.rules.line.polling import SILENCE_TIME
from miio_lan.acceptance.rules.values.effects import alike
from miio_lan.acceptance.rules.values.sets import REPORT_TIME
from miio_lan.acceptance.tester import plan
from miio_lan.acceptance.tester.progress import BROKEN_OFF, STRANDED, Progress
from miio_lan.acceptance.tester.tester import Interrupted, Script, Tester, Wait, heard_again, told_again
from miio_lan.device.description.spec import Spec
from miio_lan.device.description.values import Property, Value
from miio_lan.uart.document import ANSWER_TIME
from miio_lan.uart.values import token
from miio_lan.virtual.module.requests.request import RequestOutcome

Asking = Generator[Wait, bool, Any]
Deciding = Generator[Wait, bool, bool]

# A little more than the rules allow, so that what comes in the last moment is seen, and what does not is told.
_MARGIN = 0.2
_LATE_LOOK = 1.0
_IDLE_POLLS = 10
_LONGEST_TRANSFER = 1800.0
GIVE_UP = 2
"""Unanswered downlinks of one method after which it is asked no more."""
#: What an MCU says when it has started.
_AFTER_BOOT = ("model", "mcu_version", "get_down")
_STATES = ("offline", "local", "uap", "unprov", "cloud")


def script_for(
    spec: Spec | None, allow: Collection[str] = ("reads",), firmware: bytes | None = None
) -> Callable[[Tester], Script]:
    """Make the script of a session.

    :param spec: the product's description; without it only what needs none is done
    :param allow: words of :data:`~miio_lan.acceptance.tester.plan.ALLOWED`
    :param firmware: an image to update the MCU with; without one the transfer is cancelled
    """
    return lambda tester: _TesterRun(tester, tester.course, spec, frozenset(allow), firmware).script()


@dataclass(eq=False)
class _TesterRun:
    tester: Tester
    course: Progress
    spec: Spec | None
    allow: frozenset[str]
    firmware: bytes | None
    _missed: Counter[str] = field(default_factory=Counter)
    _unreported: int = 0
    _ignored: int = 0
    _gone: bool = False  # whether the MCU has stopped to ask for work
    _owed: float = 0.0  # until when an answer may still come that nobody waits for
    _values: dict[tuple[int, int], Value] = field(default_factory=dict)

    def script(self) -> Script:
        """Everything, from power-up to the end; when interrupted, only what is to be put back."""
        try:
            yield from self._everything()
        except Interrupted:
            if self.tester.updating:
                yield from self._break_off()
            yield from self._put_back(soon=True)
        self.tester.stage = "done"

    def _everything(self) -> Script:
        tester = self._begin("waiting for the MCU (switch it on, or off and on again)")
        if not (yield Wait(lambda: not tester.silent, tester.timing.power_up)):
            return
        yield from self._boot()
        if tester.heard["get_down"]:
            self._begin("polling")
            yield Wait(heard_again(tester, "get_down", times=_IDLE_POLLS), _IDLE_POLLS * 0.5)
            yield from self._downlinks()
        else:
            self.course.leave_out("everything else", "the MCU never asked for work (get_down)", told=True)
        # The last things asked get the time that the rules allow them.
        self._begin("waiting for what is still due")
        if tester.now < self._owed:
            yield Wait(lambda: False, self._owed + _MARGIN - tester.now)

    def _begin(self, stage: str) -> Tester:
        self.tester.stage = stage
        return self.tester

    # -- steps -------------------------------------------------------------------------------------------------------

    def _boot(self) -> Script:
        tester = self._begin("power-up")
        yield Wait(self._booted, tester.timing.boot)
        # An answer to a request is no report: what is missing has all the time of the rule before it is asked for.
        while not self._reported() and tester.now < (due := tester.since + BOOT_TIME + _MARGIN):
            yield Wait(self._reported, due - tester.now)
        # What was refused may be repeated as late as this, and nothing shall seem to have asked for it.
        yield Wait(lambda: not tester.unaccepted, RETRY_TIME + _MARGIN)
        tester.refusals = 0
        # So long may it be silent before the rule calls it one that does not poll.
        yield Wait(lambda: tester.heard["get_down"] > 0, SILENCE_TIME + _MARGIN)

    def _booted(self) -> bool:
        """Whether the reports are over: accepted, or given up in favour of polling."""
        over = self._reported() and not self.tester.unaccepted
        return self.tester.heard["get_down"] > (0 if over else _IDLE_POLLS)

    def _reported(self) -> bool:
        """Whether the MCU has told by itself what it is."""
        return self.tester.identified["model"] > 0 and self.tester.identified["mcu_version"] > 0

    def _downlinks(self) -> Script:
        yield from self._identity()
        yield from self._net_changes()
        if self.spec is not None:
            yield from self._reads(self.spec)
        yield from self._wrong_ones()
        if self.spec is not None:
            if "writes" in self.allow:
                yield from self._writes(self.spec)
            if "actions" in self.allow:
                yield from self._actions(self.spec)
        # Before the update, after which it may be another program that is asked.
        yield from self._put_back()
        if "ota" in self.allow:
            yield from self._update() if self.firmware is None else self._whole_update(self.firmware)

    def _identity(self) -> Script:
        tester = self._begin("asking for model and version")
        for request, word in (("MIIO_mcu_version_req", "mcu_version"), ("MIIO_model_req", "model")):
            answered, before = told_again(tester, word), tester.identified[word]
            tester.module.notify(request)
            yield Wait(answered, 1.0)
            if tester.identified[word] == before:
                self._owed = tester.now + ANSWER_TIME

    def _net_changes(self) -> Script:
        tester = self._begin("network changes")
        for state in _STATES:
            tester.module.set_net(state, tester.now)
            yield Wait(heard_again(tester, "get_down", times=2), 1.0)

    def _wrong_ones(self) -> Script:
        self._begin("unknown, long and malformed downlinks")
        known: Iterable[Property] = self.spec.readable() if self.spec is not None else ()
        siid, piid = next((prop.iid for prop in known), (2, 1))
        right = f"get_properties {siid} {piid}"
        texts = [right, UNKNOWN_METHOD, f'{UNKNOWN_METHOD} "a b",1', plan.long_downlink()]
        texts += ["get_properties", f"get_properties {siid}", f"{right} {siid}"]
        if "writes" in self.allow:
            texts.append(f"set_properties {siid} {piid}")
        if "actions" in self.allow:
            texts.append(f"action {siid}")
        for text in texts:
            yield from self._ask(text)

    def _reads(self, spec: Spec) -> Script:
        self._begin("reading")
        for prop in spec.readable():
            yield from self._read(prop)
        props = [prop.iid for prop in spec.readable()]
        for start in range(0, len(props), plan.PER_LINE):
            yield from self._get(props[start : start + plan.PER_LINE])
        for iids in plan.odd_reads(spec):
            yield from self._get(iids)

    def _writes(self, spec: Spec) -> Script:
        self._begin("writing")
        for prop in spec.writable():
            if not (yield from self._may_set(prop)):
                continue
            before = self._values.get(prop.iid)
            for value in plan.legal_values(prop):
                yield from self._set(prop, value)
            for value in plan.forbidden_values(prop):
                yield from self._ask(plan.setting((*prop.iid, value)), changes=prop)
            if prop.readable:
                yield from self._get([prop.iid])
            if before is not None and (yield from self._set(prop, before)):
                self.course.put_back(prop)
        for prop in plan.read_only(spec, self._values):
            if (yield from self._may_set(prop)):
                yield from self._ask(plan.setting((*prop.iid, self._values[prop.iid])))
        known = [(*prop.iid, self._values[prop.iid]) for prop in spec.writable() if prop.iid in self._values]
        several = [*known[:2], (*plan.missing_property(spec), 1)]
        while not plan.fits(plan.setting(*several)):
            several.pop(0)
        yield from self._ask(plan.setting(*several))

    def _may_set(self, prop: Property) -> Deciding:
        """Whether a property can be set back afterwards, or nobody could read what it was anyway."""
        if not prop.readable:
            return True
        if prop.iid not in self._values and not (self._gone or self._hopeless("get_properties")):
            yield from self._read(prop)
        if why := plan.cannot_set_back(prop, self._values.get(prop.iid)):
            self.course.leave_out(self.tester.stage, why, told=not self._gone)
        return not why

    def _put_back(self, *, soon: bool = False) -> Script:
        """Set again what was set, to what it was before; ends as soon as the MCU does not take part.

        :param soon: see :meth:`_set`
        """
        if not (wanted := self.course.to_put_back):
            return
        tester = self._begin("putting back what was set")
        # An MCU that was given up may be there again.
        self._missed.clear()
        if self._gone:
            self._gone = not (yield Wait(heard_again(tester, "get_down"), SILENCE_TIME + _MARGIN))
        for prop, before in wanted:
            if (yield from self._set(prop, before, soon=soon)):
                self.course.put_back(prop)

    def _actions(self, spec: Spec) -> Script:
        self._begin("actions")
        for siid, aiid, arguments in plan.calls(spec):
            words = (f"{piid} {token(value)}" for piid, value in arguments)
            yield from self._ask(" ".join([f"action {siid} {aiid}", *words]))

    def _update(self) -> Script:
        tester = self._begin("firmware update")
        back = heard_again(tester, *_AFTER_BOOT)
        tester.transfer_expected = True
        answer = yield from self._ask("update_fw")
        # One that leaves for its bootloader without a word asks for the first block there.
        if answer != ["ready"] and not tester.transfer_started:
            tester.transfer_expected = False
            return
        went_on = heard_again(tester, "get_down", times=3)
        yield Wait(lambda: tester.transfer_started or back() or went_on(), 5.0)
        tester.transfer_expected = False
        tester.cancel_transfer()
        if tester.transfer_started or not went_on():
            polled = heard_again(tester, "get_down")
            if not (yield Wait(back, tester.timing.transfer)) and not polled():
                why = "the MCU did not come back from an update that was cancelled"
                self.course.leave_out(tester.stage, why)

    def _whole_update(self, image: bytes) -> Script:
        tester = self._begin("firmware update, the whole of it")
        back = heard_again(tester, *_AFTER_BOOT)
        ended: list[str] = []
        if self._gone:
            self.course.leave_out(tester.stage, "")
        elif tester.module.send_firmware(image, tester.now, lambda failed, _: ended.append(failed)):
            # The sender gives up by itself; a megabyte takes a minute and a half at 115200 baud.
            yield Wait(lambda: bool(ended), _LONGEST_TRANSFER)
            self.course.transfer_failed = ended[0] if ended else "the transfer did not end"
            if not self.course.transfer_failed:
                yield Wait(back, tester.timing.transfer)

    def _break_off(self) -> Script:
        """Have an MCU that was offered firmware wait for none, and see it come back."""
        tester = self._begin("breaking off the firmware update")
        self.course.broken_off = STRANDED
        tester.break_off_update(BROKEN_OFF)
        tester.transfer_expected = True
        polled, end = heard_again(tester, "get_down"), tester.now + tester.timing.boot
        # A bootloader that was just starting has not heard the first word of it, and asks.
        while not polled() and tester.now < end:
            tester.transfer_started = False
            tester.cancel_transfer()
            yield Wait(lambda: polled() or tester.transfer_started, end - tester.now)
        tester.transfer_expected = False
        if polled():
            self.course.broken_off = BROKEN_OFF

    # -- asking ------------------------------------------------------------------------------------------------------

    def _ask(self, text: str, changes: Property | None = None) -> Asking:
        """Hand out a downlink and wait for its answer; gives the result, None when there was none in time.

        What was left unanswered twice in a row is not asked again: each time costs seconds, and the verdict is clear.

        :param changes: the property that may have another value afterwards
        """
        method = text.partition(" ")[0]
        tester = self.tester
        if self._gone or self._hopeless(method):
            self.course.leave_out(tester.stage, "what is asked is not answered in time", told=not self._gone)
            return None
        if not plan.fits(text):
            self.course.leave_out(tester.stage, f"{method}: the line would be too long", told=True)
            return None
        if changes is not None:
            self.course.will_change(changes, self._values.get(changes.iid))
        outcomes: list[RequestOutcome] = []
        before, polled = tester.answers, heard_again(tester, "get_down")
        tester.hand_out(text, outcomes.append)
        # The MCU may take as long to fetch it as to answer it.
        yield Wait(lambda: bool(outcomes), 2 * ANSWER_TIME + 1.0)
        if tester.answers > before:
            self._missed[method] = self._missed["all"] = 0
            return outcomes[0].result if outcomes else None
        if polled():
            yield Wait(lambda: tester.answers > before, tester.timing.late)
            self._missed.update((method, "all"))
        else:
            # It may be starting again.
            self._gone = not (yield Wait(polled, tester.timing.boot))
            why = "the MCU stopped asking for work (get_down)"
            self.course.leave_out(tester.stage, why if self._gone else f"{why} for some time")
        return None

    def _hopeless(self, method: str) -> bool:
        patience = 2 * GIVE_UP if self.tester.answers else GIVE_UP
        return self._missed["all"] >= patience or self._missed[method] >= GIVE_UP

    def _get(self, iids: Iterable[tuple[int, int]]) -> Asking:
        ids = (f"{siid} {piid}" for siid, piid in iids)
        return (yield from self._ask(" ".join(["get_properties", *ids])))

    def _read(self, prop: Property) -> Script:
        match (yield from self._get([prop.iid])):
            # A value that cannot be set again cannot be restored either, and one that was misread must not be written.
            case [prop.siid, prop.piid, 0, value] if self.tester.sound and not prop.problem(value):
                self._values[prop.iid] = value

    def _set(self, prop: Property, value: Value, *, soon: bool = False) -> Deciding:
        """Set a property, read it, and wait for its report; whether it has the value, or will have it in a moment.

        :param soon: somebody waits: what the MCU has taken counts, and is not looked at
        """
        tester = self.tester
        before = tester.reported[prop.iid]
        known = self._values.get(prop.iid)
        result = yield from self._ask(plan.setting((*prop.iid, value)), changes=prop)
        if soon or result != [*prop.iid, 0]:
            return result in ([*prop.iid, 0], [*prop.iid, 1])
        self._values[prop.iid] = value
        due = tester.now + REPORT_TIME + _MARGIN
        if prop.readable:
            yield from self._verify(prop, value)
        has_it = alike(self._values.get(prop.iid), value)
        changed = known is not None and not alike(known, value)
        # What has not changed has nothing to report.
        if changed and has_it and prop.notifies and self._unreported < GIVE_UP:
            reported = yield Wait(lambda: tester.reported[prop.iid] > before, max(0.0, due - tester.now))
            if not reported:
                self._unreported += 1
        return has_it

    def _verify(self, prop: Property, value: Value) -> Script:
        """Read what was set; once more after a while, for late is not the same as never."""
        yield from self._read(prop)
        if not alike(self._values.get(prop.iid), value) and self._ignored < GIVE_UP:
            self._ignored += 1
            yield Wait(lambda: False, _LATE_LOOK)
            yield from self._read(prop)
