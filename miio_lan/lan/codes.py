"""What the numbers in error objects and item results mean, in words for the person who has to act on them.

Decide by number only: texts differ between firmware generations, the trailing dot included. The one exception are
numbers by which a module speaks of its MCU, for an MCU may use them, too: :func:`miio_lan.errors.is_the_modules`.
Sources: the serial document's status codes; published module firmware; observed replies.
"""

from __future__ import annotations

from miio_lan.errors import McuTimeout
from miio_lan.status import STATUS_CODES, Code

MCU_TIMEOUT = McuTimeout.CODE
QUEUE_FULL = -30012
METHOD_NOT_FOUND = -32601
NOT_SAVED = -32603

#: Errors that may be gone at the next attempt.
RECOVERABLE = frozenset({MCU_TIMEOUT, -30001, -30010, -30011, QUEUE_FULL})

#: After these, nobody has said that the command was not executed: the module gives up on an MCU that may be at work, or
#: cannot use what the MCU answered. (-30012 is a matter of its own: see ``lan/client/repeating/repeats.py``.)
_OPEN_ENDED = frozenset(
    {
        *(
            -3,
            Code.INTERNAL,
            -9998,
            MCU_TIMEOUT,
            -10000,
            -30000,
            -30001,
            -30010,
            -30011,
            QUEUE_FULL,
            -30013,
            -30014,
            -30015,
        ),
        *(-30016, -30017, -30018, -30019, -30030, NOT_SAVED, -32604),
        *(-33001, -33002, -33003, -33004, -33005, -33006, -33020, -33021, -33022, -33023, -33024, -33025),
    }
)
#: Of the long codes, those that say what was wrong with the request itself.
_LONG_REFUSALS = frozenset({6, 8, 13, 23, 25, 33, 35})

_TOP_LEVEL = {
    -5000: "the MCU does not know the method, or got too many properties at once",
    -5001: "the MCU does not know the command or dislikes its argument",
    -5005: "the MCU finds the parameters wrong",
    -6007: "the product is busy, try later",
    -6011: "the product is switched off",
    -9998: "the MCU's answer did not fit the request",
    -9999: "the MCU did not answer the Wi-Fi module in time: busy, unknown method or property, or too many at once",
    -10000: "an MCU error outside its range",
    -30000: "a general error of the Wi-Fi module",
    -30001: "the MCU's answer made broken JSON, often because of one bad property",
    -30010: "the Wi-Fi module gave up on the request",
    -30011: "the Wi-Fi module gave up on the request",
    -30012: "the Wi-Fi module's queue is full, try again after a pause",
    -30013: "the product is not connected to the cloud",
    -30014: "the product's clock is not synchronised yet",
    -30015: "permission denied",
    -30020: "not available from the local network, or not ready",
    -30030: "the request could not be handed to the sub-device",
    -32600: "malformed request",
    -32601: "the product does not know the method",
    -32602: "the method exists, but its parameters are wrong",
    NOT_SAVED: "the Wi-Fi credentials could not be saved",
    -32604: "the product's answer was invalid",
    -32605: "the request is too complex",
    -32700: "the product could not read the request",
    -33001: "firmware update: download failed",
    -33002: "firmware update: the host name was not found",
    -33003: "firmware update: no connection to the server",
    -33004: "firmware update: the connection broke",
    -33005: "firmware update: installing failed",
    -33006: "firmware update: cancelled",
    -33007: "firmware update: battery too low",
    -33008: "firmware update: an installation is already under way",
    -33020: "firmware update: unknown error",
    -33021: "firmware update: the server's answer was not usable",
    -33022: "firmware update: could not be started",
    -33023: "firmware update: timeout",
    -33024: "firmware update: writing failed",
    -33025: "firmware update: verification failed",
}

_ITEM = {
    **STATUS_CODES,
    # A module says so, too, of what it asked for and the MCU's answer lacks.
    Code.INTERNAL: f"{Code.INTERNAL.words}, or the MCU left this property out",
}

_HTTP = {
    200: "done",
    202: "accepted",
    207: "partly done",
    400: "bad request",
    401: "not authorised",
    403: "forbidden",
    404: "not found",
    405: "not allowed",
    408: "timeout",
    409: "conflict",
    422: "not understood",
    500: "server error",
}
_WHERE = {0: "client", 1: "platform", 2: "device cloud", 3: "device", 4: "specification"}
_WHAT = {
    0: "unknown",
    1: "device",
    2: "service",
    3: "property",
    4: "event",
    5: "action",
    6: "no description",
    7: "no device cloud",
    8: "invalid id",
    9: "scene",
    11: "device offline",
    13: "property not readable",
    15: "action failed",
    23: "property not writable",
    25: "argument count",
    33: "not subscribable",
    34: "return value",
    35: "argument value",
    36: "device timeout",
    43: "value error",
    100: "impossible in this state",
    101: "infrared not supported",
    999: "device not online",
}


def explain(code: int | None) -> str:
    """Say what an error object's code means; empty for what only the device knows."""
    if code is None:
        return ""
    return _TOP_LEVEL.get(code) or _ITEM.get(code) or _explain_long(code)


def is_item_code(code: int) -> bool:
    """Tell whether a number is a code of property and action results, as the specification or clouds have them."""
    return code in _ITEM or bool(_explain_long(code))


def explain_item(code: int) -> str:
    """Say what the code of one property or action result means; empty for what only the device knows."""
    return _ITEM.get(code) or _explain_long(code) or _TOP_LEVEL.get(code, "")


def may_have_run(code: int | None) -> bool:
    """Tell whether a command that was answered with this code may have been executed all the same.

    An MCU's own refusal, and what the module refuses before the MCU hears of it, mean no. A text without a number, 0,
    and all by which the module tells of trouble with its MCU, leave it open.
    """
    if not code or code in _OPEN_ENDED:
        return True
    digits = str(-code)
    if code < 0 and len(digits) == 9 and digits[:2] == "70":
        what = int(digits[6:])
        return what not in _LONG_REFUSALS and not 901 <= what <= 906
    return False


def _explain_long(code: int) -> str:
    """Take a nine-digit code of clouds and gateways apart: -70xxxyzzz = HTTP status, where, what."""
    digits = str(-code)
    if code >= 0 or len(digits) != 9 or digits[:2] != "70":
        return ""
    status, where, what = int(digits[2:5]), int(digits[5]), int(digits[6:])
    reason = "authentication" if 901 <= what <= 906 else _WHAT.get(what, f"reason {what}")
    return f"{reason} ({_HTTP.get(status, f'status {status}')}, said by the {_WHERE.get(where, f'place {where}')})"
