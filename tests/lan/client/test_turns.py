"""Two objects for one device: they take turns, whatever becomes of one of them."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lan_server import TOKEN, Server

from miio_lan import AsyncDevice
from miio_lan.errors import DeviceException
from miio_lan.lan.client.blocking import Connection
from miio_lan.lan.client.call import Call
from miio_lan.lan.client.session import Session
from miio_lan.lan.client.transport.lines import line_of
from miio_lan.lan.client.turns import CommandQueue, QueuePlace
from miio_lan.lan.responder.responder import Request

A, B, C = "a", "b", "c"


def command(deadline: float = 100.0) -> Call:
    return Call("get_x", 0.0, 5.0, deadline, 3, safe=True)


class Queue:
    """A line, and who was woken."""

    def __init__(self) -> None:
        self.line = CommandQueue()
        self.woken: list[object] = []

    def join(
        self, session: object, *, limit: int = 1, caller: object = None, deadline: float = 100.0
    ) -> Call:
        call = command(deadline)
        self.line.join(QueuePlace(call, session, limit, caller, lambda: self.woken.append(session)))
        return call

    def going(self, *calls: Call, now: float = 1.0) -> list[bool]:
        return [self.line.may_go(call, now) for call in calls]


def test_the_first_goes_and_the_next_is_woken_when_it_ends() -> None:
    queue = Queue()
    one, two, three = queue.join(A), queue.join(B), queue.join(C)
    assert queue.going(one, two, three) == [True, False, False]
    one.active = True
    queue.line.leave(one)
    assert queue.woken == [B]
    assert queue.going(two, three) == [True, False]
    queue.line.leave(three)
    queue.line.leave(two)
    assert len(queue.line) == 0


def test_all_who_stand_there_must_allow_it() -> None:
    queue = Queue()
    calls = [queue.join(A, limit=2), queue.join(B, limit=3), queue.join(A, limit=2), queue.join(C, limit=1)]
    assert queue.going(*calls) == [True, True, False, False]
    queue.line.leave(calls[0])
    assert queue.woken == [B]  # its own session looks by itself
    assert queue.going(*calls[1:]) == [True, True, False]


def test_who_ended_without_a_word_stands_in_nobodys_way() -> None:
    queue = Queue()
    one, two, three = queue.join(A, deadline=10.0), queue.join(B), queue.join(C)
    assert queue.going(two, now=11.0) == [False]
    assert queue.going(two, now=11.1) == [True]
    two.done = True
    assert queue.going(three) == [True]
    assert queue.line.leave(one) is None


def test_an_observer_that_sends_does_not_wait_for_the_call_it_observes() -> None:
    queue = Queue()
    queue.join(A, caller="thread 1")
    within, other = queue.join(B, caller="thread 1"), queue.join(C, caller="thread 2")
    again = queue.join(A, caller="thread 1")
    assert queue.going(within, other, again) == [True, False, False]


def test_who_stands_in_no_line_may_go() -> None:
    queue = Queue()
    assert queue.going(command()) == [True]
    queue.join(A)
    assert queue.going(command()) == [True]
    queue.join(B)
    assert queue.going(command()) == [True]


@given(
    st.lists(st.tuples(st.sampled_from([A, B, C]), st.integers(1, 3)), min_size=1, max_size=12), st.randoms()
)
def test_nobody_is_forgotten_and_nobody_asks_too_much(
    joined: list[tuple[str, int]], rng: random.Random
) -> None:
    queue = Queue()
    limits: dict[Call, int] = {}
    for session, limit in joined:
        limits[queue.join(session, limit=limit)] = limit
    left = list(limits)
    while left:
        for call in left:
            call.active = call.active or queue.line.may_go(call, 1.0)
        active = [call for call in left if call.active]
        assert active
        assert len(active) <= min(limits[call] for call in active)
        ended = rng.choice(active)
        left.remove(ended)
        queue.line.leave(ended)


def test_a_session_moves_to_another_line_with_its_calls() -> None:
    one, other = Session(TOKEN, rng=random.Random(1)), Session(TOKEN, rng=random.Random(2))
    calls = [one.command("get_x", [], 0.0, timeout=5, retry_count=0) for _ in range(2)]
    for call in calls:
        one.begin(call, 0.0)
    line = CommandQueue()
    one.share(line)
    other.share(line)
    late = other.command("get_x", [], 0.0, timeout=5, retry_count=0)
    greeting = other.handshake(0.0, timeout=5, retry_count=0)
    other.begin(late, 0.0)
    other.begin(greeting, 0.0)
    assert len(line) == 3
    assert (calls[0].active, calls[1].active, late.active, greeting.active) == (True, False, False, True)
    one.abandon_all("closed")
    assert other.may_go_on(0.0)
    other.tick(0.0)
    assert late.active
    assert not other.stands_in_line


# --- with sockets ---------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def connect(server: Server, host: str = "127.0.0.1", **options: Any) -> Connection:
    return Connection(host, Session(TOKEN, peer=host, **options), port=server.port)


def ask(connection: Connection, params: object, **options: Any) -> object:
    return connection.call("get_echo", params, **{"timeout": 20, "retry_count": 0, **options})


def under_way(*connections: Connection) -> int:
    return sum(call.active for each in connections for call in list(each.session._calls.all))


def test_objects_of_one_device_take_turns(server: Server) -> None:
    """Each call is answered, and no two of them are with the device at one time."""
    most = 0

    def answer(request: Request) -> dict[str, Any]:
        nonlocal most
        most = max(most, under_way(*connections))
        return {"result": request.params}

    connections = [connect(server, host) for host in ("127.0.0.1", "127.0.0.1", "localhost")]
    server.answer = answer
    answers: dict[int, list[object]] = {}

    def work(number: int) -> None:
        used = connections[number % len(connections)]
        answers[number] = [ask(used, [number, turn]) for turn in range(10)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for connection in connections:
        connection.close()
    assert answers == {number: [[number, turn] for turn in range(10)] for number in range(6)}
    assert most == 1


def test_with_room_for_two_two_are_under_way(server: Server) -> None:
    connections = [connect(server, max_in_flight=2) for _ in range(2)]
    both = threading.Event()
    server.answer = lambda request: both.set() if under_way(*connections) == 2 else None
    with connections[0], connections[1]:
        threads = [threading.Thread(target=attempt, args=(each,)) for each in connections]
        for thread in threads:
            thread.start()
        assert both.wait(30)
        connections[0].close()
        connections[1].close()
        for thread in threads:
            thread.join()


def attempt(connection: Connection, **options: Any) -> None:
    with pytest.raises(DeviceException):
        ask(connection, ["held"], **options)


@pytest.mark.parametrize("how", ["closed", "silent"])
def test_whatever_becomes_of_one_the_other_goes_on(server: Server, how: str) -> None:
    gate = threading.Event()
    asked: list[object] = []

    def answer(request: Request) -> dict[str, Any] | None:
        asked.append(request.params)
        if request.params == ["held"]:
            gate.set()
            return None
        return {"result": request.params}

    server.answer = answer
    with connect(server) as one, connect(server) as other:
        holder = threading.Thread(
            target=attempt, args=(one,), kwargs={"timeout": 0.3 if how == "silent" else 20}
        )
        holder.start()
        assert gate.wait(30)
        results: list[object] = []
        stands = threading.Event()
        begin = other.session.begin
        other.session.begin = lambda *given, **more: (begin(*given, **more), stands.set())[0]
        waiter = threading.Thread(target=lambda: results.append(ask(other, ["other"])))
        waiter.start()
        assert stands.wait(30)
        assert asked == [["held"]]
        if how == "closed":
            one.close()
        holder.join()
        waiter.join()
    assert results == [["other"]]
    assert asked == [["held"], ["other"]]


def test_an_observer_sends_with_another_object(server: Server) -> None:
    seen: list[object] = []
    with connect(server) as other:

        def observed(told: Any) -> None:
            if told.plain and told.direction == "down":
                seen.append(ask(other, ["within"]))

        with Connection("127.0.0.1", Session(TOKEN), port=server.port, tell=observed) as one:
            assert ask(one, ["outer"]) == ["outer"]
    assert seen == [["within"]]


def test_other_devices_do_not_wait(server: Server) -> None:
    gate = threading.Event()
    server.answer = lambda request: gate.set()
    second = Server()
    try:
        with connect(server) as one, connect(second) as other:
            holder = threading.Thread(target=attempt, args=(one,))
            holder.start()
            assert gate.wait(30)
            assert ask(other, ["other"]) == ["other"]
            one.close()
            holder.join()
    finally:
        second.close()


def test_who_was_left_alone_is_passed_over_when_nothing_of_it_is_under_way() -> None:
    line, gone = CommandQueue(), threading.Event()
    left, other = command(), command()
    line.join(QueuePlace(left, A, 1, None, None, gone.is_set))
    line.join(QueuePlace(other, B, 1, None, None))
    left.active, left.last_sent = True, 10.0
    assert not line.may_go(other, 13.0)
    gone.set()
    assert not line.may_go(other, 12.0)
    assert line.may_go(other, 12.1)
    assert len(line) == 1


def test_a_call_of_a_loop_that_was_closed_is_waited_for_no_longer_than_it_may_be_under_way(
    server: Server,
) -> None:
    asked = threading.Event()
    server.answer = lambda request: asked.set() if request.params == ["held"] else {"result": request.params}
    device = AsyncDevice("127.0.0.1", TOKEN.hex(), port=server.port, timeout=1000)
    loop = asyncio.new_event_loop()

    async def begin() -> asyncio.Task[Any]:
        asking = asyncio.ensure_future(device.send("get_prop", ["held"]))
        await asyncio.to_thread(asked.wait)
        return asking

    left = loop.run_until_complete(begin())
    left._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    with connect(server) as other:
        assert ask(other, ["other"]) == ["other"]
    asyncio.run(device.close())


def test_a_line_is_there_as_long_as_somebody_needs_it(server: Server) -> None:
    with connect(server) as one, connect(server) as other:
        ask(one, [])
        ask(other, [])
        assert one.session.line is other.session.line is line_of(("127.0.0.1", server.port))
        assert len(one.session.line) == 0
        line = weakref.ref(one.session.line)
    del one, other
    gc.collect()
    assert line() is None


def test_a_listener_hears_while_another_object_is_at_work(server: Server) -> None:
    """A call that waits for its turn leaves the socket to who listens there."""
    gate = threading.Event()
    server.answer = lambda request: gate.set() if request.params == ["held"] else {"result": request.params}
    with connect(server) as one, connect(server) as other:
        ask(other, ["first"])
        holder = threading.Thread(target=attempt, args=(one,))
        holder.start()
        assert gate.wait(30)
        results: list[object] = []
        waiter = threading.Thread(target=lambda: results.append(ask(other, ["other"])))
        waiter.start()
        assert other.listen(0.05) is None
        one.close()
        while not results:
            other.listen(0.05)
        holder.join()
        waiter.join()
    assert results == [["other"]]


def test_who_is_woken_by_another_connection_at_the_last_look_goes_on(server: Server) -> None:
    """The last look before a wait may find that it is over, when another connection has just said so."""
    answer = threading.Event()
    asked, waits = threading.Event(), threading.Event()

    def slow(request: Request) -> dict[str, Any]:
        asked.set()
        answer.wait(100)
        return {"result": request.params}

    server.answer = slow
    with connect(server) as one, connect(server) as other:
        look = other.session.may_go_on

        def poked(now: float) -> bool:
            if waits.is_set():
                return look(now)
            other._poke()  # as the other connection does it, in another thread
            waits.set()
            return True

        other.session.may_go_on = poked  # type: ignore[method-assign]
        threads = [
            threading.Thread(
                target=lambda each=each: told.append(each.call("get_x", [1], timeout=50, retry_count=1))
            )
            for each in (one, other)
        ]
        told: list[object] = []
        threads[0].start()
        assert asked.wait(100)
        threads[1].start()
        assert waits.wait(100)
        answer.set()
        for thread in threads:
            thread.join()
    assert told == [[1], [1]]
