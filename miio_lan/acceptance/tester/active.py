"""Drives a product through everything the rules are about: as the module in front of its MCU, or over the LAN.

What is sent by default only reads; what else may be done to the product is said by ``allow``, see
:data:`~miio_lan.acceptance.tester.plan.ALLOWED`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from miio_lan.acceptance.judging import LAN, MODULE, judgement_of
from miio_lan.acceptance.tester import plan
from miio_lan.acceptance.tester.lan_script import LanRun
from miio_lan.acceptance.tester.progress import STRANDED, Progress
from miio_lan.acceptance.tester.script import script_for
from miio_lan.acceptance.tester.tester import Tester, Timing
from miio_lan.acceptance.verdict import Judgement
from miio_lan.device.description.spec import Spec
from miio_lan.device.miot import MiotDevice
from miio_lan.errors import DeviceException, InvalidArgument
from miio_lan.foreign import printable
from miio_lan.given import checked_flag, checked_function
from miio_lan.loop import Loop, wall_clock
from miio_lan.record import Observer, Record
from miio_lan.record.marks import begin_mark, end_mark
from miio_lan.uart.ports.port import Port, checked_line
from miio_lan.virtual.host import LineHost

OnStage = Callable[[str], object]

_LOGGER = logging.getLogger(__name__)

__all__ = ["TesterHost", "Timing", "drive_lan", "drive_module"]

# How often somebody who waits is told where it is, and may interrupt.
_SLICE = 0.2
PUT_BACK = 10.0
"""Seconds an interrupted test takes at most to put back what it has set."""


@dataclass(eq=False)
class MarkedRun:
    """What a check observes: it is kept, and handed on between two marks that tell whoever reads it later what check
    it was. What is kept has no marks; what is handed on begins with one as soon as there is anything.

    :param mode: ``"module"`` or ``"lan"``, see :mod:`miio_lan.record.marks`
    :param observer: gets every record, and the marks; None hands nothing on
    :param course: how far the check got
    :param spec: the description the check goes by
    :param from_boot: whether the product was promised to be switched on during the check
    :param records: the list to add to; somebody else may do so, too
    :ivar ended: when the check ended, monotonic seconds
    """

    mode: str
    observer: Observer | None
    course: Progress
    spec: Spec | None
    from_boot: bool
    records: list[Record] = field(default_factory=list)
    ended: float = field(default=0.0, init=False)
    _begun: bool = field(default=False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __call__(self, record: Record) -> None:
        """Take a record."""
        self.records.append(record)
        if self.observer is None:
            return
        with self._lock:
            first, self._begun = not self._begun, True
            if first:
                at, wall = record.instant, record.wall
                model = self.spec.shown_model if self.spec is not None else ""
                self.observer(begin_mark(self.mode, at, wall, from_boot=self.from_boot, model=model))
        self.observer(record)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Note when the check has ended, and whether it was cut; the error says then what the product was left with."""
        try:
            yield
        except BaseException as error:
            self.course.cut = "the check was interrupted"
            for text in self.course.left_behind:
                error.add_note(text)
                _LOGGER.warning("%s", text)
            raise
        finally:
            self.ended = time.monotonic()
            if self.observer is not None and self._begun:
                self.observer(end_mark(self.mode, self.ended, time.time(), self.course.as_json()))


class TesterHost(LineHost):
    """The tester at a port, with the MCU at the other end.

    :param finished: set when the script has come to its end
    """

    WHAT = "tester"
    HEARS = "up"

    def __init__(
        self, tester: Tester, line: Port, *, observer: Observer | None = None, loop: Loop | None = None
    ) -> None:
        super().__init__(line, observer=observer, loop=loop)
        self.tester = tester
        self.finished = threading.Event()

    @property
    def _machine(self) -> Tester:
        return self.tester

    def _switch_on(self, now: float) -> None:
        self.tester.module.hooks.failed = self._loop.note
        self.tester.start(now)

    def _take(self, data: bytes, now: float) -> None:
        self.tester.receive(data, now)

    def _output(self) -> bytes:
        if self.tester.done:
            self.finished.set()
        return self.tester.take_output()


def drive_module(
    line: Port,
    *,
    spec: Spec | None = None,
    allow: Iterable[str] = (),
    timing: Timing | None = None,
    refusals: int = 2,
    firmware: bytes | None = None,
    firmware_version: str | None = None,
    from_boot: bool = False,
    title: str = "",
    observer: Observer | None = None,
    progress: OnStage | None = None,
    switch_on: Callable[[], object] | None = None,
) -> Judgement:
    """Play the module in front of an MCU, ask it for everything, and judge it.

    :param line: the port the MCU is at; closed afterwards
    :param spec: the product's description; without it, properties and actions are not tried
    :param allow: words of :data:`~miio_lan.acceptance.tester.plan.ALLOWED`; reading alone by default
    :param timing: how long to wait where no rule says so
    :param refusals: how often each report at power-up is refused before it is accepted
    :param firmware: an image for the update, which has to be allowed; without it, an update is cancelled once offered
    :param firmware_version: the version the MCU is to report after it; by default another than before
    :param from_boot: whether the MCU is sure to be switched on meanwhile, so that nothing of that may be missing
    :param observer: also gets every record, between two marks (:mod:`miio_lan.record.marks`) that let it be judged
        later as it is now
    :param progress: called with each stage, for people
    :param switch_on: called once the line is listened to, to switch on a product that is off until then
    :raises InvalidArgument: for a word that cannot be allowed, firmware where no update is, or an image that is empty
        or too large
    :raises DeviceException: if the MCU says nothing at all, or no line, or the port fails
    :raises KeyboardInterrupt: as it came, once what was set is put back and an update is broken off; its notes say what
        was not, and that
    """
    checked_flag("from_boot", from_boot)
    words = _checked(allow, spec, observer=observer, progress=progress, switch_on=switch_on)
    checked_line("the line", line)
    if firmware is not None and "ota" not in words:
        raise InvalidArgument("firmware is sent only where 'ota' is allowed")
    tester = Tester(script_for(spec, words, firmware), timing=timing, refusals=refusals, wall=wall_clock)
    if firmware is not None:
        tester.module.check_firmware(firmware)
    course = tester.course
    course.firmware_version = firmware_version
    run = MarkedRun(MODULE, observer, course, spec, from_boot)
    with run.under_way():
        with TesterHost(tester, line, observer=run) as host:
            try:
                if switch_on is not None:
                    switch_on()
                _watch(host, progress)
            except BaseException:
                _put_back(host, progress)
                raise
        if tester.silent:
            course.cut = why_silent(tester, line)  # what was recorded says so, too
    if tester.silent:
        raise DeviceException(course.cut)
    return judgement_of(
        run.records, mode=MODULE, spec=spec, title=title, from_boot=from_boot, ended=run.ended, course=course
    )


def _checked(allow: Iterable[str], spec: Spec | None, **functions: object) -> frozenset[str]:
    """Give what is allowed. What is wrong is told before anything of the product is touched.

    :raises InvalidArgument: for a word that cannot be allowed, and what is no function
    :raises SpecError: for what is no description
    """
    Spec.checked(spec)
    for name, function in functions.items():
        checked_function(name, function)
    return plan.allowed(allow)


def why_silent(tester: Tester, line: Port) -> str:
    """Say that no line was heard, and what to look at."""
    where = f"from the MCU at {line.name} in {tester.timing.power_up:g} s"
    if not tester.received:
        return (
            f"nothing was heard {where}: is it switched on, its TX wired to this port's RX, and the line set to "
            "115200 8N1?"
        )
    said = printable(tester.first.decode("ascii", "backslashreplace"))
    heard = f"{tester.received} bytes were heard {where}, and no line of the document; they begin with {said}"
    if b"\r" not in tester.first and b"\n" in tester.first:
        return f"{heard}: a line ends with CR, not with LF"
    return f"{heard}: does each line end with CR, and is the line set to 115200 8N1?"


def _watch(host: TesterHost, progress: OnStage | None) -> None:
    """Wait for the end of the script, and tell how far it is."""
    stage = ""
    while not host.finished.wait(_SLICE):
        now = host.call(lambda _: host.tester.stage)
        if progress is not None and now != stage:
            progress(now)
        stage = now


def _put_back(host: TesterHost, progress: OnStage | None) -> None:
    """Have what was set put back and an update broken off, as far as that is soon done.

    A second Ctrl-C ends that, too.
    """
    tester = host.tester
    updating = tester.updating
    if not (updating or tester.course.still_changed):
        return
    if updating:
        tester.course.broken_off = STRANDED  # until the MCU is heard again
    try:
        if progress is not None:
            progress("breaking off the firmware update" if updating else "putting back what was set")
        host.call(tester.interrupt)
        host.finished.wait(PUT_BACK + (tester.timing.boot if updating else 0.0))
    except (Exception, KeyboardInterrupt) as another:  # noqa: BLE001 - what it was interrupted by is what counts
        _LOGGER.debug("not everything was put back: %r", another)


def drive_lan(
    connect: Callable[[Observer], AbstractContextManager[MiotDevice]],
    *,
    spec: Spec | None = None,
    allow: Iterable[str] = (),
    title: str = "",
    records: list[Record] | None = None,
    from_boot: bool = False,
    observer: Observer | None = None,
    progress: OnStage | None = None,
) -> Judgement:
    """Ask a finished product over the LAN for everything, and judge what came back.

    :param connect: makes the device with the observer it is given; a context that is left afterwards, as a device is
    :param records: a list that somebody else, a tap on the product's line, also adds to
    :param allow: as for :func:`drive_module`; an update is never offered over the LAN
    :param from_boot: whether the product is sure to be switched on meanwhile, where ``records`` show it
    :param observer: as for :func:`drive_module`
    :raises InvalidArgument: for a word that cannot be allowed
    :raises DeviceException: if the product cannot be reached at all
    :raises KeyboardInterrupt: as it came, once what was set is put back; its notes say what was not
    """
    checked_flag("from_boot", from_boot)
    words = _checked(allow, spec, connect=connect, observer=observer, progress=progress)
    course = Progress()
    run = MarkedRun(LAN, observer, course, spec, from_boot, [] if records is None else records)
    with run.under_way(), connect(run) as device:
        LanRun(device, spec, words, progress, course).run()
    return judgement_of(
        run.records, mode=LAN, spec=spec, title=title, from_boot=from_boot, ended=run.ended, course=course
    )
