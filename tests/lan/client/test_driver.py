"""What may happen to the socket's driver: observers, interruptions, forks, name servers, addresses that change."""

from __future__ import annotations

import json
import os
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from types import FrameType
from typing import Any

import pytest
from support.interrupting import interrupted
from support.lan_server import TOKEN, Server
from support.names import Names, name_server

from miio_lan.errors import DeviceError, DeviceException, DeviceTimeout
from miio_lan.lan.client import blocking
from miio_lan.lan.client.blocking import Connection
from miio_lan.lan.client.session import Session
from miio_lan.lan.client.transport import device_socket, forks, shared_socket, telling
from miio_lan.lan.client.wire import Told
from miio_lan.lan.responder.responder import Request


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def connect(server: Server, host: str = "127.0.0.1", **options: Any) -> Connection:
    return Connection(host, Session(TOKEN, peer=host), port=server.port, **options)


def ask(connection: Connection, params: object = (), method: str = "get_echo", **options: Any) -> object:
    wanted = list(params) if params == () else params
    return connection.call(method, wanted, **{"timeout": 5, "retry_count": 1, **options})


def count(server: Server) -> Counter[str]:
    """Count what the device executes, by method."""
    executed: Counter[str] = Counter()

    def answer(request: Request) -> dict[str, Any]:
        executed[request.method] += 1
        return {"result": request.params}

    server.answer = answer
    return executed


# --- observers --------------------------------------------------------------------------------------------------------


def test_an_observer_that_sends_from_within_changes_nothing(server: Server) -> None:
    executed = count(server)
    seen: list[str] = []
    inner: list[int] = []

    def tell(told: Told) -> None:
        if told.plain:
            seen.append(told.direction)
        if len(inner) < 3:
            number = len(inner)
            inner.append(number)
            assert ask(connection, [number]) == [number]

    with connect(server, tell=tell) as connection:
        assert ask(connection, ["x"], "toggle") == ["x"]
    assert executed["toggle"] == 1
    assert executed["get_echo"] == 3
    assert Counter(seen) == {"down": 4, "up": 4}


@pytest.mark.parametrize("direction", ["down", "up"])
def test_an_observer_that_raises_changes_nothing(
    server: Server, direction: str, caplog: pytest.LogCaptureFixture
) -> None:
    executed = count(server)

    def tell(told: Told) -> None:
        if told.direction == direction:
            raise ValueError("an odd observer")

    with connect(server, tell=tell) as connection:
        threads = [threading.Thread(target=ask, args=(connection, [n], "toggle")) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert executed["toggle"] == 4
    assert "an odd observer" in caplog.text


def test_a_slow_observer_delays_no_other_thread(server: Server) -> None:
    gate, entered = threading.Event(), threading.Event()
    mine = threading.get_ident()

    def tell(_: Told) -> None:
        if threading.get_ident() != mine:
            entered.set()
            gate.wait(30)

    results: list[object] = []
    with connect(server, tell=tell) as connection:
        ask(connection)
        slow = threading.Thread(target=lambda: results.append(ask(connection, ["slow"], "toggle")))
        slow.start()
        assert entered.wait(30)
        for number in range(5):
            assert ask(connection, [number]) == [number]
        assert slow.is_alive()
        gate.set()
        slow.join()
    assert results == [["slow"]]


def test_an_observer_slower_than_the_deadline_costs_no_answer(server: Server) -> None:
    executed = count(server)
    now = [100.0]

    def tell(told: Told) -> None:
        if told.direction == "down" and told.plain:
            assert select.select([connection._socket], [], [], 30)[0]
            now[0] += 60  # far beyond the deadline; the answer lies in the socket

    with connect(server, clock=lambda: now[0], tell=tell) as connection:
        assert ask(connection, ["x"], "toggle", timeout=1, retry_count=0) == ["x"]
    assert executed["toggle"] == 1


# --- interruptions ----------------------------------------------------------------------------------------------------


class Interrupter:
    """Raises KeyboardInterrupt at the n-th line of these files that a thread comes to."""

    def __init__(self, at: int, files: str | tuple[str, ...]) -> None:
        self.at = at
        self.files = files
        self.lines = 0
        self.raised = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(self.files) or is_within_del(frame):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.at and not self.raised:
                self.raised = True
                raise KeyboardInterrupt
        return self


def is_within_del(frame: FrameType | None) -> bool:
    """Whether the interpreter frees another object just now: whatever is raised there reaches nobody."""
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


#: The driver, and all that it calls.
DRIVER = (blocking.__file__, shared_socket.__file__, device_socket.__file__)
CLIENT = str(Path(blocking.__file__).parent)


def interrupted_at(
    line: int, connection: Connection, act: Callable[[], object], files: str | tuple[str, ...] = DRIVER
) -> bool:
    """Act, with an interruption at a line of the driver; whether it came to that."""
    tracer = Interrupter(line, files)
    interrupted(tracer, act)
    assert connection._leader is None or connection._leader != threading.get_ident()
    return tracer.raised


# A socket that was made and not yet kept is closed by the interpreter, with a warning.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("files", [DRIVER, CLIENT], ids=["driver", "client"])
@pytest.mark.parametrize(("observed", "fresh"), [(False, False), (True, False), (False, True)])
def test_every_line_of_a_call_survives_an_interruption(
    server: Server, observed: bool, fresh: bool, files: str | tuple[str, ...]
) -> None:
    """Afterwards another thread has its answer at once, and so has this one."""
    seen: list[Told] = []
    line = 0
    reached = True
    with connect(server, tell=seen.append if observed else None) as connection:
        while reached:
            line += 1
            if fresh:
                connection.close()  # the lines that open a socket, too
            reached = interrupted_at(line, connection, lambda: ask(connection, ["lost"]), files)
            results: list[object] = []
            thread = threading.Thread(
                target=lambda found=results: found.append(ask(connection, ["other"], timeout=20))
            )
            thread.start()
            thread.join(30)
            assert results == [["other"]], f"after an interruption at line {line}"
            assert ask(connection, ["own"]) == ["own"]
            assert not connection.session.busy
    assert line > 50


@pytest.mark.parametrize("busy", [False, True], ids=["nobody tells", "another one tells"])
def test_every_line_of_making_room_survives_an_interruption(
    server: Server, monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    """A command waits for an observer that does not follow, and is interrupted there."""
    monkeypatch.setattr(telling, "CROWDED", 3)
    line, reached = 0, True
    slept = [0.0]

    class Waiter:
        def acquire(self, timeout: float) -> None:
            slept[0] += timeout

    monkeypatch.setattr(telling.Teller, "stand_by", lambda self: Waiter())
    with connect(server, tell=lambda told: None, clock=lambda: time.monotonic() + slept[0]) as connection:
        ask(connection)
        teller = connection._teller
        assert teller is not None
        while reached:
            line += 1
            teller.add([Told("up", b"", 0.0)] * 9)
            if busy:
                teller.busy = -1
            reached = interrupted_at(line, connection, lambda: ask(connection, ["lost"], timeout=100))
            assert teller.busy in ({-1} if busy else {None}), f"after an interruption at line {line}"
            teller.leave()
            assert ask(connection, ["own"], timeout=20) == ["own"]
            assert teller.idle
            assert not connection.session.busy
    assert line > 50


def test_a_waiting_thread_goes_on_when_the_one_that_reads_is_interrupted(server: Server) -> None:
    """The thread at the socket goes away at any line, while another one waits behind it."""
    for line in range(1, 140, 3):
        gate = threading.Event()

        def answer(request: Request, gate: threading.Event = gate) -> dict[str, Any]:
            if request.params == ["other"]:
                gate.wait(30)
            return {"result": request.params}

        server.answer = answer
        results: list[object] = []
        with connect(server) as connection:
            ask(connection)
            other = threading.Thread(
                target=lambda found=results, used=connection: found.append(ask(used, ["other"], timeout=20))
            )
            other.start()
            interrupted_at(
                line,
                connection,
                lambda used=connection, opened=gate: (opened.set(), ask(used, ["lost"]))[1],
            )
            gate.set()
            other.join(30)
            assert results == [["other"]], f"after an interruption at line {line}"


def test_a_listener_survives_an_interruption_at_every_line(server: Server) -> None:
    line, reached = 0, True
    with connect(server) as connection:
        ask(connection)
        while reached:
            line += 1
            reached = interrupted_at(line, connection, lambda: connection.listen(0.001))
            assert ask(connection, ["own"]) == ["own"]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_who_only_looks_where_a_device_is_survives_an_interruption_at_every_line(server: Server) -> None:
    line, reached = 0, True
    with connect(server) as connection:
        while reached:
            line += 1
            connection.close()
            reached = interrupted_at(line, connection, lambda: connection.find_peer(time.monotonic() + 20))
            assert ask(connection, ["own"]) == ["own"]
        connection.close()
        assert connection.find_peer(time.monotonic() + 20) == "127.0.0.1"
    assert line > 20


def test_a_reader_that_left_without_a_word_is_replaced(server: Server) -> None:
    with connect(server) as connection:
        ask(connection)
        connection._leader, connection._leads_until = -1, time.monotonic() + 0.1
        assert ask(connection, ["own"]) == ["own"]


# --- forks ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_parent_and_child_share_nothing(server: Server) -> None:
    executed: Counter[str] = Counter()
    ids: Counter[int] = Counter()

    def answer(request: Request) -> dict[str, Any]:
        ids[request.id] += 1
        executed[f"{request.method} {request.params}"] += 1
        return {"result": request.params}

    server.answer = answer

    def work(connection: Connection, name: str) -> dict[str, int]:
        told = Counter[str]()
        for number in range(300):
            told["foreign"] += ask(connection, [name, number]) != [name, number]
            if number % 3 == 0:
                told["toggled"] += ask(connection, [name, number], "toggle") == [name, number]
        return dict(told)

    with connect(server) as connection:
        ask(connection, ["first"])
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writing, json.dumps(work(connection, "child")).encode())
            finally:
                os._exit(0)
        mine = work(connection, "parent")
        os.waitpid(child, 0)
        theirs = json.loads(os.read(reading, 1000))
        os.close(reading)
        os.close(writing)
    assert mine == theirs == {"foreign": 0, "toggled": 100}
    toggles = {key: times for key, times in executed.items() if key.startswith("toggle")}
    assert len(toggles) == 200
    assert set(toggles.values()) == {1}
    assert max(ids.values()) == 1
    assert len(server.peers) == 2


def test_a_child_begins_with_a_hello_and_without_open_calls(server: Server) -> None:
    connection = connect(server)
    ask(connection)
    call = connection.session.command("toggle", [], time.monotonic(), timeout=5, retry_count=0)
    connection.session.begin(call, time.monotonic())
    before = connection.session.last_id
    connection._leader = 5
    connection._state.acquire()
    forks.after_fork()
    assert not connection.session.busy
    assert not connection.session.clock.known
    assert abs(connection.session.last_id - before) > 0
    assert ask(connection, ["child"]) == ["child"]
    assert len(server.peers) == 2
    connection.close()


# --- names and addresses ----------------------------------------------------------------------------------------------


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    with name_server(monkeypatch) as found:
        yield found


def test_a_silent_name_server_ends_the_call_at_its_deadline(server: Server, names: Names) -> None:
    names.known["lamp.example"] = "127.0.0.1"
    names.gate.clear()
    with connect(server, host="lamp.example") as connection:
        for _ in range(2):
            with pytest.raises(DeviceTimeout, match="the name server did not answer") as caught:
                ask(connection, timeout=0.1, retry_count=1)
            assert not caught.value.may_have_run
        assert names.answered == 0  # nobody waited for the gate
        assert names.asked == 1  # the second call waited for the first one's question
        names.gate.set()
        assert ask(connection, ["now"]) == ["now"]


def test_a_name_that_becomes_known_is_found(server: Server, names: Names) -> None:
    names.known["lamp.example"] = "nobody.invalid"
    with connect(server, host="lamp.example") as connection:
        with pytest.raises(DeviceException, match="not a known host name"):
            ask(connection)
        names.known["lamp.example"] = "127.0.0.1"
        assert ask(connection, ["now"]) == ["now"]


def test_an_address_needs_no_thread(server: Server) -> None:
    with connect(server) as connection:
        before = threading.active_count()
        ask(connection)
        assert threading.active_count() == before


def test_a_name_that_points_elsewhere_is_followed(names: Names) -> None:
    first = Server("127.0.0.2")
    names.known["lamp.example"] = "127.0.0.2"
    connection = Connection("lamp.example", Session(TOKEN), port=first.port)
    try:
        assert ask(connection, [1]) == [1]
        second = Server("127.0.0.3", first.port)
        first.close()
        try:
            names.known["lamp.example"] = "127.0.0.3"
            with pytest.raises(DeviceException):
                ask(connection, [2], timeout=0.3, retry_count=0)
            assert ask(connection, [3]) == [3]
            assert ask(connection, [4]) == [4]
        finally:
            second.close()
    finally:
        connection.close()


def test_a_socket_whose_own_address_is_gone_is_replaced(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a machine sees whose own address has changed: the old socket sends into nothing."""
    with connect(server) as connection:
        assert ask(connection, [1]) == [1]
        old = connection._socket
        original = socket.socket.send

        def send(self: socket.socket, data: bytes) -> int:
            return len(data) if self is old else original(self, data)

        monkeypatch.setattr(socket.socket, "send", send)
        with pytest.raises(DeviceTimeout):
            ask(connection, [2], timeout=0.2, retry_count=0)
        assert ask(connection, [3]) == [3]


def test_the_port_stays_when_a_socket_is_replaced(server: Server) -> None:
    """A device tells what it tells unasked to the port it knows."""
    answer, server.answer = server.answer, lambda request: None
    with connect(server) as connection:
        with pytest.raises(DeviceTimeout):
            ask(connection, timeout=0.2, retry_count=0)
        server.answer = answer
        assert ask(connection, [3]) == [3]
        assert len(server.peers) == 1


def test_a_socket_that_is_closed_between_two_lines_is_opened_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(server) as connection:
        original = connection._attend
        left = [2]

        def attend(end: float, closings: int) -> None:
            original(end, closings)
            if left[0]:
                left[0] -= 1
                connection._close_socket()  # another thread could not open a new one in its place

        monkeypatch.setattr(connection, "_attend", attend)
        assert ask(connection, [1]) == [1]


def looked_up(names: Names, connection: Connection, wait: Callable[[], object]) -> DeviceException:
    """Close while another thread looks a name up and waits for something; give what ended that."""
    names.known["lamp.example"] = "127.0.0.1"
    names.gate.clear()
    ended: Queue[DeviceException] = Queue()

    def work() -> None:
        try:
            wait()
        except DeviceException as error:
            ended.put(error)

    thread = threading.Thread(target=work)
    thread.start()
    names.begun.acquire()
    connection.close()
    names.gate.set()
    thread.join()
    return ended.get_nowait()


@pytest.mark.parametrize("what", ["toggle", "handshake"])
def test_close_ends_a_call_that_still_looks_a_name_up(server: Server, names: Names, what: str) -> None:
    executed = count(server)
    with connect(server, host="lamp.example") as connection:

        def wait() -> object:
            if what == "handshake":
                return connection.handshake(timeout=60, retry_count=0)
            return ask(connection, method=what, timeout=60)

        error = looked_up(names, connection, wait)
        assert str(error).endswith("the connection was closed")
        assert not error.may_have_run
        assert connection._socket is None
        assert ask(connection, [1]) == [1]  # the next one opens it
    assert (executed["toggle"], executed["get_echo"]) == (0, 1)


def test_close_ends_a_wait_that_still_looks_a_name_up(server: Server, names: Names) -> None:
    with connect(server, host="lamp.example") as connection:
        error = looked_up(names, connection, lambda: connection.listen(60))
        assert "the connection was closed" in str(error)
        assert connection._socket is None


@pytest.mark.parametrize("what", ["call", "listen"])
def test_close_holds_between_two_lines(server: Server, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """A socket was found, or opened, and before it is used somebody closes it."""
    executed = count(server)
    with connect(server) as connection:
        original = connection._attend

        def attend(end: float, closings: int) -> None:
            original(end, closings)
            connection.close()

        monkeypatch.setattr(connection, "_attend", attend)
        with pytest.raises(DeviceException, match="closed"):
            _ = ask(connection) if what == "call" else connection.listen(60)
        assert connection._socket is None
    assert not executed


def test_many_threads_recover_although_one_is_always_busy(names: Names) -> None:
    first = Server("127.0.0.2")
    names.known["lamp.example"] = "127.0.0.2"
    connection = Connection("lamp.example", Session(TOKEN), port=first.port)
    ask(connection)
    second = Server("127.0.0.3", first.port)
    first.close()
    names.known["lamp.example"] = "127.0.0.3"
    fine = threading.Event()

    def work(number: int) -> None:
        end = time.monotonic() + 30
        while not fine.is_set() and time.monotonic() < end:
            try:
                ask(connection, [number], timeout=0.3, retry_count=0)
            except DeviceException:
                continue
            fine.set()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connection.close()
    second.close()
    assert fine.is_set()


# --- deadlines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "a" * 12_000,
        "[" * 40_000,
        '"' * 20_000,
        "\\" * 20_000,
        '{"a":' * 5_000,
        "token=" * 7_000,
        "9" * 40_000,
    ],
)
def test_a_long_answer_does_not_outlast_the_deadline(server: Server, text: str) -> None:
    def answer(request: Request) -> dict[str, Any] | None:
        return {"error": (-5001, text)}

    server.answer = answer
    with connect(server) as connection:
        before = time.thread_time()
        with pytest.raises(DeviceError) as caught:
            ask(connection, timeout=60, retry_count=0)
        assert (
            time.thread_time() - before < 2.0
        )  # of this thread's own work; a quadratic reading takes far more
        assert len(str(caught.value)) < 2000
