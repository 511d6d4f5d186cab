"""What a request to the MCU is: lines to hand out, answers to judge, an outcome for the caller."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from miio_lan.errors import LineError
from miio_lan.lan import codes
from miio_lan.lan.responder.subscriptions import INVALID_PARAM
from miio_lan.uart.document import BAD_ANSWER_CODE, BROKEN_ANSWER_CODE, STATUS_CODES
from miio_lan.uart.line import MAX_LINE, MAX_PARAMETERS
from miio_lan.uart.values import MAX_IID, read_value, token
from miio_lan.virtual.module.profile import Profile

UNKNOWN_METHOD_ERROR = (codes.METHOD_NOT_FOUND, "Method not found.")
BAD_ANSWER = (BAD_ANSWER_CODE, "user ack invalid")
BROKEN_ANSWER = (BROKEN_ANSWER_CODE, "Resp invalid json.")


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """What the caller gets: a result, an error (code, message), or silence."""

    result: object = None
    error: tuple[int, str] | None = None
    silent: bool = False


class Refused(Exception):
    """A request that never reaches the MCU. Never leaves the virtual module.

    :param error: code and message for the caller
    """

    def __init__(self, error: tuple[int, str]) -> None:
        super().__init__(error[1])
        self.error = error


@dataclass(frozen=True, slots=True)
class ResultCheck:
    """What a ``result`` is worth.

    :param accepted: whether the MCU gets ``ok``, else ``error``
    :param outcome: what the caller gets; None while further lines have to go out
    :param stray: it answers something else (a request given up before, say): the request goes on waiting
    """

    accepted: bool
    outcome: RequestOutcome | None = None
    stray: bool = False


class McuRequest(ABC):
    """One request on its way to the MCU.

    :param finish: called once with the outcome and the time
    """

    def __init__(self, profile: Profile, now: float, finish: Callable[[RequestOutcome, float], None]) -> None:
        self.profile = profile
        self.arrived = now
        #: Since when it waits for its next hand-out.
        self.since = now
        self.finish = finish

    @abstractmethod
    def line(self) -> str:
        """Give the text after ``down`` that goes out next."""

    @abstractmethod
    def answer(self, text: str) -> ResultCheck:
        """Judge the text after ``result``."""

    def refusal(self, code: int, message: str) -> ResultCheck:
        """Judge an ``error`` of the MCU."""
        return ResultCheck(True, RequestOutcome(error=(code, message)))


def echo_of(item: Mapping[str, object], **ids: int) -> dict[str, object]:
    """Give what an answer repeats of a request's item: the ids, and the did, whatever text it is, if it had one.

    :raises Refused: if the did is a list or an object
    """
    if "did" not in item:
        return {**ids}
    if isinstance(item["did"], (Mapping, list)):
        raise Refused(INVALID_PARAM)
    return {"did": item["did"], **ids}


def iid_of(value: object) -> int:
    """Check a siid, piid or aiid.

    :raises Refused: if it is none
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_IID:
        raise Refused(INVALID_PARAM)
    return value


def token_of(value: object) -> str:
    """Write a value of the LAN as a token of the line.

    :raises Refused: if a line has no such values
    """
    try:
        return token(value)
    except (LineError, ValueError):
        raise Refused(INVALID_PARAM) from None


def fits(line: str, parameters: int) -> bool:
    """Say whether the text after ``down`` keeps to the limits of a line."""
    return len("down ") + len(line) <= MAX_LINE and parameters <= MAX_PARAMETERS


def is_code(code: int | None, profile: Profile) -> bool:
    """Say whether a number may stand where the code of a ``result`` does.

    A value in its place is the commonest mistake of MCUs: where strict, only what the document lists is one.
    """
    return code is not None and (code in STATUS_CODES or not profile.strict)


def integer_of(text: str) -> int | None:
    """Read a token as an integer, None where it is none."""
    value, fault = read_value(text)
    return value if not fault and isinstance(value, int) and not isinstance(value, bool) else None
