"""Both faces, the blocking one and the one of an event loop, over the same bad link: the same outcomes."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st
from support.clockwork import TOKEN, Network, SimulatedDevice, run, simulated_network
from support.schedule import FATES, fated, scheduled_network

from miio_lan.errors import DeviceError, DeviceException
from miio_lan.lan.client import aio, blocking
from miio_lan.lan.client.session import Session
from miio_lan.lan.responder.responder import ResponderOptions


class Asked(NamedTuple):
    method: str
    retry_count: int
    timeout: float


class Outcome(NamedTuple):
    """How a call ended, and when."""

    result: object
    error: type[Exception] | None
    may_have_run: bool
    instant: float


def prepare(network: Network, fates: list[str], busy: int, *, remembers: bool) -> SimulatedDevice:
    fated(network, fates, kinds=FATES | {"slow": [1.9]})
    device = network.device(1, work=0.05)
    if remembers:
        device.responder.options = ResponderOptions(id_memory="silent", id_memory_size=4)
    refusals = iter(range(busy))

    def toggle(request: Any) -> dict[str, Any]:
        return {"error": (-30012, "busy")} if next(refusals, None) is not None else {"result": ["ok"]}

    device.replies["toggle"] = toggle
    device.replies["get_nothing"] = lambda _: None
    return device


def outcome(now: float, result: object, error: DeviceException | None) -> Outcome:
    text = str(error) if isinstance(error, DeviceError) else result
    return Outcome(text, type(error) if error else None, bool(error and error.may_have_run), round(now, 3))


def session(seed: int, *, remembers: bool) -> Session:
    made = Session(TOKEN, peer="it", rng=random.Random(seed))
    if remembers:
        made.memory.remembers, made.memory.depth = True, 3
    return made


def by_blocking(
    asked: list[Asked], fates: list[str], busy: int, seed: int, *, remembers: bool = False
) -> tuple[list[Outcome], Any]:
    found = []
    with scheduled_network() as network:
        device = prepare(network, fates, busy, remembers=remembers)
        connection = blocking.Connection(
            "127.0.0.1", session(seed, remembers=remembers), port=1, clock=network.loop.time
        )
        for number, each in enumerate(asked):
            result, error = None, None
            try:
                result = connection.call(
                    each.method, [number], timeout=each.timeout, retry_count=each.retry_count
                )
            except DeviceException as caught:
                error = caught
            found.append(outcome(network.loop.now, result, error))
        connection.close()
    return found, device.executed


def by_aio(
    asked: list[Asked], fates: list[str], busy: int, seed: int, *, remembers: bool = False
) -> tuple[list[Outcome], Any]:
    found = []
    with simulated_network() as network:
        device = prepare(network, fates, busy, remembers=remembers)
        connection = aio.AsyncConnection(
            "127.0.0.1", session(seed, remembers=remembers), port=1, clock=network.loop.time
        )

        async def work() -> None:
            for number, each in enumerate(asked):
                result, error = None, None
                try:
                    result = await connection.call(
                        each.method, [number], timeout=each.timeout, retry_count=each.retry_count
                    )
                except DeviceException as caught:
                    error = caught
                found.append(outcome(network.loop.now, result, error))
            connection.close()

        run(network, work())
        return found, device.executed


ASKED = st.builds(
    Asked,
    st.sampled_from(["get_x", "toggle", "set_properties"]),
    st.integers(0, 3),
    st.sampled_from([0.5, 2.0]),
)


@given(
    st.lists(ASKED, min_size=1, max_size=5),
    st.lists(st.sampled_from(sorted(FATES)), max_size=16),
    st.integers(0, 3),
    st.integers(0, 9),
)
@example([Asked("toggle", 3, 2.0)] * 2, ["well", "well", "later"], 0, 1)
@example([Asked("get_x", 3, 2.0), Asked("toggle", 3, 2.0)], ["lost"] * 9, 0, 2)
@example([Asked("toggle", 3, 2.0)], [], 2, 3)
def test_the_same_schedule_has_the_same_outcomes(
    asked: list[Asked], fates: list[str], busy: int, seed: int
) -> None:
    assert by_aio(asked, fates, busy, seed) == by_blocking(asked, fates, busy, seed)


@given(st.lists(st.sampled_from(sorted(FATES)), min_size=1, max_size=16), st.integers(0, 9))
def test_a_toggle_runs_once_at_most_by_either_face(fates: list[str], seed: int) -> None:
    asked = [Asked("toggle", 3, 2.0)]
    for face in (by_aio, by_blocking):
        found, executed = face(asked, fates, 0, seed)
        ran = [method for method, _ in executed].count("toggle")
        assert ran <= 1
        if found[0].error is None:
            assert ran == 1
        if ran:
            assert found[0].error is None or found[0].may_have_run


@given(
    st.lists(ASKED, min_size=1, max_size=8),
    st.lists(st.sampled_from(["well", "well", "lost", "late", "slow"]), max_size=16),
    st.integers(0, 9),
)
@example(
    [*[Asked("toggle", 3, 2.0)] * 2, *[Asked("get_x", 3, 2.0)] * 6],
    ["well", "well", "slow", *["well"] * 13],
    0,
)
def test_a_late_copy_is_new_to_no_device_by_either_face(
    asked: list[Asked], fates: list[str], seed: int
) -> None:
    """It remembers four ids, which is known: what would make it forget one waits for the copies of it."""
    asked = [*asked, Asked("get_nothing", 0, 3.0)]  # until all has arrived
    found, executed = by_blocking(asked, fates, 0, seed, remembers=True)
    assert by_aio(asked, fates, 0, seed, remembers=True) == (found, executed)
    toggled = [params for method, params in executed if method == "toggle"]
    assert all(toggled.count(params) == 1 for params in toggled)
