"""What is mutated: what products, modules, MCUs, people and other programs write."""

from __future__ import annotations

import json
import random
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from support import random_scenes
from support.hostile import HOSTILE

from miio_lan.lan.packet import HELLO, PushAbility, encode, hello_reply, push_sign, virtual_hello
from miio_lan.lan.payload import dump_payload
from miio_lan.uart.firmware.xmodem import block

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miio_lan.record import Record

TOKEN = bytes(range(16))
DID = 0x01020304
ID = 70_707_070
"""Stands in payloads where the id of an open request belongs."""

WORDS = (
    b"result", b"down ", b"get_down", b"error", b"properties_changed ", b"get_properties", b"action", b"none",
    b"ok",
    b"null", b"true", b"-1", b"0", b"9" * 30, b"1e999", b"-0.0", b"1.5", b"\r", b"\n", b"\r\n", b" ", b"  ",
    b'"',
    b'\\"', b"\\", b"\\u0020", b"\\ud800", b"\x00", b"\xff", b"\x1b[2J", b"\xc2\x9b", b"\xe2\x80\xae", b"[",
    b"]",
    b"{", b"}", b",", b":", b'["off"]', b'{"a":[1]}', b"[]", b"NaN", b"Infinity", b"'", b"=", b"[[service]]",
    b"\xef\xbb\xbf", b"\x01", b"\x18", b"\x08", b"\x7f", b"\t", b",,", b"[[[[[[[[", b'{"a":' * 70, b"[" * 70,
    b"event_occured",
    b"set_properties", b"update_fw", b"MIIO_net_change", b"model", b"mcu_version", b"props", b"ble_config",
    b'"token":"00112233445566778899aabbccddeeff"', b"passwd", b"password: secret", b"http://u:p@h/", b"#",
    b"// ", b";",
)  # fmt: skip
"""Put in anywhere."""

_ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 2**31, 2**63, 10**400, 1e308, 0.5, -0.5, 23.6, "", "x", HOSTILE, "2.1", [], {},
    ["off"], [[]], {"a": [1]}, [None], [{"siid": [1], "piid": {}}], {"siid": 2, "piid": 1, "value": []}, "0" * 32,
    "\ud800", "1" * 5000, "ok", "error", -4004, -9999, -30012, -5001, 4294967295, 4294967296, "token", [0], {"code": 0},
    {"code": -1, "message": "no"}, [{"did": "1", "siid": 2, "piid": 1, "code": 0, "value": 5}], "a b", "ä€", "\\u0020",
)  # fmt: skip
VALUES = (
    *(json.dumps(each).encode() for each in _ODD),
    b"00012", b"1.", b".5", b"+1", b"0x10", b"1e5", b"1e400", b"NaN", b"-", b"[" * 65 + b"]" * 65,
    b"[" * 2000 + b"]" * 2000,
    '"\u202e\u200b"'.encode(), b'"\xff\xfe"', b'"\x1b]0;x\x07"', b"tru", b"True", b"None",
)  # fmt: skip
"""Put in place of a value."""
LINE_VALUES = (
    b"0", b"1", b"-1", b"true", b"false", b"23.600000", b"0.5", b'"x"', b'"a b"', b'"', b'"a\\"b"',
    b"a\\u0020b", b"none", b"ok",
    b"error", b"2", b"3", b"255", b"256", b"4294967296", b"-9999", b"-5001", b"-4004",
    b"999999999999999999999", b"1e5",
    b"[1,2]", b'{"a":1}', b'"0,6,0,5"', b"1,2", b"", b'"\xc3\xa4"', b"\xff", b"null", b"a" * 600, b"1 " * 70,
    b"NaN", b"get_properties",
    b"set_properties", b"action", b"update_fw", b'"ready"', b'"busy"', b"cloud", b"offline", b"0001",
    b"demo.light.lamp",
)  # fmt: skip

_PROPERTY = {"did": "2-1", "siid": 2, "piid": 1, "code": 0, "value": True}
REPLIES: tuple[dict[str, Any], ...] = (
    {"id": ID, "result": ["ok"]},
    {"id": ID, "result": [_PROPERTY], "exe_time": 60},
    {"id": ID, "result": [{**_PROPERTY, "piid": piid, "value": piid} for piid in range(1, 9)]},
    {"id": ID, "result": [{"did": "2-1", "siid": 2, "piid": 1, "code": -4004}]},
    {"id": ID, "result": {"did": "a", "siid": 2, "aiid": 1, "code": 0, "out": [{"piid": 2, "value": 7}]}},
    {"id": ID, "result": ["on", 60, "white", 3.5, None]},
    {"id": ID, "result": 0},
    {"id": ID, "error": {"code": -9999, "message": "user ack timeout"}, "exe_time": 4010},
    {"id": ID, "error": {"code": -30012, "message": "Busy."}},
    {"id": ID, "error": {"code": -32601, "message": "Method not found."}},
    {"id": ID, "result": {"life": 500, "model": "demo.light.lamp", "fw_ver": "2.0.0", "mac": "AA:BB:CC:DD:EE:FF",
                          "token": "00112233445566778899aabbccddeeff", "hw_ver": "esp32", "mcu_fw_ver": "0001",
                          "ap": {"ssid": "home", "rssi": -50, "bssid": "AA:BB:CC:DD:EE:00", "primary": 6},
                          "netif": {"localIp": "10.0.0.9", "mask": "255.255.255.0", "gw": "10.0.0.1"}}},
    {"id": ID, "result": ["downloading"]},
    {"id": ID, "result": [31]},
    {"id": 5, "method": "properties_changed", "params": [{"did": "1", "siid": 2, "piid": 1, "value": 0.5}]},
    {"id": 6, "method": "event_occured", "params": {"did": "1", "siid": 2, "eiid": 1, "arguments": [{"piid": 1,
    "value": 3}]}},
    {"id": 7, "method": "props", "params": {"power": "on"}},
)  # fmt: skip
"""What a device says to a client: answers, refusals, and what it tells unasked."""
REQUESTS: tuple[dict[str, Any], ...] = (
    {"id": 6, "method": "get_properties", "params": [{"did": "on", "siid": 2, "piid": 1}]},
    {"id": 16, "method": "get_properties", "params": [{"did": str(piid), "siid": 2,
    "piid": piid} for piid in range(1, 6)]},
    {"id": 7, "method": "set_properties", "params": [{"did": "on", "siid": 2, "piid": 1, "value": True}]},
    {"id": 17, "method": "set_properties", "params": [{"did": "b", "siid": 2, "piid": 2, "value": 40},
                                                      {"did": "c", "siid": 2, "piid": 3, "value": "a b"}]},
    {"id": 8, "method": "action", "params": {"did": "a", "siid": 2, "aiid": 1, "in": [{"piid": 1, "value": 3}]}},
    {"id": 18, "method": "action", "params": {"did": "a", "siid": 2, "aiid": 1, "in": [1, "two", 3.0]}},
    {"id": 9, "method": "miIO.info", "params": []},
    {"id": 10, "method": "set_power", "params": ["off", 3, {"a": [1]}]},
    {"id": 20, "method": "get_prop", "params": ["power", "mode", "bright"]},
    {"id": 11, "method": "miIO.sub", "params": {"version": "2.0", "did": "5", "update_ts": 99, "sub_method": "."}},
    {"id": 21, "method": "miIO.unsub", "params": {"version": "2.0", "did": "5", "update_ts": 99}},
    {"id": 12, "method": "miIO.config_router", "params": {"ssid": "home", "passwd": "secret", "uid": 1}},
    {"id": 13, "method": "miIO.ota", "params": {"mode": "normal", "install": "1", "app_url": "http://h/f",
    "file_md5": "0" * 32,
                                                "proc": "dnld install"}},
    {"id": 14, "method": "miIO.get_ota_state", "params": []},
    {"id": 15, "method": "miIO.wifi_assoc_state", "params": []},
    {"id": 5, "result": {"code": 0}},
)  # fmt: skip
"""What a client says to a device."""
ANNOUNCEMENTS = (
    "yeelink-light-color1_miio76543210|192.168.1.5|\x07epoch=1\x10mac=f0b429aabbcc",
    "zhimi-airpurifier-mb4_miio123456789 (2)._miio._udp.local.|192.168.1.6,fe80::1|epoch=1,mac=F0:B4:29:AA:BB:CD",
    "lumi-gateway-v3-2_miio18446744073709551614|10.0.0.7,10.0.0.8,127.0.0.1|\x1epoch=1mac=f0-b4-29-aa-bb-ce",
    "gateway.local|192.168.1.9|",
)
"""Instances, addresses and TXT records of mDNS."""
LINES = (
    b"get_down\r", b"result 2 1 0 5\r", b"result 2 1 0\r", b'result "ok"\r', b'result ["ok"]\r',
    b'error "no" -5001\r',
    b"down none\r", b"down get_properties 2 1 2 2\r", b'down set_properties 2 1 true 2 2 "a b"\r',
    b'down set_power ["off"]\r', b"down action 2 1 1 5\r", b'down set_mode "a",1,{"x":[1]}\r',
    b'properties_changed 2 1 5 2 2 "x"\r', b"ok\r", b"error\r", b"event_occured 2 1 1 5\r",
    b"model demo.light.lamp\r",
    b"mcu_version 0001\r", b"net\r", b"cloud\r", b"time posix\r", b"down MIIO_net_change cloud\r",
    b"ble_config set 156 0001\r", b"echo on\r", b"echo off\r", b"down update_fw\r", b'result "ready"\r',
    b'result "busy"\r',
    b'props power "on" b 5\r', b"help\r", b'setwifi "home" "secret"\r', b"getwifi\r", b"arch\r", b"mac\r",
    b"version\r", b"time\r",
    b"down MIIO_mcu_version_req\r", b"down MIIO_model_req\r", b"restore\r", b"reboot\r", b"factory\r",
    b"set_low_power on\r",
    b"json_get_down\r", b'json_ack {"id":1,"result":["ok"]}\r', b'call get_weather ["x"]\r',
    b"ble_event dump\r",
    b"result 2 1 0 5 2 2 -4001 2 3 0 \"x\"\r", b"down get_power\r", b'event button_pressed 1,"two"\r',
    b"country_code\r",
    b"get_down\rresult 2 1 0 5\r", b"result 2 1 0 23.600000 \r\n", b"# get_down\r", b'down result "sunny"\r',
)  # fmt: skip
BLOCKS = (
    b"C",
    b"\x15",
    b"\x06",
    b"\x18\x18",
    b"\x04",
    block(1, bytes(128), crc=True),
    block(2, b"x" * 128, crc=False),
)
"""Parts of a firmware transfer."""
LOGS = (
    "↑get_down\n↓down set_properties 2 1 true\n↑result 2 1 0\n↓ok\n",
    "12:00:00.5 TX: get_down\n12:00:00.6 RX: down none\n[1.5] > result 2 1 0\n",
    "[V][miot:091]: Received MCU message 'get_down'\n[V][miot:091]: Sending reply 'down none' to MCU\n",
    "I (1234) uart: mcu -> module: get_down\\r\nI (1235) uart: module -> mcu: down none\\r\n",
    "time,direction,data\n0.1,up,get_down\n0.2,down,down none\n",
    "Time [s],Value,Parity Error,Framing Error\n0.000001,g,,\n0.000002,e,,\n0.000003,'13',,\n",
    'name,type,start_time,duration,"data"\n"Async Serial","data",0.001,0.0001,0x67\n',
    "67 65 74 5F 64 6F 77 6E 0D\n64 6F 77 6E 20 6E 6F 6E 65 0D\n",
    '[12:00:01][D][uart_debug:158]: <<< "get_down\\r"\n[12:00:01][D][uart_debug:158]: >>> "down none\\r"\n',
    "[12:00:01][D][uart_debug:114]: <<< 67:65:74:5F:64:6F:77:6E:0D\n",
    "tou: recv=get_down\ntou: send=down none\n",
    "uart-1: 67\nuart-1: 65\nuart-1: 74\nuart-2: 0D\n",
    "> 2026/01/01 12:00:00.000001  length=9 from=0 to=8\n 67 65 74 5f 64 6f 77 6e 0d\n",
    "[14:33:43.123]发→◇get_down\n[14:33:43.125]收←◆down none\n",
    "1.1.2026 12:00:00.00 [TX] - get_down<CR>\n1.1.2026 12:00:00.01 [RX] - down none<CR>\n",
    "| time | direction | data |\n|---|---|---|\n| 0.1 | up | get_down |\n",
    "mcu_version 0013 ok\nmodel demo.light.lamp ok\nget_down down none\n",
)  # fmt: skip
TEXTS = (
    '{"token":"00112233445566778899aabbccddeeff","ap":{"ssid":"home","passwd":"s3cret"}}',
    "{'token': '00112233445566778899aabbccddeeff', 'bind_key': 'abc', \"ltmk\": None}",
    '{"a":"{\\"token\\":\\"00112233445566778899aabbccddeeff\\"}"}',
    "password: hunter2, key=abcdef0123456789 token 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
    "https://user:secret@host/path?signature=abc&Expires=12&X-Amz-Signature=00ff",
    "ABEiM0RVZneImaq7zN3u/w== setwifi \"home\" \"secret\"\r",
    "<config><token>00112233445566778899aabbccddeeff</token><pw>x</pw></config>",
    f"the device said {HOSTILE} \x1b[31mred\x1b[0m \u202eturned\u202c \x9b2J",
    'result 2 1 0 "a b" 2 2 -4001\r', 'down set_properties 2 1 "\\u0020x" 2 2 true\r',
    '[[1,2,{"a":[1,"b",null]}],"text",-0.5e10]', "1,2,\"three, four\",{five:[6]}",
)  # fmt: skip
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
access = ["read", "write"]
range = [1, 100, 1]
unit = "percentage"
[[service.property]]
piid = 3
name = "mode"
format = "uint8"
access = "rw"
choices = [[0, "day"], [1, "night"]]
[[service.property]]
piid = 4
name = "label"
format = "string"
access = "rw"
max_length = 16
[[service.action]]
aiid = 1
name = "toggle"
in = [2]
[[service.event]]
eiid = 1
name = "pressed"
arguments = [2]
"""


@cache
def datagrams() -> Sequence[bytes]:
    """What crosses the LAN, sealed."""
    announced = push_sign(PushAbility(sub_ts=99, type=1, wildcard=True))
    return [
        *(
            encode({**each, "id": 7}, token=TOKEN, device_id=DID, stamp=500 + number)
            for number, each in enumerate((*REPLIES, *REQUESTS))
        ),
        hello_reply(device_id=DID, stamp=500),
        hello_reply(device_id=DID, stamp=500, sign=announced),
        hello_reply(device_id=DID, stamp=500, sign=TOKEN),
        HELLO,
        virtual_hello(5),
    ]


@cache
def replies() -> Sequence[bytes]:
    """What a device says to a client, in plain text."""
    return [dump_payload(each) for each in REPLIES]


@cache
def requests() -> Sequence[bytes]:
    """What a client says to a device, in plain text."""
    return [dump_payload(each) for each in REQUESTS]


@cache
def results() -> Sequence[bytes]:
    """What stands under ``result`` or ``error``."""
    return [dump_payload(each.get("result", each.get("error", each))) for each in REPLIES]


@cache
def announcements() -> Sequence[bytes]:
    """What devices announce."""
    return [each.encode("utf-8", "surrogateescape") for each in ANNOUNCEMENTS]


@cache
def scenes() -> Sequence[Sequence[Record]]:
    """Short and longer scenes of both wires."""
    found = []
    for number in range(24):
        rng = random.Random(number)
        scene = random_scenes.random_scene(rng)
        told = rng.choice((random_scenes.adapters, random_scenes.all_of_it))(scene, rng)
        begin = rng.randrange(max(1, len(told) - 24)) if number % 2 else 0
        found.append(told[begin : begin + (12, 24, 48)[number % 3]])
    return found


@cache
def descriptions() -> Sequence[bytes]:
    """The descriptions that ship with the package: whole, and each service of them alone."""
    folder = resources.files("miio_lan.virtual") / "specs"
    whole = [
        json.loads(each.read_bytes())
        for each in sorted(folder.iterdir(), key=str)
        if each.name.endswith(".json")
    ]
    parts = [{**each, "services": [service]} for each in whole for service in each["services"]]
    return [json.dumps(each).encode() for each in (*whole, *parts)]
