"""A LAN client, a virtual module, the bridge, and a virtual MCU: what faults on the line do to the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from support.ends import Caller, Log

from miio_lan.device.description.spec import Spec
from miio_lan.loop import wall_clock
from miio_lan.uart.bridge.bridge import Bridge
from miio_lan.uart.bridge.faults import delivered
from miio_lan.uart.ports.port import PtyPair
from miio_lan.virtual.host import McuHost, ModuleHost
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.module import Module

TOKEN = bytes(range(16))
READ = [{"did": "x", "siid": 2, "piid": 1}]


@contextmanager
def product(*faults: str) -> Iterator[tuple[Caller, Bridge, Log]]:
    """Have a bridge in the middle of a virtual product that has booted, and inject faults into it."""
    log = Log()
    with ExitStack() as stack:
        left, right = stack.enter_context(PtyPair()), stack.enter_context(PtyPair())
        bridge = stack.enter_context(Bridge(left.near, right.near, observer=log))
        module = Module(device_id=1, token=TOKEN, mac="020000000001", wall=wall_clock)
        host = stack.enter_context(ModuleHost(module, left.far))
        stack.enter_context(McuHost(Mcu(Spec.shipped(), poll_interval=0.002), right.far))
        log.until_line(b"down none")
        bridge.inject(*faults)
        caller = stack.enter_context(Caller(host.host, host.port, TOKEN.hex()))
        yield caller, bridge, log


def test_without_faults_nobody_notices_the_bridge() -> None:
    with product() as (caller, bridge, _):
        (result,) = caller.result("get_properties", READ)
        assert result["code"] == 0
        assert bridge.latency["up"].count > 0
        assert bridge.lost == 0


def test_an_answer_in_place_of_the_mcu_reaches_the_caller() -> None:
    with product("answer get_properties 2.1 x1: result 2 1 -4003") as (caller, _, log):
        (refused,) = caller.result("get_properties", READ)
        assert refused["code"] == -4003
        assert not delivered(log.until_line(b"down get_properties 2 1"))
        (result,) = caller.result("get_properties", READ)
        assert result["code"] == 0


def test_an_altered_value_reaches_the_caller() -> None:
    with product("alter result get_properties x1: s/(2 1 0) .*/\\1 true/") as (caller, bridge, _):
        (result,) = caller.result("get_properties", READ)
        assert result["value"] is True
        assert sum(bridge.injected.values()) == 1


def test_a_doubled_result_is_refused_the_second_time_and_the_next_command_works() -> None:
    with product("duplicate result x1") as (caller, _, log):
        assert caller.result("get_properties", READ)[0]["code"] == 0
        log.until(lambda record: record.raw == b"error\r")
        assert caller.result("get_properties", READ)[0]["code"] == 0
