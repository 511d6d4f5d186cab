"""What a token does to a packet: the key and iv it stands for, AES-128-CBC with PKCS#7, and the MD5 sign.

key = MD5(token), iv = MD5(key + token), sign = MD5(first 16 header bytes + token + ciphertext).
Source: observed packets of every known device; published firmware agrees.
"""

from __future__ import annotations

from functools import partial
from string import hexdigits

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from miio_lan.errors import InvalidTokenException, PayloadDecodeException

try:
    from _md5 import md5  # type: ignore[import-not-found] # twice as fast for a datagram as what OpenSSL has
except ImportError:  # a Python without it
    from hashlib import md5

TOKEN_SIZE = 16
BLOCK_SIZE = 16

# No security is expected of it: a system that forbids MD5 for that shall let it be.
_digest = partial(md5, usedforsecurity=False)
#: What PKCS#7 adds, by the number of missing bytes.
_PADDING = tuple(bytes((missing,)) * missing for missing in range(BLOCK_SIZE + 1))
#: How a text may end, by its last byte: with so many of them, or not at all.
_ENDINGS: tuple[bytes | tuple[()], ...] = ((), *_PADDING[1:], *[()] * (255 - BLOCK_SIZE))
#: Ciphers kept for callers that have none of their own, at most.
_MAX_IDLE = 256


def parse_token(token: str | bytes) -> bytes:
    """Turn a token as people hold it into its 16 bytes.

    :param token: 32 hexadecimal digits (surrounding blanks are forgiven), or the 16 bytes themselves
    :raises InvalidTokenException: (a ``ValueError``) for anything else; the text never shows the token
    """
    if isinstance(token, (bytes, bytearray)) and len(token) == TOKEN_SIZE:
        return bytes(token)
    problem = _problem(token)
    if problem or not isinstance(token, str):
        del token  # or whoever shows the variables of this frame would show it
        raise InvalidTokenException(problem)
    return bytes.fromhex(token.strip())


def _problem(token: object) -> str:
    """Say why something is no token, without showing it; empty for a text that is one."""
    if isinstance(token, (bytes, bytearray)):
        return f"a token has {TOKEN_SIZE} bytes, this one has {len(token)}"
    if not isinstance(token, str):
        return f"a token is a string of 32 hexadecimal digits, not {type(token).__name__}"
    text = token.strip()
    if len(text) != TOKEN_SIZE * 2:
        hint = ""
        if len(text) == TOKEN_SIZE:
            hint = " (16 characters may be the token in ASCII: give its hexadecimal form)"
        return f"a token has 32 hexadecimal digits, this one has {len(text)} characters{hint}"
    if not (text.isascii() and text.isalnum()):
        return "a token has 32 hexadecimal digits (0-9, a-f), this one has other characters"
    if not set(text) <= set(hexdigits):
        return "a token has 32 hexadecimal digits (0-9, a-f), this one has other letters"
    return ""


class TokenCipher:
    """Encrypts, decrypts and signs with one token. Its repr tells nothing. For one thread at a time.

    Making an encryptor costs more than encrypting a message, so one is kept open in each direction. But CBC goes on
    from message to message, and every message begins with the iv. So each gets a block in front that is thrown away::

        decrypting   the iv itself: what follows is decrypted as if it came first
        encrypting   such a block that it becomes the iv: decrypt(iv) XOR the last block that was encrypted

    The last block is unknown while a message is encrypted, and stays so when that is interrupted: then a new
    encryptor is made, which begins with the iv.
    """

    __slots__ = ("_before_iv", "_cipher", "_decrypt", "_encrypt", "_iv", "_last", "_token")

    def __init__(self, token: bytes) -> None:
        self._token = parse_token(token)
        key = _digest(self._token).digest()
        self._iv = _digest(key + self._token).digest()
        # CBC with a fixed iv is the protocol's choice.
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(self._iv))
        self._decrypt = self._cipher.decryptor().update
        # A block that is decrypted after a block of zeros comes out as it is.
        self._before_iv = int.from_bytes(self._decrypt(bytes(BLOCK_SIZE) + self._iv)[BLOCK_SIZE:])
        self._encrypt = self._cipher.encryptor().update
        self._last: int | None = int.from_bytes(self._iv)

    def encrypt(self, plain: bytes) -> bytes:
        """Pad and encrypt; padding is always added, also to whole blocks."""
        last, self._last = self._last, None
        if last is None:
            self._encrypt, last = self._cipher.encryptor().update, int.from_bytes(self._iv)
        first = (self._before_iv ^ last).to_bytes(BLOCK_SIZE)
        ciphertext = self._encrypt(first + plain + _PADDING[BLOCK_SIZE - len(plain) % BLOCK_SIZE])
        self._last = int.from_bytes(ciphertext[-BLOCK_SIZE:])
        return ciphertext[BLOCK_SIZE:]

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt and unpad.

        :raises PayloadDecodeException: kind ``"truncated"`` for half a block, ``"bad padding"`` otherwise
        """
        if not ciphertext or len(ciphertext) % BLOCK_SIZE:
            raise PayloadDecodeException(
                f"{len(ciphertext)} bytes of ciphertext are not whole blocks of {BLOCK_SIZE}",
                kind="truncated",
                raw=ciphertext,
            )
        padded = self._decrypt(self._iv + ciphertext)
        added = padded[-1]
        if not padded.endswith(_ENDINGS[added]):
            raise PayloadDecodeException(
                "the decrypted text has no valid padding", kind="bad padding", raw=ciphertext
            )
        return padded[BLOCK_SIZE:-added]

    def sign(self, header: bytes, ciphertext: bytes) -> bytes:
        """Give the checksum over the first 16 header bytes and the ciphertext."""
        digest: bytes = _digest(header + self._token + ciphertext).digest()
        return digest


_IDLE: dict[bytes, TokenCipher] = {}


def take_cipher(token: bytes) -> TokenCipher:
    """Give a cipher of a token that nobody else has, for the time until :func:`give_back`.

    :raises InvalidTokenException: if it is not 16 bytes
    """
    return _IDLE.pop(token, None) or TokenCipher(token)


def give_back(token: bytes, cipher: TokenCipher) -> None:
    """Let others take a cipher."""
    if len(_IDLE) >= _MAX_IDLE:
        _IDLE.clear()
    _IDLE[token] = cipher
