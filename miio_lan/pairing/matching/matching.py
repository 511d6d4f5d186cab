"""Matches LAN requests with downlinks: by method, ids, values and time, and says which matches are not unique.

Goal: several clients may want the same at the same time, and the phone app or the cloud cause downlinks that no
request on the LAN explains. Each request gets the downlinks it became, each downlink belongs to one request at most,
and a match is sure only when no other matching explains what was seen as well.

Plan: requests and downlinks are the two sides of a bipartite graph. Its edges come from
:mod:`~miio_lan.pairing.matching.candidates`.

1. *Matching by augmenting paths* (Kuhn's algorithm). A request takes its first free candidate. Where all are taken, it
   pushes the owner of one to another candidate of that owner, and so on, until somebody finds a free one. Those whose
   reply proves that they were carried out come first, and whoever has a match keeps one. A candidate of several
   downlinks is taken as a whole, and pushes one owner at most: among such candidates the matching found need not be
   the largest.
2. *Doubt by alternating paths* (Berge's theorem: two matchings as large differ by alternating paths and cycles). An
   arrow from A to B means that A could as well have what B has: a candidate that costs hardly more than its own. Who
   can move along arrows to something free, or round a cycle, is in doubt; so are two whose swap as a whole costs
   hardly more, for one may lose by it what the other gains. So is everybody on a path from a request without a match
   to one whose reply proves no more that it was carried out, and both ends of an arrow to one without a reply. A
   downlink that was not seen is something free: its answer shows it, where that can have made the reply.
3. *What was misheard*: a line that differs by a character or two from what a request lacks
   (:mod:`~miio_lan.pairing.matching.misheard`) is something free for it, and may be its own.
4. *The same doubt from the other side*: what somebody in doubt could have as well, and nobody has, may be its own; and
   so may what is a part of what somebody wanted who has less than that. That the MCU was asked for it by nobody on the
   LAN is in doubt, too.

Example: what each request may have become, and what it gets (``=``)::

    A: d1 d2    B: d1       A = d1, then B pushes A:   B -> d1 = A -> d2, which is free.
                            B = d1, A = d2. A could take d1, but B could not move: both sure.
    A: d1 d2    B: d1 d2    A = d1, B = d2, and A -> B -> A is a cycle: both in doubt.
    A: d1 d2                A = d1, and d2 is free: A is in doubt, and whether d2 is nobody's.
    A: d1 (answer)          A = d1, and the answer belongs to no line that was seen, but would do as well: in doubt.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from operator import attrgetter

from miio_lan.pairing.calls import LanRequest, LanTraffic
from miio_lan.pairing.content import timed_out
from miio_lan.pairing.matching.candidates import (
    LIKELY_CUT,
    SKEW,
    Candidate,
    agrees,
    cost_of,
    extend,
    may_be_late,
    may_be_of_unseen,
    needs_answer,
    replied_promptly,
)
from miio_lan.pairing.matching.lag import longest_stall
from miio_lan.pairing.matching.misheard import near_misses
from miio_lan.pairing.matching.paths import reachable, reaching
from miio_lan.pairing.matching.plausible import had_it_waiting, is_plausible
from miio_lan.uart.conversation import Conversation
from miio_lan.uart.turns import STALL, Downlink, between

_INSTANT = attrgetter("instant")
LONGEST_WAIT = 40.0
"""Seconds a request may wait in the module: six before it, 4 s each, and the MCU asks for each after some more."""
HORIZON = 2 * LONGEST_WAIT
"""Seconds after which nothing is added to an exchange any more, and what others did says nothing more about it: so
long a request may have waited in a module that had something to hand out all the time."""
COMPARABLE = 0.3
"""A candidate that costs that much more is no explanation beside a better one."""
NEAR = SKEW
"""Comparable candidates whose costs differ by no more are taken in order; one that costs more is less likely."""
FOREIGN_COST = 0.31
"""What each downlink of something else among those of a request costs: more than is comparable."""


class Matcher:
    """Finds for each request the downlinks it became.

    :param traffic: the requests, and the replies to those that were not seen
    :param uart: the conversation of the line, the module's side
    """

    def __init__(self, traffic: LanTraffic, uart: Conversation) -> None:
        self._uart = uart
        self._orphans = traffic.orphans
        #: Those the MCU has to answer, in order.
        self.downlinks = [each for each in uart.downlinks if each.command.wants_result]
        self._place_of = {downlink: place for place, downlink in enumerate(self.downlinks)}
        self._requests = [each for call in traffic.calls for each in call.requests if not each.local]
        self._candidates = {request: self._best_candidates(request) for request in self._requests}
        self._chosen: dict[LanRequest, Candidate] = {}
        self._owner: dict[Downlink, LanRequest] = {}
        #: Requests that could be matched otherwise, those without a match included.
        self.doubtful: set[LanRequest] = set()
        #: What those may have become as well, and what others that lack lines may have.
        self.claimed: set[Downlink] = set()

    def match(self) -> Mapping[LanRequest, Candidate]:
        """Say what each request became; one that became no downlink that was seen is left out."""
        for request in sorted(self._requests, key=self._priority):
            self._augment(request, set())
        self.doubtful = self._find_doubtful()
        for request, candidate in self._chosen.items():
            shared = request.reply is None and self._others_use_method(request)
            plausible = is_plausible(request, candidate, self._uart, self._orphans) and not shared
            candidate.sure = plausible and request not in self.doubtful
        for request in self.doubtful:
            self._claim(request, (each.downlinks for each in self._others(request)))
        self._match_stalled()
        for request in filter(self._may_lack_lines, self._requests):
            self._claim(request, ([each] for each in self._in_time(request, STALL, longest=HORIZON)))
        self._claim_misheard()
        return self._chosen

    def _may_lack_lines(self, request: LanRequest) -> bool:
        """Tell whether lines of a request may be among those that nobody has: of a long list, each by itself."""
        chosen = self._chosen.get(request)
        if chosen is None or not chosen.ended:
            return True
        return not chosen.sure and len(request.demand.items) > LIKELY_CUT

    def _claim(self, request: LanRequest, candidates: Iterable[Sequence[Downlink]]) -> None:
        """Note what a request may have become as well, or a part of it."""
        for downlinks in candidates:
            first, demand = downlinks[0], request.demand
            asks_for = any(demand.covers(first.command, at) for at in range(len(demand.items)))
            if asks_for and self._may_have_waited(request, first):
                self.claimed.update(downlinks)

    def _may_have_waited(self, request: LanRequest, downlink: Downlink) -> bool:
        return request.reply is not None or had_it_waiting(request, downlink.instant, self._uart)

    def _claim_misheard(self) -> None:
        """Note what a request may have become that lacks lines, or is in doubt, if a character was misheard."""
        for request in self._requests:
            chosen = self._chosen.get(request)
            if chosen is not None and chosen.sure and chosen.ended and not chosen.contradicted:
                continue
            free = (each for each in self._in_time(request, STALL) if each not in self._owner)
            waited = (each for each in free if self._may_have_waited(request, each))
            if found := set(near_misses(waited, request.demand)):
                self.claimed |= found
                self.doubtful.add(request)

    def _match_stalled(self) -> None:
        """Match those that have no match with what is left, as if the lines were read later than they were said.

        After all others, so that it changes nothing for them.
        """
        for request in sorted(self._requests, key=self._priority):
            if request in self._chosen or not needs_answer(request):
                continue
            for candidate in self._all_candidates(request, STALL):
                free = all(each.answer and each not in self._owner for each in candidate.downlinks)
                if free and candidate.whole and agrees(request, candidate, STALL):
                    candidate.stalled = True
                    self._assign(request, candidate)
                    break

    @property
    def unasked(self) -> list[Downlink]:
        """The downlinks that no request explains, in order."""
        return [each for each in self.downlinks if each not in self._owner]

    # --- candidates --------------------------------------------------------------------------------------------

    def _best_candidates(self, request: LanRequest) -> list[Candidate]:
        """Give the candidates of the best kind there is, in the order in which they are tried.

        The kinds, best first: they agree with the reply, led to it promptly, and ended (where all such cost much more
        than one that only likely ended, that counts too); they agree and ended; they agree; they ask for all the
        request asks for, and would agree if they were read later than they were said; they ask for all of it, though
        the reply contradicts them.
        """
        candidates = list(self._all_candidates(request))
        agreeing = [each for each in candidates if agrees(request, each)]
        prompt = [each for each in agreeing if replied_promptly(request, each)]
        for each in agreeing:
            each.likely = each.likely and each in prompt
        for each in candidates:
            each.cost = cost_of(request, each) + FOREIGN_COST * self._count_foreign(request, each)
        least = min((each.cost for each in prompt), default=0.0)
        # Stable: in the order of time, but for what is clearly less likely.
        prompt.sort(key=lambda each: (each.cost > least + COMPARABLE, each.cost > least + NEAR))
        ended = [each for each in prompt if each.ended]
        if all(each.cost > least + COMPARABLE for each in ended):
            ended = [each for each in prompt if each.ended or each.likely]
        best = ended or [each for each in agreeing if each.ended] or agreeing
        if best:
            return best
        whole = [each for each in candidates if each.whole]
        stalled = [each for each in whole if needs_answer(request) and agrees(request, each, STALL)]
        for each in whole:
            each.stalled, each.contradicted = bool(stalled), not stalled
        return stalled or whole

    def _all_candidates(self, request: LanRequest, skew: float = SKEW) -> Iterator[Candidate]:
        downlinks = self._downlinks_in_time(request, skew)
        size = len(request.demand.items)
        # Of a long list, the first downlink may not have been seen.
        for at in range(size if size > LIKELY_CUT else 1):
            for place, downlink in enumerate(downlinks):
                if request.demand.covers(downlink.command, at):
                    yield extend(request, downlinks[place:], at)

    def _downlinks_in_time(self, request: LanRequest, skew: float) -> Sequence[Downlink]:
        """Give the downlinks of its method between a request and its reply, or the longest a request may wait.

        :param skew: seconds by which a line may be stamped after the reply that it led to
        """
        return [each for each in self._in_time(request, skew) if each.command.method == request.demand.method]

    def _in_time(self, request: LanRequest, skew: float, longest: float = LONGEST_WAIT) -> Sequence[Downlink]:
        if request.reply is None:
            end = request.last + longest
        else:
            end = request.reply.instant + (0.0 if timed_out(request.reply.reading) else skew)
        first = bisect_left(self.downlinks, request.first - SKEW, key=_INSTANT)
        return self.downlinks[first : bisect_left(self.downlinks, end, key=_INSTANT)]

    def _count_foreign(self, request: LanRequest, candidate: Candidate) -> int:
        """Count the downlinks of something else between those of a candidate, and between them and the reply."""
        first, last = (self._place_of[candidate.downlinks[end]] for end in (0, -1))
        foreign = last - first + 1 - len(candidate.downlinks)
        if request.reply is not None:
            replied = bisect_left(self.downlinks, request.reply.instant - SKEW, key=_INSTANT)
            foreign += max(0, replied - last - 1)
        return foreign

    def _priority(self, request: LanRequest) -> tuple[int, bool, float]:
        """Those whose reply confirms that they were carried out come first, in the order of the replies."""
        partly = not any(each.ended for each in self._candidates[request])
        return (_rank(request), partly, request.first if request.reply is None else request.reply.instant)

    # --- the matching ------------------------------------------------------------------------------------------

    def _augment(self, request: LanRequest, visited: set[LanRequest]) -> bool:
        """Match one more request along an augmenting path; without one, leave all as it was.

        :param visited: the requests that this path, or one that led to nothing, has been through
        """
        visited.add(request)
        for candidate in self._candidates[request]:
            if all(downlink not in self._owner for downlink in candidate.downlinks):
                self._assign(request, candidate)
                return True
        for candidate in self._candidates[request]:
            owners = self._owners(candidate)
            if len(owners) != 1 or not owners.isdisjoint(visited):
                continue
            (other,) = owners
            before = self._chosen[other]
            self._release(other)
            self._assign(request, candidate)
            if self._augment(other, visited):
                return True
            self._release(request)
            self._assign(other, before)
        return False

    def _owners(self, candidate: Candidate) -> set[LanRequest]:
        return {self._owner[downlink] for downlink in candidate.downlinks if downlink in self._owner}

    def _assign(self, request: LanRequest, candidate: Candidate) -> None:
        self._chosen[request] = candidate
        self._owner.update(dict.fromkeys(candidate.downlinks, request))

    def _release(self, request: LanRequest) -> None:
        for downlink in self._chosen.pop(request).downlinks:
            del self._owner[downlink]

    # --- is it the only one? -----------------------------------------------------------------------------------

    def _find_doubtful(self) -> set[LanRequest]:
        """Give the requests that another matching, as good as this one, would treat differently."""
        arrows, can_move = self._alternatives()
        # Who could move to something free, and all who could then take its place.
        doubtful = reaching(can_move, arrows)
        # Those on a cycle.
        doubtful |= {request for request in arrows if request in reachable(arrows[request], arrows)}
        doubtful.update(self._swappable())
        # Who has none, and all whom it could push out of theirs, down to one that has no better claim.
        unmatched = [each for each in self._requests if each not in self._chosen and arrows[each]]
        for rank in (0, 1, 2):
            weaker = {each for each in self._chosen if _rank(each) >= rank}
            pushed = reachable((each for each in unmatched if _rank(each) == rank), arrows)
            backed = reaching(weaker, arrows)
            doubtful |= pushed & backed
        # One that nothing confirms has what another one could have as well.
        dispensable = {request for request in self._chosen if request.reply is None}
        for request, others in arrows.items():
            if contested := others & dispensable:
                doubtful |= {request, *contested}
        return doubtful

    def _alternatives(self) -> tuple[dict[LanRequest, set[LanRequest]], set[LanRequest]]:
        """Give for each request those whose downlinks it could have as well, and who could have free ones.

        A downlink that was not seen is free.
        """
        arrows: dict[LanRequest, set[LanRequest]] = {}
        can_move: set[LanRequest] = set()
        for request in self._requests:
            owners = list(map(self._owners, self._others(request)))
            arrows[request] = set[LanRequest]().union(*owners) - {request}
            if not all(owners) or self._may_be_of_unheard(request):
                can_move.add(request)
        return arrows, can_move

    def _may_be_of_unheard(self, request: LanRequest) -> bool:
        """Tell whether what was not seen explains a reply as well, or a line that nobody has better, if misheard."""
        chosen = self._chosen.get(request)
        if chosen is None or request.reply is None:
            return False
        if may_be_of_unseen(request, chosen, self._uart):
            return True
        demand, downlinks = request.demand, self._in_time(request, 0.0)
        free = (each for each in downlinks if each not in self._owner and not demand.covers(each.command, 0))
        candidates = (Candidate((each,), whole=True) for each in near_misses(free, demand))
        return any(cost_of(request, each) < chosen.cost and agrees(request, each) for each in candidates)

    def _others(self, request: LanRequest) -> list[Candidate]:
        """Give what else a request may have become.

        Its own candidate, and one that costs more than :data:`COMPARABLE` beyond that, is no alternative. What would
        agree if it was read later than it was said is one: a busy computer reads nothing for a while. So it is where
        the reply was read late.
        """
        chosen = self._chosen.get(request)
        candidates = [*self._candidates[request], *self._read_late(request)]
        if chosen is None:
            return candidates
        most = chosen.cost + COMPARABLE
        others = (each for each in candidates if each is not chosen)
        return [each for each in others if each.cost <= most or may_be_late(request, each, chosen)]

    def _read_late(self, request: LanRequest) -> Iterator[Candidate]:
        """Give what would agree with a reply if it was read later than it was said, and does not otherwise."""
        reply = request.reply
        if reply is None or request not in self._chosen or not needs_answer(request):
            return
        late = longest_stall(self._uart, reply.instant)
        answers = [each.answer for each in self._downlinks_in_time(request, late) if each.answer is not None]
        if all(each.record.instant <= reply.instant + SKEW for each in answers):
            return
        for each in self._all_candidates(request, late):
            if each.ended and agrees(request, each, late) and not agrees(request, each):
                yield each

    def _swappable(self) -> Iterator[LanRequest]:
        """Give the requests that could swap with another one, at hardly more than both cost now."""
        more: dict[tuple[LanRequest, LanRequest], float] = {}
        for request, chosen in self._chosen.items():
            for candidate in self._candidates[request]:
                if len(others := self._owners(candidate) - {request}) == 1:
                    swap = (request, others.pop())
                    more[swap] = min(more.get(swap, inf), candidate.cost - chosen.cost)
        for (request, other), cost in more.items():
            if cost + more.get((other, request), inf) <= COMPARABLE:
                yield request

    def _others_use_method(self, request: LanRequest) -> bool:
        """Tell whether somebody who is not seen on the LAN (the phone app, the cloud) uses the same method."""
        since, until = request.first - HORIZON, request.first + HORIZON
        near = between(self.downlinks, since, until)
        theirs = [each.command.method for each in near if each not in self._owner]
        theirs += [method for instant, method in self._uart.others if since < instant < until]
        return request.demand.method in theirs


def _rank(request: LanRequest) -> int:
    """Say how well its reply proves that it was carried out: 0 for a result, 1 for an error, 2 without one."""
    return 2 if request.reply is None else int(not request.has_result)
