"""What packet.py reads and writes by struct is what layouts.py declares with construct."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import PayloadDecodeException
from miio_lan.lan import layouts, packet
from miio_lan.lan.packet import PushAbility

TOKEN = bytes.fromhex("00112233445566778899aabbccddeeff")
dids, numbers, signs = (
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=16, max_size=16),
)


@given(dids, numbers, signs, st.binary(max_size=40))
def test_what_is_read_is_what_is_declared(did: int, stamp: int, sign: bytes, more: bytes) -> None:
    fields = {"length": 32 + len(more), "device_id": did, "stamp": stamp, "sign": sign}
    read = packet.decode(layouts.HEADER.build(fields) + more, None)
    assert (read.device_id, read.stamp, read.sign, read.raw) == (did, stamp, sign, more)
    assert read.is_hello == (not more)


@given(
    st.binary(max_size=60) | st.binary(min_size=30, max_size=60).map(lambda rest: b"\x21\x31\x00\x24" + rest)
)
def test_any_bytes_are_read_as_declared_or_not_at_all(datagram: bytes) -> None:
    try:
        read = packet.decode(datagram, None)
    except PayloadDecodeException:
        return
    declared = layouts.HEADER.parse(datagram)
    assert (read.device_id, read.stamp, read.sign) == (declared.device_id, declared.stamp, declared.sign)
    assert read.raw == datagram[32 : declared.length]


@given(st.binary(max_size=60), dids, numbers)
def test_what_is_written_is_what_is_declared(plain: bytes, did: int, stamp: int) -> None:
    datagram = packet.encode(plain, token=TOKEN, device_id=did, stamp=stamp)
    declared = layouts.HEADER.parse(datagram)
    assert (declared.length, declared.device_id, declared.stamp) == (len(datagram), did, stamp)
    assert layouts.HEADER.build(dict(declared)) == datagram[:32]


@given(dids, numbers, signs)
def test_hello_replies(did: int, stamp: int, sign: bytes) -> None:
    fields = {"length": 32, "device_id": did, "stamp": stamp, "sign": sign}
    assert packet.hello_reply(device_id=did, stamp=stamp, sign=sign) == layouts.HEADER.build(fields)


@given(dids)
def test_virtual_hellos(did: int) -> None:
    datagram = packet.virtual_hello(did)
    assert layouts.VIRTUAL_HELLO.parse(datagram).virtual_did == did
    assert packet.virtual_did_of(datagram) == did


@given(numbers, st.integers(0, 255), st.booleans())
def test_push_announcements(sub_ts: int, kind: int, wildcard: bool) -> None:
    ability = PushAbility(sub_ts, kind, wildcard)
    declared = layouts.PUSH_SIGN.parse(packet.push_sign(ability))
    assert (declared.sub_ts, declared.type, declared.wildcard == 0xFE) == ability
    assert packet.push_ability(packet.push_sign(ability)) == ability


def test_the_page_shows_all_of_the_push_mark() -> None:
    page = (Path(__file__).parents[2] / "docs" / "lan-protocol.md").read_text("utf-8")
    (shown,) = re.findall(r"^\| (`MSUB`, .*?) \|", page, re.MULTILINE)
    sizes = {"`MSUB`": 4, "4 bytes": 4, "`PUB`": 3, "type": 1, "wildcard": 1, "3 bytes": 3}
    assert sum(sizes[part] for part in shown.split(", ")) == layouts.PUSH_SIGN.sizeof() == 16
