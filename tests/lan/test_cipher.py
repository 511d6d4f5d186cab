"""The cipher keeps contexts open from message to message; each message is one of its own all the same."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import PayloadDecodeException
from miio_lan.lan import cipher as rules
from miio_lan.lan.cipher import TokenCipher, give_back, take_cipher

TOKEN = bytes.fromhex("00112233445566778899aabbccddeeff")
tokens = st.binary(min_size=16, max_size=16)
texts = st.binary(max_size=100)


class Plainly:
    """The same by the book: a new cipher for each message, the library's own padding."""

    def __init__(self, token: bytes) -> None:
        key = hashlib.md5(token).digest()
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(hashlib.md5(key + token).digest()))

    def encrypt(self, plain: bytes) -> bytes:
        padder, encryptor = PKCS7(128).padder(), self._cipher.encryptor()
        return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()

    def decrypt(self, ciphertext: bytes) -> bytes:
        decryptor, unpadder = self._cipher.decryptor(), PKCS7(128).unpadder()
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()


@given(tokens, st.lists(st.tuples(st.sampled_from(["encrypt", "decrypt"]), texts)))
def test_whatever_came_before_each_message_is_as_by_the_book(
    token: bytes, words: list[tuple[str, bytes]]
) -> None:
    cipher, book = TokenCipher(token), Plainly(token)
    for word, text in words:
        if word == "encrypt":
            assert cipher.encrypt(text) == book.encrypt(text)
        else:
            assert cipher.decrypt(book.encrypt(text)) == text


@given(st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=4), st.integers(0, 18))
def test_padding_is_what_the_library_takes_for_padding(blocks: list[bytes], last: int) -> None:
    # A last byte that may be a length of padding: at random it is one in sixteen times.
    padded = b"".join(blocks)[:-1] + bytes((last,))
    book = Plainly(TOKEN)
    encryptor = book._cipher.encryptor()
    ciphertext = encryptor.update(padded) + encryptor.finalize()
    cipher = TokenCipher(TOKEN)
    try:
        expected = book.decrypt(ciphertext)
    except ValueError:
        with pytest.raises(PayloadDecodeException) as caught:
            cipher.decrypt(ciphertext)
        assert caught.value.kind == "bad padding"
    else:
        assert cipher.decrypt(ciphertext) == expected
    assert cipher.decrypt(book.encrypt(b"next")) == b"next"


@pytest.mark.parametrize("added", range(1, 17))
def test_padding_of_every_length(added: int) -> None:
    text = b"x" * (32 - added)
    assert TokenCipher(TOKEN).decrypt(Plainly(TOKEN).encrypt(text)) == text


@pytest.mark.parametrize("size", [0, 1, 15, 17, 33])
def test_half_a_block_changes_nothing_for_the_next(size: int) -> None:
    cipher = TokenCipher(TOKEN)
    with pytest.raises(PayloadDecodeException) as caught:
        cipher.decrypt(b"x" * size)
    assert caught.value.kind == "truncated"
    assert cipher.decrypt(cipher.encrypt(b"next")) == b"next"


def test_an_interrupted_message_does_not_spoil_the_next() -> None:
    cipher, book = TokenCipher(TOKEN), Plainly(TOKEN)
    inner = cipher._encrypt

    def interrupted(data: bytes) -> bytes:
        inner(data)  # the context has gone on, and nobody knows how far
        raise KeyboardInterrupt

    cipher._encrypt = interrupted
    with pytest.raises(KeyboardInterrupt):
        cipher.encrypt(b"interrupted")
    for text in (b"next", b"and another"):
        assert cipher.encrypt(text) == book.encrypt(text)


def test_a_cipher_that_is_taken_is_nobody_elses(monkeypatch: Any) -> None:
    monkeypatch.setattr(rules, "_IDLE", {})
    first = take_cipher(TOKEN)
    second = take_cipher(TOKEN)
    assert first is not second
    give_back(TOKEN, first)
    assert take_cipher(TOKEN) is first
    assert take_cipher(TOKEN) is not first


def test_ciphers_are_not_kept_for_ever(monkeypatch: Any) -> None:
    monkeypatch.setattr(rules, "_IDLE", {})
    for number in range(1000):
        give_back(number.to_bytes(16), TokenCipher(TOKEN))
        assert len(rules._IDLE) <= 256
