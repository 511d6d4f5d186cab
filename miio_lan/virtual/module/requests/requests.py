"""What a LAN caller asks of the MCU, as downlinks, and what the MCU's answers mean to the caller.

One class per layout of ``result``. A request too long for one line is cut into several where its parts are
independent (properties), and refused where they are not (actions, legacy methods). Property reads go out with at most
16 properties per line, so that the answer (four values each) fits into its 64 parameters. Source: serial document;
observed module firmware.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from miio_lan.errors import LineError
from miio_lan.lan.responder.subscriptions import INVALID_PARAM, TOO_COMPLEX
from miio_lan.uart.document import ACTION, GET_PROPERTIES, SET_PROPERTIES
from miio_lan.uart.line import MAX_PARAMETERS, split, split_legacy
from miio_lan.uart.values import json_text, read_json, read_value
from miio_lan.virtual.module.profile import Profile
from miio_lan.virtual.module.requests.property_requests import GetRequest, SetRequest, entries_of
from miio_lan.virtual.module.requests.request import (
    BAD_ANSWER,
    BROKEN_ANSWER,
    UNKNOWN_METHOD_ERROR,
    McuRequest,
    Refused,
    RequestOutcome,
    ResultCheck,
    echo_of,
    fits,
    iid_of,
    integer_of,
    is_code,
    token_of,
)

_LEGAL_METHOD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
#: Words with a meaning of their own after ``down``: nobody on the LAN may speak them (``update_fw`` would send some
#: MCUs into their bootloader).
_RESERVED = re.compile(r"none|update_fw|MIIO_.*")


def request_of(
    method: str,
    params: object,
    profile: Profile,
    now: float,
    finish: Callable[[RequestOutcome, float], None],
    inputs: Callable[[int, int], Sequence[int] | None],
) -> McuRequest:
    """Make the request of a LAN method.

    :param inputs: the piids of an action's arguments in order, None where unknown; needed for positional arguments
    :raises Refused: when its parameters cannot be handed to an MCU
    """
    if method == GET_PROPERTIES:
        return GetRequest(entries_of(params, need_value=False), profile, now, finish)
    if method == SET_PROPERTIES:
        return SetRequest(entries_of(params, need_value=True), profile, now, finish)
    if method == ACTION:
        return ActionRequest(params, inputs, profile, now, finish)
    return LegacyRequest(method, params, profile, now, finish)


class ActionRequest(McuRequest):
    """``action``: anything malformed is -9998 to the caller and ``error`` to the MCU."""

    def __init__(
        self,
        params: object,
        inputs: Callable[[int, int], Sequence[int] | None],
        profile: Profile,
        now: float,
        finish: Callable[[RequestOutcome, float], None],
    ) -> None:
        super().__init__(profile, now, finish)
        if not isinstance(params, Mapping):
            raise Refused(INVALID_PARAM)
        self._siid, self._aiid = iid_of(params.get("siid")), iid_of(params.get("aiid"))
        self._echo = echo_of(params, siid=self._siid, aiid=self._aiid)
        arguments = params.get("in", [])
        if not isinstance(arguments, list):
            raise Refused(INVALID_PARAM)
        pairs = self._pairs(arguments, inputs)
        self._line = " ".join(
            [f"action {self._siid} {self._aiid}", *(f"{piid} {text}" for piid, text in pairs)]
        )
        if not fits(self._line, 2 + 2 * len(pairs)):
            raise Refused(TOO_COMPLEX)

    def _pairs(
        self, arguments: list[object], inputs: Callable[[int, int], Sequence[int] | None]
    ) -> list[tuple[int, str]]:
        """Name the arguments: callers give them as piid and value, or by position alone."""
        known = inputs(self._siid, self._aiid)
        pairs = []
        for position, argument in enumerate(arguments):
            if isinstance(argument, Mapping):
                pairs.append((iid_of(argument.get("piid")), token_of(argument.get("value"))))
                continue
            if known is not None and position >= len(known):
                raise Refused(INVALID_PARAM)
            # Without a description, positions count from 1.
            piid = position + 1 if known is None else known[position]
            pairs.append((piid, token_of(argument)))
        return pairs

    def line(self) -> str:
        """Give the one line there is."""
        return self._line

    def answer(self, text: str) -> ResultCheck:
        """Read ``siid aiid code [piid value ...]``; ``out`` is passed on when the code is 0."""
        tokens = split(text)
        head = [integer_of(each) for each in tokens[:3]]
        code = head[2] if len(head) == 3 else None
        if code is None or not is_code(code, self.profile) or not self._is_even(tokens):
            return ResultCheck(False, RequestOutcome(error=BAD_ANSWER))
        if head[:2] != [self._siid, self._aiid]:
            strict = self.profile.strict
            return (
                ResultCheck(False, stray=True)
                if strict
                else ResultCheck(False, RequestOutcome(error=BAD_ANSWER))
            )
        out: list[dict[str, object]] = []
        for name, value_token in zip(tokens[3::2], tokens[4::2], strict=True):
            piid = integer_of(name)
            value, fault = read_value(value_token)
            if piid is None or fault:
                strict = self.profile.strict
                return ResultCheck(not strict, RequestOutcome(error=BAD_ANSWER if strict else BROKEN_ANSWER))
            out.append({"piid": piid, "value": value})
        result: dict[str, object] = {**self._echo, "code": code}
        if code == 0:
            result["out"] = out
        return ResultCheck(True, RequestOutcome(result))

    def _is_even(self, tokens: Sequence[str]) -> bool:
        """Say whether behind the ids and the code there are pairs, and no more than a line may have."""
        return len(tokens) % 2 == 1 and len(tokens) <= MAX_PARAMETERS


class LegacyRequest(McuRequest):
    """Any other method: its parameters go out as they are, the answer comes back as a list."""

    def __init__(
        self,
        method: str,
        params: object,
        profile: Profile,
        now: float,
        finish: Callable[[RequestOutcome, float], None],
    ) -> None:
        super().__init__(profile, now, finish)
        if not _LEGAL_METHOD.fullmatch(method) or _RESERVED.fullmatch(method):
            raise Refused(UNKNOWN_METHOD_ERROR)
        values = params if isinstance(params, list) else [] if params is None else [params]
        try:
            texts = [_legacy_text(value) for value in values]
        except (LineError, ValueError):
            raise Refused(INVALID_PARAM) from None
        divider = "," if profile.comma_params else " "
        self._line = f"{method} {divider.join(texts)}" if texts else method
        if not fits(self._line, len(texts)):
            raise Refused(TOO_COMPLEX)

    def line(self) -> str:
        """Give the one line there is."""
        return self._line

    def answer(self, text: str) -> ResultCheck:
        """Pass the values on as a list."""
        profile = self.profile
        tokens = split_legacy(text) if profile.comma_params else split(text)
        values: list[object] = []
        broken = False
        for each in tokens:
            value, fault = _legacy_value(each)
            broken = broken or fault
            values.append(value)
        if not tokens or (profile.strict and (broken or len(tokens) > MAX_PARAMETERS)):
            return ResultCheck(False, RequestOutcome(error=BAD_ANSWER))
        return ResultCheck(True, RequestOutcome(error=BROKEN_ANSWER) if broken else RequestOutcome(values))


class RawRequest(McuRequest):
    """Any text after ``down``, whatever the document thinks of it; the answer is the list of its values."""

    def __init__(
        self, text: str, profile: Profile, now: float, finish: Callable[[RequestOutcome, float], None]
    ) -> None:
        super().__init__(profile, now, finish)
        self._line = text

    def line(self) -> str:
        """Give the text."""
        return self._line

    def answer(self, text: str) -> ResultCheck:
        """Pass the values on as they can be read."""
        return ResultCheck(True, RequestOutcome([read_value(each)[0] for each in split(text)]))


def _legacy_text(value: object) -> str:
    if isinstance(value, (Mapping, list)):
        # No quoted string of the line: its spaces have to be escaped.
        return json_text(value).replace(" ", "\\u0020")
    return json_text(value)


def _legacy_value(text: str) -> tuple[object, bool]:
    """Read one value of a legacy answer, and whether it is none. Nested JSON is passed on, as firmware does."""
    value, fault = read_value(text)
    if not fault:
        return value, False
    try:
        return read_json(text), False
    except ValueError:
        return text, True
