"""What was found in records is hidden in the sentences about them."""

from __future__ import annotations

from support.cpu import at_most

from miio_lan.record import Record
from miio_lan.record.redact.veil import Veil


def line(raw: bytes) -> Record:
    return Record("uart", "up", 1.0, 2.0, raw)


def test_the_secrets_of_records_are_hidden_in_sentences() -> None:
    veil = Veil()
    first = line(b'setwifi "home" "hunter sesame"\r')
    assert veil.record(first) is veil.record(first)
    assert veil.maybe(None) is None
    veil.record(line(b"log token abcdefgh\r"))
    assert veil.text("it said hunter sesame, then sesame.") == "it said (hidden), then (hidden)."
    assert veil.text("abcdefgh-abcdefgh, abcdefghi") == "(hidden)-(hidden), abcdefghi"
    assert veil.text("'home' and 'unter ses'") == "'home' and '(hidden)'"


def test_short_words_stand_in_any_sentence() -> None:
    veil = Veil()
    veil.record(line(b"log token on\r"))
    assert veil.text("the lamp is on") == "the lamp is on"


def test_without_secrets_everything_may_be_quoted() -> None:
    veil = Veil()
    veil.record(line(b"get_down\r"))
    assert veil.text("'anything', 'get_down'") == "'anything', 'get_down'"


def test_many_secrets_and_long_sentences() -> None:
    veil = Veil()
    veil.record(line(b" ".join(b"token secret%d" % number for number in range(20_000))))
    with at_most(25):
        shown = veil.text(" ".join(f"secret{number}" for number in range(20_000)))
    assert set(shown.split()) == {"(hidden)"}
