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

from miio_lan.acceptance.content import BAD_ANSWERS, MCU_CODES, TIMED_OUT, UNDEFINED, carried, error_of
from miio_lan.acceptance.lan_story import Request
from miio_lan.acceptance.tasks import Answer, Task
from miio_lan.acceptance.uart_story import ANSWER_TIME, UartStory
from miio_lan.uart.commands import Error, Result

SKEW = 0.05
"""Seconds by which the stamps of the two wires may differ: two readers, one behind a USB adapter."""
LONGEST_WAIT = 40.0
"""Seconds a request may wait in the module: six before it, 4 s each, and the MCU asks for each after some more."""
DELIVERY = 0.5
"""Seconds a datagram may take, from the module or to it."""
COMPARABLE = 0.3
"""Seconds: what strains the stamps that much more is no explanation beside a better one."""
OUT_OF_ORDER = 20.0
"""How much more stamps in the wrong order weigh than a reply that takes its time."""

SCATTERED = 0.31
"""How much each line of something else among those of a request weighs: more than is comparable."""

_LIKELY_CUT = 8
_LIKELY_CUT_SIZE = 200


@dataclass(eq=False)
class Chain:
    """Lines that together may be what a request became.

    :param whole: whether they are all of it
    :param over: whether nothing came after them: they are all of it, or the last one failed
    :param likely: whether the request can end, or have gaps, where the chain does
    :param strain: how far the stamps are from what is usual, see :func:`_strain`
    """

    tasks: tuple[Task, ...]
    whole: bool
    over: bool = True
    likely: bool = True
    strain: float = 0.0


@dataclass
class Joint:
    """What a request became, and whether that is sure."""

    chain: Chain
    sure: bool = True
    contradiction: bool = False


class Joiner:
    """Finds for each request the lines it became."""

    def __init__(self, requests: Iterable[Request], uart: UartStory) -> None:
        self._uart = uart
        self._by_method: dict[str, list[Task]] = defaultdict(list)
        self._place_of = {task: place for place, task in enumerate(uart.tasks)}
        for task in uart.tasks:
            self._by_method[task.command.method].append(task)
        self._requests = [each for each in requests if not each.local]
        self._options: dict[Request, list[Chain]] = {}
        self._odd: set[Request] = set()
        self._chosen: dict[Request, Chain] = {}
        self._owner: dict[Task, Request] = {}
        #: Requests that could be matched otherwise, those without a line included.
        self.doubtful: set[Request] = set()

    def join(self) -> Mapping[Request, Joint]:
        """Match all requests."""
        for request in self._requests:
            self._options[request] = self._find(request)
        for request in sorted(self._requests, key=self._urgency):
            self._place(request, set())
        self.doubtful = doubtful = self._doubtful()
        return {
            request: Joint(
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
    def taken(self) -> set[Task]:
        """The lines that some request explains."""
        return set(self._owner)

    # --- what is possible --------------------------------------------------------------------------------------

    def _find(self, request: Request) -> list[Chain]:
        chains = list(self._chains(request))
        agreeing = [chain for chain in chains if agrees(request, chain)]
        prompt = [chain for chain in agreeing if _replied_promptly(request, chain)]
        for chain in agreeing:
            chain.likely = chain.likely and chain in prompt
        for chain in chains:
            chain.strain = _strain(request, chain) + SCATTERED * self._among(request, chain)
        least = min((chain.strain for chain in prompt), default=0.0)
        # In order, but for what is clearly less likely.
        prompt.sort(key=lambda chain: chain.strain > least + COMPARABLE)
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

    def _chains(self, request: Request) -> Iterator[Chain]:
        tasks = self._within(request)
        demand = request.demand
        starts = [place for place, task in enumerate(tasks) if demand.covers(task.command, 0)]
        for place in starts:
            yield _follow(request, tasks[place:], 0)
        if len(demand.items) > _LIKELY_CUT:  # its first line may not have been seen
            for at in range(1, len(demand.items)):
                for place, task in enumerate(tasks):
                    if demand.covers(task.command, at):
                        yield _follow(request, tasks[place:], at)

    def _within(self, request: Request) -> Sequence[Task]:
        tasks = self._by_method.get(request.demand.method, [])
        if request.reply is None:
            end = request.last + LONGEST_WAIT
        else:
            timed_out = error_of(request.reply.reading) == TIMED_OUT
            end = request.reply.instant + (0.0 if timed_out else SKEW)
        first = bisect_left(tasks, request.first - SKEW, key=_handed_out)
        return tasks[first : bisect_left(tasks, end, key=_handed_out)]

    def _among(self, request: Request, chain: Chain) -> int:
        """Count the lines of something else between those of a chain, and between them and the reply."""
        first, last = (self._place_of[chain.tasks[end]] for end in (0, -1))
        foreign = last - first + 1 - len(chain.tasks)
        if request.reply is not None:
            replied = bisect_left(self._uart.tasks, request.reply.instant - SKEW, key=_handed_out)
            foreign += max(0, replied - last - 1)
        return foreign

    def _urgency(self, request: Request) -> tuple[int, bool, float]:
        """Those whose reply confirms that they were carried out come first, in the order of the replies."""
        partly = not any(chain.over for chain in self._options[request])
        if request.reply is None:
            return (2, partly, request.first)
        return (0 if request.succeeded else 1, partly, request.reply.instant)

    # --- the matching ------------------------------------------------------------------------------------------

    def _place(self, request: Request, seen: set[Request]) -> bool:
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

    def _assign(self, request: Request, chain: Chain) -> None:
        self._chosen[request] = chain
        self._owner.update(dict.fromkeys(chain.tasks, request))

    def _release(self, request: Request) -> None:
        for task in self._chosen.pop(request).tasks:
            del self._owner[task]

    # --- is it the only one? -----------------------------------------------------------------------------------

    def _doubtful(self) -> set[Request]:
        """Give the requests that another matching, as good as this one, would treat differently."""
        wants: dict[Request, set[Request]] = {}
        free: set[Request] = set()
        for request in self._requests:
            others: set[Request] = set()
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
        return doubtful | pushed

    def _prompt(self, request: Request, chain: Chain) -> bool:
        """Tell whether nothing shows that the module did not have the request when it handed the line out.

        Without a reply nothing confirms that a line belongs to a request; and a module that hands out ``none`` has
        nothing waiting.
        """
        if request.reply is not None:
            return True
        out = chain.tasks[0].down.instant
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

    def _in_order(self, request: Request, chain: Chain) -> bool:
        """Tell whether the stamps are in order, or all was seen, so that nothing else can explain the reply."""
        if request.reply is None:
            return True
        end = request.reply.instant
        last = max(
            task.down.instant if task.answer is None else task.answer.record.instant for task in chain.tasks
        )
        if error_of(request.reply.reading) == TIMED_OUT:
            last = chain.tasks[-1].down.instant
        if request.first <= chain.tasks[0].down.instant and last <= end:
            return True
        return self._uart.watched(request.first - SKEW, end + SKEW)

    def _others_want(self, request: Request) -> bool:
        """Tell whether somebody who is not seen on the LAN (the phone app, the cloud) uses the same method."""
        method = request.demand.method
        theirs = [task.down.instant for task in self._by_method[method] if task not in self._owner]
        theirs += [instant for instant, each in self._uart.others if each == method]
        return any(abs(instant - request.first) < 2 * LONGEST_WAIT for instant in theirs)


def _follow(request: Request, tasks: Sequence[Task], at: int) -> Chain:
    """Take the first line, and after it each that goes on where the one before ended."""
    demand = request.demand
    found, missing, size = [tasks[0]], at > 0, len(demand.items)
    at += demand.covers(tasks[0].command, at)
    for task in tasks[1:]:
        if at >= size or _gave_up(found[-1]):
            break
        here = demand.covers(task.command, at)
        skipped = 0
        if not here:
            skipped = next((k for k in range(at + 1, size) if demand.covers(task.command, k)), 0)
            if not skipped or any(demand.covers(other.command, at) for other in tasks):
                continue
            missing, here = True, demand.covers(task.command, skipped)
        found.append(task)
        at = (skipped or at) + here
    whole = at >= size and not missing
    if whole:
        return Chain(tuple(found), whole=True)
    cut = all(map(_looks_cut, found))
    over = cut and not missing and not request.succeeded and _failed(found[-1])
    return Chain(
        tuple(found), whole=False, over=over, likely=cut or all(map(_looks_cut, found[:-1] or found))
    )


def _gave_up(task: Task) -> bool:
    """Tell whether the module surely asked for nothing more after this line."""
    answer, closed = task.answer, task.closed
    if answer is None:
        return closed is not None and not task.broken and closed - task.down.instant >= ANSWER_TIME - SKEW
    return answer.refused or isinstance(answer.command, Error)


def _failed(task: Task) -> bool:
    """Tell whether a module gives up the whole request with this line."""
    answer = task.answer
    return (
        answer is None
        or answer.refused
        or answer.dropped
        or not answer.fits
        or isinstance(answer.command, Error)
    )


def _looks_cut(task: Task) -> bool:
    """Tell whether a line is long enough to be one of several: modules cut only what does not fit."""
    properties = getattr(task.command, "properties", ())
    return len(properties) >= _LIKELY_CUT or len(task.down.raw) >= _LIKELY_CUT_SIZE


def agrees(request: Request, chain: Chain) -> bool:
    """Tell whether the reply can be what the module made of the answers to these lines."""
    reply = request.reply
    if reply is None:
        return True
    code = error_of(reply.reading)
    if code is None:
        result = (reply.reading or {}).get("result")
        answers = [task.answer for task in chain.tasks if task.answer is not None]
        return all(_in_time(answer, reply.instant) and _gave(answer, result) for answer in answers)
    answer = chain.tasks[-1].answer
    if code == TIMED_OUT:
        return answer is None or _of_no_use(answer, reply.instant) or _said(answer, code)
    if answer is None:
        return code in MCU_CODES or code == UNDEFINED
    if isinstance(answer.command, Error):
        return _in_time(answer, reply.instant) and (_said(answer, code) or code == UNDEFINED)
    wrong = answer.refused or not answer.fits or not answer.command.valid
    return wrong and (code in BAD_ANSWERS or code == UNDEFINED)


def _replied_promptly(request: Request, chain: Chain) -> bool:
    """Tell whether the reply came as soon after the answer, or the end of the waiting, as a module sends it."""
    reply, answer = request.reply, chain.tasks[-1].answer
    if reply is None:
        return True
    if error_of(reply.reading) == TIMED_OUT and not (answer is not None and _said(answer, TIMED_OUT)):
        return reply.instant - chain.tasks[-1].down.instant <= ANSWER_TIME + DELIVERY
    if answer is None or not _in_time(answer, reply.instant):
        return True
    return reply.instant - answer.record.instant <= DELIVERY


def _strain(request: Request, chain: Chain) -> float:
    """Say how many seconds the reply came after the answer, and how far stamps are out of order, which weighs more."""
    off = max(0.0, request.first - chain.tasks[0].down.instant)
    last = chain.tasks[-1]
    if request.reply is None:
        return off * OUT_OF_ORDER
    off += max(0.0, last.down.instant - request.reply.instant)
    lag = 0.0
    if last.answer is not None and error_of(request.reply.reading) != TIMED_OUT:
        lag = request.reply.instant - last.answer.record.instant
    return max(0.0, lag) + (off + max(0.0, -lag)) * OUT_OF_ORDER


def _in_time(answer: Answer, reply: float) -> bool:
    return answer.record.instant <= reply + SKEW


def _gave(answer: Answer, result: object) -> bool:
    if not answer.fits:
        return True  # some other line's answer, or of no use; it tells nothing about this line
    return isinstance(answer.command, Result) and carried(answer.command, result)


def _of_no_use(answer: Answer, reply: float) -> bool:
    return answer.record.instant >= reply - SKEW or answer.refused or answer.dropped or not answer.fits


def _said(answer: Answer, code: int) -> bool:
    return isinstance(answer.command, Error) and answer.command.code == code


def _handed_out(task: Task) -> float:
    return task.down.instant


def _reached(start: Iterable[Request], wants: Mapping[Request, set[Request]]) -> set[Request]:
    seen: set[Request] = set()
    waiting = list(start)
    while waiting:
        request = waiting.pop()
        if request not in seen:
            seen.add(request)
            waiting.extend(wants.get(request, ()))
    return seen


def _reaching(goals: set[Request], wants: Mapping[Request, set[Request]]) -> set[Request]:
    backwards: dict[Request, set[Request]] = defaultdict(set)
    for request, others in wants.items():
        for other in others:
            backwards[other].add(request)
    return _reached(goals, backwards)
