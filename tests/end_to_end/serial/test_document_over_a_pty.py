"""Each example of the serial document, played by hand against the virtual module: a real pty, a real UDP socket.

``↑`` is what the test writes, a CR added; ``↓`` is what must come back, byte for byte, a CR added. The document prints
blanks behind many of its lines: every example is played without them and with them. ``LAN`` is a request from a UDP
client that the example takes for granted, ``=`` what that client gets, ``net`` a change of the module's network. Where
the document's print is unclear, a comment says how it is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.ends import Caller, Hands

from miio_lan.uart.ports.port import PtyPort
from miio_lan.virtual.module.module import Module, Timings
from miio_lan.virtual.product import ModuleHost

AGES = 3600.0
TOKEN = "00112233445566778899aabbccddeeff"

EXAMPLES = {
    "model": """
        ↑model
        ↓xiaomi.dev.v1
        ↑model xiaomi.prod.v2
        ↓ok
        ↑model
        ↓xiaomi.prod.v2
        ↑model company.product_name_that_is_too_long.v2
        ↓error
        ↑model plug
        ↓error
        # What was refused changed nothing.
        ↑model
        ↓xiaomi.prod.v2
        """,
    "mcu_version": """
        ↑mcu_version 0001
        ↓ok
        ↑mcu_version A001
        ↓error
        ↑mcu_version 1
        ↓error
        """,
    "ble_config": """
        ↑ ble_config dump
        ↓["product id":190,"version":1.3.0_0000]
        ↑ ble_config set 156 0001
        ↓ok
        ↑ ble_config dump
        ↓["product id":156,"version":1.3.0_0001]
        """,
    "get_down": """
        ↑get_down
        ↓down none
        LAN set_properties [{"siid":1,"piid":1,"value":10}]
        ↑get_down
        ↓down set_properties 1 1 10
        ↑result 1 1 0
        ↓ok
        = [{"siid":1,"piid":1,"code":0}]
        LAN action {"siid":1,"aiid":1,"in":[]}
        ↑get_down
        ↓down action 1 1
        ↑get_down
        ↓error
        """,
    "result": """
        LAN set_properties [{"siid":1,"piid":1,"value":10}]
        ↑get_down
        ↓down set_properties 1 1 10
        ↑result 1 1 0
        ↓ok
        = [{"siid":1,"piid":1,"code":0}]
        """,
    "error": """
        LAN error_cmd []
        ↑get_down
        ↓down error_cmd
        ↑error "memory error" -5003
        ↓ok
        =! -5003 memory error
        # The document's second error follows without a downlink; every real one answers something.
        LAN error_cmd []
        ↑get_down
        ↓down error_cmd
        ↑error "stuck" -5001
        ↓ok
        =! -5001 stuck
        """,
    "properties_changed": """
        ↑properties_changed 1 1 17 1 2  "hi"
        ↓ok
        ↑properties_changed 1 1
        ↓error
        """,
    # Printed with typographic quotes as well, which a module drops (tests/virtual/module/test_document.py).
    "properties_changed, serial number": """
        ↑properties_changed 1 5 "12345/A026Z00001"
        ↓ok
        """,
    "event_occured": """
        ↑event_occured 1 1 1 17 2  "hi"
        ↓ok
        ↑event_occured 1
        ↓error
        """,
    "reboot": """
        ↑reboot
        ↓ok
        """,
    "restore": """
        ↑restore
        ↓ok
        """,
    "factory": """
        ↑factory
        ↓ok
        """,
    "net": """
        net offline
        ↑net
        ↓offline
        net local
        ↑net
        ↓local
        net cloud
        ↑net
        ↓cloud
        net updating
        ↑net
        ↓updating
        net uap
        ↑net
        ↓uap
        net unprov
        ↑net
        ↓unprov
        """,
    "time": """
        wall 1433408287
        ↑time
        ↓2015-06-04 16:58:07
        wall 1434446397
        ↑time posix
        ↓1434446397
        """,
    "mac": """
        ↑mac
        ↓34ce00892ab7
        """,
    "version": """
        ↑version
        ↓2.0.0
        """,
    "set_properties": """
        LAN set_properties [{"siid":1,"piid":1,"value":10},{"siid":1,"piid":88,"value":"str_value"}]
        ↑ get_down
        ↓down set_properties 1 1 10 1 88 "str_value"
        ↑ result 1 1 0 1 88 -4003
        # Left out in the document's print; every result gets its reply.
        ↓ok
        ↑properties_changed 1 1 10
        ↓ok
        = [{"siid":1,"piid":1,"code":0},{"siid":1,"piid":88,"code":-4003}]
        """,
    "get_properties": """
        LAN get_properties [{"siid":1,"piid":2},{"siid":1,"piid":3}]
        ↑ get_down
        ↓down get_properties 1 2 1 3
        ↑ result 1 2 0 10 1 3 0 "str_value"
        ↓ok
        = [{"siid":1,"piid":2,"code":0,"value":10},{"siid":1,"piid":3,"code":0,"value":"str_value"}]
        """,
    "action": """
        LAN action {"siid":1,"aiid":1,"in":[{"piid":1,"value":10}]}
        ↑ get_down
        ↓down action 1 1 1 10
        ↑ result 1 1 0 3 10
        ↓ok
        = {"siid":1,"aiid":1,"code":0,"out":[{"piid":3,"value":10}]}
        """,
    "MIIO_net_change": """
        net local
        ↑get_down
        ↓down MIIO_net_change local
        net cloud
        ↑get_down
        ↓down MIIO_net_change cloud
        ↑get_down
        ↓down none
        """,
    "MIIO_mcu_version_req": """
        notice MIIO_mcu_version_req
        ↑get_down
        ↓down MIIO_mcu_version_req
        ↑mcu_version 0001
        ↓ok
        """,
    "update_fw": """
        hand update_fw
        ↑get_down
        ↓down update_fw
        ↑result "ready"
        ↓ok
        """,
    "echo": """
        ↑echo on
        ↓ok
        ↑mac
        ↓mac
        ↓34ce00892ab7
        ↑echo off
        ↓echo off
        ↓ok
        ↑mac
        ↓34ce00892ab7
        """,
}  # fmt: skip


class Stage:
    """A module in the cloud, with somebody at its pty and somebody on its LAN."""

    def __init__(self) -> None:
        self.seconds = 0
        # A restart lasts until the test lets time pass.
        timings = Timings(boot=AGES)
        self.module = Module(device_id=7, token=TOKEN, wall=lambda now: self.seconds, timings=timings)
        self.port = PtyPort()
        self.host = ModuleHost(self.module, self.port)
        self.host.start()
        self.hands = Hands(self.port.path)
        self.caller = Caller(self.host.host, self.host.port, TOKEN)
        assert self.hands.ask(b"get_down") == b"down MIIO_net_change cloud\r"

    def close(self) -> None:
        self.hands.__exit__()
        self.caller.socket.close()
        self.host.close()

    def call(self, function: Callable[[float], Any]) -> None:
        self.host.call(function)

    def let_read(self) -> None:
        """Return when the module has read what was written until now."""
        for _ in range(2):  # the first may be served in a round that looked at the line before
            self.call(lambda now: None)

    def play(self, transcript: str, tail: bytes = b"") -> None:
        polled = b""
        waiting = False
        for step in filter(None, (line.strip("\n").lstrip() for line in transcript.splitlines())):
            match step[0], step:
                case "↑", _:
                    said = step[1:].encode() + tail
                    # A request from the LAN is not on the line the instant it is sent.
                    polled = self.hands.fetch() if waiting and b"get_down" in said else b""
                    if not polled:
                        self.hands.write(said + b"\r")
                    waiting = False
                case "↓", _:
                    assert (polled or self.hands.line()) == step[1:].rstrip(" ").encode() + b"\r"
                    polled = b""
                case "=", _:
                    self.expect(step[1:])
                case "#", _:
                    pass
                case _:
                    waiting = self.direct(*step.split(" ", 1))

    def direct(self, what: str, how: str) -> bool:
        """Do what is not on the line; tell whether it comes by the LAN."""
        match what:
            case "LAN":
                method, params = how.split(" ", 1)
                self.caller.send(method, json.loads(params))
            case "net":
                self.call(lambda now: self.module.set_net(how, now))
            case "wall":
                self.seconds = int(how)
            case "notice":
                self.call(lambda now: self.module.notify(how))
            case "hand":
                self.call(lambda now: self.module.hand_out(how, now, lambda outcome, at: None))
            case _:
                raise AssertionError(f"no direction is called {what!r}")
        return what == "LAN"

    def expect(self, told: str) -> None:
        answer = self.caller.payload()
        if told.startswith("!"):
            code, message = told[1:].split(maxsplit=1)
            assert answer["error"] == {"code": int(code), "message": message}
        else:
            assert answer["result"] == json.loads(told)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


@pytest.mark.parametrize("tail", [b"", b"   "], ids=["bare", "blanks behind"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_example(stage: Stage, name: str, tail: bytes) -> None:
    stage.play(EXAMPLES[name], b"" if name == "echo" else tail)
    if name not in ("reboot", "restore"):  # after which it is away for a moment
        # Nothing came that the example does not print.
        assert stage.hands.ask(b"mac") == b"34ce00892ab7\r"
    assert stage.hands.silent()


def test_help_tells_every_command_of_the_document(stage: Stage) -> None:
    told = stage.hands.ask(b"help").decode()
    while told.count("\r\n") + 1 < 17:
        told += stage.hands.line().decode()
    commands = [line.split()[0] for line in told.split("\r\n")]
    assert commands == [
        *("model", "mcu_version", "ble_config", "get_down", "result", "error", "properties_changed"),
        *("event_occured", "echo", "reboot", "restore", "factory", "net", "time", "mac", "version", "help"),
    ]
    assert stage.hands.ask(b"mac") == b"34ce00892ab7\r"


def test_a_module_of_a_product_that_was_never_named_says_so(stage: Stage) -> None:
    stage.call(lambda now: setattr(stage.module.chip, "model", None))
    assert stage.hands.ask(b"model") == b"error\r"


@pytest.mark.parametrize(("line", "token_shown"), [(b"reboot", False), (b"restore", True)])
def test_a_module_that_restarts_is_away_and_comes_back(stage: Stage, line: bytes, token_shown: bool) -> None:
    assert stage.hands.ask(b"echo on") == b"ok\r"
    stage.hands.write(line + b"\r")
    assert stage.hands.read_until(b"ok\r") == line + b"\rok\r"
    stage.call(lambda now: stage.module.tick(now + 0.5))
    assert not stage.module.up
    stage.hands.write(b"mac\r")
    stage.let_read()
    assert stage.hands.silent()
    stage.call(lambda now: stage.module.tick(now + AGES + 1))
    assert stage.hands.ask(b"mac") == b"34ce00892ab7\r"
    assert (stage.caller.hello().sign.hex() == TOKEN) is token_shown


def test_factory_mode_is_on_the_router_without_a_cloud(stage: Stage) -> None:
    assert stage.hands.ask(b"factory") == b"ok\r"
    stage.call(lambda now: stage.module.tick(now + 2))
    assert stage.hands.ask(b"net") == b"local\r"
