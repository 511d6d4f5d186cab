"""Lines that are not whole: that ran into each other because a CR was missing, that begin late, or lack some bytes."""

from __future__ import annotations

import re

from miio_lan.uart.commands import UPLINKS, has_form
from miio_lan.uart.document import NET_STATES
from miio_lan.uart.line import past_prompt, tokens_of
from miio_lan.uart.values import QUOTED, read_value

_WORDS = (
    "get_down", "properties_changed", "event_occured", "result", "mcu_version", "ble_config", "model", "error",
    "time", "net", "mac", "version", "echo",
)  # fmt: skip
#: What is a whole line by itself, and said so often that it is the one to lose its end.
_ALONE = "get_down"
#: A word with something before it, as a token that ends with it has: nearly no line has one.
_BEHIND = re.compile(rf"[^ ](?:{'|'.join(_WORDS)})(?![^ ])")
# What bytes that did not arrive leave of these words is told from noise.
_WHOLE: dict[str, tuple[str, ...]] = {"up": (*UPLINKS, "result"), "down": ("down", "ok", "error")}
_FIRST = frozenset({*UPLINKS, "result", "down", "ok"})
"""What a line begins with, and what nothing in a line begins with but a text, or a word that is longer."""
# Words that end or begin a line in the middle of another: the CR between them is missing.
_MERGED: dict[str, re.Pattern[str]] = {
    "up": re.compile(r".(?:get_down|result |properties_changed |event_occured |mcu_version )"),
    "down": re.compile(r".(?:down [A-Za-z]|(?<=ok)ok|(?<=none)ok)"),
}
# The end of a value without quotes, or of a model.
_VALUE_END = re.compile(r"[-+.0-9eE]*[0-9]|t?r?u?e|f?a?l?s?e|[\w.-]*\.[\w.-]+")


def pieces(text: str) -> list[str]:
    """Divide clean text where a command word follows a value or a poll without any space: ``result 2 1 0get_down``."""
    parts: list[list[str]] = [[]]
    for token in tokens_of(text) if _BEHIND.search(text) else ():
        word = _word_behind(token, first=not parts[-1])
        parts[-1].append(token.removesuffix(word))
        if word:
            parts.append([word])
    return [text] if len(parts) == 1 else [" ".join(part) for part in parts]


def _word_behind(token: str, *, first: bool) -> str:
    """Give the command word that ends a token and has a value before it; empty where there is none.

    :param first: whether the token begins its line, so that what is before the word is no value, but a poll
    """
    word = next((each for each in _WORDS if token.endswith(each)), "")
    value = token.removesuffix(word)
    if first:
        return word if value == _ALONE else ""
    plain = '"' not in value or QUOTED.fullmatch(value)
    return word if value and plain and not read_value(value)[1] else ""


def begins_another(begun: bytes, piece: bytes) -> bool:
    """Tell whether a piece of what one end said begins a line, though nothing was seen that ended the one before.

    Whoever logs a line a row now and then leaves out its end; whoever logs what a read brought divides lines anywhere,
    but hardly ever where a line may end and right before a word that begins one.

    :param begun: what was said before, since the last end of a line
    """
    text = begun.decode("latin-1")
    if text == "ok" or text in NET_STATES:  # nothing longer begins so
        return piece[:1] not in (b"\r", b"\n")
    line = piece.decode("latin-1").split("\r")[0].split("\n")[0]
    begins = line.partition(" ")[0] in _FIRST or line in NET_STATES
    if not begins or text.endswith((" ", ",")) or '"' in QUOTED.sub("", text):
        return False  # the line before ends in the middle of something: of quotes, for one
    return text.partition(" ")[0] in _FIRST or has_form(text)


def lost_bytes(text: str, direction: str, *, foreign: bool) -> bool:
    """Tell whether a line that does not conform would with a few bytes more: they were said, but did not arrive.

    :param foreign: whether it is no command at all
    """
    text = past_prompt(text) if direction == "down" else text
    word = text.partition(" ")[0]
    is_fragment = foreign and any(_lacks_little(word, whole) for whole in _WHOLE[direction])
    return is_fragment or bool(_MERGED[direction].search(text))


def _lacks_little(word: str, whole: str) -> bool:
    """Tell whether ``word`` is ``whole`` without some, at most half, of its letters."""
    letters = iter(whole)
    return len(whole) // 2 <= len(word) < len(whole) and all(each in letters for each in word)


def may_be_tail(text: str) -> bool:
    """Tell whether a text may be what is left of a line of the MCU for somebody who began to listen within it."""
    first = text.partition(" ")[0]
    words = {*UPLINKS, "result"}
    if first and any(word.endswith(first) for word in words - {first}):
        return True
    in_string = text.startswith('"') or text.count('"') % 2 == 1
    return first not in words and (in_string or _VALUE_END.fullmatch(first) is not None)
