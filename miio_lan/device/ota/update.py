"""The rules of an update: what is asked when, and what the answers, the silence and the file server's counts mean.

Nothing is believed of a device that it can say without having done it: ``ok`` comes before anything happens, progress
101 after a failure as after a success, ``idle`` means anything. What proves an update is in
:mod:`~miio_lan.device.ota.evidence`. Source: published firmware, the phone app's update screen, observed devices (see
docs/lan-protocol.md). No I/O and no clock: whoever carries the steps out tells the time.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple

from miio_lan.device.info import DeviceInfo
from miio_lan.device.ota import verdicts
from miio_lan.device.ota.evidence import Boots, UpdateEvidence
from miio_lan.device.ota.outcome import (
    UNKNOWN,
    Ending,
    Phase,
    UpdatePhase,
    UpdateResult,
    Versions,
    plain_version,
)
from miio_lan.device.ota.pace import Pace
from miio_lan.device.ota.progress import UpdateProgress, UpdateState, update_parameters
from miio_lan.device.ota.serving import Served
from miio_lan.device.steps.calls import Ask, accepted, single
from miio_lan.device.steps.updating import OTA, OTA_PROGRESS, OTA_STATE
from miio_lan.errors import DeviceError, DeviceException, DeviceTimeout, PayloadDecodeException
from miio_lan.foreign import printable
from miio_lan.lan.client.clock import STAMP_STEP

#: Phases, and words for states, that are kept: a device can change its mind for ever.
MAX_KEPT = 256
#: Characters of a device's own words that are kept.
MAX_WORDS = 200

_AT_WORK = frozenset(
    {
        *(UpdateState.Downloading, UpdateState.Downloaded, UpdateState.Installing, UpdateState.Busy),
        *(UpdateState.WaitInstall, UpdateState.Waiting, UpdateState.Starting),
    }
)
#: States in which no other update can begin.
_OCCUPIED = frozenset(
    {UpdateState.Downloading, UpdateState.Installing, UpdateState.Busy, UpdateState.Starting}
)


class FirmwareImage(NamedTuple):
    """What is to be installed.

    :param version: the version it has, None where that is not known
    :param size: its bytes, where it is served from here
    """

    url: str
    md5: str
    version: str | None = None
    size: int | None = None


class PollPause(NamedTuple):
    """Nothing is to be done for so many seconds."""

    seconds: float


class StopServing(NamedTuple):
    """The file is to be served no more; what was fetched by then is counted after that."""


Step = Ask | PollPause | StopServing
UpdateSteps = Generator[Step, Any, UpdateResult]


class Update:
    """One update: :meth:`go_on` says what is to be asked next, and takes what came of it.

    :param began: monotonic seconds, as all instants
    :raises InvalidArgument: for an url or a checksum that no device could use
    """

    def __init__(self, image: FirmwareImage, pace: Pace, began: float) -> None:
        self.image = image
        self.pace = pace
        self.parameters = update_parameters(image.url, image.md5)
        self.evidence = UpdateEvidence(plain_version(image.version) if image.version else None)
        self.served: Served | None = None
        self.state: UpdateState | None = None
        #: The device's word for its state, as it is.
        self.word = ""
        #: The words that a failure was told with.
        self.failure = ""
        self.installed = False
        self.requested: float | None = None
        #: Whether the device did anything about it.
        self.begun = False
        self._asked = False
        self._serving = image.size is not None
        self._counted: Served | None = None
        self.result: UpdateResult | None = None
        self.began = self._now = began
        self._progress = UpdateProgress()
        self._percent = 0
        self._stamps, self._lives = Boots(), Boots(exact=True)
        self._stale = ""
        self._heard = began
        #: Whether it does not answer now; whether it knows no states.
        self.silent = self.mute = False
        #: Since when the device has seemed to be done, and for how long it is watched then.
        self._over: float | None = None
        self._watch_for = 0.0
        self._words: list[str] = []
        self._kept: list[UpdatePhase] = []
        self._untold: list[UpdatePhase] = []
        self._steps = self._all_steps()

    # --- who carries it out ------------------------------------------------------------------------------------

    def go_on(
        self,
        answer: object,
        now: float,
        served: Served | None = None,
        clock: tuple[float, float] | None = None,
    ) -> Step | None:
        """Give what is to be done next; None at the end.

        :param answer: the answer to the last :class:`Ask`, or the error in its place; None after anything else, and at
            first
        :param served: the file server's counts
        :param clock: the device's clock when it was last heard, and that instant
        """
        self._now = max(self._now, now)
        self._count(served)
        if clock is not None and self._stamps.observe(*clock) and self.requested is not None:
            self._restart(self._stamps)
        try:
            if isinstance(answer, DeviceException):
                return self._steps.throw(answer)
            return self._steps.send(answer)
        except StopIteration:
            return None

    def take_phases(self) -> list[UpdatePhase]:
        """Give what happened since this was asked last."""
        untold, self._untold = self._untold, []
        return untold

    def cancel(self, now: float, served: Served | None) -> UpdateResult:
        """End it where it is; the device may go on with what it has.

        :param served: the counts of the file server, read after its end
        """
        self._now = max(self._now, now)
        self._count(served)
        self._steps.close()
        return self._end(Ending.Cancelled, verdicts.cancelled(self))

    def _all_steps(self) -> UpdateSteps:
        """Carry the update out: the request, and everything up to its end."""
        if (early := (yield from self._prepare())) is not None:
            return early
        if (early := (yield from self._request())) is not None:
            return early
        while True:
            yield from self._look()
            found = verdicts.judge(self, self._now)
            if found is not None and found[0] is Ending.NeverFetched and self._serving:
                # The device may begin in this very moment: sure is only what is counted when it can fetch no more.
                self._serving = False
                yield StopServing()
                found = verdicts.judge(self, self._now)
            if found is not None:
                return self._end(*found)
            yield PollPause(self.pace.every)

    # --- steps -------------------------------------------------------------------------------------------------

    def _prepare(self) -> Generator[Step, Any, UpdateResult | None]:
        """See what there is before anything is asked."""
        try:
            info = yield Ask("miIO.info")
        except (DeviceError, PayloadDecodeException):
            pass  # vacuums and gateways without cloud tell nothing
        except DeviceException as error:
            return self._end(Ending.Unreachable, f"nothing was asked of it: {error}")
        else:
            self.evidence.before = self._read_info(info)
        word = yield from self._question(OTA_STATE)
        state = UpdateState(word) if word is not None else None
        if state in _OCCUPIED:
            return self._end(
                Ending.Refused,
                f"another update is under way (the device says {self._note_word(word)!r}): wait for its end, "
                f"or restart the device",
            )
        if state in {UpdateState.Failed, UpdateState.Installed}:
            self._stale = self._note_word(word)  # left over from another update
            self._words.clear()
        self._tell(Phase.Prepared, f"before: {self.evidence.before}")
        return None

    def _request(self) -> Generator[Step, Any, UpdateResult | None]:
        self.requested = self._now
        doubt = ""
        try:
            answer = yield Ask(OTA, self.parameters)
        except DeviceException as error:
            if not error.may_have_run:
                self.requested = None
                kind = Ending.Refused if isinstance(error, DeviceError) else Ending.Unreachable
                return self._end(kind, f"the request was not taken: {error}")
            doubt = f"no answer to the request, which may have arrived ({error})"
        else:
            if not accepted(answer):
                told = printable(str(answer))[:MAX_WORDS]
                return self._end(Ending.Refused, f"the request was answered with {told}, and not with ok")
        self._heard = self._now
        self._tell(Phase.Requested, doubt or "ok, which says nothing yet")
        self._asked = True
        return None

    def _look(self) -> Generator[Step, Any, None]:
        """Ask how far it is, and which version there is once that can be new."""
        before = self.word
        word = yield from self._question(OTA_STATE)
        if word is not None:
            self._take_state(word)
        if not self.silent:
            number = yield from self._question(OTA_PROGRESS)
            if number is not None:
                self._take_progress(number)
        # At each change, too: the later ``life`` was told last, the surer a restart shows in it.
        if self.mute or self._over is not None or self.evidence.restarted or self.word != before:
            info = yield from self._question("miIO.info")
            versions = self._read_info(info) if info is not None else UNKNOWN
            if versions != UNKNOWN and self.evidence.told(
                versions, self._now, with_file=self._had_file(self._now)
            ):
                self._tell(Phase.Version, f"now: {versions}")

    def _question(self, method: str) -> Generator[Step, Any, Any]:
        """Ask something, and give the answer; None where there is none, which is nothing unusual."""
        try:
            answer = yield Ask(method, retry_count=1)
        except (DeviceError, PayloadDecodeException):
            self.mute = self.mute or method == OTA_STATE
            self._hear()
            return None
        except DeviceException as error:
            if not self.silent:
                self.silent = True
                why = "" if isinstance(error, DeviceTimeout) else f" ({error})"
                self._tell(Phase.Silent, f"it does not answer{why}, as many do not while they write flash")
            return None
        self._hear()
        return single(answer)

    def _hear(self) -> None:
        self._heard = self._now
        if self.silent:
            self.silent = False
            self._tell(Phase.Answering, "it answers again")

    # --- what it means -----------------------------------------------------------------------------------------

    @property
    def silent_for(self) -> float:
        """Seconds since the device was heard last; 0 while it answers."""
        return self._now - self._heard if self.silent else 0.0

    @property
    def settled(self) -> bool:
        """Whether the device has seemed to be done for long enough, and answers."""
        over = self._over
        return over is not None and not self.silent and self._now - over >= self._watch_for

    def _read_info(self, answer: object) -> Versions:
        info = single(answer)
        if not isinstance(info, dict):
            return UNKNOWN
        life = info.get("life")
        fell = isinstance(life, (int, float)) and self._lives.observe(life, self._now)
        if fell and self.requested is not None:
            self._restart(self._lives)
        return Versions.of(DeviceInfo(info))

    def _had_file(self, instant: float) -> bool:
        """Tell whether nothing speaks against it that the device had all of the file at an instant."""
        served = self.served
        # Some clocks begin a little before the boot that they count from.
        return served is None or (served.completed is not None and served.completed <= instant + STAMP_STEP)

    def _restart(self, seen: Boots) -> None:
        if not self.evidence.restarted:
            self._tell(Phase.Restarted, "it restarted")
        self.evidence.restart(with_file=self._had_file(self._now if seen.booted is None else seen.booted))
        self._seem_over(self.pace.settle, anew=True)
        self._stale = ""

    def _take_state(self, told: object) -> None:
        word = printable(str(told))[:MAX_WORDS]
        state = UpdateState(told)
        if self._stale and not self.begun and word == self._stale:
            return
        if state in _AT_WORK:
            self.begun, self._over, self._stale = True, None, ""
        elif state is UpdateState.Failed:
            self._seem_over(self.pace.confirm, anew=self.state is not state)
            self.begun, self.failure = True, word
        elif state is UpdateState.Installed:
            self._seem_over(self.pace.settle, anew=self.state is not state)
            self.begun = self.installed = True
        elif state is UpdateState.Idle and self.begun:
            self._seem_over(self.pace.settle)
        new, self.state, self.word = word != self.word, state, word
        if new:
            self._note_word(told)
            self._tell(Phase.State, f"the device says {word}")

    def _seem_over(self, watch_for: float, *, anew: bool = False) -> None:
        if self._over is None or anew:
            self._over, self._watch_for = self._now, watch_for

    def _note_word(self, told: object) -> str:
        word = printable(str(told))[:MAX_WORDS]
        if word not in self._words and len(self._words) < MAX_KEPT:
            self._words.append(word)
        return word

    def _take_progress(self, told: object) -> None:
        if isinstance(told, int) and 0 < told < 100 and not self._stale:
            self.begun = True
        if not self.evidence.restarted:
            percent = min(99, self._progress.observe(told, self.state))
            if percent > self._percent:
                self._percent = percent
                self._tell(Phase.Progress)

    def _count(self, served: Served | None) -> None:
        self.served = served or self.served
        if served is None or not self._asked:  # what comes before the answer is told after it
            return
        before, self._counted = self._counted or Served(served.size), served
        if served.requests > before.requests or served.sent > before.sent:
            self.begun = True
            if not before.requests:
                self._tell(Phase.Fetching, "the device fetches the file")
            if served.complete and not before.complete:
                self._tell(Phase.Fetched, "the whole file was fetched")
            elif served.covered > before.covered:
                self._tell(Phase.Progress)
            if self.state is not UpdateState.Failed:
                self._over = self._over if self.evidence.restarted else None

    # --- telling -----------------------------------------------------------------------------------------------

    def _tell(self, phase: Phase, text: str = "") -> None:
        fetched = self.served.covered if self.served is not None else 0
        percent = 100 if self.result is not None and self.result.proven else self._percent
        told = UpdatePhase(phase, self._now - self.began, self.word, percent, fetched, text)
        self._untold.append(told)
        if phase is not Phase.Progress and len(self._kept) < MAX_KEPT:
            self._kept.append(told)

    def _end(self, ending: Ending, text: str) -> UpdateResult:
        found = self.evidence
        seconds = self._now - self.began
        facts = (found.before, found.after, found.wanted, found.restarted, tuple(self._words), self.served)
        self.result = UpdateResult(ending, text, *facts, seconds=seconds)
        self._tell(Phase.Ended, text)
        self.result = UpdateResult(ending, text, *facts, phases=tuple(self._kept), seconds=seconds)
        return self.result
