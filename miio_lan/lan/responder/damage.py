"""The ways in which devices damage their own replies, by name, for simulated devices.

Each kind makes one sort of broken text (or datagram) that was seen from real products out of a good one, so that a
client can be shown what it will meet. Source: observed replies of vacuums, gateways, plugs, lamps and cameras.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from miio_lan.errors import UnsupportedFeatureException
from miio_lan.lan.packet import HEADER_SIZE

#: Turns the good plaintext of a reply into the damaged one.
Damage = Callable[[bytes], bytes]

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"\s*:?|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?')


def _members(plain: bytes) -> list[bytes]:
    payload = json.loads(plain)
    return [
        json.dumps(key).encode() + b":" + json.dumps(value, separators=(",", ":")).encode()
        for key, value in payload.items()
    ]


def _first(plain: bytes, wanted: Callable[[bytes], bool], change: Callable[[bytes], bytes]) -> bytes:
    """Change the first token of the reply's content that is wanted; the id stays what it is."""
    members = _members(plain)
    for number, member in enumerate(members):
        if member.startswith(b'"id":'):
            continue
        for token in _TOKENS.finditer(member, member.index(b":") + 1):
            if wanted(token.group()):
                members[number] = member[: token.start()] + change(token.group()) + member[token.end() :]
                return _object(members)
    return plain


def _object(members: list[bytes]) -> bytes:
    return b"{" + b",".join(members) + b"}"


def _is_text(token: bytes) -> bool:
    return token[:1] == b'"' and not token.endswith(b":")


def _is_number(token: bytes) -> bool:
    return token[:1] != b'"'


def _doubled_comma(plain: bytes) -> bytes:
    return b"{" + b",,".join(_members(plain)) + b"}"


def _empty_slots(plain: bytes) -> bytes:
    members = _members(plain)
    for number, member in enumerate(members):
        key, _, value = member.partition(b":")
        items = json.loads(value)
        if isinstance(items, list):
            members[number] = key + b":[" + b"," * max(1, len(items) - 1) + b"]"
    return _object(members)


def _missing_value(plain: bytes) -> bytes:
    keep = [
        member if member.startswith(b'"id":') else member[: member.index(b":") + 1]
        for member in _members(plain)
    ]
    return _object(keep)


def _leading_zeros(plain: bytes) -> bytes:
    def pad(token: re.Match[bytes]) -> bytes:
        text = token.group()
        if not _is_number(text):
            return text
        return b"-00" + text[1:] if text.startswith(b"-") else b"00" + text

    return _TOKENS.sub(pad, plain)


def _broken_number(plain: bytes) -> bytes:
    return _first(plain, _is_number, lambda _: b"-")


def _bare_word(plain: bytes) -> bytes:
    return _first(plain, lambda token: _is_text(token) and token[1:-1].isalnum(), lambda token: token[1:-1])


def _raw_bytes(plain: bytes) -> bytes:
    return _first(plain, _is_text, lambda token: token[:-1] + b'\x01\xff"')


def _pretty(plain: bytes) -> bytes:
    return json.dumps(json.loads(plain), indent="\t").encode()


#: What can be done to the text of a reply.
TEXT_DAMAGE: Mapping[str, Damage] = MappingProxyType(
    {
        "nul": lambda plain: plain + b"\0",
        "nuls": lambda plain: plain + b"\0\0\0",
        "nul and rubbish": lambda plain: plain + b'\0{"id":\xf0\x9f',
        "doubled comma": _doubled_comma,
        "empty slots": _empty_slots,
        "missing value": _missing_value,
        "leading zeros": _leading_zeros,
        "broken number": _broken_number,
        "bare word": _bare_word,
        "raw bytes": _raw_bytes,
        "pretty": _pretty,
        "empty": lambda _: b"",
        "cut off": lambda plain: plain[: len(plain) // 2],
    }
)


def _garbled(datagram: bytes) -> bytes:
    block = bytes(byte ^ 0x5A for byte in datagram[HEADER_SIZE : HEADER_SIZE + 16])
    return datagram[:HEADER_SIZE] + block + datagram[HEADER_SIZE + 16 :]


def _bad_sign(datagram: bytes) -> bytes:
    return datagram[:16] + bytes(byte ^ 0xFF for byte in datagram[16:HEADER_SIZE]) + datagram[HEADER_SIZE:]


#: What can be done to the finished datagram: the sign no longer fits.
DATAGRAM_DAMAGE: Mapping[str, Damage] = MappingProxyType({"garbled": _garbled, "bad sign": _bad_sign})

#: Every name there is.
DAMAGES: frozenset[str] = frozenset(TEXT_DAMAGE) | frozenset(DATAGRAM_DAMAGE)


def check_damage(kind: str | Damage) -> None:
    """Refuse the name of a damage that does not exist.

    :raises UnsupportedFeatureException: naming those that do
    """
    if not callable(kind) and kind not in DAMAGES:
        raise UnsupportedFeatureException(
            f"no damage is called {kind!r}; there are {', '.join(sorted(DAMAGES))}"
        )


def damage_text(plain: bytes, kinds: tuple[str | Damage, ...]) -> bytes:
    """Apply the damages that concern the text, in order; a callable gets the text and gives the new one."""
    for kind in kinds:
        change = TEXT_DAMAGE.get(kind) if isinstance(kind, str) else kind
        if change is not None:
            plain = change(plain)
    return plain


def damage_datagram(datagram: bytes, kinds: tuple[str | Damage, ...]) -> bytes:
    """Apply the damages that concern the finished datagram, in order."""
    for kind in kinds:
        if isinstance(kind, str) and kind in DATAGRAM_DAMAGE:
            datagram = DATAGRAM_DAMAGE[kind](datagram)
    return datagram
