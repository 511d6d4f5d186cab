"""An end of the line that restarts in the middle of something, and a line that is pulled out and put back.

The LAN caller gets the right answer or the right error, and the next command works.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, Self

import pytest
from support.ends import PATIENCE, Caller, Hands, Log

from miio_lan.device.description.spec import Spec
from miio_lan.device.miot import MiotDevice
from miio_lan.errors import DeviceTimeout, OutcomeUnknown
from miio_lan.loop import Loop
from miio_lan.uart.ports.port import Port, PtyPair, PtyPort, SerialPort
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.module import Module, Timings
from miio_lan.virtual.product import McuHost, ModuleHost

TOKEN = "00112233445566778899aabbccddeeff"
POWER = {"siid": 2, "piid": 1}
TOGGLE = {"siid": 2, "aiid": 1, "in": []}
WELL = [POWER | {"code": 0, "value": True}]
MCU_TIMEOUT = -9999
LEFT_OUT = -4004
BOOT = 0.05


class Stage:
    """Both ends, each in its own thread, and what goes with them."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.module_log, self.mcu_log = Log(), Log()
        # It has been running for a while, so that a restart makes itself known by the stamp.
        self.booted = time.monotonic() - 1000
        self.module = Module(
            device_id=7,
            token=TOKEN,
            timings=Timings(reboot=0.0, boot=BOOT),
            stamp_at=lambda now: int(now - self.booted),
        )
        self.mcu = Mcu(Spec.shipped(), poll_interval=0.001)
        self.mcu.reply_time = 0.05

    def module_at(self, line: Port, port: int = 0) -> ModuleHost:
        host = ModuleHost(self.module, line, port=port, observer=self.module_log)
        return self.stack.enter_context(host)

    def mcu_at(self, line: Port) -> McuHost:
        return self.stack.enter_context(McuHost(self.mcu, line, observer=self.mcu_log))

    def both(self) -> tuple[ModuleHost, McuHost]:
        pair = self.stack.enter_context(PtyPair())
        hosts = self.module_at(pair.near), self.mcu_at(pair.far)
        self.mcu_log.until_line(b"get_down")
        return hosts

    def caller(self, host: ModuleHost) -> Caller:
        return self.stack.enter_context(Caller(host.host, host.port, TOKEN))

    def device(self, host: ModuleHost) -> MiotDevice:
        return self.stack.enter_context(MiotDevice(host.host, TOKEN, port=host.port))

    def restart(self, now: float) -> None:
        self.booted = now
        self.module.restart(now)

    def restart_at_once(self, now: float) -> None:
        self.restart(now)
        self.module.tick(now + BOOT)

    def answer_time(self, host: ModuleHost, seconds: float) -> None:
        host.call(lambda now: setattr(self.module.queue, "answer_time", seconds))


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    with stage.stack:
        yield stage


def works(caller: Caller) -> bool:
    return bool(caller.result("get_properties", [POWER]) == WELL)


class InThread(threading.Thread):
    """Runs a call that will take its time."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__()
        self.function = function
        self.outcome: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.outcome = self.function()
        except Exception as error:  # noqa: BLE001 - it is the outcome
            self.outcome = error

    def wait(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive()
        return self.outcome


class TestModuleReboots:
    """In mid-command: the request is forgotten, and the LAN silent until the module is up again."""

    def test_the_command_is_lost_and_answered_by_nobody(self, stage: Stage) -> None:
        module, mcu = stage.both()
        one, other = stage.caller(module), stage.caller(module)
        mcu.call(lambda now: stage.mcu.misbehave.add("silent"))
        one.send("get_properties", [POWER])
        stage.module_log.until_line(b"down get_properties")
        assert other.result("miIO.reboot") == ["ok"]
        stage.module_log.until_line(b"down MIIO_net_change")  # it has booted
        mcu.call(lambda now: stage.mcu.misbehave.clear())
        one.hello()
        assert works(one)
        assert one.nothing_came()

    def test_a_device_reads_on_and_gets_the_right_answer(self, stage: Stage) -> None:
        module, mcu = stage.both()
        device = stage.device(module)
        assert device.read(2, 1) is True
        mcu.call(lambda now: stage.mcu.mute_properties.add((2, 2)))
        reading = InThread(lambda: device.read(2, 2))
        stage.module_log.until_line(b"down get_properties 2 2")
        mcu.call(lambda now: stage.mcu.mute_properties.clear())
        module.call(stage.restart)
        assert reading.wait() == 60
        assert device.read(2, 1) is True

    def test_a_device_does_not_toggle_twice(self, stage: Stage) -> None:
        module, mcu = stage.both()
        device = stage.device(module)
        device.timeout, device.retry_count = 0.5, 1
        assert device.read(2, 1) is True
        mcu.call(lambda now: stage.mcu.misbehave.add("slow"))
        toggling = InThread(lambda: device.run(2, 1))
        stage.module_log.until_line(b"down action 2 1")
        module.call(stage.restart)
        assert isinstance(toggling.wait(), OutcomeUnknown)
        mcu.call(stage.mcu.start)  # or its late answer is waited for
        mcu.call(lambda now: stage.mcu.misbehave.clear())
        assert device.read(2, 1) is False

    def test_between_two_halves_of_an_answer(self, stage: Stage) -> None:
        port = PtyPort()
        module = stage.module_at(port)
        caller = stage.caller(module)
        with Hands(port.path) as hands:
            while hands.ask(b"get_down") != b"down none\r":
                pass
            caller.send("get_properties", [POWER])
            assert hands.fetch() == b"down get_properties 2 1\r"
            hands.write(b"result 2 1 0 ")
            for _ in range(2):  # the first may be served in a round that looked at the line before
                module.call(lambda now: None)
            module.call(stage.restart_at_once)
            assert hands.ask(b"true") == b"error\r"
            assert hands.fetch() == b"down MIIO_net_change cloud\r"
            caller.hello()
            caller.send("get_properties", [POWER])
            assert hands.fetch() == b"down get_properties 2 1\r"
            assert hands.ask(b"result 2 1 0 true") == b"ok\r"
            assert caller.payload()["result"] == WELL


class TestMcuResets:
    @pytest.mark.parametrize("half", [b"r", b"result", b"result 2 1", b"result 2 1 0", b"result 2 1 0 tru"])
    def test_in_the_middle_of_its_answer(self, stage: Stage, half: bytes) -> None:
        module, mcu = stage.both()
        caller = stage.caller(module)
        stage.answer_time(module, 0.2)
        mcu.call(lambda now: stage.mcu.misbehave.add("silent"))
        number = caller.send("get_properties", [POWER])
        stage.mcu_log.until_line(b"down get_properties")

        def reset(now: float) -> None:
            stage.mcu.misbehave.clear()
            mcu.line.write(half)
            stage.mcu.start(now)

        mcu.call(reset)
        answer = caller.payload()
        assert answer["id"] == number
        if "error" in answer:
            assert answer["error"]["code"] == MCU_TIMEOUT
        else:
            assert answer["result"] == [POWER | {"code": LEFT_OUT}]
        stage.answer_time(module, 60)
        assert works(caller)
        assert caller.result("miIO.info")["model"] == stage.mcu.model

    def test_after_its_whole_answer_but_for_the_cr(self, stage: Stage) -> None:
        # What follows is glued to the last value: that is no boolean any more, and nobody may take it for one.
        module, mcu = stage.both()
        caller = stage.caller(module)
        mcu.call(lambda now: stage.mcu.misbehave.add("merged-lines"))
        assert caller.result("get_properties", [POWER]) == [POWER | {"code": LEFT_OUT}]
        mcu.call(lambda now: stage.mcu.misbehave.clear())
        assert works(caller)

    def test_switched_off_and_on(self, stage: Stage) -> None:
        module, mcu = stage.both()
        caller = stage.caller(module)
        stage.answer_time(module, 0.05)
        mcu.call(lambda now: stage.mcu.stop())
        assert caller.error("get_properties", [POWER]) == MCU_TIMEOUT
        assert caller.error("action", TOGGLE) == MCU_TIMEOUT
        assert caller.result("miIO.info")["model"] == stage.mcu.model
        stage.answer_time(module, 60)
        mcu.call(stage.mcu.start)
        assert works(caller)


class TestUnplugged:
    def test_the_mcu_s_adapter_comes_back_as_another_one(self, stage: Stage) -> None:
        port = PtyPort()
        module = stage.module_at(port)
        caller = stage.caller(module)
        for _ in range(2):
            mcu = stage.mcu_at(SerialPort(port.path))
            assert works(caller)
            mcu.close()
            stage.answer_time(module, 0.05)
            assert caller.error("get_properties", [POWER]) == MCU_TIMEOUT
            stage.answer_time(module, 60)

    def test_in_mid_command(self, stage: Stage) -> None:
        port = PtyPort()
        module = stage.module_at(port)
        mcu = stage.mcu_at(SerialPort(port.path))
        caller = stage.caller(module)
        mcu.call(lambda now: stage.mcu.misbehave.add("slow"))
        number = caller.send("action", TOGGLE)
        stage.mcu_log.until_line(b"down action")
        mcu.close()
        stage.answer_time(module, 0)
        answer = caller.payload()
        assert (answer["id"], answer["error"]["code"]) == (number, MCU_TIMEOUT)
        stage.answer_time(module, 60)
        stage.mcu.misbehave.clear()
        stage.mcu_at(SerialPort(port.path))
        assert caller.result("get_properties", [POWER]) == [POWER | {"code": 0, "value": False}]

    def test_the_module_goes_and_comes_back_at_the_same_address(self, stage: Stage) -> None:
        port = PtyPort()
        stage.mcu_at(port)
        module = stage.module_at(SerialPort(port.path))
        device = stage.device(module)
        device.timeout, device.retry_count = 0.5, 4
        assert device.read(2, 1) is True
        module.close()
        with pytest.raises(DeviceTimeout):
            device.read(2, 1)
        stage.module_at(SerialPort(port.path), port=module.port)
        assert device.read(2, 1) is True

    def test_for_good(self, stage: Stage) -> None:
        module, mcu = stage.both()
        caller = stage.caller(module)
        assert works(caller)
        mcu.close()
        assert stage.module_log.until_note("outage").direction == "up"
        stage.answer_time(module, 0.02)
        for _ in range(3):
            assert caller.error("get_properties", [POWER]) == MCU_TIMEOUT
        assert caller.result("miIO.info")["model"] == stage.mcu.model

    def test_a_serial_server_s_cable(self, stage: Stage) -> None:
        bridge = stage.stack.enter_context(Bridge())
        module = stage.module_at(SerialPort(bridge.urls[0]))
        stage.mcu_at(SerialPort(bridge.urls[1]))
        caller = stage.caller(module)
        assert works(caller)
        for _ in range(2):
            bridge.unplug()
            for log in (stage.module_log, stage.mcu_log):
                assert log.until_note("outage").note.startswith("outage: ")
            stage.answer_time(module, 0.05)
            assert caller.error("get_properties", [POWER]) == MCU_TIMEOUT
            stage.answer_time(module, 60)
            bridge.plug()
            for log in (stage.module_log, stage.mcu_log):
                log.until_note("outage over")
            assert works(caller)


class Bridge:
    """A serial server: two TCP ports whose connections are one line, and a plug."""

    def __init__(self) -> None:
        self.loop = Loop("bridge")
        self.servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.ports = [server.getsockname()[1] for server in self.servers]
        self.urls = [f"socket://127.0.0.1:{port}" for port in self.ports]
        self.ends: dict[int, socket.socket] = {}

    def __enter__(self) -> Self:
        self.loop.call(self._listen)
        self.loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()
        self.loop.close()

    def unplug(self) -> None:
        self.loop.call(self._unplug)

    def plug(self) -> None:
        def again() -> None:
            self.servers = [socket.create_server(("127.0.0.1", port)) for port in self.ports]
            self._listen()

        self.loop.call(again)

    def _listen(self) -> None:
        for side, server in enumerate(self.servers):
            self.loop.watch(server, partial(self._accept, side))

    def _unplug(self) -> None:
        for each in (*self.servers, *self.ends.values()):
            self.loop.unwatch(each)
            each.close()
        self.ends.clear()

    def _accept(self, side: int, events: int) -> None:
        self.ends[side] = end = self.servers[side].accept()[0]
        self.loop.watch(end, partial(self._carry, side))

    def _carry(self, side: int, events: int) -> None:
        data = b""
        with suppress(ConnectionError):
            data = self.ends[side].recv(4096)
        if not data:
            self.loop.unwatch(self.ends[side])
            self.ends.pop(side).close()
        elif (other := self.ends.get(1 - side)) is not None:
            other.sendall(data)
