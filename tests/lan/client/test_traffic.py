"""Whose turn it is among many devices: limits, order, fairness, places that silent devices do not keep."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import DeviceTimeout
from miio_lan.lan.client import traffic
from miio_lan.lan.client.call import Call
from miio_lan.lan.client.session import Session
from miio_lan.lan.client.traffic import Lane, Slots, Traffic
from miio_lan.lan.packet import hello_reply

TOKEN = bytes(16)
NOW = 1000.0


class Device(Lane):
    """One device's lane; its session need not be told anything but that the device was heard."""

    def __init__(self, name: str = "", *, warm: bool = True, max_in_flight: int = 1) -> None:
        super().__init__(Session(TOKEN, peer=name, max_in_flight=max_in_flight))
        self.name = name
        if warm:
            greeting = self.session.handshake(NOW, timeout=5, retry_count=0)
            self.session.begin(greeting, NOW)
            self.session.receive(hello_reply(device_id=1, stamp=1), NOW)

    def call(self, method: str = "get_prop", now: float = NOW, timeout: float = 5) -> Call:
        return self.session.command(method, [], now, timeout=timeout, retry_count=0)

    def handshake(self) -> Call:
        return self.session.handshake(NOW, timeout=5, retry_count=0)


class Talk:
    """Traffic, and who began when."""

    def __init__(self, **limits: int) -> None:
        self.traffic: Traffic[Device] = Traffic(random.Random(1), **limits)
        self.now = NOW
        self.open: list[tuple[Device, Call]] = []

    def add(self, device: Device, method: str = "get_prop") -> Call:
        call = device.call(method, self.now)
        self.traffic.add(device, call, self.now)
        return call

    def begin(self) -> list[str]:
        begun = self.traffic.released(self.now)
        self.open += begun
        return [device.name for device, _ in begun]

    def end(self, name: str) -> None:
        device, call = next(each for each in self.open if each[0].name == name)
        self.open.remove((device, call))
        self.traffic.ended(device, call, self.now)


def devices(names: str, **options: bool) -> list[Device]:
    return [Device(name, **options) for name in names]


# --- places -----------------------------------------------------------------------------------------------------------


def test_places_are_limited_and_given_back() -> None:
    places = Slots(2, 1.0, random.Random(1))
    places.take("a", 0.0)
    assert places.free(0.0)
    places.take("b", 0.0)
    assert not places.free(0.0)
    places.give_back("a")
    assert places.free(0.0)
    assert not places.holds("a", 0.0)
    assert places.holds("b", 0.0)


def test_a_place_is_free_again_by_itself_at_about_the_time_it_is_held() -> None:
    places = Slots(1, 1.0, random.Random(1))
    assert places.next_free is None
    places.take("a", 0.0)
    assert places.next_free is not None
    assert 0.8 <= places.next_free <= 1.2
    assert not places.free(places.next_free - 0.001)
    assert places.free(places.next_free)
    assert places.next_free is None


def test_places_taken_at_one_time_are_not_free_again_at_one_time() -> None:
    places = Slots(200, 1.0, random.Random(1))
    for number in range(200):
        places.take(number, 0.0)
    held = [len([n for n in range(200) if places.holds(n, 0.8 + step / 10)]) for step in range(5)]
    assert held == sorted(held, reverse=True)
    assert 120 < held[1] < 180
    assert 20 < held[3] < 80
    assert held[4] == 0


@given(st.lists(st.tuples(st.sampled_from(["take", "back", "wait"]), st.integers(0, 5)), max_size=60))
def test_there_are_never_more_holders_than_places(steps: list[tuple[str, int]]) -> None:
    places, now = Slots(3, 1.0, random.Random(1)), 0.0
    for kind, number in steps:
        if kind == "take" and places.free(now) and not places.holds(number, now):
            places.take(number, now)
        elif kind == "back":
            places.give_back(number)
        else:
            now += number / 4
        assert sum(places.holds(each, now) for each in range(6)) <= 3
    assert places.free(now + 2)


# --- turns ------------------------------------------------------------------------------------------------------------


def test_one_command_at_a_time_to_each_device_in_order() -> None:
    talk, device = Talk(), Device("a")
    calls = [talk.add(device) for _ in range(3)]
    assert talk.begin() == ["a"]
    assert talk.begin() == []
    talk.end("a")
    assert talk.begin() == ["a"]
    talk.end("a")
    talk.begin()
    assert [call for _, call in talk.open] == calls[2:]


def test_as_many_at_a_time_as_the_device_holds() -> None:
    talk, device = Talk(), Device("a", max_in_flight=2)
    for _ in range(3):
        talk.add(device)
    assert talk.begin() == ["a", "a"]


def test_not_more_than_the_limit_over_all_devices() -> None:
    talk = Talk(max_commands=2)
    for device in devices("abcd"):
        talk.add(device)
    assert talk.begin() == ["a", "b"]
    assert talk.begin() == []
    talk.end("b")
    assert talk.begin() == ["c"]


def test_devices_take_turns_whoever_asked_for_much_first() -> None:
    talk = Talk(max_commands=1)
    greedy, *others = devices("abc")
    for _ in range(3):
        talk.add(greedy)
    for device in others:
        talk.add(device)
    order = []
    while begun := talk.begin():
        order += begun
        talk.end(begun[0])
    assert order == ["a", "b", "c", "a", "a"]


def test_what_is_not_answered_holds_its_place_for_a_moment_only() -> None:
    talk = Talk(max_commands=1)
    for device in devices("ab"):
        talk.add(device)
    assert talk.begin() == ["a"]
    due = talk.traffic.deadline
    assert due is not None
    assert 0.8 * traffic.COMMAND_HOLDS <= due - NOW <= 1.2 * traffic.COMMAND_HOLDS
    talk.now = due
    assert talk.begin() == ["b"]
    talk.end("a")  # late; it does not take back the place of another
    assert talk.traffic.deadline is None


def test_first_hellos_are_paced() -> None:
    talk = Talk(max_greetings=2)
    new = devices("abcd", warm=False)
    for device in new:
        talk.add(device)
    assert talk.begin() == ["a", "b"]
    talk.traffic.heard(new[0])
    assert talk.begin() == ["c"]
    due = talk.traffic.deadline
    assert due is not None
    assert 0.8 * traffic.GREETING_HOLDS <= due - NOW <= 1.2 * traffic.GREETING_HOLDS
    talk.now = NOW + 1.2 * traffic.GREETING_HOLDS
    assert talk.begin() == ["d"]


def test_devices_that_were_heard_do_not_wait_for_those_that_are_greeted() -> None:
    talk = Talk(max_greetings=1)
    for device in devices("ab", warm=False):
        talk.add(device)
    talk.add(Device("w"))
    assert talk.begin() == ["w", "a"]


def test_those_to_be_greeted_do_not_wait_for_commands_to_others() -> None:
    talk = Talk(max_commands=1)
    for device in devices("vw"):
        talk.add(device)
    talk.add(Device("a", warm=False))
    assert talk.begin() == ["v", "a"]


def test_a_device_that_fell_silent_while_it_waited_is_greeted_in_its_turn() -> None:
    talk = Talk(max_commands=1, max_greetings=1)
    for device in devices("ab"):
        talk.add(device)
    new = devices("cd", warm=False)
    for device in new:
        talk.add(device)
    assert talk.begin() == ["a", "c"]
    talk.now += 60  # nobody was heard for so long
    assert talk.begin() == ["d"]
    talk.traffic.heard(new[1])
    assert talk.begin() == ["b"]


def test_a_second_call_to_a_device_that_is_greeted_needs_no_second_place() -> None:
    talk, device = Talk(max_greetings=1), Device("a", warm=False, max_in_flight=2)
    talk.add(device)
    talk.add(device)
    assert talk.begin() == ["a", "a"]


def test_a_handshake_goes_before_the_commands_that_wait() -> None:
    talk, device = Talk(), Device("a")
    talk.add(device)
    talk.begin()
    talk.add(device)
    greeting = device.handshake()
    talk.traffic.add(device, greeting, NOW)
    assert [call for _, call in talk.traffic.released(NOW)] == [greeting]


def test_what_was_taken_back_does_not_begin() -> None:
    talk, device = Talk(), Device("a")
    first, second, third = (talk.add(device) for _ in range(3))
    talk.begin()
    assert talk.traffic.withdraw(device, second)
    assert not talk.traffic.withdraw(device, first)  # it is under way
    talk.end("a")
    talk.begin()
    assert [call for _, call in talk.open] == [third]


def test_a_lane_whose_last_call_was_taken_back_leaves_the_line() -> None:
    talk = Talk(max_commands=1)
    a, b, c = devices("abc")
    talk.add(a)
    talk.begin()
    call = talk.add(b)
    talk.add(c)
    talk.traffic.withdraw(b, call)
    talk.end("a")
    assert talk.begin() == ["c"]
    talk.add(b)
    talk.end("c")
    assert talk.begin() == ["b"]


def test_a_command_may_begin_at_once_where_nobody_waits() -> None:
    talk = Talk(max_commands=2)
    a, b, c = devices("abc")
    first = a.call()
    assert talk.traffic.admit(a, first, NOW)
    assert not talk.traffic.admit(a, a.call(), NOW)  # one at a time
    assert not talk.traffic.admit(b, b.handshake(), NOW)
    assert not talk.traffic.admit(Device("n", warm=False), b.call(), NOW)  # to be greeted
    talk.add(b)
    assert not talk.traffic.admit(c, c.call(), NOW)  # somebody came before
    assert talk.begin() == ["b"]
    assert not talk.traffic.admit(c, c.call(), NOW)  # no place
    talk.traffic.ended(a, first, NOW)
    assert talk.traffic.admit(c, c.call(), NOW)
    assert not talk.traffic.admit(a, a.call(), NOW)


# --- time is over -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("busy", "why"), [(True, "earlier ones to this device"), (False, "to other devices")]
)
def test_a_call_whose_time_is_over_before_its_turn_says_why(busy: bool, why: str) -> None:
    talk = Talk(max_commands=1)
    a, b = devices("ab")
    talk.add(a)
    talk.begin()
    waiting = talk.add(a if busy else b, "toggle")
    lane = a if busy else b
    assert lane.deadline == NOW + 5
    assert talk.traffic.overdue(lane, NOW + 4.9) == []
    assert talk.traffic.overdue(lane, NOW + 5) == [waiting]
    assert waiting.done
    assert isinstance(waiting.error, DeviceTimeout)
    assert not waiting.error.may_have_run
    assert why in str(waiting.error)
    assert lane.deadline is None


def let_all_end(talk: Talk, look: Callable[[], None]) -> None:
    for _ in range(1000):
        if not talk.open and talk.traffic.deadline is None:
            return
        while talk.open:
            talk.end(talk.open[0][0].name)
            look()
        talk.now = max(talk.now, talk.traffic.deadline or 0.0)
        look()
    raise AssertionError("calls wait for ever")


@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "cold", "end", "wait", "heard", "withdraw"]), st.integers(0, 4)),
        max_size=80,
    )
)
def test_whatever_happens_every_call_begins_once_in_order(steps: list[tuple[str, int]]) -> None:
    talk = Talk(max_commands=2, max_greetings=2)
    lanes = [Device(str(number), warm=number % 2 == 0) for number in range(5)]
    given_in: dict[str, list[Call]] = {lane.name: [] for lane in lanes}
    begun: dict[str, list[Call]] = {lane.name: [] for lane in lanes}

    def look() -> None:
        for lane, call in talk.traffic.released(talk.now):
            begun[lane.name].append(call)
            talk.open.append((lane, call))
        for lane in lanes:
            assert sum(each is lane for each, _ in talk.open) <= 1

    for kind, number in steps:
        lane = lanes[number]
        if kind in {"add", "cold"}:
            given_in[lane.name].append(talk.add(lane))
        elif kind == "end" and talk.open:
            talk.end(talk.open[number % len(talk.open)][0].name)
        elif kind == "heard":
            talk.traffic.heard(lane)
        elif kind == "withdraw" and lane.waiting:
            call = lane.waiting[-1]
            assert talk.traffic.withdraw(lane, call)
            given_in[lane.name].remove(call)
        elif kind == "wait":
            talk.now += number / 10
        look()
    let_all_end(talk, look)
    assert begun == given_in
