"""What callers give, of the kinds that occur everywhere: whoever takes one refuses another before anything is begun."""

from __future__ import annotations

import io
import math
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.fake_device import TOKEN, FakeDevice

from miio_lan import AsyncDevice, AsyncMiotDevice, Device, Fleet, MiotDevice, discover, provision
from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.rules.all import judge
from miio_lan.acceptance.tester.active import drive_lan, drive_module
from miio_lan.bench.bench import Bench, Recorder
from miio_lan.bench.line import ObservedLine
from miio_lan.bench.places.power import CommandPower
from miio_lan.device.description.cache import find
from miio_lan.device.description.names import find_action, find_property, parse_value
from miio_lan.device.description.spec import Spec
from miio_lan.device.doctor.examining import diagnose
from miio_lan.device.fleet.named import DevicesFile, NamedDevice
from miio_lan.device.provision.plan import make_plan
from miio_lan.errors import (
    ClocksInDoubt,
    DeviceException,
    DevicesFileError,
    InvalidArgument,
    LineError,
    PortError,
    RecordError,
    SpecError,
    UnsupportedFeatureException,
)
from miio_lan.given import (
    checked_flag,
    checked_function,
    checked_instant,
    checked_number,
    checked_seconds,
    checked_word,
    checked_words,
)
from miio_lan.lan.capture.reading import read_capture
from miio_lan.lan.packet import encode, hello_reply, virtual_hello
from miio_lan.pairing.clocks import Clocks, compare
from miio_lan.record.lanes import transcript
from miio_lan.record.recording import FileRecorder, read_recording
from miio_lan.uart.bridge.bridge import Bridge
from miio_lan.uart.bridge.faults import Fault
from miio_lan.uart.listening.tap import Tap
from miio_lan.uart.logs.textlog import read_text_log
from miio_lan.uart.ports.port import MemoryPair, open_port
from miio_lan.virtual.host import McuHost
from miio_lan.virtual.image import make_image
from miio_lan.virtual.mcu.bootloader import BootloaderSettings
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.module import Module
from miio_lan.virtual.power import VirtualPower
from miio_lan.virtual.product import VirtualProduct

HOST, PLAIN = "127.0.0.1", TOKEN
LAMP = Spec.shipped()


class Spiteful:
    """Somebody's object that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __bool__(self) -> bool:
        raise RuntimeError("neither true nor false")


def module(**options: Any) -> Module:
    return Module(**{"device_id": 1, "token": PLAIN, **options})


def bench(**options: Any) -> Bench[Any]:
    return Bench(Device(HOST, PLAIN), Recorder(), LAMP, **options)


def tap(observer: Any = print, **ports: Any) -> Tap:
    return Tap(observer, **ports)


def bridge(**options: Any) -> object:
    with MemoryPair() as pair:
        return Bridge(pair.near, pair.far, **options)


def start_reading(on_data: Any) -> None:
    with MemoryPair() as pair:
        pair.near.start(on_data)


def plan(**wishes: Any) -> object:
    return make_plan("home", "password", **wishes)


def seek(**options: Any) -> object:
    return discover(0.01, **{"hosts": [HOST], "mdns": False, **options})


#: Yes or no, by the name of the argument.
FLAGS: list[tuple[str, Callable[[Any], object]]] = [
    ("lazy_discover", lambda given: Device(HOST, PLAIN, lazy_discover=given)),
    ("lazy_discover", lambda given: AsyncDevice(HOST, PLAIN, lazy_discover=given)),
    ("mdns", lambda given: seek(mdns=given)),
    ("replace", lambda given: provision("home", "password", replace=given)),
    ("store", lambda given: provision("home", "password", store=given)),
    ("provisioned", lambda given: module(provisioned=given)),
    ("provisioned", lambda given: VirtualProduct(provisioned=given)),
    ("late", lambda given: bench(late=given)),
    ("from_boot", lambda given: judgement_of([], from_boot=given)),
    ("from_boot", lambda given: judge([], from_boot=given)),
    ("from_boot", lambda given: drive_lan(print, from_boot=given)),
    ("driven", lambda given: judge([], driven=given)),
]

FUNCTIONS: list[tuple[str, Callable[[Any], object]]] = [
    ("callback", lambda given: seek(callback=given)),
    ("callback", lambda given: provision("home", "password", callback=given)),
    ("on_phase", lambda given: Device(HOST, PLAIN).install_firmware(b"x", on_phase=given)),
    ("observer", lambda given: bridge(observer=given)),
    ("an observer", tap),
    ("observer", lambda given: VirtualProduct(observer=given)),
    ("lan_observer", lambda given: VirtualProduct(lan_observer=given)),
    ("change", lambda given: Fault("alter", change=given)),
    ("connect", drive_lan),
    ("progress", lambda given: drive_lan(print, progress=given)),
    ("progress", lambda given: diagnose(HOST, progress=given)),
    ("on_data", lambda given: start_reading(given)),
    *(
        (name, lambda given, name=name: module(**{name: given}))
        for name in ("next_token", "on_net", "wall", "stamp_at", "inputs", "on_ota", "on_line")
    ),
]

SECONDS: list[tuple[str, Callable[[Any], object]]] = [
    ("timeout", lambda given: Device(HOST, PLAIN, timeout=given)),
    ("find_time", lambda given: plan(find_time=given)),
    ("within", lambda given: diagnose(HOST, within=given)),
    ("timeout", lambda given: CommandPower("true", timeout=given)),
    ("off_for", lambda given: CommandPower("false").cycle(given)),
    ("off_for", lambda given: switch().cycle(given)),
    ("poll_interval", lambda given: Mcu(LAMP, poll_interval=given)),
    ("uptime", lambda given: module(uptime=given)),
    ("timeout", lambda given: bench().expect(timeout=given)),
    ("timeout", lambda given: bench().expect_report(timeout=given)),
    ("timeout", lambda given: bench().settle(given)),
    ("timeout", lambda given: ObservedLine(Recorder()).wait_for("ok", timeout=given)),
    ("seconds", lambda given: Fault("delay", seconds=given)),
]


def switch() -> Any:
    """Give the switch of a product that does not run."""
    return VirtualPower(VirtualProduct())


NUMBERS: list[tuple[str, Callable[[Any], object]]] = [
    ("device_id", lambda given: module(device_id=given)),
    ("port", lambda given: VirtualProduct(port=given)),
    ("limit", lambda given: Fleet({}, limit=given)),
    ("debug", lambda given: plan(debug=given)),
    ("skip", lambda given: Fault("drop", skip=given)),
    ("times", lambda given: Fault("drop", times=given)),
    *(
        (name, lambda given, name=name, of=of: getattr(bench(), of)(**{name: given}))
        for of in ("expect", "expect_none", "history")
        for name in ("siid", "piid", "aiid")
    ),
    *((name, lambda given, name=name: bench().expect_report(**{name: given})) for name in ("siid", "eiid")),
]

WORDS: list[tuple[str, Callable[[Any], object]]] = [
    ("kind", lambda given: Fault(given)),
    ("direction", lambda given: Fault("drop", direction=given)),
    ("direction", lambda given: ObservedLine(Recorder()).lines(given)),
    ("direction", lambda given: ObservedLine(Recorder()).wait_for("ok", direction=given)),
    ("direction", lambda given: ObservedLine(Recorder()).expect_none("ok", direction=given)),
    ("what is heard", lambda given: bench(hears=[given])),
    ("direction", lambda given: list(read_text_log(["ok"], direction=given))),
    ("mode", lambda given: judgement_of([], mode=given)),
    ("view", lambda given: transcript([], given)),
    ("reset", lambda given: BootloaderSettings(reset=given)),
]

LISTS: list[tuple[str, Callable[[Any], object]]] = [
    ("faults", lambda given: bridge(faults=given)),
    ("the directions that are heard", lambda given: bench(hears=given)),
    ("misbehaviours", lambda given: Mcu(LAMP, misbehave=given)),
    ("the lines of a log", lambda given: list(read_text_log(given))),
    ("words that allow", lambda given: drive_lan(print, allow=given)),
]

#: What is of no common kind: an example, its error, and the beginning of what that says.
OTHERS: list[tuple[Callable[[], object], type[DeviceException], str]] = [
    (lambda: Device("x" * 10_000_000), InvalidArgument, "an address is text such as"),
    (lambda: VirtualProduct(host=None), InvalidArgument, "host is an address such as '127.0.0.1', not None"),
    (lambda: VirtualProduct(ap_host=5), InvalidArgument, "ap_host is an address"),
    (
        lambda: VirtualProduct("lamp"),
        SpecError,
        r"spec is a Spec, such as Spec.load\('lamp.json'\), not 'lamp'",
    ),
    (lambda: Mcu(None), SpecError, "an MCU needs a description"),
    (lambda: Mcu(LAMP, version=1), SpecError, "the version of an MCU is text, not 1"),
    (lambda: module(firmware=2), InvalidArgument, "firmware is text, not 2"),
    (
        lambda: module(profile=["older"]),
        UnsupportedFeatureException,
        r"no module profile is called \['older'\]",
    ),
    (lambda: module().check_firmware("x"), InvalidArgument, "firmware is bytes, not 'x'"),
    (
        lambda: BootloaderSettings(fault="mutes"),
        InvalidArgument,
        "fault is one of mute, cancels, resets, not 'mutes'",
    ),
    (lambda: make_image("both", "1"), InvalidArgument, "it is for 'both', not for a module or an mcu"),
    (lambda: make_image("module", "\ud800"), InvalidArgument, "its first line is not"),
    (lambda: make_image("module", "1", "x"), InvalidArgument, "the content of an image is bytes, not 'x'"),
    (
        lambda: Mcu(LAMP).vary(2, 2, every="1", now=0.0),
        SpecError,
        "'1' seconds is no time between two changes",
    ),
    (
        lambda: Mcu(LAMP).vary(2, 2, every=1, by=math.nan, now=0.0),
        SpecError,
        "nan is nothing by which a number",
    ),
    (lambda: module().notify(5), LineError, "what is handed out is text, not 5"),
    (lambda: module().hand_out(None, 0.0, print), LineError, "what is handed out is text, not None"),
    (lambda: hello_reply(device_id=-1, stamp=0), InvalidArgument, "a header has a did of 64 bits"),
    (
        lambda: hello_reply(device_id=1, stamp=0.5),
        InvalidArgument,
        "a header has a did of 64 bits, a stamp in",
    ),
    (lambda: encode({}, token=bytes(16), device_id="1", stamp=0), InvalidArgument, "a header has a did"),
    (lambda: virtual_hello(1 << 64), InvalidArgument, "a virtual did is a whole number from 0 to"),
    (lambda: judge([], spec="lamp"), SpecError, "spec is a Spec"),
    (lambda: judge([], course=5), InvalidArgument, "course is the Progress of a check, not 5"),
    (lambda: compare([], [], about="2"), InvalidArgument, "about is a number of seconds, not '2'"),
    (lambda: compare([], []).instant(1.0), ClocksInDoubt, "the recording has no line of the UART"),
    (lambda: Clocks().instant(1.0), ClocksInDoubt, "the clocks were not compared"),
    (lambda: judge([], ended=math.nan), InvalidArgument, "ended is a number of seconds, not nan"),
    (lambda: drive_module("/dev/ttyUSB0"), InvalidArgument, "the line is a Port, such as open_port"),
    (lambda: tap(up="/dev/ttyUSB0"), InvalidArgument, "what a tap listens to is a Port"),
    (lambda: tap(either="/dev/ttyUSB0"), InvalidArgument, "what a tap listens to is a Port"),
    (lambda: Bridge("pty", "pty"), InvalidArgument, "what a bridge listens to is a Port"),
    (lambda: McuHost(Mcu(LAMP), "pty"), InvalidArgument, "the line is a Port"),
    (lambda: open_port(5), PortError, "a port is a device"),
    (lambda: bridge(faults=[5]), InvalidArgument, "a fault is a Fault or a text, not 5"),
    (lambda: Fault("drop", ids=2), InvalidArgument, r"ids are a pair such as \(2, 1\)"),
    (lambda: Fault("drop", answers=2), InvalidArgument, "answers is text, not 2"),
    (lambda: plan(address=5), InvalidArgument, "address is an IPv4 address such as"),
    (lambda: plan(new_address=True), InvalidArgument, "new_address is an IPv4 address such as"),
    (lambda: make_plan("home", b"password"), InvalidArgument, "a Wi-Fi password is text, not bytes$"),
    (lambda: Fleet({"lamp": Device(HOST, PLAIN)}), InvalidArgument, "'lamp' is to be an AsyncDevice"),
    (lambda: Fleet({1: AsyncDevice(HOST, PLAIN)}), InvalidArgument, "the name of a device is text, not 1"),
    (lambda: MiotDevice(HOST, PLAIN, mapping=[]), InvalidArgument, "mapping is a mapping such as"),
    (lambda: MiotDevice(HOST, PLAIN, mapping={"on": (2, 1)}), InvalidArgument, r".* has \(2, 1\) under 'on'"),
    (
        lambda: MiotDevice(HOST, PLAIN, mapping={"on": {"piid": 1}}),
        InvalidArgument,
        "mapping is such as .* under .on.",
    ),
    (
        lambda: AsyncMiotDevice(HOST, PLAIN, mapping={"on": {"siid": True, "piid": 1}}),
        InvalidArgument,
        "siid is a whole number from 1, not True",
    ),
    (lambda: Device(HOST, PLAIN).installing(b"x", pace=5), InvalidArgument, "pace is a Pace"),
    (lambda: find_property(LAMP, 2), SpecError, "a name is text such as 'light:on', not 2"),
    (lambda: find_action(LAMP, None), SpecError, "a name is text"),
    (lambda: find(5), SpecError, "a description is a path, or a model, not int"),
    (lambda: parse_value(next(LAMP.properties()), 5), SpecError, "what a person types is text, not 5"),
    (lambda: bench().expect_none(""), InvalidArgument, "a method is a word such as 'get_properties', not ''"),
    (lambda: bench().expect(5), InvalidArgument, "a method is a word"),
    (lambda: bench().expect(property=5), SpecError, "a name is text"),
    (
        lambda: bench().uart.expect_none(""),
        InvalidArgument,
        "a line is its first words, a pattern of text or",
    ),
    (lambda: bench().uart.expect_none(re.compile(b"x")), InvalidArgument, "a line is its first words"),
    (lambda: bench().uart.wait_for("x", since=5), InvalidArgument, "since is a record, not 5"),
    (lambda: bench().save(5), InvalidArgument, "a recording is a path, not int"),
    (lambda: CommandPower(5), InvalidArgument, "the words of a power command are a list"),
    (lambda: CommandPower(["true", 5]), InvalidArgument, "the words of a power command are texts, not 5"),
]


@pytest.mark.parametrize("given", ["no", "", 2, 0.0, b"", [], Spiteful()], ids=lambda it: type(it).__name__)
@pytest.mark.parametrize(("name", "taker"), FLAGS)
def test_what_is_neither_yes_nor_no(name: str, taker: Callable[[Any], object], given: object) -> None:
    with pytest.raises(InvalidArgument, match=f"^{name} is True or False, not "):
        taker(given)


@pytest.mark.parametrize("given", [0, 5, "print", [print], Spiteful()], ids=lambda it: type(it).__name__)
@pytest.mark.parametrize(("name", "taker"), FUNCTIONS)
def test_what_is_no_function(name: str, taker: Callable[[Any], object], given: object) -> None:
    with pytest.raises(InvalidArgument, match=f"^{name} is a function"):
        taker(given)


@pytest.mark.parametrize(
    "given", ["1", True, -1, math.nan, 10**400, [1], Spiteful()], ids=lambda it: type(it).__name__
)
@pytest.mark.parametrize(("name", "taker"), SECONDS)
def test_what_is_no_time(name: str, taker: Callable[[Any], object], given: object) -> None:
    with pytest.raises(InvalidArgument, match=f"^{name} is a number of seconds"):
        taker(given)


@pytest.mark.parametrize("given", ["1", 1.5, math.nan, [1], Spiteful()], ids=lambda it: type(it).__name__)
@pytest.mark.parametrize(("name", "taker"), NUMBERS)
def test_what_is_no_whole_number(name: str, taker: Callable[[Any], object], given: object) -> None:
    with pytest.raises(InvalidArgument, match=f"^{name} is a whole number"):
        taker(given)


@pytest.mark.parametrize(
    "given", ["sideways", "", 5, ["up"], b"up", Spiteful()], ids=lambda it: type(it).__name__
)
@pytest.mark.parametrize(("name", "taker"), WORDS)
def test_what_is_none_of_the_words(name: str, taker: Callable[[Any], object], given: object) -> None:
    with pytest.raises(InvalidArgument, match=f"^{name} is one of "):
        taker(given)


@pytest.mark.parametrize(
    "given", ["drop result x1", b"up", 5, {"a": 1}, Spiteful()], ids=lambda it: type(it).__name__
)
@pytest.mark.parametrize(("name", "taker"), LISTS)
def test_one_text_is_no_list(name: str, taker: Callable[[Any], object], given: object) -> None:
    with pytest.raises(InvalidArgument, match=f"^{name} are a list, such as "):
        taker(given)


@pytest.mark.parametrize(("call", "error", "told"), OTHERS, ids=[told for _, _, told in OTHERS])
def test_what_cannot_be_right(call: Callable[[], object], error: type[DeviceException], told: str) -> None:
    with pytest.raises(error, match=f"^{told}") as raised:
        call()
    assert len(str(raised.value)) < 300


def test_what_is_right_passes() -> None:
    assert [checked_flag("f", each) for each in (True, False, 1, 0)] == [True, False, True, False]
    assert checked_function("f", print) is print
    assert checked_function("f", None) is None
    assert [checked_seconds("s", each) for each in (1, 0.5, 999_999_999)] == [1, 0.5, 999_999_999]
    assert checked_seconds("s", 0, zero=True) == 0
    assert checked_seconds("s", math.inf, endless=True) == math.inf
    assert [checked_instant("i", each) for each in (None, 0, -5.5)] == [None, 0, -5.5]
    assert [checked_number("n", each, 1, 3) for each in (1, 3)] == [1, 3]
    assert checked_number("n", -5) == -5
    assert checked_word("w", "up", ("up", "down")) == "up"
    assert checked_words("w", (each for each in "ab"), "['a']") == ["a", "b"]


@pytest.mark.parametrize(
    ("least", "most", "told"),
    [(None, None, "number, not"), (1, None, "number from 1, not"), (1, 3, "number from 1 to 3, not")],
)
def test_a_whole_number_is_told_with_its_bounds(least: int | None, most: int | None, told: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^n is a whole {told} 'x'$"):
        checked_number("n", "x", least, most)


def test_directions_may_come_one_by_one() -> None:
    assert bench(hears=(each for each in ("up", "down"))).hears == {"up", "down"}


def test_a_port_may_be_named_by_an_object(tmp_path: Path) -> None:
    with pytest.raises(PortError, match=re.escape(str(tmp_path / "ttyX"))):
        open_port(tmp_path / "ttyX")


@pytest.mark.parametrize("poll", [(2, 1), [5], [None], [b"power"]], ids=repr)
@pytest.mark.parametrize("callback", [None, print])
def test_nothing_is_sent_for_what_cannot_be_polled(poll: Any, callback: Any) -> None:
    with FakeDevice() as peer, Device(HOST, TOKEN, port=peer.port) as device:
        with pytest.raises(InvalidArgument, match=r"^poll has names of properties, or pairs"):
            device.subscribe(callback, poll=poll)
        with pytest.raises(InvalidArgument, match=r"^on_phase is a function"):
            device.install_firmware(b"firmware", address=HOST, on_phase=5)
        assert peer.datagrams == 0


def test_names_of_a_class_are_looked_at_when_they_are_used() -> None:
    class Lamp(MiotDevice):
        mapping = {"on": {"siid": 2}, "off": 5}

    with Lamp(HOST, PLAIN) as lamp, pytest.raises(InvalidArgument, match="has 5 under 'off'"):
        lamp.read("on")


def test_a_product_is_not_switched_for_a_time_that_is_none(tmp_path: Path) -> None:
    power = CommandPower(["touch", str(tmp_path / "{action}")])
    with pytest.raises(InvalidArgument, match=r"^off_for is a number of seconds"):
        power.cycle("2")
    assert list(tmp_path.iterdir()) == []


def test_an_open_file_that_takes_no_text_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "line.jsonl"
    with path.open("w", encoding="ascii") as closed:
        pass
    with path.open("rb") as for_bytes, path.open(encoding="ascii") as for_reading:
        for file, told in (
            (closed, "a closed one"),
            (for_bytes, "one opened for bytes"),
            (for_reading, "reading"),
        ):
            with pytest.raises(
                RecordError, match=rf"^a recording is a path or an open text file, not .*{told}$"
            ):
                FileRecorder(file)
    with tempfile.NamedTemporaryFile() as temporary, pytest.raises(RecordError, match="opened for bytes"):
        FileRecorder(temporary)
    with pytest.raises(RecordError, match=r"cannot be read: I/O operation on closed file"):
        list(read_recording(closed))


def test_an_open_file_that_gives_no_bytes_is_no_capture(tmp_path: Path) -> None:
    path = tmp_path / "home.pcap"
    with (
        path.open("wb") as for_writing,
        pytest.raises(RecordError, match=r"home\.pcap cannot be read: read$"),
    ):
        read_capture(for_writing)
    with pytest.raises(RecordError, match=r"home\.pcap cannot be read: it is closed$"):
        read_capture(for_writing)
    for text in (io.StringIO("x"), path.open(encoding="ascii")):
        with (
            text,
            pytest.raises(
                RecordError, match=r"^a capture is a file opened for bytes, and this one was opened"
            ),
        ):
            read_capture(text)


@pytest.mark.parametrize("name", [5, True, None, math.nan, ["lamp"]], ids=repr)
def test_a_device_is_kept_under_a_text_alone(name: Any, tmp_path: Path) -> None:
    file = DevicesFile(tmp_path / "devices.json")
    with pytest.raises(
        DevicesFileError, match=r"^a NamedDevice with a text for its name is kept, not NamedDevice"
    ):
        file.put(NamedDevice(name, HOST, PLAIN))
    assert not file.path.exists()


@pytest.mark.parametrize(
    "given", [{"ip": HOST, "token": PLAIN}, [PLAIN], {"ssid": "home", "passwd": "hush hush"}], ids=type
)
@pytest.mark.parametrize(
    "taker",
    [
        lambda given: Device(HOST, PLAIN).send(given),
        lambda given: Device(HOST, PLAIN, model=given),
        lambda given: Device(HOST, PLAIN).send("x", timeout=given),
        lambda given: MiotDevice(HOST, PLAIN).read(given, 1),
        lambda given: MiotDevice(HOST, PLAIN, mapping={"on": [given]}),
        lambda given: MiotDevice(HOST, PLAIN, spec=given),
        lambda given: Fleet({"lamp": given}),
        lambda given: Fleet(given),
        lambda given: DevicesFile("nowhere.json").put(given),
        lambda given: find_property(LAMP, given),
        lambda given: module(provisioned=given),
        lambda given: seek(callback=given),
    ],
)
def test_secrets_that_are_given_in_the_wrong_place_are_not_shown(
    taker: Callable[[Any], object], given: Any
) -> None:
    with pytest.raises(DeviceException) as raised:
        taker(given)
    assert PLAIN[:8] not in str(raised.value)
    assert "hush" not in str(raised.value)
