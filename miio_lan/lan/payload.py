"""JSON as devices send it: strict reading first, then repairs, each of them named (:mod:`miio_lan.lan.repair`)."""

from __future__ import annotations

import json
import json.encoder
import math
import re
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from miio_lan.errors import PayloadDecodeException

REQUEST_KEYS = frozenset({"id", "method", "params"})
"""What a request consists of; further keys are the caller's own."""
#: How much of a broken text an error shows.
_EXCERPT_LENGTH = 60
MAX_DEPTH = 64
"""Levels of lists and objects in each other; replies have a handful, and what goes deeper exhausts somebody's stack."""
_LOOKED_THROUGH = 600
ENDLESS = 309
"""Digits of a whole number that no float may hold: it breaks whoever reckons with it."""
_ENDLESS = re.compile(rb"\d{%d}" % ENDLESS)
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))


class Payload(NamedTuple):
    """A JSON value and what had to be repaired to read it (nothing, for most devices)."""

    value: object
    repairs: tuple[str, ...] = ()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def finite(text: str) -> float:
    """Read a number with a fraction or exponent.

    :raises ValueError: for what is beyond any number a device can mean
    """
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is beyond any number a device can mean")
    return number


_STRICT = json.JSONDecoder(parse_constant=_no_constant, parse_float=finite).raw_decode
_BLANKS = " \t\n\r"
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_ENCODER_ASCII = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def _writer(encoder: json.JSONEncoder) -> Callable[[object], str]:
    """Give what an encoder does, without what it does anew for each value: that costs as much as the writing itself.

    What contains itself is not looked for; it ends in a RecursionError.
    """
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without it
        return encoder.encode
    words = (encoder.indent, encoder.key_separator, encoder.item_separator)
    ways = (encoder.sort_keys, encoder.skipkeys, encoder.allow_nan)
    pieces = make(None, encoder.default, json.encoder.encode_basestring, *words, *ways)
    return lambda value: "".join(pieces(value, 0))


_WRITE = _writer(_ENCODER)


def dump_payload(value: object) -> bytes:
    """Write a value as the compact UTF-8 JSON that devices read.

    :raises TypeError: for what JSON has no form for
    :raises ValueError: for NaN and infinities, and for values that contain themselves
    :raises RecursionError: for what is nested beyond what Python can go down
    """
    try:
        return _WRITE(value).encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8 form, but JSON can spell it.
        return _ENCODER_ASCII.encode(value).encode()
    except RecursionError:
        return _ENCODER.encode(value).encode()  # says so where it contains itself


def parse_payload(plain: bytes) -> object:
    """Read a decrypted payload leniently; see :func:`read_payload`."""
    return read_payload(plain).value


def read_payload(plain: bytes) -> Payload:
    """Read a decrypted payload: strictly where possible, repaired where that is safe.

    :param plain: the plaintext, with or without trailing NULs
    :raises PayloadDecodeException: kind ``"empty"`` or ``"not JSON"``, with the plaintext in ``raw``
    """
    # Older firmware ends the text with a NUL: framing, not damage.
    body = plain.rstrip(b"\0")
    try:
        text = body.decode().strip(_BLANKS)
        value, end = _STRICT(text)
    except (ValueError, RecursionError):
        pass
    else:
        if end == len(text):
            if body.count(b"[") + body.count(b"{") > MAX_DEPTH and is_deep(value):
                raise PayloadDecodeException(
                    f"JSON nested more than {MAX_DEPTH} levels deep", kind="not JSON", raw=plain
                )
            # So many digits in a row have one at every so many bytes: few texts have to be looked through.
            if not body[ENDLESS - 1 :: ENDLESS].strip(_NO_DIGITS) or _ENDLESS.search(body) is None:
                return Payload(value)
    if not body.strip():
        raise PayloadDecodeException("a packet without content: no data", kind="empty", raw=plain)
    return _repaired(body, plain)


def is_deep(value: object) -> bool:
    """Tell whether a value is nested too deeply, without a deep stack."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for each in level
            for item in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True


def _repaired(body: bytes, plain: bytes) -> Payload:
    from miio_lan.lan.repair import Repairer, Unreadable  # few programs ever need these
    from miio_lan.record.redact import redact

    reader = Repairer(body)
    try:
        return Payload(reader.document(), tuple(dict.fromkeys(reader.repairs)))
    except Unreadable as reason:
        # Only what is shown is looked through for secrets, with what may belong to it.
        excerpt = redact(body[:_LOOKED_THROUGH].decode(errors="backslashreplace"))[:_EXCERPT_LENGTH]
        more = "..." if len(body) > _EXCERPT_LENGTH else ""
        raise PayloadDecodeException(
            f"not JSON: {reason} in {excerpt!r}{more}", kind="not JSON", raw=plain
        ) from None
