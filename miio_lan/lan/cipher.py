"""What a token does to a packet: the key and iv it stands for, AES-128-CBC with PKCS#7, and the MD5 sign.

key = MD5(token), iv = MD5(key + token), sign = MD5(first 16 header bytes + token + ciphertext).
Source: observed packets of every known device; published firmware agrees.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from string import hexdigits

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from miio_lan.errors import InvalidTokenException, PayloadDecodeException

TOKEN_SIZE = 16
BLOCK_SIZE = 16

_PADDING = PKCS7(BLOCK_SIZE * 8)


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
    """Encrypts, decrypts and signs with one token. Its repr tells nothing."""

    __slots__ = ("_cipher", "_token")

    def __init__(self, token: bytes) -> None:
        self._token = parse_token(token)
        key = hashlib.md5(self._token, usedforsecurity=False).digest()
        iv = hashlib.md5(key + self._token, usedforsecurity=False).digest()
        # CBC with a fixed iv is the protocol's choice; the cipher object is kept because building it costs
        # as much as encrypting a message.
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(iv))

    def encrypt(self, plain: bytes) -> bytes:
        """Pad and encrypt; padding is always added, also to whole blocks."""
        padder = _PADDING.padder()
        encryptor = self._cipher.encryptor()
        return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()

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
        decryptor = self._cipher.decryptor()
        unpadder = _PADDING.unpadder()
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        try:
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError:
            raise PayloadDecodeException(
                "the decrypted text has no valid padding", kind="bad padding", raw=ciphertext
            ) from None

    def sign(self, header: bytes, ciphertext: bytes) -> bytes:
        """Give the checksum over the first 16 header bytes and the ciphertext."""
        return hashlib.md5(header + self._token + ciphertext, usedforsecurity=False).digest()


@lru_cache(maxsize=256)
def cipher_for(token: bytes) -> TokenCipher:
    """Give the (shared) cipher of a token.

    :raises InvalidTokenException: if it is not 16 bytes
    """
    return TokenCipher(token)
