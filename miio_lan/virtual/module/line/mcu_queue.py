"""The queue towards the MCU: one request in work, a few waiting, notices in between, and the time an answer may take.

Source: serial document (``get_down``, 4 s), observed module firmware (queue lengths, order, what counts the time).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from miio_lan.uart.document import TIMED_OUT_CODE
from miio_lan.virtual.module.profile import Profile
from miio_lan.virtual.module.requests.request import McuRequest, RequestOutcome, ResultCheck

#: Notices kept for an MCU that does not poll; the oldest gives way.
MAX_NOTICES = 16
#: Some MCU programs take this state for the announcement of a transfer and leave for their bootloader: it is told
#: only by those who have one to send.
UNTOLD = "updating"


class McuQueue:
    """What the MCU fetches with ``get_down``.

    :param net: gives the present network state
    """

    def __init__(self, profile: Profile, net: Callable[[], str]) -> None:
        self.profile = profile
        #: Seconds the MCU has for an answer.
        self.answer_time = profile.answer_time
        self._net = net
        self._told_net = "unprov"
        self._queue: deque[McuRequest] = deque()
        self._notices: deque[str] = deque(maxlen=MAX_NOTICES)
        self._pending: McuRequest | None = None
        self._handed = 0.0
        self._late = False

    def __len__(self) -> int:
        """How many requests are in work or waiting."""
        return len(self._queue) + (self._pending is not None)

    @property
    def in_work(self) -> bool:
        """Whether the MCU has a request to answer."""
        return self._pending is not None

    def told_net(self, state: str) -> None:
        """Note that the MCU was told of a network state by somebody else."""
        self._told_net = state

    def submit(self, request: McuRequest) -> bool:
        """Queue a request.

        :return: whether there was room
        """
        if len(self) > self.profile.waiting:
            return False
        self._queue.append(request)
        return True

    def notify(self, text: str) -> None:
        """Queue something that no answer is expected to."""
        self._notices.append(text)

    def get_down(self, now: float) -> str:
        """Answer a ``get_down``."""
        self.tick(now)
        if self._pending is not None or self._late:
            self._late = False
            return "error"
        # The older generation keeps notices and requests in one queue, and notices are mostly older. The newer one
        # looks at requests first.
        if self._queue and not (self.profile.every_notice and self._notices):
            self._pending = self._queue.popleft()
            self._handed = now
            return f"down {self._pending.line()}"
        if self.profile.from_arrival:
            for request in self._queue:  # what is told before it takes nothing of its time, as at every start
                request.since = now
        return f"down {self._notice()}"

    def _notice(self) -> str:
        if self._notices:
            return self._notices.popleft()
        net = self._net()
        if self.profile.every_notice or net in {self._told_net, UNTOLD}:
            return "none"
        self._told_net = net
        return f"MIIO_net_change {net}"

    def answer(self, text: str, now: float) -> bool:
        """Take the text after ``result``.

        :return: whether the MCU gets ``ok``
        """
        self.tick(now)
        return self._pending is not None and self._settle(self._pending, self._pending.answer(text), now)

    def refuse(self, code: int, message: str, now: float) -> bool:
        """Take an ``error`` of the MCU.

        :return: whether the MCU gets ``ok``
        """
        self.tick(now)
        return self._pending is not None and self._settle(
            self._pending, self._pending.refusal(code, message), now
        )

    def _settle(self, request: McuRequest, verdict: ResultCheck, now: float) -> bool:
        if not verdict.stray:
            self._pending = None
            if verdict.outcome is None:
                request.since = now
                self._queue.appendleft(request)
            else:
                request.finish(verdict.outcome, now)
        return verdict.accepted

    def _due(self, request: McuRequest) -> float:
        """When the request's time is over. It may wait as long for the hand-out as for the answer."""
        from_hand_out = request is self._pending and not self.profile.from_arrival
        return (self._handed if from_hand_out else request.since) + self.answer_time

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None for never."""
        waiting = [self._due(request) for request in self._queue]
        if self._pending is not None:
            waiting.append(self._due(self._pending))
        return min(waiting, default=None)

    def tick(self, now: float) -> None:
        """Give up what the MCU did not fetch or answer in time."""
        timeout = RequestOutcome(error=(TIMED_OUT_CODE, self.profile.timeout_text))
        if self._pending is not None and self._due(self._pending) <= now:
            request, self._pending = self._pending, None
            self._late = self.profile.late_poll_refused
            request.finish(timeout, now)
        for request in [each for each in self._queue if self._due(each) <= now]:
            self._queue.remove(request)
            request.finish(timeout, now)

    def clear(self) -> list[McuRequest]:
        """Forget everything, as a restart does; give the requests that nothing will answer any more."""
        forgotten = [*([self._pending] if self._pending is not None else []), *self._queue]
        self._queue.clear()
        self._notices.clear()
        self._pending = None
        self._late = False
        self._told_net = "unprov"
        self.answer_time = self.profile.answer_time
        return forgotten
