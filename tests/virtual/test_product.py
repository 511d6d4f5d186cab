from __future__ import annotations

import os
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self

import pytest

from miio_lan import Device
from miio_lan.device.description.spec import Spec
from miio_lan.errors import DeviceException, InvalidTokenException
from miio_lan.lan.packet import HELLO, decode, encode
from miio_lan.loop import Loop
from miio_lan.record import Record
from miio_lan.uart.ports.port import MemoryPair, Port, PtyPair, PtyPort, SerialPort
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.module import Module
from miio_lan.virtual.module.network import Timings
from miio_lan.virtual.module.profile import DOCUMENT
from miio_lan.virtual.module.requests.requests import request_of
from miio_lan.virtual.product import McuHost, ModuleHost, VirtualProduct

PATIENCE = 100.0  # only ever waited for in full when a test fails
TOKEN = "00112233445566778899aabbccddeeff"
POWER = {"did": "lamp", "siid": 2, "piid": 1}
FAST = {"poll_interval": 0.002}


class Caller:
    """A bare LAN client."""

    def __init__(self, host: str, port: int, token: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((host, port))
        self.token = bytes.fromhex(token)
        self.id = 0

    def hello(self) -> Any:
        self.socket.send(HELLO)
        return decode(self.socket.recv(65536), None)

    def ask(self, method: str, params: object = ()) -> Any:
        hello = self.hello()
        self.id += 1
        request = {"id": self.id, "method": method, "params": params}
        self.socket.send(encode(request, token=self.token, device_id=hello.device_id, stamp=hello.stamp))
        reply: Any = decode(self.socket.recv(65536), self.token).payload
        assert reply["id"] == self.id
        return reply

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def caller_of(product: VirtualProduct) -> Caller:
    return Caller(product.host, product.port, product.token)


class Log:
    """An observer to wait on."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[Record] = SimpleQueue()
        self.records: list[Record] = []

    def __call__(self, record: Record) -> None:
        self.queue.put(record)

    def until(self, wanted: Callable[[Record], bool]) -> Record:
        while True:
            record = self.queue.get(timeout=PATIENCE)
            self.records.append(record)
            if wanted(record):
                return record


def lines(text: bytes) -> Callable[[Record], bool]:
    return lambda record: record.raw == text + b"\r"


@pytest.fixture
def product() -> Iterator[VirtualProduct]:
    with VirtualProduct(mcu_options=FAST) as product:
        yield product


class TestProduct:
    def test_a_get_goes_through_to_the_mcu_and_back(self, product: VirtualProduct) -> None:
        with caller_of(product) as caller:
            [answer] = caller.ask("get_properties", [POWER])["result"]
            assert answer == POWER | {"code": 0, "value": product.call(lambda now: product.mcu.values[2, 1])}

    def test_a_set_changes_the_mcu(self, product: VirtualProduct) -> None:
        before = product.call(lambda now: product.mcu.values[2, 1])
        with caller_of(product) as caller:
            [answer] = caller.ask("set_properties", [POWER | {"value": not before}])["result"]
        assert answer["code"] == 0
        assert product.call(lambda now: product.mcu.values[2, 1]) is (not before)

    def test_the_mcu_has_introduced_itself_once_started(self, product: VirtualProduct) -> None:
        with caller_of(product) as caller:
            info = caller.ask("miIO.info")["result"]
        assert info["model"] == product.spec.model
        assert info["mcu_fw_ver"] == "0001"

    def test_two_callers_get_their_own_answers(self, product: VirtualProduct) -> None:
        with caller_of(product) as one, caller_of(product) as two:
            two.id = 1000
            for _ in range(5):
                assert one.ask("get_properties", [POWER | {"did": "one"}])["result"][0]["did"] == "one"
                assert two.ask("get_properties", [POWER | {"did": "two"}])["result"][0]["did"] == "two"

    def test_it_listens_on_ipv6_too(self) -> None:
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
        with VirtualProduct(host="::1", mcu_options=FAST) as product, caller_of(product) as caller:
            assert caller.hello().device_id == product.device_id
            assert caller.ask("get_properties", [POWER])["result"][0]["code"] == 0

    def test_identity_is_random_or_given_and_the_token_is_never_shown(self) -> None:
        one, two = VirtualProduct(), VirtualProduct(token=TOKEN, device_id=77)
        assert two.token == TOKEN
        assert two.device_id == 77
        assert one.token != VirtualProduct().token
        assert bytes.fromhex(one.token)
        assert 0 < one.device_id < 1 << 31
        assert TOKEN not in repr(two)
        assert TOKEN not in repr(two.module)

    def test_an_unprovisioned_product_shows_its_token_to_the_lan(self) -> None:
        with VirtualProduct(token=TOKEN, provisioned=False) as product, caller_of(product) as caller:
            assert caller.hello().sign.hex() == TOKEN

    def test_a_bad_token_is_refused_at_once(self) -> None:
        with pytest.raises(InvalidTokenException):
            VirtualProduct(token="secret")

    def test_a_port_in_use_is_named_and_nothing_stays_open(self, product: VirtualProduct) -> None:
        second = VirtualProduct(port=product.port)
        with pytest.raises(DeviceException, match=f"UDP port {product.port}"):
            second.start()
        assert not second.running

    @pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70000), ("no-such-host.invalid", 0)])
    def test_an_address_that_cannot_be_is_named(self, host: str, port: int) -> None:
        with pytest.raises(DeviceException, match=r"cannot listen at .*port"):
            VirtualProduct(host=host, port=port).start()

    def test_the_port_is_known_once_it_runs(self) -> None:
        product = VirtualProduct()
        assert product.port == 0
        with product:
            assert 0 < product.port < 65536
            assert str(product.port) in repr(product)
            assert "running" in repr(product)
        assert "closed" in repr(product)

    def test_another_product_on_another_line(self) -> None:
        spec = Spec.shipped("purifier")
        with (
            VirtualProduct(spec, line=MemoryPair(), mcu_options=FAST) as product,
            caller_of(product) as caller,
        ):
            assert caller.ask("miIO.info")["result"]["model"] == spec.model
            assert caller.ask("get_properties", [POWER])["result"][0]["code"] == 0

    def test_arguments_by_position_follow_the_description(self, product: VirtualProduct) -> None:
        action = next(action for action in product.spec.actions() if action.in_)
        params = {"siid": action.siid, "aiid": action.aiid, "in": [1] * len(action.in_)}
        inputs = product.module._requests._inputs
        line = request_of("action", params, DOCUMENT, 0.0, print, inputs).line()
        assert line == " ".join(
            [f"action {action.siid} {action.aiid}", *(f"{piid} 1" for piid in action.in_)]
        )
        assert action.in_ != (1,)
        assert inputs(99, 99) is None

    def test_misbehaviour_is_given_and_switched_at_run_time(self) -> None:
        with (
            VirtualProduct(
                misbehave={"silent"},
                mcu_options=FAST,
                profile=replace(DOCUMENT, answer_time=0.02),
            ) as product,
            caller_of(product) as caller,
        ):
            assert (
                caller.ask("action", {"did": "lamp", "siid": 2, "aiid": 1, "in": []})["error"]["code"]
                == -9999
            )
            product.call(lambda now: product.mcu.misbehave.discard("silent"))
            while "result" not in (reply := caller.ask("get_properties", [POWER])):
                assert reply["error"]["code"] == -9999  # a busy machine is late, too
            assert reply["result"][0]["code"] == 0

    def test_a_product_that_never_boots_starts_all_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("miio_lan.virtual.product._BOOT_PATIENCE", 0.01)
        with VirtualProduct() as product:
            product.call(lambda now: product.mcu.stop())
            assert product.running

    def test_lines_cross_the_kernel(self) -> None:
        pair = PtyPair()
        assert Path(pair.path).is_char_device()
        with VirtualProduct(line=pair, mcu_options=FAST) as product, caller_of(product) as caller:
            assert caller.ask("get_properties", [POWER])["result"][0]["code"] == 0
        assert pair.near.closed
        assert pair.far.closed


class TestObserver:
    def test_a_line_cut_off_by_the_end_is_recorded(self) -> None:
        log = Log()
        with VirtualProduct(observer=log, misbehave={"never-polls"}) as product:
            log.until(lambda r: r.raw.startswith(b"mcu_version"))
            log.until(lines(b"ok"))
            product.call(lambda now: product._module_heard(b"get_do", now))
        assert log.until(lambda r: "unfinished" in r.note).raw == b"get_do"

    def test_every_line_of_a_command_is_recorded_in_both_directions(self) -> None:
        log = Log()
        with VirtualProduct(observer=log, mcu_options=FAST) as product, caller_of(product) as caller:
            caller.ask("get_properties", [POWER])
            down = log.until(lambda r: r.direction == "down" and b"get_properties" in r.raw)
            result = log.until(lambda r: r.raw.startswith(b"result"))
            reply = log.until(lines(b"ok"))
        assert down.raw == b"down get_properties 2 1\r"
        assert down.reading == {
            "command": "down", "method": "get_properties", "properties": [[2, 1]], "valid": True,
        }  # fmt: skip
        assert result.direction == "up"
        assert result.reading is not None
        assert result.reading["answers"] == "get_properties"
        assert reply.reading is not None
        assert reply.reading["answers"] == "result"
        instants = [record.instant for record in log.records]
        assert instants == sorted(instants)
        assert down.wall < result.wall < reply.wall

    def test_the_boot_is_recorded_from_its_first_line(self) -> None:
        log = Log()
        with VirtualProduct(observer=log) as product:
            log.until(lines(b"get_down"))
        assert [(r.direction, r.raw) for r in log.records] == [
            ("up", f"model {product.spec.model}\r".encode()),
            ("down", b"ok\r"),
            ("up", b"mcu_version 0001\r"),
            ("down", b"ok\r"),
            ("up", b"get_down\r"),
        ]

    def test_a_broken_observer_disturbs_neither_machine_and_is_told(self) -> None:
        def broken(record: Record) -> None:
            raise ZeroDivisionError

        product = VirtualProduct(observer=broken, mcu_options=FAST)
        product.start()
        with caller_of(product) as caller:
            assert caller.ask("get_properties", [POWER])["result"][0]["code"] == 0
        with pytest.raises(ZeroDivisionError):
            product.close()


class TestCalls:
    def test_a_call_runs_in_the_driving_thread_with_the_time(self, product: VirtualProduct) -> None:
        first = product.call(lambda now: (now, threading.current_thread().name))
        second = product.call(lambda now: now)
        assert first[1] == "miio virtual product"
        assert first[0] <= second

    def test_what_a_call_raises_is_raised_at_the_caller(self, product: VirtualProduct) -> None:
        with pytest.raises(ZeroDivisionError):
            product.call(lambda now: 1 / 0)
        assert product.call(lambda now: 5) == 5

    def test_what_a_call_wants_to_send_is_sent(self) -> None:
        log = Log()
        with VirtualProduct(observer=log) as product:
            product.call(lambda now: product.mcu.set_local(2, 1, not product.mcu.values[2, 1], now))
            log.until(lambda r: r.raw.startswith(b"properties_changed 2 1"))

    def test_a_failure_in_the_thread_is_raised_by_the_next_call_once(self, product: VirtualProduct) -> None:
        product._loop.post(lambda: 1 // 0)
        product._loop.call(lambda: None)
        with pytest.raises(ZeroDivisionError):
            product.call(lambda now: None)
        assert product.call(lambda now: 5) == 5

    def test_a_failure_nobody_asked_about_is_raised_at_the_end(self) -> None:
        with pytest.raises(ZeroDivisionError), VirtualProduct() as product:
            product._loop.post(lambda: 1 // 0)

    def test_a_failure_does_not_hide_the_error_of_the_body(self) -> None:
        with pytest.raises(KeyError) as caught, VirtualProduct() as product:  # noqa: PT012
            product._loop.post(lambda: 1 // 0)
            raise KeyError("body")
        assert any("ZeroDivisionError" in note for note in caught.value.__notes__)

    def test_the_error_of_a_body_is_left_as_it_is(self) -> None:
        with pytest.raises(KeyError) as caught, VirtualProduct():
            raise KeyError("body")
        assert not hasattr(caught.value, "__notes__")

    def test_only_a_running_product_is_called(self) -> None:
        product = VirtualProduct()
        with pytest.raises(DeviceException, match="is not running"):
            product.call(lambda now: None)
        with product:
            product.start()
        with pytest.raises(DeviceException, match="is not running"):
            product.call(lambda now: None)
        product.close()
        with pytest.raises(DeviceException, match="was closed"):
            product.start()


def module_of(**options: Any) -> Module:
    return Module(device_id=5, token=TOKEN, **options)


class TestMcuAlone:
    def test_somebody_elses_module_may_be_at_the_pty(self) -> None:
        log = Log()
        mcu = Mcu(Spec.shipped(), poll_interval=0.002)
        with PtyPort() as port, McuHost(mcu, port, observer=log) as host:
            assert host.running
            assert mcu.model in repr(host)
            peer = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
            try:
                answer(peer, b"ok\r", until=b"get_down\r")
                os.write(peer, b"down get_properties 2 1\r")
                answer(peer, b"", until=b"result 2 1 0 true\r")
                os.write(peer, b"ok\r")
            finally:
                os.close(peer)
            result = log.until(lambda r: r.raw.startswith(b"result"))
            reply = log.until(lines(b"ok"))
        assert (result.direction, reply.direction) == ("up", "down")
        assert result.reading is not None
        assert result.reading["results"] == [[2, 1, 0, True]]
        assert result.peer == port.name

    def test_a_line_cut_off_by_an_outage_is_recorded(self) -> None:
        log = Log()
        with MemoryPair() as pair, McuHost(Mcu(Spec.shipped()), pair.near, observer=log) as host:
            pair.far.start(lambda data, instant: None)
            pair.far.write(b"down no")
            pair.far.close()
            log.until(lambda r: r.note.startswith("outage:"))
            assert [(r.raw, r.note) for r in log.records if r.direction == "down"][-2] == (
                b"down no",
                "unfinished",
            )
            host.call(lambda now: host.mcu.set_local(2, 1, not host.mcu.values[2, 1], now))

    def test_a_line_cut_off_by_the_end_is_recorded(self) -> None:
        log = Log()
        with MemoryPair() as pair, McuHost(Mcu(Spec.shipped()), pair.near, observer=log) as host:
            pair.far.start(lambda data, instant: None)
            pair.far.write(b"ok\rdown no")
            log.until(lines(b"ok"))
            host.close()
            assert log.until(lambda r: r.direction == "down").raw == b"down no"


class TestModuleAlone:
    def test_somebody_elses_mcu_may_be_at_the_pty(self) -> None:
        log = Log()
        with PtyPort() as port, ModuleHost(module_of(), port, observer=log) as host:
            assert str(host.port) in repr(host)
            assert TOKEN not in repr(host)
            peer = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
            try:
                os.write(peer, b"net\r")
                assert os.read(peer, 100) == b"cloud\r"
            finally:
                os.close(peer)
            asked, told = log.until(lines(b"net")), log.until(lines(b"cloud"))
            assert (asked.direction, told.direction) == ("up", "down")
            assert told.reading is not None
            assert told.reading["answers"] == "net"
            assert asked.instant <= told.instant

    def test_a_port_pulled_out_in_mid_command_gives_the_caller_an_error_and_the_next_command_works(
        self, tmp_path: Path
    ) -> None:
        path, log, off = tmp_path / "ttyUSB0", Log(), Loop("mcu side")
        master, slave = plug(path)
        module = module_of(profile=replace(DOCUMENT, answer_time=0.02))
        off.start()
        with (
            SerialPort(str(path)) as port,
            ModuleHost(module, port, observer=log) as host,
            Caller("127.0.0.1", host.port, TOKEN) as caller,
        ):
            os.write(master, b"get_down\rget_down\r")
            log.until(lines(b"down none"))
            path.unlink()
            os.close(master)
            os.close(slave)
            assert log.until(lambda r: r.note.startswith("outage:")).raw == b""
            host.call(lambda now: module.hand_out("never heard", now, lambda outcome, now: None))
            host.call(lambda now: module.receive_uart(b"net\r", now))  # its answer finds no line
            assert host.unsaid == len(b"cloud\r")
            master, slave = plug(path)
            log.until(lambda r: r.note == "outage over")
            mcu = McuHost(Mcu(Spec.shipped(), poll_interval=0.002), raw_port(master), loop=off)
            mcu.start()
            while "result" not in (reply := caller.ask("get_properties", [POWER])):
                assert reply["error"]["code"] == -9999
            assert reply["result"][0]["code"] == 0
            mcu.close()
        off.close()
        os.close(slave)

    def test_datagrams_that_cannot_be_sent_are_lost_quietly(self) -> None:
        with MemoryPair() as pair, ModuleHost(module_of(), pair.near) as host:
            host.call(lambda now: host.module.responder.send({"id": 1}, ("127.0.0.1", 0), now))
            with Caller("127.0.0.1", host.port, TOKEN) as caller:
                assert caller.hello().device_id == 5

    def test_a_flood_of_datagrams_is_answered(self) -> None:
        with (
            MemoryPair() as pair,
            ModuleHost(module_of(), pair.near) as host,
            Caller("127.0.0.1", host.port, TOKEN) as caller,
        ):
            for _ in range(50):
                caller.socket.send(HELLO)
            for _ in range(50):
                assert decode(caller.socket.recv(100), None).device_id == 5

    def test_a_host_may_share_a_loop_which_outlives_it(self) -> None:
        loop = Loop("shared")
        loop.start()
        with MemoryPair() as pair:
            module = ModuleHost(module_of(), pair.near, loop=loop)
            mcu = McuHost(Mcu(Spec.shipped()), pair.far, loop=loop)
            with module, mcu:
                assert mcu.call(lambda now: threading.current_thread().name) == "shared"
        assert loop.call(lambda: 5) == 5
        loop.close()


def plug(path: Path) -> tuple[int, int]:
    master, slave = os.openpty()
    tty.setraw(slave)
    path.symlink_to(os.ttyname(slave))
    return master, slave


def raw_port(fd: int) -> Port:
    from miio_lan.uart.ports.transport import FileTransport

    return Port("bench", FileTransport(fd))


def answer(fd: int, reply: bytes, until: bytes) -> None:
    """Answer each line with ``reply`` until the line to wait for comes."""
    buffer = b""
    while True:
        while b"\r" not in buffer:
            buffer += os.read(fd, 1000)
        line, _, buffer = buffer.partition(b"\r")
        if line + b"\r" == until:
            return
        os.write(fd, reply)


@pytest.mark.parametrize("never", [float("inf"), 30 * 86400.0])
def test_what_is_to_take_for_ever_stops_nothing_else(never: float) -> None:
    timings = Timings(waiting=never, cloud=never)
    with VirtualProduct(token=TOKEN, mcu_options=FAST, module_options={"timings": timings}) as product:
        product.mcu.slow_time = never
        product.mcu.misbehave.add("slow")
        with (
            Device(product.host, TOKEN, port=product.port, timeout=0.05) as device,
            pytest.raises(DeviceException),
        ):
            device.send("get_properties", [POWER], retry_count=0)
        assert product.running
        product.mcu.misbehave.discard("slow")
        assert product.call(lambda now: now) > 0


@pytest.mark.parametrize(("dual_mode", "told"), [(False, 1), (True, 0)])
def test_an_mcu_that_expects_bluetooth_is_pointed_out_once(caplog, dual_mode: bool, told: int) -> None:
    lines: SimpleQueue[Record] = SimpleQueue()
    options = {"mcu_options": {"ble_pid": 1000, **FAST}, "module_options": {"dual_mode": dual_mode}}
    with VirtualProduct(observer=lines.put, **options):
        wanted = b"ble_config" if told else b"get_down"
        for _ in range(3):  # it goes on asking, and is pointed out once
            while not lines.get(timeout=PATIENCE).raw.startswith(wanted):
                pass
    assert sum("--dual-mode" in each for each in caplog.messages) == told
