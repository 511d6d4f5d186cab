"""Joins LAN requests to lines of the UART: by method, ids, values and time, and says where that is not unique.

Several clients may want the same at the same time, and the phone app or the cloud cause lines that no request on the
LAN explains. Requests and lines are matched as a whole (a matching in a bipartite graph); a match is sure when no
other matching explains what was seen as well.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from miio_lan.pairing.calls import LanRequest
from miio_lan.pairing.candidates import (
    DELIVERY,
    LIKELY_CUT,
    SKEW,
    Candidate,
    agrees,
    follow,
    replied_promptly,
    strain_of,
)
from miio_lan.pairing.content import error_of
from miio_lan.uart.conversation import Conversation
from miio_lan.uart.document import TIMED_OUT_CODE
from miio_lan.uart.turns import Downlink

LONGEST_WAIT = 40.0
"""Seconds a request may wait in the module: six before it, 4 s each, and the MCU asks for each after some more."""
COMPARABLE = 0.3
"""Seconds: what strains the stamps that much more is no explanation beside a better one."""
NEAR = SKEW
"""Seconds: of comparable ones, those that close are taken in order; one that is further off is less likely."""
SCATTERED = 0.31
"""How much each line of something else among those of a request weighs: more than is comparable."""


@dataclass
class Match:
    """What a request became, and whether that is sure."""

    chain: Candidate
    sure: bool = True
    contradiction: bool = False


class Matcher:
    """Finds for each request the lines it became."""

    def __init__(self, requests: Iterable[LanRequest], uart: Conversation) -> None:
        self._uart = uart
        self._by_method: dict[str, list[Downlink]] = defaultdict(list)
        self._tasks = [each for each in uart.downlinks if each.command.wants_result]
        self._place_of = {task: place for place, task in enumerate(self._tasks)}
        for task in self._tasks:
            self._by_method[task.command.method].append(task)
        self._requests = [each for each in requests if not each.local]
        self._options: dict[LanRequest, list[Candidate]] = {}
        self._odd: set[LanRequest] = set()
        self._chosen: dict[LanRequest, Candidate] = {}
        self._owner: dict[Downlink, LanRequest] = {}
        #: Requests that could be matched otherwise, those without a line included.
        self.doubtful: set[LanRequest] = set()

    def join(self) -> Mapping[LanRequest, Match]:
        """Match all requests."""
        for request in self._requests:
            self._options[request] = self._find(request)
        for request in sorted(self._requests, key=self._urgency):
            self._place(request, set())
        self.doubtful = doubtful = self._doubtful()
        return {
            request: Match(
                chain,
                sure=request not in doubtful
                and chain.likely
                and self._prompt(request, chain)
                and self._in_order(request, chain),
                contradiction=request in self._odd,
            )
            for request, chain in self._chosen.items()
        }

    @property
    def taken(self) -> set[Downlink]:
        """The lines that some request explains."""
        return set(self._owner)

    # --- what is possible --------------------------------------------------------------------------------------

    def _find(self, request: LanRequest) -> list[Candidate]:
        chains = list(self._chains(request))
        agreeing = [chain for chain in chains if agrees(request, chain)]
        prompt = [chain for chain in agreeing if replied_promptly(request, chain)]
        for chain in agreeing:
            chain.likely = chain.likely and chain in prompt
        for chain in chains:
            chain.strain = strain_of(request, chain) + SCATTERED * self._among(request, chain)
        least = min((chain.strain for chain in prompt), default=0.0)
        # In order, but for what is clearly less likely.
        prompt.sort(key=lambda chain: (chain.strain > least + COMPARABLE, chain.strain > least + NEAR))
        over = [chain for chain in prompt if chain.over]
        if all(chain.strain > least + COMPARABLE for chain in over):
            over = [chain for chain in prompt if chain.over or chain.likely]
        for kind in (
            over,
            [chain for chain in prompt if chain.likely],
            [chain for chain in agreeing if chain.over],
            agreeing,
        ):
            if kind:
                return kind
        self._odd.add(request)
        return [chain for chain in chains if chain.whole]

    def _chains(self, request: LanRequest) -> Iterator[Candidate]:
        tasks = self._within(request)
        demand = request.demand
        starts = [place for place, task in enumerate(tasks) if demand.covers(task.command, 0)]
        for place in starts:
            yield follow(request, tasks[place:], 0)
        if len(demand.items) > LIKELY_CUT:  # its first line may not have been seen
            for at in range(1, len(demand.items)):
                for place, task in enumerate(tasks):
                    if demand.covers(task.command, at):
                        yield follow(request, tasks[place:], at)

    def _within(self, request: LanRequest) -> Sequence[Downlink]:
        tasks = self._by_method.get(request.demand.method, [])
        if request.reply is None:
            end = request.last + LONGEST_WAIT
        else:
            timed_out = error_of(request.reply.reading) == TIMED_OUT_CODE
            end = request.reply.instant + (0.0 if timed_out else SKEW)
        first = bisect_left(tasks, request.first - SKEW, key=_handed_out)
        return tasks[first : bisect_left(tasks, end, key=_handed_out)]

    def _among(self, request: LanRequest, chain: Candidate) -> int:
        """Count the lines of something else between those of a chain, and between them and the reply."""
        first, last = (self._place_of[chain.tasks[end]] for end in (0, -1))
        foreign = last - first + 1 - len(chain.tasks)
        if request.reply is not None:
            replied = bisect_left(self._tasks, request.reply.instant - SKEW, key=_handed_out)
            foreign += max(0, replied - last - 1)
        return foreign

    def _urgency(self, request: LanRequest) -> tuple[int, bool, float]:
        """Those whose reply confirms that they were carried out come first, in the order of the replies."""
        partly = not any(chain.over for chain in self._options[request])
        if request.reply is None:
            return (2, partly, request.first)
        return (0 if request.succeeded else 1, partly, request.reply.instant)

    # --- the matching ------------------------------------------------------------------------------------------

    def _place(self, request: LanRequest, seen: set[LanRequest]) -> bool:
        """Give a request a chain, moving others to what else is possible for them (an augmenting path)."""
        seen.add(request)
        options = self._options[request]
        for chain in options:
            if all(task not in self._owner for task in chain.tasks):
                self._assign(request, chain)
                return True
        for chain in options:
            owners = {self._owner[task] for task in chain.tasks if task in self._owner}
            if len(owners) != 1 or not owners.isdisjoint(seen):
                continue
            (other,) = owners
            before = self._chosen[other]
            self._release(other)
            self._assign(request, chain)
            if self._place(other, seen):
                return True
            self._release(request)
            self._assign(other, before)
        return False

    def _assign(self, request: LanRequest, chain: Candidate) -> None:
        self._chosen[request] = chain
        self._owner.update(dict.fromkeys(chain.tasks, request))

    def _release(self, request: LanRequest) -> None:
        for task in self._chosen.pop(request).tasks:
            del self._owner[task]

    # --- is it the only one? -----------------------------------------------------------------------------------

    def _doubtful(self) -> set[LanRequest]:
        """Give the requests that another matching, as good as this one, would treat differently."""
        wants: dict[LanRequest, set[LanRequest]] = {}
        free: set[LanRequest] = set()
        for request in self._requests:
            others: set[LanRequest] = set()
            for chain in self._options[request]:
                chosen = self._chosen.get(request)
                if chain is chosen or (chosen is not None and chain.strain > chosen.strain + COMPARABLE):
                    continue
                owners = {self._owner[task] for task in chain.tasks if task in self._owner}
                if not owners:
                    free.add(request)
                others |= owners - {request}
            wants[request] = others
        # One that could move to a line nobody explains, and all that could then take its place.
        doubtful = _reaching(free, wants)
        doubtful |= {request for request in wants if request in _reached(wants[request], wants)}
        # One that has none, and all it could push out of theirs down to one that need not have any.
        idle = {request for request in self._requests if request not in self._chosen and wants[request]}
        idle = {request for request in idle if not request.succeeded}
        dispensable = {request for request in self._chosen if request.reply is None}
        pushed = _reached(idle, wants) & _reaching(dispensable, wants)
        # One that nothing confirms has what another one could have as well.
        contested = {request for request, others in wants.items() if others & dispensable}
        contested |= {each for others in wants.values() for each in others & dispensable}
        return doubtful | pushed | contested

    def _prompt(self, request: LanRequest, chain: Candidate) -> bool:
        """Tell whether nothing shows that the module did not have the request when it handed the line out.

        Without a reply nothing confirms that a line belongs to a request; and a module that hands out ``none`` has
        nothing waiting.
        """
        if request.reply is not None:
            return True
        out = chain.tasks[0].instant
        if self._others_want(request) or out < request.first:
            return False
        idle = self._uart.idle
        for send in request.sends:
            if send.instant > out + SKEW:
                continue
            at = bisect_left(idle, send.instant + DELIVERY)
            if at == len(idle) or idle[at] >= out:
                return True
        return False

    def _in_order(self, request: LanRequest, chain: Candidate) -> bool:
        """Tell whether the stamps are in order, or all was seen, so that nothing else can explain the reply."""
        if request.reply is None:
            return True
        end = request.reply.instant
        last = max(
            task.instant if task.answer is None else task.answer.record.instant for task in chain.tasks
        )
        if error_of(request.reply.reading) == TIMED_OUT_CODE:
            last = chain.tasks[-1].instant
        if request.first <= chain.tasks[0].instant and last <= end:
            return True
        return self._uart.watched(request.first - SKEW, end + SKEW)

    def _others_want(self, request: LanRequest) -> bool:
        """Tell whether somebody who is not seen on the LAN (the phone app, the cloud) uses the same method."""
        method = request.demand.method
        theirs = [task.instant for task in self._by_method[method] if task not in self._owner]
        theirs += [instant for instant, each in self._uart.others if each == method]
        return any(abs(instant - request.first) < 2 * LONGEST_WAIT for instant in theirs)


def _handed_out(task: Downlink) -> float:
    return task.instant


def _reached(start: Iterable[LanRequest], wants: Mapping[LanRequest, set[LanRequest]]) -> set[LanRequest]:
    seen: set[LanRequest] = set()
    waiting = list(start)
    while waiting:
        request = waiting.pop()
        if request not in seen:
            seen.add(request)
            waiting.extend(wants.get(request, ()))
    return seen


def _reaching(goals: set[LanRequest], wants: Mapping[LanRequest, set[LanRequest]]) -> set[LanRequest]:
    backwards: dict[LanRequest, set[LanRequest]] = defaultdict(set)
    for request, others in wants.items():
        for other in others:
            backwards[other].add(request)
    return _reached(goals, backwards)
