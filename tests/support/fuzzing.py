"""Real-looking material of every kind the package reads, mutated, and what may come of reading it.

A :class:`Kind` has seeds, a way to mutate them, a reader, and the errors it declares. Anything else it raises is a
fault. The suite tries some mutations of each kind (tests/fuzz), ``python -m benchmarks fuzz`` as many as there is time.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from support import random_scenes
from support.hostile import HOSTILE

from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.report import formats
from miio_lan.bench.trace import account, trace
from miio_lan.cli.uart.decode import as_text
from miio_lan.device.spec import Spec
from miio_lan.errors import DeviceException, PayloadDecodeException, RecordError, SpecError
from miio_lan.lan.client.session import Session
from miio_lan.lan.packet import decode, encode, hello_reply
from miio_lan.lan.payload import dump_payload, read_payload
from miio_lan.lan.responder.responder import Responder
from miio_lan.pairing.pairing import Pairer
from miio_lan.record import Record, as_line
from miio_lan.record.recording import read_recording
from miio_lan.uart.commands import read
from miio_lan.uart.listening.overhearing import Overhearing
from miio_lan.uart.logs.textlog import read_text_log
from miio_lan.uart.pieces import pieces
from miio_lan.virtual.mcu.mcu import Mcu

TOKEN = bytes(range(16))
DID = 0x01020304
MOST = 64_000
"""Bytes of a mutation: what a datagram can hold."""


@dataclass(frozen=True)
class Kind:
    """One kind of material.

    :param seeds: gives what is mutated
    :param read: reads one mutation in all ways, and raises what it found wrong
    :param declared: the errors that may come of that
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    mutate: Callable[[random.Random, bytes, Sequence[bytes]], bytes]
    read: Callable[[bytes], object]
    declared: tuple[type[Exception], ...]

    def mutation(self, rng: random.Random) -> bytes:
        """Give a mutation of a seed."""
        seeds = self.seeds()
        return self.mutate(rng, rng.choice(seeds), seeds)[:MOST]

    def try_one(self, material: bytes) -> bool:
        """Read it, and tell whether it was accepted.

        :raises Exception: whatever is not declared
        """
        try:
            self.read(material)
        except self.declared:
            return False
        return True


# --- mutations -------------------------------------------------------------------------------------------------------

WORDS = (
    b"result", b"down ", b"get_down", b"error", b"properties_changed ", b"get_properties", b"action", b"none",
    b"ok",
    b"null", b"true", b"-1", b"0", b"9" * 30, b"1e999", b"-0.0", b"1.5", b"\r", b"\n", b"\r\n", b" ", b"  ",
    b'"', b'\\"',
    b"\\", b"\\u0020", b"\\ud800", b"\x00", b"\xff", b"\x1b[2J", b"\xc2\x9b", b"\xe2\x80\xae", b"[", b"]", b"{",
    b"}", b",",
    b":", b'["off"]', b'{"a":[1]}', b"[]", b"NaN", b"Infinity", b"'", b"=", b"[[service]]", b"\xef\xbb\xbf",
    b"\x01", b"\x18",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 10**400, 1e308, 0.5, "", "x", HOSTILE, "2.1", [], {}, ["off"], [[]],
    {"a": [1]}, [None], [{"siid": [1], "piid": {}}], {"siid": 2, "piid": 1, "value": []},
    "0" * 32, "\ud800", "1" * 5000,
)  # fmt: skip


def mutate_bytes(rng: random.Random, seed: bytes, seeds: Sequence[bytes]) -> bytes:
    """Change some places of a text, as noise, editors and other programs do."""
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at, length = rng.randrange(len(data) + 1), min(rng.choice((1, 2, 5, 20, 200)), len(data))
        how = rng.randrange(8)
        if how == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif how == 1:
            del data[at : at + length]
        elif how == 2:
            data[at:at] = rng.choice(WORDS)
        elif how == 3:
            data[at : at + length] = rng.choice(WORDS)
        elif how == 4:
            data[at:at] = data[at : at + length] * rng.choice((1, 2, 10, 100))
        elif how == 5:
            other = rng.choice(seeds)
            begin = rng.randrange(len(other) + 1)
            data[at : at + length] = other[begin : begin + rng.choice((5, 50, 500))]
        elif how == 6:
            del data[at:]
        else:
            there = rng.randrange(len(data) + 1)
            data[at : at + length], data[there : there + length] = (
                data[there : there + length],
                data[at : at + length],
            )
        del data[MOST:]
    return bytes(data)


def mutate_value(rng: random.Random, value: Any) -> Any:
    """Put something odd into one place of plain JSON values, or take something away."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {each: item for each, item in value.items() if each != key}
        if rng.random() < 0.05:
            return {**value, str(rng.choice(VALUES)): value[key]}
        return {**value, key: mutate_value(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        changed = mutate_value(rng, value[at])
        return rng.choice(
            (
                [*value[:at], changed, *value[at + 1 :]],
                [*value, changed],
                value[:at],
                value * rng.choice((2, 3, 40)),
            )
        )
    if rng.random() < 0.05:
        for _ in range(rng.choice((3, 70, 500))):
            value = [value]
        return value
    return rng.choice(VALUES)


def mutate_json(rng: random.Random, seed: bytes, seeds: Sequence[bytes]) -> bytes:
    """Change values of a JSON text, or its bytes, or both."""
    if rng.random() < 0.7:
        value = json.loads(seed)
        for _ in range(rng.choice((1, 1, 2, 4))):
            value = mutate_value(rng, value)
        with contextlib.suppress(RecursionError, ValueError):
            seed = json.dumps(value).encode()
        if rng.random() < 0.7:
            return seed
    return mutate_bytes(rng, seed, seeds)


def mutate_lines(rng: random.Random, seed: bytes, seeds: Sequence[bytes]) -> bytes:
    """Change some lines of a recording, each as JSON or as bytes; also their order and number."""
    lines = seed.splitlines(keepends=True)
    for _ in range(rng.choice((1, 2, 5))):
        at = rng.randrange(len(lines))
        how = rng.randrange(6)
        if how < 3:
            lines[at] = mutate_json(rng, lines[at], [seed]).replace(b"\n", b"") + b"\n"
        elif how == 3:
            lines[at:at] = [lines[rng.randrange(len(lines))]]
        elif how == 4:
            lines.insert(rng.randrange(len(lines)), lines.pop(at))
        else:
            return mutate_bytes(rng, b"".join(lines), seeds)
        if not _is_json(lines[at]):
            break
    return b"".join(lines)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


# --- seeds -----------------------------------------------------------------------------------------------------------

PAYLOADS: tuple[dict[str, Any], ...] = (
    {"id": 1, "result": ["ok"]},
    {"id": 2, "result": [{"did": "2-1", "siid": 2, "piid": 1, "code": 0, "value": True}], "exe_time": 60},
    {"id": 3, "error": {"code": -9999, "message": "user ack timeout"}, "exe_time": 4010},
    {"id": 4, "result": {"life": 500, "model": "demo.light.lamp", "fw_ver": "2.0.0", "mac": "AA:BB:CC:DD:EE:FF",
                         "ap": {"ssid": "home", "rssi": -50}, "netif": {"localIp": "10.0.0.9"}}},
    {"id": 5, "method": "properties_changed", "params": [{"did": "1", "siid": 2, "piid": 1, "value": 0.5}]},
    {"id": 6, "method": "get_properties", "params": [{"did": "on", "siid": 2, "piid": 1}]},
    {"id": 7, "method": "set_properties", "params": [{"did": "on", "siid": 2, "piid": 1, "value": "x"}]},
    {"id": 8, "method": "action", "params": {"did": "a", "siid": 2, "aiid": 1, "in": [{"piid": 1, "value": 3}]}},
    {"id": 9, "method": "miIO.info", "params": []},
    {"id": 10, "method": "set_power", "params": ["off", 3, {"a": [1]}]},
    {"id": 11, "method": "miIO.sub", "params": {"version": "1.0", "timeout": 60, "ip": "10.0.0.1", "port": 5}},
)  # fmt: skip
LINES = (
    b"get_down\r", b"result 2 1 0 5\r", b"result 2 1 0\r", b'result "ok"\r', b'result ["ok"]\r',
    b'error "no" -5001\r',
    b"down none\r", b"down get_properties 2 1 2 2\r", b'down set_properties 2 1 true 2 2 "a b"\r',
    b'down set_power ["off"]\r',
    b"down action 2 1 1 5\r", b'down set_mode "a",1,{"x":[1]}\r', b'properties_changed 2 1 5 2 2 "x"\r',
    b"ok\r", b"error\r",
    b"event_occured 2 1 1 5\r", b"model demo.light.lamp\r", b"mcu_version 0001\r", b"net\r", b"cloud\r",
    b"time posix\r",
    b"down MIIO_net_change cloud\r", b"ble_config set 156 0001\r", b"echo on\r", b"down update_fw\r",
    b'result "ready"\r',
    b"C", b"\x01\x01\xfe" + bytes(130), b'props power "on" b 5\r', b"help\r", b"setwifi \"home\" \"secret\"\r",
)  # fmt: skip
LOGS = (
    "↑get_down\n↓down set_properties 2 1 true\n↑result 2 1 0\n↓ok\n",
    "12:00:00.5 TX: get_down\n12:00:00.6 RX: down none\n[1.5] > result 2 1 0\n",
    "[V][miot:091]: Received MCU message 'get_down'\n[V][miot:091]: Sending reply 'down none' to MCU\n",
    "I (1234) uart: mcu -> module: get_down\\r\nI (1235) uart: module -> mcu: down none\\r\n",
    "time,direction,data\n0.1,up,get_down\n0.2,down,down none\n",
    "Time [s],Value,Parity Error,Framing Error\n0.000001,g,,\n0.000002,e,,\n0.000003,'13',,\n",
    'name,type,start_time,duration,"data"\n"Async Serial","data",0.001,0.0001,0x67\n',
    "67 65 74 5F 64 6F 77 6E 0D\n64 6F 77 6E 20 6E 6F 6E 65 0D\n",
)


@cache
def datagrams() -> Sequence[bytes]:
    return [
        *(
            encode(each, token=TOKEN, device_id=DID, stamp=500 + number)
            for number, each in enumerate(PAYLOADS)
        ),
        hello_reply(device_id=DID, stamp=500),
        bytes.fromhex("21310020") + b"\xff" * 28,
    ]


@cache
def payloads() -> Sequence[bytes]:
    return [dump_payload(each) for each in PAYLOADS]


@cache
def recordings() -> Sequence[bytes]:
    found = []
    for number in range(12):
        rng = random.Random(number)
        scene = random_scenes.random_scene(rng)
        told = rng.choice((random_scenes.adapters, random_scenes.all_of_it))(scene, rng)
        found.append("".join(map(as_line, told[:60])).encode())
    return found


@cache
def descriptions() -> Sequence[bytes]:
    folder = resources.files("miio_lan.virtual") / "specs"
    texts = [each.read_bytes() for each in folder.iterdir() if each.name.endswith(".json")]
    return [json.dumps(json.loads(text)).encode() for text in sorted(texts)]


TOML = b"""
model = "demo.light.lamp"
description = "Lamp"
[[service]]
siid = 2
name = "light"
[[service.property]]
piid = 1
name = "on"
format = "bool"
access = "rwn"
default = true
[[service.property]]
piid = 2
name = "brightness"
format = "uint8"
access = "rw"
range = [1, 100, 1]
unit = "percentage"
[[service.action]]
aiid = 1
name = "toggle"
in = [2]
[[service.event]]
eiid = 1
name = "pressed"
arguments = [2]
"""


# --- readers ---------------------------------------------------------------------------------------------------------


def read_datagram(data: bytes) -> None:
    """Neither end of the LAN raises anything on what arrives."""
    session = Session(TOKEN, peer="10.0.0.9", rng=random.Random(1), start_id=0)
    call = session.command("get_prop", [], 1000.0, timeout=5, retry_count=3)
    session.begin(call, 1000.0)
    session.receive(hello_reply(device_id=DID, stamp=500), 1000.1)
    session.receive(data, 1000.2)
    session.tick(1003.0)
    session.take_output()
    responder = Responder(device_id=DID, token=TOKEN)
    responder.restart(900.0)
    responder.receive(data, ("10.0.0.1", 5), 1000.0)
    decode(data, TOKEN)


def read_content(plain: bytes) -> None:
    """What a device says behind a good sign is either read or refused, by both ends."""
    try:
        value = read_payload(plain).value
    except PayloadDecodeException:
        raise
    json.dumps(value)
    repr(value)
    read_datagram(encode(value, token=TOKEN, device_id=DID, stamp=501))


PENDING = [read(each, direction="down") for each in LINES if each.startswith(b"down ")]
ASKED = [
    read(each, direction="up") for each in (b"get_down\r", b"net\r", b"help\r", b"time posix\r", b"mac\r")
]


def read_lines(data: bytes) -> None:
    """Lines are read and heard, never refused."""
    for number, line in enumerate(data.split(b"\r")[:20]):
        commands = [
            read(line, direction="up", pending=PENDING[number % len(PENDING)]),
            read(line, direction="up"),
            read(line, direction="down", pending=ASKED[number % len(ASKED)]),
            read(line, direction="down"),
        ]
        for command in commands:
            json.dumps(command.as_json())
            hash(repr(command))
        pieces(commands[0].line)
    told: list[Record] = []
    heard = Overhearing(told.append, wall=lambda instant: instant)
    for number, start in enumerate(range(0, len(data), 97)):
        heard.feed("up" if number % 3 else "down", data[start : start + 97], number / 50)
    heard.tick(1e6)
    heard.flush()
    for record in told:
        as_line(record)
        as_text(record)


def read_records(data: bytes) -> None:
    """A recording is read and judged, or refused; nothing in it stops the pairer."""
    records = list(read_recording(io.StringIO(data.decode("utf-8", "replace"))))
    pairer = Pairer()
    for record in records:
        pairer.feed(record)
        as_text(record)
    pairer.finish()
    for exchange in pairer.exchanges:
        account(exchange)
    trace(records)
    judgement = judgement_of(records)
    formats.to_json(judgement)
    formats.to_junit(judgement)
    formats.to_html(judgement)


def read_description(data: bytes) -> None:
    """A description is read, and played, or refused."""
    _play(Spec.from_json(data.decode("utf-8", "replace")))


def read_toml(data: bytes) -> None:
    """A description in TOML is read, and played, or refused."""
    _play(Spec.from_toml(data.decode("utf-8", "replace")))


def _play(spec: Spec) -> None:
    mcu = Mcu(spec)
    mcu.start(0.0) if hasattr(mcu, "start") else None
    for prop in spec.readable():
        mcu.receive(f"down get_properties {prop.siid} {prop.piid}\r".encode(), 10.0)
        mcu.tick(11.0)
        mcu.take_output()


def read_log(data: bytes) -> None:
    """A log of any shape is read, or refused as a damaged table or recording."""
    text = data.decode("utf-8-sig", "surrogateescape")
    for record in read_text_log(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
        as_text(record)
        as_line(record)


KINDS = {
    each.name: each
    for each in (
        Kind("datagrams", datagrams, mutate_bytes, read_datagram, (PayloadDecodeException,)),
        Kind("payloads", payloads, mutate_json, read_content, (DeviceException,)),
        Kind("lines", lambda: LINES, mutate_bytes, read_lines, ()),
        Kind("recordings", recordings, mutate_lines, read_records, (RecordError,)),
        Kind("descriptions", descriptions, mutate_json, read_description, (SpecError,)),
        Kind("TOML descriptions", lambda: [TOML], mutate_bytes, read_toml, (SpecError,)),
        Kind("logs", lambda: [each.encode() for each in LOGS], mutate_bytes, read_log, (RecordError,)),
    )
}
