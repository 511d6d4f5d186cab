from __future__ import annotations

import itertools
import math
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import InvalidArgument
from miio_lan.lan.discovery import search as rules
from miio_lan.lan.discovery.search import Interface, Search, parse_subnets
from miio_lan.lan.packet import HELLO, hello_reply, virtual_hello

ETH = Interface("eth0", "192.168.1.2", IPv4Network("192.168.1.0/24"))
WLAN = Interface("wlan0", "10.0.0.2", IPv4Network("10.0.0.0/16"))
TUN = Interface("tun0", "10.9.0.2", IPv4Network("10.9.0.2/32"))
LO = Interface("lo", "127.0.0.1", IPv4Network("127.0.0.0/8"))
VIRTUAL = virtual_hello(9)
ALL = "255.255.255.255"


def search(*ways: Interface, timeout: float | None = None, **more: object) -> Search:
    return Search(ways, virtual_did=9, begin=100.0, timeout=timeout, **more)


def run(made: Search, until: float) -> list[tuple[float, bytes, int | None, str]]:
    """Let the time pass as a driver would, and give what was sent: seconds since the begin, and the shout."""
    sent: list[tuple[float, bytes, int | None, str]] = []
    now = 100.0
    while now <= min(100.0 + until, made.end):
        made.tick(now)
        sent += [(round(now - 100, 4), *shout) for shout in made.take_output()]
        assert made.deadline >= now
        if made.deadline == math.inf:
            break
        now = max(made.deadline, now + 1e-6)
    return sent


def test_the_constants_are_what_they_were() -> None:
    assert (rules.FIRST_GAP, rules.EVEN_ROUNDS, rules.MAX_GAP) == (0.5, 4, 45.0)
    assert (rules.SWEEP_PACE, rules.SWEEP_PASSES, rules.SWEEP_AGAIN, rules.MAX_SWEEP) == (
        200.0,
        2,
        60.0,
        65536,
    )
    assert (rules.MAX_SINGLES, *rules.SINGLE_GAPS) == (1024, 0.5, 1.0, math.inf)
    assert (rules.LISTENING, rules.LAST_ANSWERS) == (5.0, 2.0)


def test_the_example_of_the_docstring() -> None:
    sent = run(search(ETH), 5.0)
    own = "192.168.1.255"
    assert sent == [
        (0.0, HELLO, 0, own),
        (0.5, VIRTUAL, 0, own),
        (1.0, HELLO, 0, ALL),
        (1.5, VIRTUAL, 0, ALL),
        (2.5, HELLO, 0, own),
        (4.5, VIRTUAL, 0, own),
    ]


def test_each_interface_has_its_own_broadcast_address() -> None:
    sent = run(search(ETH, TUN, WLAN, LO), 0.9)
    assert [(way, ip) for _, _, way, ip in sent[:3]] == [
        (0, "192.168.1.255"),
        (1, "10.0.255.255"),
        (2, "127.255.255.255"),
    ]
    # A subnet without a broadcast address is left out; nothing but its own leads to loopback.
    made = search(ETH, TUN, LO)
    assert [each.name for each in made.ways] == ["eth0", "lo"]
    assert {ip for _, _, way, ip in run(made, 4.0) if way == 1} == {"127.255.255.255"}


def test_a_search_that_goes_on_becomes_rare() -> None:
    times = [at for at, *_ in run(search(ETH, timeout=math.inf), 400.0)]
    gaps = [round(later - before, 3) for before, later in itertools.pairwise(times)]
    assert gaps[:10] == [0.5, 0.5, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 45.0]
    assert set(gaps[10:]) == {45.0}


def test_a_sweep_asks_each_address_twice_at_an_even_pace() -> None:
    made = search(sweep=parse_subnets(["192.168.1.0/24", "10.1.1.1"]))
    sent = run(made, 60.0)
    assert made.end == 100.0 + 5.55
    assert len(sent) == 510
    assert {way for _, _, way, _ in sent} == {None}
    first, second = sent[:255], sent[255:]
    assert [ip for *_, ip in first] == [f"192.168.1.{each}" for each in range(1, 255)] + ["10.1.1.1"]
    assert [ip for *_, ip in second] == [ip for *_, ip in first]
    assert {hello for _, hello, _, _ in first} == {HELLO}
    assert {hello for _, hello, _, _ in second} == {VIRTUAL}
    assert first[-1][0] == pytest.approx(254 / 200, abs=0.01)
    assert made.end - 100.0 - second[-1][0] >= 2.0
    assert made.unasked == 0


def test_a_small_sweep_lets_a_second_pass_before_it_asks_again() -> None:
    sent = run(search(sweep=parse_subnets(["192.168.1.9"])), 60.0)
    assert [(at, ip) for at, _, _, ip in sent] == [(0.0, "192.168.1.9"), (1.0, "192.168.1.9")]


def test_a_sweep_that_was_cut_short_says_so() -> None:
    made = search(sweep=parse_subnets(["192.168.1.0/24"]), timeout=0.5)
    assert len(run(made, 60.0)) == 101
    assert made.unasked == 254 - 101


def test_a_sweep_goes_on_in_a_search_that_does() -> None:
    sent = run(search(sweep=parse_subnets(["192.168.1.9"]), timeout=math.inf), 130.0)
    assert [round(at) for at, *_ in sent] == [0, 1, 61, 62, 122, 123]


def test_a_computer_that_slept_does_not_flood_the_network_afterwards() -> None:
    made = search(sweep=parse_subnets(["10.0.0.0/16"]))
    made.tick(100.0)
    made.take_output()
    made.tick(400.0)
    assert len(made.take_output()) <= 12


def test_single_addresses_come_first() -> None:
    made = search(ETH, singles=["192.168.1.9"], patience=0.7)
    sent = [(at, ip) for at, _, _, ip in run(made, 2.0)]
    single, own = "192.168.1.9", "192.168.1.255"
    assert sent == [(0.0, single), (0.5, single), (0.7, own), (1.2, own), (1.5, single), (1.7, ALL)]


def test_single_addresses_are_asked_along_in_a_search_that_goes_on() -> None:
    made = search(ETH, singles=["192.168.1.9"], timeout=math.inf)
    sent = run(made, 20.0)
    rounds = [at for at, _, way, _ in sent if way == 0]
    singles = [at for at, _, way, _ in sent if way is None]
    assert singles[:2] == [0.0, 0.5]
    assert singles[2:] == [at for at in rounds if at >= 1.5]
    # For a while, they are asked three times.
    assert [
        at for at, _, way, _ in run(search(ETH, singles=["192.168.1.9"], timeout=60.0), 60.0) if way is None
    ] == [
        0.0,
        0.5,
        1.5,
    ]


def test_an_answer_is_a_finding() -> None:
    made = search(ETH, WLAN, local=[LO])
    datagram = hello_reply(device_id=5, stamp=1)
    assert made.receive(datagram, "10.0.0.7", 54321, 1, 101.0).interface == "wlan0"
    assert made.receive(hello_reply(device_id=6, stamp=1), "127.0.0.1", 54321, None, 101.0).interface == "lo"
    assert made.receive(hello_reply(device_id=7, stamp=1), "172.16.0.1", 54321, None, 101.0).interface == ""
    assert made.receive(datagram, "10.0.0.7", 54321, 1, 101.0) is None


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        HELLO,
        VIRTUAL,
        HELLO[:31],
        hello_reply(device_id=5, stamp=1) + b"x",
        b"x" * 32,
        b"!1\x00\x21" + bytes(28),
    ],
)
def test_anything_else_is_dropped(datagram: bytes) -> None:
    made = search(ETH)
    assert made.receive(datagram, "192.168.1.9", 54321, 0, 101.0) is None
    assert (made.findings.all(), made.findings.dropped) == ([], 1)


def test_an_answer_from_another_port_is_dropped() -> None:
    made = search(ETH)
    assert made.receive(hello_reply(device_id=5, stamp=1), "192.168.1.9", 5353, 0, 101.0) is None


def test_an_announcement_is_asked_whether_it_is_true() -> None:
    made = search(ETH)
    addresses = ["fe80::1", "x", "224.0.0.1", "0.0.0.0", ALL, "192.168.1.9"]
    (found,) = made.announced("a-b-c_miio5", addresses, b"mac=f0b429aabb0c", 100.0)
    assert (found.did, found.ip, found.model, found.answered) == (5, "192.168.1.9", "a.b.c", False)
    sent = [(at, hello) for at, hello, _, ip in run(made, 2.0) if ip == "192.168.1.9"]
    assert sent == [(0.0, HELLO), (0.5, VIRTUAL), (1.5, HELLO)]


def test_announcements_of_any_number_of_addresses_are_bounded() -> None:
    made = search(ETH)
    for number in range(2000):
        made.announced(f"a_miio{number + 1}", [f"10.1.{number // 250}.{number % 250 + 1}"], b"", 100.0)
    made.tick(100.0)
    assert len(made.take_output()) == 1024 + 1


@pytest.mark.parametrize("text", ["", "192.168.1.0/33", "lamp.local", "fd00::/64", "10.0.0.0/8", "1.2.3"])
def test_what_is_no_subnet_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="subnet"):
        parse_subnets([text])


def test_subnets_are_read_as_people_write_them() -> None:
    found = parse_subnets(["192.168.1.77/24", "10.0.0.1", IPv4Network("10.0.0.0/31")])
    assert found == [IPv4Network("192.168.1.0/24"), IPv4Network("10.0.0.1/32"), IPv4Network("10.0.0.0/31")]
    assert rules.count(found) == 254 + 1 + 2


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 30)),
        st.tuples(
            st.just("data"),
            st.binary(max_size=40)
            | st.integers(0, 9).map(lambda did: hello_reply(device_id=did, stamp=1, sign=bytes([did]) * 16)),
        ),
        st.tuples(
            st.just("said"), st.text(max_size=12) | st.integers(0, 9).map(lambda did: f"a-b_miio{did}")
        ),
    ),
    max_size=30,
)


@given(events=EVENTS, timeout=st.sampled_from([None, 0.1, 3.0, math.inf]))
def test_whatever_comes_the_search_goes_on_in_good_order(
    events: list[tuple[str, object]], timeout: float | None
) -> None:
    made = search(ETH, LO, sweep=parse_subnets(["192.168.1.0/29"]), timeout=timeout)
    now = 100.0
    for kind, value in events:
        if kind == "wait":
            now += value
            made.tick(now)
            assert made.deadline > now or made.deadline == made.end
            # Two broadcasts, the addresses of the sweep that are due, and single addresses.
            assert len(made.take_output()) <= 2 + 12 + 10
        elif kind == "data":
            made.receive(value, "192.168.1.9", 54321, 0, now)
        else:
            made.announced(value, ["192.168.1.7"], b"", now)
    assert all(0 < each.did < 10 for each in made.findings.all())
