"""What an answer of a device says: which request it belongs to, and whether it is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping

from miio_lan.errors import DeviceError, McuTimeout, RecoverableError, is_the_modules
from miio_lan.lan import codes

#: Some Linux products answer what they do not know with this word in place of a result.
_UNKNOWN_METHOD = ("unknown_method", ["unknown_method"])
#: What says nothing by itself.
_ENVELOPE = frozenset({"id", "exe_time"})
#: Keys of an answer. Some devices repeat the method beside them.
_ANSWERS = frozenset({"result", "error"})
#: Characters of an error's text that are kept; no device was seen to send more than a line.
MAX_MESSAGE = 1000
#: A code or a time with more digits means nothing.
_ANSWER_DIGITS = 12
_ID = re.compile(rb'"id"[ \t]{0,8}:[ \t]{0,8}"?(\d{1,10})(?!\d)')


def is_request(payload: Mapping[str, object]) -> bool:
    """Tell whether a payload asks or tells something of its own accord, and answers nothing."""
    return "method" in payload and _ANSWERS.isdisjoint(payload)


def reply_id(payload: Mapping[str, object]) -> int | None:
    """Give the id of a payload, None where it has none that could be one."""
    value = payload.get("id")
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    if isinstance(value, float):  # there are languages in which every number has a fraction
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        return int(value)
    return None


def find_id(plain: bytes) -> int | None:
    """Find the id in a text that cannot be read as a whole; None where none stands in it, or more than one."""
    found = {int(each.group(1)) for each in _ID.finditer(plain)}
    return found.pop() if len(found) == 1 else None


def read_error(payload: Mapping[str, object], method: str) -> DeviceError | None:
    """Give the error an answer carries, None where it carries a result.

    The shapes seen: an error object, a bare number or text in its place, a negative code beside the id, and the
    word ``unknown_method`` as result. Beside a result, an error that says nothing (``0``, ``""``, ``{"code": 0}``) is
    none.
    """
    error = payload.get("error")
    if error is None or ("result" in payload and _says_nothing(error)):
        if payload.get("result") in _UNKNOWN_METHOD:
            error = {"code": codes.METHOD_NOT_FOUND, "message": "unknown_method"}
        elif "result" not in payload and _negative(payload.get("code")):
            error = payload
        else:
            return None
    code, message = _code_and_message(error)
    exe_time = payload.get("exe_time")
    kind = RecoverableError if code in codes.RECOVERABLE else DeviceError
    explanation = codes.explain(code or None)  # 0 means "done", which an error object does not
    if not is_the_modules(code, message):
        explanation = "likely the MCU's own error: these are not the Wi-Fi module's words"
    elif code == codes.MCU_TIMEOUT:
        kind = McuTimeout
    return kind(
        code,
        message,
        method=method,
        id=reply_id(payload),
        exe_time=exe_time if isinstance(exe_time, (int, float)) and exe_time < 10**_ANSWER_DIGITS else None,
        explanation=explanation,
    )


def result_of(payload: Mapping[str, object]) -> object:
    """Give the result an answer carries.

    Where there is none, what stands beside the id is one: simulators of others answer ``miIO.info`` so. Such an answer
    is given as a whole, as python-miio does; None where nothing stands there.
    """
    if "result" in payload:
        return payload["result"]
    return dict(payload) if payload.keys() - _ENVELOPE else None


def _says_nothing(error: object) -> bool:
    if isinstance(error, Mapping):
        return not error or _number(error.get("code")) == 0
    return not error


def _negative(code: object) -> bool:
    number = _number(code)
    return number is not None and number < 0


def _number(code: object) -> int | None:
    """Give a code that a device wrote as a number or as a text, None for what is none."""
    if isinstance(code, str):
        return int(code) if code.removeprefix("-").isdecimal() and len(code) <= _ANSWER_DIGITS else None
    is_code = isinstance(code, int) and not isinstance(code, bool) and abs(code) < 10**_ANSWER_DIGITS
    return code if is_code else None  # type: ignore[return-value]


def _code_and_message(error: object) -> tuple[int | None, str]:
    if isinstance(error, Mapping):
        message = error.get("message")
        if message is None:  # simulators of others have other names for it
            message = next(
                (text for text in error.values() if isinstance(text, str) and _number(text) is None), None
            )
        # A device may quote what it was asked, or its token.
        return _number(error.get("code")), ("" if message is None else _shown(message))
    code = _number(error)
    return (None, _shown(error)) if code is None or isinstance(error, str) else (code, "")


def _shown(message: object) -> str:
    from miio_lan.record.redact import redact  # most programs meet no error with words

    text = message if isinstance(message, str) else str(message)
    cut = redact(text[:MAX_MESSAGE])
    # What begins at the end of the excerpt may be the first half of a secret.
    return cut if len(text) <= MAX_MESSAGE else f"{cut[: MAX_MESSAGE - 100]}... ({len(text)} characters)"
