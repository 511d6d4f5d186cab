"""Faults of a bridge, paired and judged: what it withheld is no fault of the MCU, and the exchange says who did it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty

import pytest
from support.ends import Log

from miio_lan import MiotDevice
from miio_lan.acceptance.rules.all import judge
from miio_lan.acceptance.verdict import Outcome
from miio_lan.device.description.spec import Spec
from miio_lan.errors import DeviceError
from miio_lan.loop import wall_clock
from miio_lan.pairing.exchange import ANSWERED_LATE, NOT_ANSWERED, REFUSED, Exchange
from miio_lan.pairing.pairing import pair
from miio_lan.record import Record
from miio_lan.uart.bridge.bridge import Bridge
from miio_lan.uart.ports.port import PtyPair
from miio_lan.virtual.host import McuHost, ModuleHost
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.module import Module
from miio_lan.virtual.module.profile import Profile

TOKEN = bytes(range(16))
READ = [{"did": "x", "siid": 2, "piid": 1}]


@contextmanager
def product(log: Log) -> Iterator[tuple[MiotDevice, Bridge]]:
    """Have a bridge in the middle of a virtual product that has booted; its module is not patient."""
    with ExitStack() as stack:
        left, right = stack.enter_context(PtyPair()), stack.enter_context(PtyPair())
        bridge = stack.enter_context(Bridge(left.near, right.near, observer=log))
        module = Module(
            device_id=1,
            token=TOKEN,
            mac="020000000001",
            wall=wall_clock,
            profile=Profile("document", answer_time=2.0),
        )
        host = stack.enter_context(ModuleHost(module, left.far))
        stack.enter_context(McuHost(Mcu(Spec.shipped(), poll_interval=0.1), right.far))
        log.until_line(b"down none")
        device = MiotDevice(host.host, TOKEN.hex(), port=host.port, observer=log, timeout=20)
        device.retry_count = 0
        yield stack.enter_context(device), bridge


def read_twice(fault: str) -> tuple[list[Exchange], list[Record]]:
    """Read a property while there is the fault, and once more, which must succeed."""
    log, seen = Log(), []
    with product(log) as (device, bridge):
        bridge.inject(fault)
        with suppress(DeviceError):
            device.send("get_properties", READ)
        assert device.send("get_properties", READ)[0]["code"] == 0
    while True:
        try:
            seen.append(log.queue.get_nowait())
        except Empty:
            return pair(seen), seen


FAULTS = {
    "drop result x1": (NOT_ANSWERED, "the module did not get the answer of the MCU: dropped by the bridge"),
    "drop down get_properties x1": (NOT_ANSWERED, "the MCU did not get this line: dropped by the bridge"),
    "delay 2.2s result x1": (ANSWERED_LATE, None),
    "alter down get_properties x1: down nonsense": (
        REFUSED,
        "the MCU did not get this line: altered by the bridge",
    ),
    "answer get_properties x1: result 2 1 -4003": (
        REFUSED,
        "the MCU did not get this line: answered by the bridge",
    ),
    "duplicate down get_properties x1": (None, None),
    "duplicate result x1": (None, None),
    "drop ok result x1": (None, None),
    "answer up get_down x3: error": (None, None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_command_stops_where_the_bridge_stopped_it_and_the_mcu_is_not_to_blame(fault: str) -> None:
    stop, note = FAULTS[fault]
    exchanges, records = read_twice(fault)
    assert any("by the bridge" in record.note for record in records), "the fault took place"
    first, last = exchanges[0], exchanges[-1]
    assert first.stopped_at == stop
    assert note is None or note in first.notes
    assert first.down is not None
    assert last.stopped_at is None
    verdicts = judge(records, spec=Spec.shipped())
    blamed = [verdict.rule.name for verdict in verdicts if verdict.outcome is Outcome.FAIL]
    assert blamed == []


def prop(piid: int, **more: object) -> list[dict[str, object]]:
    return [{"did": "x", "siid": 2, "piid": piid, **more}]


CALLS: list[tuple[str, object]] = [
    ("set_properties", prop(2, value=30)),
    ("set_properties", prop(2, value=40)),
    ("get_properties", prop(1) + prop(2)),
    ("action", {"did": "x", "siid": 2, "aiid": 1, "in": []}),
    ("action", {"did": "x", "siid": 2, "aiid": 2, "in": [{"piid": 10, "value": 5}]}),
    ("unknown_command", []),
    ("get_properties", prop(1) + prop(2)),
]


@pytest.mark.parametrize(
    "faults",
    [
        [
            "alter result set_properties x1: s/0$/-4004/",
            "answer action 2.1: result 2 1 -4001",
            "drop result get_properties x1",
            "delay 1s result action",
        ],
        ["answer get_properties: result 2 1 0 5 2 2 0 400", "alter properties_changed: s/2 2 /2 99 /"],
        ["answer unknown_command: result 1", "duplicate result", "alter action 2.2: down action 2 2"],
        ["alter error: ok", "drop properties_changed x2", "drop get_down x5"],
    ],
)
def test_nothing_a_bridge_did_is_blamed_on_either_end(faults: list[str]) -> None:
    log, seen = Log(), []
    with product(log) as (device, bridge):
        for fault in faults:
            bridge.inject(fault)
        for method, params in CALLS:
            with suppress(DeviceError):
                device.send(method, params)
    with suppress(Empty):
        while True:
            seen.append(log.queue.get_nowait())
    assert sum("by the bridge" in record.note for record in seen) >= len(faults)
    blamed = {Outcome.FAIL: [], Outcome.WARNING: []}
    for verdict in judge(seen, spec=Spec.shipped()):
        blamed.get(verdict.outcome, []).append((verdict.rule.name, verdict.text))
    assert blamed == {Outcome.FAIL: [], Outcome.WARNING: []}
