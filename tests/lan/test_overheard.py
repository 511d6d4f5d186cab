from __future__ import annotations

from miio_lan.lan.overheard import heard, peer_of, record_of
from miio_lan.lan.packet import HELLO, encode

TOKEN = bytes(16)


def test_a_datagram_is_read_with_its_token() -> None:
    said = heard(encode({"id": 1}, token=TOKEN, device_id=1, stamp=1), TOKEN)
    assert said == (b'{"id":1}', {"id": 1}, "")
    assert heard(encode(b"[1]", token=TOKEN, device_id=1, stamp=1), TOKEN) == (b"[1]", None, "")
    assert heard(HELLO, TOKEN) == (b"", None, "hello")


def test_what_cannot_be_read_says_why() -> None:
    other = encode({"id": 1}, token=b"1" * 16, device_id=1, stamp=1)
    assert heard(other, TOKEN) == (other, None, "bad sign")
    assert heard(other[:-1], TOKEN) == (other[:-1], None, "truncated")
    assert heard(b"rubbish", TOKEN) == (b"rubbish", None, "not ours")


def test_the_record_says_who_and_when() -> None:
    record = record_of(heard(HELLO, TOKEN), "up", 1.0, 2.0, peer_of("192.0.2.1", 5))
    assert (record.wire, record.direction, record.instant, record.wall) == ("lan", "up", 1.0, 2.0)
    assert (record.note, record.peer) == ("hello", "192.0.2.1:5")
    assert peer_of("2001:db8::1", 5) == "[2001:db8::1]:5"
