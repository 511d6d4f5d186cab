from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import DeviceException, InvalidTokenException, PayloadDecodeException
from miio_lan.lan import packet
from miio_lan.lan.cipher import TokenCipher, parse_token
from miio_lan.lan.packet import HELLO, Packet, PushAbility, decode, encode, unwrap

TOKEN = bytes.fromhex("00112233445566778899aabbccddeeff")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def test_the_layout_is_the_one_on_the_wire() -> None:
    datagram = encode({"id": 1}, token=TOKEN, device_id=0x1122334455667788, stamp=0x01020304)
    assert datagram[:2] == b"\x21\x31"
    length, did, stamp = struct.unpack(">HQI", datagram[2:16])
    assert (length, did, stamp) == (len(datagram), 0x1122334455667788, 0x01020304)
    assert datagram[16:32] == hashlib.md5(datagram[:16] + TOKEN + datagram[32:]).digest()


def test_the_cipher_agrees_with_another_implementation() -> None:
    # openssl enc -aes-128-cbc -K MD5(token) -iv MD5(key + token)
    cipher = TokenCipher(TOKEN)
    assert cipher.encrypt(b'{"id":1}').hex() == "3baa18ebabcb3604b73e6580bb2fa605"
    assert cipher.decrypt(bytes.fromhex("3baa18ebabcb3604b73e6580bb2fa605")) == b'{"id":1}'
    assert len(cipher.encrypt(b"x" * 16)) == 32


@given(json_values, st.binary(min_size=16, max_size=16), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_what_is_encoded_is_decoded(value: object, token: bytes, device_id: int, stamp: int) -> None:
    decoded = decode(encode(value, token=token, device_id=device_id, stamp=stamp), token)
    assert (decoded.payload, decoded.device_id, decoded.stamp) == (value, device_id, stamp)
    assert decoded.repairs == ()
    assert not decoded.is_hello


@given(st.binary(max_size=200), st.none() | st.just(TOKEN))
def test_no_bytes_crash_the_decoder(datagram: bytes, token: bytes | None) -> None:
    try:
        assert isinstance(decode(datagram, token), Packet)
    except PayloadDecodeException as error:
        assert error.kind in {"not ours", "truncated", "bad sign", "bad padding", "empty", "not JSON"}


@given(st.binary(max_size=100))
def test_no_authentic_content_crashes_the_decoder(plain: bytes) -> None:
    datagram = encode(plain, token=TOKEN, device_id=1, stamp=1)
    assert unwrap(datagram, TOKEN).raw == plain
    try:
        decode(datagram, TOKEN)
    except PayloadDecodeException as error:
        assert error.kind in {"empty", "not JSON"}
        assert error.raw == plain


@given(st.data())
def test_a_changed_byte_is_noticed_before_anything_is_decrypted(data: st.DataObject) -> None:
    datagram = bytearray(encode({"id": 1, "result": ["ok"]}, token=TOKEN, device_id=1, stamp=1))
    place = data.draw(st.integers(0, len(datagram) - 1))
    datagram[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PayloadDecodeException) as caught:
        decode(bytes(datagram), TOKEN)
    assert caught.value.kind in {"not ours", "truncated", "bad sign"}


def broken(**change: bytes | int) -> bytes:
    datagram = encode(b'{"id":1}', token=TOKEN, device_id=1, stamp=1)
    if "cut" in change:
        return datagram[: int(change["cut"])]
    return bytes(change["head"]) + datagram[len(bytes(change["head"])) :]


@pytest.mark.parametrize(
    ("datagram", "kind"),
    [
        (b"", "truncated"),
        (b"\x21", "truncated"),
        (b"\x20", "not ours"),
        (b"\x21\x30" + HELLO[2:], "not ours"),
        (HELLO[:31], "truncated"),
        (broken(cut=40), "truncated"),
        (broken(head=b"\x21\x31\x00\x10"), "truncated"),
        (broken(head=b"\x21\x31\xff\xff"), "truncated"),
        (broken(head=b"\x21\x31\x00\x30\x01"), "bad sign"),
    ],
)
def test_what_is_wrong_is_named(datagram: bytes, kind: str) -> None:
    with pytest.raises(PayloadDecodeException) as caught:
        decode(datagram, TOKEN)
    assert caught.value.kind == kind
    assert kind in str(caught.value)
    assert caught.value.raw == datagram


def test_half_a_block_is_truncated_and_wrong_padding_is_bad() -> None:
    cipher = TokenCipher(TOKEN)
    for ciphertext, kind in [(b"x" * 17, "truncated"), (b"x" * 16, "bad padding")]:
        header = struct.pack(">2sHQI", b"!1", 32 + len(ciphertext), 1, 1)
        with pytest.raises(PayloadDecodeException) as caught:
            decode(header + cipher.sign(header, ciphertext) + ciphertext, TOKEN)
        assert caught.value.kind == kind


def test_bytes_beyond_the_length_are_ignored() -> None:
    datagram = encode({"id": 1}, token=TOKEN, device_id=1, stamp=1)
    assert decode(datagram + b"rest", TOKEN).payload == {"id": 1}


def test_the_hello_is_the_well_known_one() -> None:
    assert bytes.fromhex("21310020" + "ff" * 28) == HELLO
    assert decode(HELLO, TOKEN).is_hello


@pytest.mark.parametrize("sign", [bytes(16), b"\xff" * 16])
def test_a_hello_reply_without_token(sign: bytes) -> None:
    reply = decode(packet.hello_reply(device_id=77, stamp=5, sign=sign), TOKEN)
    assert (reply.is_hello, reply.device_id, reply.stamp) == (True, 77, 5)
    assert packet.shown_token(reply) is None
    assert packet.push_ability(reply.sign) is None


def test_a_hello_reply_may_show_the_token_but_its_repr_does_not() -> None:
    reply = decode(packet.hello_reply(device_id=77, stamp=5, sign=TOKEN), None)
    assert packet.shown_token(reply) == TOKEN
    assert TOKEN.hex() not in repr(reply)
    assert repr(TOKEN) not in repr(reply)


def test_push_announcements() -> None:
    ability = PushAbility(sub_ts=1700000000, type=1, wildcard=True)
    reply = decode(packet.hello_reply(device_id=7, stamp=5, sign=packet.push_sign(ability)), None)
    assert packet.push_ability(reply.sign) == ability
    assert packet.shown_token(reply) is None
    plain = PushAbility(sub_ts=0, type=4, wildcard=False)
    assert packet.push_ability(packet.push_sign(plain)) == plain


def test_the_hello_with_a_virtual_did() -> None:
    probe = packet.virtual_hello(2**63 + 5)
    assert len(probe) == 32
    assert probe[:16] == HELLO[:16]
    assert packet.virtual_did_of(probe) == 2**63 + 5
    assert packet.virtual_did_of(HELLO) is None


def test_without_token_only_the_header_is_read() -> None:
    datagram = encode({"id": 1}, token=TOKEN, device_id=9, stamp=3)
    read = decode(datagram, None)
    assert (read.device_id, read.stamp, read.payload) == (9, 3, None)
    assert read.raw == datagram[32:]


def test_texts_go_out_as_utf8_and_bytes_as_they_are() -> None:
    assert unwrap(encode({"a": "关"}, token=TOKEN, device_id=1, stamp=1), TOKEN).raw == '{"a":"关"}'.encode()
    assert unwrap(encode(b"raw", token=TOKEN, device_id=1, stamp=1), TOKEN).raw == b"raw"
    lone = encode({"a": "\ud800"}, token=TOKEN, device_id=1, stamp=1)
    assert unwrap(lone, TOKEN).raw == b'{"a":"\\ud800"}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_what_has_no_json_form_is_refused(value: object) -> None:
    with pytest.raises(DeviceException, match="no JSON form"):
        encode(value, token=TOKEN, device_id=1, stamp=1)


def test_a_payload_beyond_any_datagram_is_refused() -> None:
    with pytest.raises(DeviceException, match="does not fit a datagram"):
        encode(b"x" * 70000, token=TOKEN, device_id=1, stamp=1)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 200])
def test_the_size_is_known_beforehand(length: int) -> None:
    assert packet.sealed_size(length) == len(encode(b"x" * length, token=TOKEN, device_id=1, stamp=1))


def test_tokens_as_people_hold_them() -> None:
    assert parse_token(TOKEN.hex()) == TOKEN
    assert parse_token(f" {TOKEN.hex().upper()}\n") == TOKEN
    assert parse_token(TOKEN) == TOKEN


@pytest.mark.parametrize(
    "token",
    [
        "",
        "00",
        "g" * 32,
        "0" * 31,
        "0" * 33,
        "abcdefghijklmnop",
        b"short",
        5,
        None,
        "0" * 30 + "  a",
        "é" * 32,
        "0_" * 16,
    ],
)
def test_what_is_no_token_is_refused_without_showing_it(token: object) -> None:
    with pytest.raises(ValueError, match="token") as caught:
        parse_token(token)  # type: ignore[arg-type]
    assert isinstance(caught.value, InvalidTokenException)
    if isinstance(token, str) and len(token) > 2:
        assert token not in str(caught.value)
