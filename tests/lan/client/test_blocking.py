from __future__ import annotations

import gc
import socket
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from support.lan_server import DEVICE_ID, TOKEN, Server

from miio_lan.errors import DeviceException, DeviceTimeout, OutcomeUnknown
from miio_lan.lan.client.blocking import Connection
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.client.session import Session
from miio_lan.lan.client.transport.telling import tracer
from miio_lan.lan.client.transport.waiting import Waiting
from miio_lan.lan.packet import encode, hello_reply
from miio_lan.lan.payload import dump_payload
from miio_lan.lan.responder.responder import Request
from miio_lan.record import Record


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def connect(server: Server, host: str = "127.0.0.1", **options: Any) -> Connection:
    return Connection(host, Session(TOKEN, peer=host), port=server.port, **options)


def ask(connection: Connection, params: object = (), **options: Any) -> object:
    wanted = list(params) if params == () else params
    return connection.call("get_echo", wanted, **{"timeout": 5, "retry_count": 1, **options})


def test_a_call_and_a_handshake(server: Server) -> None:
    with connect(server) as connection:
        assert ask(connection, [1, 2]) == [1, 2]
        packet = connection.handshake(timeout=5, retry_count=0)
        assert getattr(packet, "device_id", None) == DEVICE_ID


def test_names_are_resolved(server: Server) -> None:
    with connect(server, host="localhost") as connection:
        assert ask(connection, [1]) == [1]


def test_many_threads_share_one_socket(server: Server) -> None:
    answers: dict[int, list[object]] = {}
    with connect(server) as connection:

        def work(number: int) -> None:
            answers[number] = [ask(connection, [number, turn]) for turn in range(30)]

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {number: [[number, turn] for turn in range(30)] for number in range(8)}
    assert len(server.peers) == 1


def test_a_waiting_thread_is_released_by_close(server: Server) -> None:
    server.answer = lambda request: None
    outcome: list[Exception] = []
    connection = connect(server)

    def wait() -> None:
        try:
            connection.call("toggle", [], timeout=60, retry_count=0)
        except DeviceException as error:
            outcome.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert server.received.acquire(timeout=30)
    connection.close()
    thread.join()
    assert isinstance(outcome[0], OutcomeUnknown)
    assert "closed" in str(outcome[0])


def test_followers_take_over_when_the_leader_is_done(server: Server) -> None:
    """The thread that waits on the socket goes away with its own answer; the others must not starve."""
    gate = threading.Event()

    def answer(request: Request) -> dict[str, Any]:
        if request.params == ["slow"]:
            gate.wait(30)
        return {"result": request.params}

    server.answer = answer
    results: list[object] = []
    with connect(server) as connection:
        slow = threading.Thread(target=lambda: results.append(ask(connection, ["slow"])))
        slow.start()
        quick = threading.Thread(target=lambda: results.append(ask(connection, ["quick"])))
        quick.start()
        gate.set()
        slow.join()
        quick.join()
    assert sorted(map(str, results)) == ["['quick']", "['slow']"]


def test_a_follower_keeps_its_own_deadline(server: Server) -> None:
    server.answer = lambda request: None
    errors: list[Exception] = []

    def wait(timeout: float) -> None:
        with pytest.raises(DeviceTimeout) as caught:
            ask(connection, timeout=timeout, retry_count=0)
        errors.append(caught.value)

    with connect(server) as connection:
        threads = [threading.Thread(target=wait, args=(timeout,)) for timeout in (0.4, 0.1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(errors) == 2


def test_after_closing_the_next_command_opens_another_socket(server: Server) -> None:
    connection = connect(server)
    assert ask(connection, [1]) == [1]
    connection.close()
    connection.close()
    assert ask(connection, [2]) == [2]
    connection.close()
    assert len(server.peers) == 2


def test_a_forgotten_connection_does_not_complain(server: Server) -> None:
    connection = connect(server)
    ask(connection)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del connection
        gc.collect()


def test_what_lay_in_the_socket_is_read_as_old_news(server: Server) -> None:
    now = [100.0]
    with connect(server, clock=lambda: now[0]) as connection:
        ask(connection)
        stamp = connection.session.clock.stamp(now[0])
        assert connection._socket is not None
        address = connection._socket.getsockname()
        for _ in range(3):
            server.socket.sendto(hello_reply(device_id=DEVICE_ID, stamp=stamp), address)
        now[0] += 2
        ask(connection)
        assert connection.session.dropped["unexpected hello reply"] == 3
        assert connection.session.clock.stamp(now[0]) == stamp + 2


def test_old_news_of_a_closed_port_is_no_error(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    original = socket.socket.recv
    news = [ConnectionRefusedError(111, "Connection refused")] * 3

    def receive(self: socket.socket, size: int) -> bytes:
        if news:
            raise news.pop()
        return original(self, size)

    now = [100.0]
    with connect(server, clock=lambda: now[0]) as connection:
        ask(connection)
        monkeypatch.setattr(socket.socket, "recv", receive)
        now[0] += 2
        assert ask(connection, [3]) == [3]
    assert not news


def test_a_source_address_can_be_chosen(server: Server) -> None:
    with connect(server, source_ip="127.0.0.1") as connection:
        ask(connection)
    assert {peer[0] for peer in server.peers} == {"127.0.0.1"}
    with (
        connect(server, source_ip="192.0.2.1") as connection,
        pytest.raises(DeviceException, match=r"192\.0\.2\.1"),
    ):
        ask(connection)


@pytest.mark.parametrize("source", ["\x80", "x\0y", "nobody.invalid", "::1", "", "\ud800", "1.2.3"])
def test_a_source_address_that_is_none(server: Server, source: str) -> None:
    with (
        connect(server, source_ip=source) as connection,
        pytest.raises(DeviceException, match="cannot send from"),
    ):
        ask(connection)


@pytest.mark.parametrize("source", ["nobody.invalid", "::1", "1.2.3"])
def test_a_source_address_of_another_kind_is_told_in_words(server: Server, source: str) -> None:
    with (
        connect(server, source_ip=source) as connection,
        pytest.raises(DeviceException, match="it is no IPv4 address, as that of the device is"),
    ):
        ask(connection)


@pytest.mark.parametrize(
    ("source", "family"),
    [(None, socket.AF_INET), ("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)],
)
@pytest.mark.parametrize("first", [0, 1])
def test_the_source_address_says_which_address_of_a_name_is_meant(
    monkeypatch: pytest.MonkeyPatch, source: str | None, family: int, first: int
) -> None:
    resolve = socket.getaddrinfo

    def both(host: Any, port: int, *args: Any, **options: Any) -> list[Any]:
        if host != b"lamp":
            return resolve(host, port, *args, **options)
        if options.get("flags"):
            raise socket.gaierror("a name")
        found = [resolve(address, port, type=socket.SOCK_DGRAM)[0] for address in ("127.0.0.1", "::1")]
        return [found[first], found[1 - first]]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with Connection("lamp", Session(TOKEN), port=9, source_ip=source) as connection:
        connection._attend(float("inf"), connection.closings)
        assert connection._socket is not None
        assert connection._socket.family == family
        assert source is None or connection._socket.getsockname()[0] == source


def test_an_unknown_name(server: Server) -> None:
    with (
        connect(server, host="nobody.invalid") as connection,
        pytest.raises(DeviceException, match="not a known host"),
    ):
        ask(connection)
    with (
        connect(server, host="a" * 70 + ".invalid") as connection,
        pytest.raises(DeviceException, match="not a known"),
    ):
        ask(connection)


def test_a_route_that_is_missing_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_route(self: socket.socket, address: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", no_route)
    with connect(server) as connection, pytest.raises(DeviceException, match="Network is unreachable"):
        ask(connection)


def test_sending_that_fails_is_tried_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    original = socket.socket.send
    failures = [OSError(101, "Network is unreachable")]

    def send(self: socket.socket, data: bytes) -> int:
        if failures:
            raise failures.pop()
        return original(self, data)

    monkeypatch.setattr(socket.socket, "send", send)
    with connect(server) as connection:
        assert ask(connection, [5]) == [5]
    assert not failures


def test_an_interrupted_call_leaves_the_connection_usable(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(server) as connection:
        ask(connection)

        def interrupt(self: socket.socket, size: int) -> bytes:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(socket.socket, "recv", interrupt)
            with pytest.raises(KeyboardInterrupt):
                ask(connection, ["lost"])
        assert not connection.session.busy
        assert ask(connection, ["next"]) == ["next"]


def test_an_observer_sees_both_directions(server: Server) -> None:
    seen: list[Record] = []
    tell = tracer(seen.append, "lamp")
    connection = Connection("127.0.0.1", Session(TOKEN), port=server.port, tell=tell)
    with connection:
        ask(connection, ["x"])
    assert [(record.wire, record.direction, record.note, record.peer) for record in seen] == [
        ("lan", "down", "hello", "lamp"),
        ("lan", "up", "hello", "lamp"),
        ("lan", "down", "", "lamp"),
        ("lan", "up", "", "lamp"),
    ]
    request, reply = seen[2].reading, seen[3].reading
    assert request is not None
    assert reply is not None
    assert (request["method"], reply["result"]) == ("get_echo", ["x"])
    assert seen[2].instant <= seen[3].instant


def test_a_thread_is_woken_for_its_own_answer_alone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    woken = []
    release = Waiting.release
    monkeypatch.setattr(
        Waiting, "release", staticmethod(lambda waiter: (woken.append(waiter), release(waiter)))
    )
    threads, turns = 24, 10
    with connect(server) as connection:

        def work() -> None:
            for turn in range(turns):
                assert ask(connection, [turn]) == [turn]

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    # Once for its answer and once to wait on the socket, at most; waking all would be some 5000.
    assert 0 < len(woken) <= 2 * threads * turns


def test_a_listener_is_woken_by_a_push_that_another_thread_reads(server: Server) -> None:
    heard: list[Push | None] = []
    with connect(server) as connection:
        ask(connection)
        listeners = [threading.Thread(target=lambda: heard.append(connection.listen(60))) for _ in range(2)]
        for listener in listeners:
            listener.start()
        while True:
            with connection._state:
                if connection._waiting._for_pushes:  # one of them waits on the socket, the other one for it
                    break
        for number in (9, 10):
            payload = dump_payload({"id": number, "method": "properties_changed", "params": []})
            with connection._state:
                push = encode(payload, token=TOKEN, device_id=DEVICE_ID, stamp=number)
                connection.session.receive(push, connection._clock())
                connection._flush()
                assert not connection._waiting._for_pushes
        connection.call("get_echo", [], timeout=5, retry_count=1)  # wakes the one on the socket
        for listener in listeners:
            listener.join()
    assert sorted(push.id for push in heard if push is not None) == [9, 10]
