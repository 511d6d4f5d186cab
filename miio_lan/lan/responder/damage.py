"""The ways in which devices damage their own replies, by name, for simulated devices.

Each kind makes one sort of broken text (or datagram) that was seen from real products out of a good one, so that a
client can be shown what it will meet. Source: observed replies of vacuums, gateways, plugs, lamps and cameras.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from miio_lan.errors import UnsupportedFeatureException
from miio_lan.lan.packet import HEADER_SIZE

#: Turns the plaintext of a reply into the damaged one.
Damage = Callable[[bytes], bytes]

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"\s*:?|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?')
_ID = b'"id"'


def _slots(value: object) -> bytes | None:
    return b"[" + b"," * max(1, len(value) - 1) + b"]" if isinstance(value, list) else None


#: What can stand in the place of a value; None leaves the value.
_VALUE_DAMAGE: Mapping[str, Callable[[object], bytes | None]] = MappingProxyType(
    {"missing value": lambda _: b"", "empty slots": _slots}
)


def _is_text(token: bytes) -> bool:
    return token[:1] == b'"' and not token.endswith(b":")


def _is_word(token: bytes) -> bool:
    return _is_text(token) and token[1:-1].isalnum()


def _is_number(token: bytes) -> bool:
    return token[:1] != b'"'


def _padded(token: bytes) -> bytes:
    return b"-00" + token[1:] if token.startswith(b"-") else b"00" + token


@dataclass(frozen=True, slots=True)
class _TokenDamage:
    wanted: Callable[[bytes], bool]
    change: Callable[[bytes], bytes]
    #: Whether it befalls every such token, the id as well; else the first one of the content.
    everywhere: bool = False

    def apply(self, members: list[tuple[bytes, bytes]]) -> None:
        for number, (key, value) in enumerate(members):
            if key == _ID and not self.everywhere:
                continue
            for token in reversed(self._befallen(value)):
                value = value[: token.start()] + self.change(token.group()) + value[token.end() :]
            if value != members[number][1]:
                members[number] = key, value
                if not self.everywhere:
                    return

    def _befallen(self, value: bytes) -> list[re.Match[bytes]]:
        found = [token for token in _TOKENS.finditer(value) if self.wanted(token.group())]
        return found if self.everywhere else found[:1]


#: What can be done to the tokens of the values. A bare word is no token any more, so it comes last.
_TOKEN_DAMAGE: Mapping[str, _TokenDamage] = MappingProxyType(
    {
        "leading zeros": _TokenDamage(_is_number, _padded, everywhere=True),
        "broken number": _TokenDamage(_is_number, lambda _: b"-"),
        "raw bytes": _TokenDamage(_is_text, lambda token: token[:-1] + b'\x01\xff"'),
        "bare word": _TokenDamage(_is_word, lambda token: token[1:-1]),
    }
)

#: How the members are written, and what stands between them.
_WRITING = frozenset({"pretty", "doubled comma"})
_NEEDS_JSON = frozenset({*_VALUE_DAMAGE, *_TOKEN_DAMAGE, *_WRITING})

#: What can be done to any text.
_END_DAMAGE: Mapping[str, Damage] = MappingProxyType(
    {
        "nul": lambda plain: plain + b"\0",
        "nuls": lambda plain: plain + b"\0\0\0",
        "nul and rubbish": lambda plain: plain + b'\0{"id":\xf0\x9f',
        "empty": lambda _: b"",
        "cut off": lambda plain: plain[: len(plain) // 2],
    }
)


def _value(key: str, value: object, kinds: Collection[str]) -> bytes:
    """Write one value, or what stands in its place."""
    for kind, replace in _VALUE_DAMAGE.items():
        if kind in kinds and key != "id" and (instead := replace(value)) is not None:
            return instead
    if "pretty" in kinds:
        return json.dumps(value, indent="\t").replace("\n", "\n\t").encode()
    return json.dumps(value, separators=(",", ":")).encode()


def _rewritten(plain: bytes, kinds: Collection[str]) -> bytes:
    """Write a reply anew with the damages that have to know its parts. What is no object is left as it is."""
    try:
        payload = json.loads(plain)
    except ValueError:  # the user's own damage came before
        return plain
    if not isinstance(payload, dict):
        return plain
    members = [(json.dumps(key).encode(), _value(key, value, kinds)) for key, value in payload.items()]
    for kind, damage in _TOKEN_DAMAGE.items():
        if kind in kinds:
            damage.apply(members)
    colon, feed, end = (b": ", b"\n\t", b"\n") if "pretty" in kinds else (b":", b"", b"")
    comma = b",," if "doubled comma" in kinds else b","
    return b"{" + feed + (comma + feed).join(key + colon + value for key, value in members) + end + b"}"


def _garbled(datagram: bytes) -> bytes:
    block = bytes(byte ^ 0x5A for byte in datagram[HEADER_SIZE : HEADER_SIZE + 16])
    return datagram[:HEADER_SIZE] + block + datagram[HEADER_SIZE + 16 :]


def _bad_sign(datagram: bytes) -> bytes:
    return datagram[:16] + bytes(byte ^ 0xFF for byte in datagram[16:HEADER_SIZE]) + datagram[HEADER_SIZE:]


#: What can be done to the finished datagram: the sign no longer fits.
DATAGRAM_DAMAGE: Mapping[str, Damage] = MappingProxyType({"garbled": _garbled, "bad sign": _bad_sign})

#: Every name there is.
DAMAGES: frozenset[str] = _NEEDS_JSON | frozenset(_END_DAMAGE) | frozenset(DATAGRAM_DAMAGE)


def check_damage(kind: str | Damage) -> None:
    """Refuse the name of a damage that does not exist.

    :raises UnsupportedFeatureException: naming those that do
    """
    if not callable(kind) and kind not in DAMAGES:
        raise UnsupportedFeatureException(
            f"no damage is called {kind!r}; there are {', '.join(sorted(DAMAGES))}"
        )


def damage_text(plain: bytes, kinds: tuple[str | Damage, ...]) -> bytes:
    """Apply the damages that concern the text; a callable gets the text and gives the new one.

    Those that have to know the parts of a reply come first, for what is damaged has none any more; the others follow in
    the order in which they are given. Callables that stand before every name get the good text.
    """
    names = next((at for at, kind in enumerate(kinds) if isinstance(kind, str)), len(kinds))
    for kind in kinds[:names]:
        plain = _changed(plain, kind)
    rewriting = _NEEDS_JSON.intersection(kind for kind in kinds if isinstance(kind, str))
    if rewriting:
        plain = _rewritten(plain, rewriting)
    for kind in kinds[names:]:
        plain = _changed(plain, kind)
    return plain


def _changed(plain: bytes, kind: str | Damage) -> bytes:
    change = _END_DAMAGE.get(kind) if isinstance(kind, str) else kind
    return plain if change is None else change(plain)


def damage_datagram(datagram: bytes, kinds: tuple[str | Damage, ...]) -> bytes:
    """Apply the damages that concern the finished datagram, each once: done twice, they are undone."""
    for kind in dict.fromkeys(kinds):
        if isinstance(kind, str) and kind in DATAGRAM_DAMAGE:
            datagram = DATAGRAM_DAMAGE[kind](datagram)
    return datagram
