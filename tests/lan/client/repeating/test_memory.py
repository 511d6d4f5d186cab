"""What a device's memory of ids bears: what may be sent while a copy may still come that must not be new to it."""

from __future__ import annotations

import json
import random
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.link import DEVICE_ID, TOKEN, Link

from miio_lan.lan.client.call import Call
from miio_lan.lan.client.ids import IdSource
from miio_lan.lan.client.incoming.holding import Hold
from miio_lan.lan.client.repeating.memory import IdMemory
from miio_lan.lan.packet import HEADER_SIZE, decode, encode, virtual_hello
from miio_lan.lan.responder.responder import Request, ResponderOptions

Kind = Literal["silent", "replay"]
KINDS: tuple[Kind, ...] = ("silent", "replay")


# --- the rule alone ---------------------------------------------------------------------------------------------------


def believing(depth: int) -> tuple[IdMemory, IdSource]:
    ids = IdSource(1, random.Random(1))
    memory = IdMemory(ids)
    memory.remembers, memory.depth = True, depth
    return memory, ids


@pytest.mark.parametrize("depth", [1, 8, 13])
def test_as_many_ids_as_the_device_bears_are_free_and_the_next_one_is_not(depth: int) -> None:
    memory, ids = believing(depth)
    ids.gone = 5
    memory.guard(5, 100.0)
    for gone in range(depth):
        ids.gone = 5 + gone
        assert memory.free_at(100.0) == 100.0
        assert memory.free_at(100.0, depth - gone) == 100.0
        assert memory.free_at(100.0, depth - gone + 1) == 102.0
    ids.gone = 5 + depth
    assert memory.free_at(100.0) == 102.0
    assert memory.free_at(101.99) == 102.0
    assert memory.guarded
    assert memory.free_at(102.0) == 102.0
    assert not memory.guarded


def test_each_copy_is_waited_for_from_when_it_was_sent() -> None:
    memory, ids = believing(2)
    ids.gone = 5
    memory.guard(5, 100.0)
    memory.guard(5, 101.0)
    ids.gone = 7
    memory.guard(7, 100.5)
    assert memory.free_at(101.0) == 103.0
    ids.gone = 9
    assert memory.free_at(102.4) == 103.0
    assert list(memory.guarded) == [5, 7]
    assert memory.free_at(102.5) == 103.0
    assert list(memory.guarded) == [5]


def learnt(lost: set[int], seconds: float) -> IdMemory:
    """Find out about a device that is silent when an id is repeated.

    :param lost: which of the questions never arrive
    :param seconds: how long an answer takes
    """
    memory = IdMemory(IdSource(1, random.Random(1)))
    answers: list[tuple[float, int]] = []
    asked: set[int] = set()
    now = 100.0
    memory.begin(now)
    while memory.due is not None:
        now = min([memory.due, *[due for due, _ in answers]])
        if answers and answers[0][0] == now:
            memory.answered(answers.pop(0)[1], {"result": {"life": int(now)}}, now)
        for payload in memory.tick(now):
            number = json.loads(payload)["id"] if payload else 0
            if not payload:
                memory.greeted()
            elif number not in asked:
                asked.add(number)
                if len(asked) not in lost:
                    answers.append((now + seconds, number))
    return memory


@pytest.mark.parametrize(
    ("lost", "seconds", "depth"),
    [
        (set(), 0.01, 8),
        ({13, 14}, 0.01, 6),
        ({1, 2}, 0.01, 6),
        ({3, 9}, 0.01, 6),
        (set(), 0.3, 6),
        ({14}, 0.3, 5),
    ],
)
def test_only_ids_that_surely_came_after_another_are_known_to_be_borne(
    lost: set[int], seconds: float, depth: int
) -> None:
    memory = learnt(lost, seconds)
    assert memory.remembers
    assert memory.depth == depth


# --- in a session -----------------------------------------------------------------------------------------------------


class Late(Link):
    """A link to a device that was seen to remember ids, with a fate for some copies of a command."""

    def __init__(self, kind: Kind, *, size: int = 16, depth: int = 8, **options: Any) -> None:
        super().__init__(options=ResponderOptions(id_memory=kind, id_memory_size=size), **options)
        #: Method -> what becomes of its next copies: None for lost, seconds for a delay, "prompt" for nothing.
        self.fates: dict[str, list[float | str | None]] = {}
        self.call("get_prop")
        # All these have been timed, so that a loss is noticed soon.
        for method in ("toggle", "set_properties", "get_prop"):
            for _ in range(5):
                self.call(method, setting(0))
        self.session.memory.remembers, self.session.memory.depth = True, depth
        self.executed.clear()
        self.sent.clear()

    def to_device(self, datagram: bytes) -> None:
        method = str(request(datagram).get("method")) if len(datagram) > HEADER_SIZE else ""
        fate = self.fates[method].pop(0) if self.fates.get(method) else "prompt"
        if fate == "prompt":
            super().to_device(datagram)
        elif isinstance(fate, float):
            self._plan(fate, "late", datagram)

    def late(self, datagram: bytes) -> None:
        super().to_device(datagram)


def request(datagram: bytes) -> dict[str, Any]:
    payload = decode(datagram, TOKEN).payload
    assert isinstance(payload, dict)
    return payload


def setting(value: object) -> list[dict[str, Any]]:
    return [{"siid": 2, "piid": 1, "value": value}]


def let_pass(link: Link, seconds: float) -> None:
    """Let time pass, for all who have something to do in it."""
    end = link.now + seconds
    while (deadline := link.session.deadline) is not None and deadline < end:
        link.pass_time(max(0.0, deadline - link.now))
        link.session.tick(link.now)
        link._carry_from_session()
    link.pass_time(end - link.now)


def repeated(link: Late, params: list[Any]) -> Call:
    """Toggle; the first copy takes 1.9 s, and the second one is answered at once."""
    link.fates["toggle"] = [1.9]
    call = link.call("toggle", params)
    assert call.outcome()
    assert (call.sends, len(call.sent_at)) == (2, 1)
    assert link.now - call.started < 0.5
    return call


def newer(link: Late, call: Call) -> int:
    """How many ids went out after that of a call."""
    return link.session._ids.gone - call.place


@pytest.mark.parametrize("kind", KINDS)
def test_a_late_copy_never_meets_a_device_that_has_forgotten_its_id(kind: Kind) -> None:
    link = Late(kind)
    repeated(link, ["x"])
    for number in range(40):
        link.call("get_prop", [number]).outcome()
    link.pass_time(5)
    assert link.executed["toggle", "['x']"] == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [2, 8])
def test_what_the_device_bears_goes_out_at_once_and_one_more_when_the_copies_have_arrived(
    kind: Kind, depth: int
) -> None:
    link = Late(kind, depth=depth)
    toggle = repeated(link, ["x"])
    while newer(link, toggle) < depth:
        call = link.call("get_prop")
        assert call.first_sent == call.started
    for method in ("get_prop", "get_prop", "toggle"):
        call = link.start(method)
        assert call.first_sent is None
        assert link.session.deadline == toggle.last_sent + 2.0
        link.session.abandon(call, "given up", link.now)
    call = link.call("get_prop")
    assert call.first_sent == toggle.last_sent + 2.0
    assert not link.session.memory.guarded
    call = link.call("get_prop")
    assert call.first_sent == call.started


@pytest.mark.parametrize("method", ["get_prop", "set_properties"])
def test_a_late_copy_of_what_may_run_twice_holds_up_nobody_else(method: str) -> None:
    link = Late("silent", depth=2)
    link.fates[method] = [1.9]
    assert link.call(method, setting(1)).sends == 2
    for number in range(10):
        call = link.call("get_prop", [number])
        assert call.first_sent == call.started


def test_a_read_that_waits_may_be_over_before_its_turn_and_says_so() -> None:
    link = Late("silent", depth=1)
    repeated(link, ["x"])
    call = link.call("get_prop", timeout=0.5, retry_count=0)
    assert call.sends == 0
    assert "copies of them might still arrive" in str(call.error)


def test_a_read_that_is_asked_again_has_a_new_id_so_it_waits_too() -> None:
    link = Late("silent", depth=2)
    toggle = repeated(link, ["x"])
    assert newer(link, toggle) == 1
    link.fates["get_prop"] = [None]
    read = link.call("get_prop")
    assert read.outcome()
    assert read.first_sent == read.started
    assert read.last_sent == toggle.last_sent + 2.0


def test_the_question_before_a_resend_waits_too() -> None:
    link = Late("silent", depth=2)
    first = repeated(link, ["x"])
    assert newer(link, first) == 1
    link.fates["toggle"] = [None]
    second = link.call("toggle", ["y"])
    assert second.outcome()
    assert second.first_sent == second.started
    asked = [
        instant
        for instant, datagram in link.sent
        if len(datagram) > HEADER_SIZE
        and request(datagram)["method"] == "miIO.info"
        and instant > second.started
    ]
    assert asked
    assert min(asked) >= first.last_sent + 2.0
    assert link.executed["toggle", "['x']"] == link.executed["toggle", "['y']"] == 1


def test_several_in_flight_wait_together() -> None:
    link = Late("silent", depth=3, max_in_flight=4)
    toggle = repeated(link, ["x"])
    calls = [link.start("get_prop", [number]) for number in range(6)]
    assert [call.first_sent is not None for call in calls] == [True, True, False, False, False, False]
    link.run()
    assert all(call.outcome() for call in calls)
    assert [call.first_sent for call in calls[2:4]] == [toggle.last_sent + 2.0] * 2


def test_a_subscription_that_is_lost_is_asked_for_again_when_the_copies_have_arrived() -> None:
    link = Late("silent", depth=2)
    toggle = repeated(link, ["x"])
    hold = Hold(77, 1000, link.now, 1e9)
    link.session.greeting.hello = virtual_hello(77)
    link.session.take_up(hold, "here", link.now)
    hold.renew(link.now)
    let_pass(link, 3.0)
    asked = [
        instant
        for instant, datagram in link.sent
        if len(datagram) > HEADER_SIZE and request(datagram)["method"] == "miIO.sub"
    ]
    assert asked
    assert toggle.last_sent + 2.0 <= min(asked) < toggle.last_sent + 2.1
    assert hold.complaint("x", 0.0, link.now) is None


def test_ids_that_were_given_and_have_not_gone_out_are_no_newer_ones() -> None:
    link = Late("silent", depth=2)
    link.fates["toggle"] = [None]
    toggle = link.start("toggle", ["x"])
    waiting = [link.start("get_prop", [number]) for number in range(5)]
    link.run()
    assert toggle.outcome()
    assert toggle.sends == 2
    assert all(call.outcome() for call in waiting)


def test_ids_that_were_given_before_and_went_out_after_are_newer_ones() -> None:
    link = Late("silent", size=4, depth=3, max_in_flight=2, work=0.05)
    original = link.answer
    lost: list[Request] = []

    def answer(asked: Request) -> None:
        if asked.method == "toggle" and not lost:
            lost.append(asked)
        else:
            original(asked)

    link.answer = answer  # type: ignore[method-assign]
    calls = [
        link.session.command("get_prop", [number], link.now, timeout=5, retry_count=3) for number in range(20)
    ]
    link.start("toggle", ["x"])
    for call in calls:
        link.session.begin(call, link.now)
    link._carry_from_session()
    link.run()
    assert link.executed["toggle", "['x']"] == 1


# --- sets -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_late_copy_of_an_older_set_never_undoes_a_newer_one(kind: Kind) -> None:
    link = Late(kind)
    ran: list[object] = []
    link.replies["set_properties"] = lambda asked: {"result": [ran.append(asked.params) or 0]}
    link.fates["set_properties"] = [1.9]
    old = link.call("set_properties", setting("old"))
    assert (old.sends, len(old.sent_at)) == (2, 1)
    for number in range(20):
        link.call("get_prop", [number]).outcome()
    new = link.call("set_properties", setting("new"))
    link.pass_time(5)
    assert ran[-1] == setting("new")
    assert new.first_sent == old.last_sent + 2.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", [-30012, -9999])
def test_a_set_that_was_refused_is_tried_again_under_an_id_that_the_device_does_not_know(
    kind: Kind, code: int
) -> None:
    link = Late(kind)
    answers = iter([{"error": (code, "user ack timeout")}, {"result": ["ok"]}])
    link.replies["set_properties"] = lambda _: next(answers)
    call = link.call("set_properties", setting(1))
    assert call.outcome() == ["ok"]
    assert len(call.sent_at) == 2
    assert link.now - call.started < 1.0


# --- who overtakes whom -----------------------------------------------------------------------------------------------


def test_what_was_sent_before_and_may_arrive_later_counts_as_newer() -> None:
    link = Late("silent", size=9)
    original = link.answer
    lost: list[Request] = []

    def answer(asked: Request) -> None:
        if asked.method == "toggle" and not lost:
            lost.append(asked)
        else:
            original(asked)

    link.answer = answer  # type: ignore[method-assign]
    for number in range(4):
        link.fates["get_prop"] = [1.9, 1.9]
        assert link.call("get_prop", [number]).sends == 3
    toggle = link.start("toggle", ["x"])
    assert toggle.overtaken == 8
    link.pass_time(0.01)
    assert lost
    # Its copy comes behind all of them.
    link.fates["toggle"] = [1.95]
    link.run()
    link.pass_time(5)
    assert link.executed["toggle", "['x']"] == 1


def test_what_has_been_answered_and_what_must_have_arrived_is_overtaken_no_more() -> None:
    link = Late("silent")
    link.fates["get_prop"] = [1.9]
    link.call("get_prop")
    assert link.call("toggle").overtaken == 1
    let_pass(link, 2.5)
    assert link.call("toggle").overtaken == 0


def test_a_newer_set_does_not_overtake_one_whose_turn_it_is_and_that_waits_for_a_greeting() -> None:
    link = Late("silent", max_in_flight=2)
    link.deaf = True
    link.call("toggle", timeout=0.5, retry_count=0)
    assert link.session.silent
    older = link.start("set_properties", setting("old"))
    assert older.awaits_hello
    stamp = link.session.clock.stamp(link.now)
    push = {"id": 7, "method": "properties_changed", "params": []}
    link.session.receive(encode(push, token=TOKEN, device_id=DEVICE_ID, stamp=stamp), link.now)
    newer_one = link.start("set_properties", setting("new"))
    assert (older.first_sent, newer_one.first_sent) == (None, None)
    link.deaf = False
    link.run()
    assert older.first_sent is not None
    assert newer_one.first_sent is not None
    assert older.first_sent < newer_one.first_sent


# --- over schedules ---------------------------------------------------------------------------------------------------

words = st.lists(
    st.tuples(
        st.sampled_from(["toggle", "toggle", "set_properties", "get_prop", "get_prop"]),
        # Seconds to the next command; None: when it has ended.
        st.sampled_from([None, None, None, 0.0, 0.05, 0.4]),
        # How often it is called.
        st.sampled_from([1, 1, 3, 12]),
    ),
    min_size=2,
    max_size=8,
)


def played(link: Late, scene: list[tuple[str, float | None, int]]) -> None:
    number = 0
    for method, pause, count in scene:
        for _ in range(count):
            number += 1
            link.start(method, setting(number), timeout=1.0, retry_count=2)
            if pause is None:
                link.run()
            else:
                let_pass(link, pause)
    link.run()
    link.pass_time(5)


@given(
    st.integers(0, 2**32),
    words,
    st.sampled_from(KINDS),
    st.sampled_from([9, 10, 12, 16]),
    st.sampled_from([1, 1, 2, 4]),
)
def test_nothing_runs_twice_nor_late_whatever_the_network_delays(
    seed: int, scene: list[tuple[str, float | None, int]], kind: Kind, size: int, in_flight: int
) -> None:
    rng = random.Random(seed)
    link = Late(kind, size=size, depth=8, max_in_flight=in_flight)
    link.fate = lambda _: [rng.choice([0.002, 0.002, 0.002, 0.3, 1.0, 1.95])] if rng.random() > 0.1 else []
    ran: list[int] = []
    link.replies["set_properties"] = lambda asked: {"result": [ran.append(asked.params[0]["value"]) or 0]}  # type: ignore[index]
    played(link, scene)
    for (method, params), count in link.executed.items():
        assert method != "toggle" or count == 1, params
    assert ran == sorted(ran)
