"""What a product makes of a downlink: from its words to the answer, without regard to lines and times."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from miio_lan.uart.document import ACTION, GET_PROPERTIES, SET_PROPERTIES, UPDATE_FW, Code
from miio_lan.uart.line import MAX_LINE
from miio_lan.uart.values import MAX_IID, read_value, token
from miio_lan.virtual.mcu.misbehave import OutgoingLine, fitting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miio_lan.device.description.spec import SpecAction
    from miio_lan.device.description.values import Value
    from miio_lan.virtual.mcu.mcu import Mcu
    from miio_lan.virtual.mcu.table import Group, Iid, PropertyTable

_LOGGER = logging.getLogger(__name__)

UNKNOWN_METHOD = ("method not found", -5000)
BAD_ARGUMENTS = ("invalid arg", -5001)
TOO_LONG = ("command too long", -5002)
INTERNAL = ("internal error", -5003)


class Malformed(Exception):
    """A downlink whose parameters are not what its method takes."""


@dataclass(frozen=True)
class Execution:
    """The answer to a downlink, and the properties that changed with it."""

    uplink: OutgoingLine
    changed: tuple[Iid, ...] = ()


def refusal(method: str, reason: tuple[str, int]) -> Execution:
    """Answer with ``error "message" code``."""
    message, code = reason
    return Execution(OutgoingLine("error", words=(f'"{message}"', str(code)), answers=method))


def iids(words: Sequence[str], size: int) -> list[tuple[int, int, tuple[str, ...]]]:
    """Divide parameters into groups of ``size`` that begin with two ids.

    :raises Malformed: no parameters, a wrong count, or an id that is no number
    """
    if not words or len(words) % size:
        raise Malformed
    groups = [words[start : start + size] for start in range(0, len(words), size)]
    return [(iid(group[0]), iid(group[1]), tuple(group[2:])) for group in groups]


def iid(word: str) -> int:
    """Read one id.

    :raises Malformed: not a number from 0 to 2147483647
    """
    if not (word.isascii() and word.isdecimal() and len(word) <= 10 and int(word) <= MAX_IID):
        raise Malformed
    return int(word)


def outcome(mcu: Mcu, method: str, words: Sequence[str]) -> Execution | None:
    """Carry out a downlink; None leaves it unanswered."""
    try:
        if method == GET_PROPERTIES:
            return None if _is_mute(mcu, words, 2) else get_properties(mcu.table, words)
        if method == SET_PROPERTIES:
            return None if _is_mute(mcu, words, 3) else set_properties(mcu.table, words)
        if method == ACTION:
            return _action(mcu, words)
    except Malformed:
        return refusal(method, BAD_ARGUMENTS)
    if method == UPDATE_FW:
        answer = mcu.update_answer
        return Execution(OutgoingLine("result", words=(f'"{answer}"',), answers=method)) if answer else None
    return _other(mcu, method, words)


def _is_mute(mcu: Mcu, words: Sequence[str], size: int) -> bool:
    return any(group[:2] in mcu.mute_properties for group in iids(words, size))


def _action(mcu: Mcu, words: Sequence[str]) -> Execution | None:
    ids, action, given = action_of(mcu.table, words)
    if ids in mcu.mute_actions:
        return None
    if action is None:
        return Execution(action_result(ids, Code.NO_SUCH, {}))
    arguments = mcu.table.arguments(action, given)
    if arguments is None:
        return Execution(action_result(ids, Code.BAD_ARGUMENT, {}))
    return Execution(action_result(ids, *_run(mcu, action, arguments)))


def _run(mcu: Mcu, action: SpecAction, arguments: dict[int, Value]) -> tuple[int, Mapping[int, Value]]:
    hook = mcu.actions.get(action.iid)
    try:
        given = hook(mcu, arguments) if hook is not None else None
        if isinstance(given, int):
            return given, {}
        return Code.OK, mcu.table.outcome(action, given or {})
    except Exception:  # a hook is the user's code: the product survives it, as with any internal error
        _LOGGER.exception("the hook of action %d.%d failed", *action.iid)
        return Code.INTERNAL, {}


def _other(mcu: Mcu, method: str, words: Sequence[str]) -> Execution | None:
    hook = mcu.methods.get(method)
    if hook is not None:
        try:
            values = hook(mcu, words)
            if values is not None:
                uplink = OutgoingLine("result", (tuple(values),), answers=method)
                return Execution(uplink) if uplink.fits() else refusal(method, TOO_LONG)
        except Exception:  # as with actions
            _LOGGER.exception("the hook of method %s failed", method)
            return refusal(method, INTERNAL)
    if "ignores-unknown" in mcu.misbehave:
        return None
    return refusal(method, UNKNOWN_METHOD)


def get_properties(table: PropertyTable, words: Sequence[str]) -> Execution:
    """Answer a get. What does not fit into one line is left out, as real products do; a module then tells -4004.

    :raises Malformed: see :func:`iids`
    """
    groups = [table.get(siid, piid) for siid, piid, _ in iids(words, 2)]
    return Execution(_result(GET_PROPERTIES, groups))


def set_properties(table: PropertyTable, words: Sequence[str]) -> Execution:
    """Carry out a set, property by property.

    :raises Malformed: see :func:`iids`
    """
    groups: list[Group] = []
    changed: list[Iid] = []
    for siid, piid, (word,) in iids(words, 3):
        value, fault = read_value(word)
        # A word that is no value at all is a bad value of that property, not a malformed command.
        change = table.set(siid, piid, None if fault else value)
        groups.append((siid, piid, int(change.code)))
        if change.changed:
            changed.append((siid, piid))
    return Execution(_result(SET_PROPERTIES, groups), tuple(changed))


def action_of(
    table: PropertyTable, words: Sequence[str]
) -> tuple[Iid, SpecAction | None, list[tuple[int, object]]]:
    """Read the parameters of an action: its ids, the action when there is such one, and the arguments.

    :raises Malformed: fewer than two parameters, an odd count, or an id that is no number
    """
    if len(words) < 2 or len(words) % 2:
        raise Malformed
    siid, aiid = iid(words[0]), iid(words[1])
    arguments: list[tuple[int, object]] = []
    for start in range(2, len(words), 2):
        value, fault = read_value(words[start + 1])
        arguments.append((iid(words[start]), None if fault else value))
    return (siid, aiid), table.spec.action(siid, aiid), arguments


def action_result(ids: Iid, code: int, out: Mapping[int, Value]) -> OutgoingLine:
    """Answer an action: on success with its values, otherwise with the code alone."""
    head = OutgoingLine("result", ((*ids, int(code)),), answers=ACTION)
    if code not in (Code.OK, Code.ACCEPTED):
        return head
    full, left = fitting(head, list(out.items()))
    return full if not left else OutgoingLine("result", ((*ids, int(Code.INTERNAL)),), answers=ACTION)


def _result(method: str, groups: list[Group]) -> OutgoingLine:
    """Answer property by property. A text too long for the line costs only itself, and is told by -4004.

    Where the line is too short for all, short texts go before long ones, in whatever order they were asked for.
    """
    sizes = [_size(group) for group in groups]
    order = list(range(len(groups)))
    if sum(sizes) > MAX_LINE - len("result"):
        order.sort(key=lambda at: sizes[at] if _has_text(groups[at]) else 0)
    told: dict[int, Group] = {}
    for at in order:
        for group in (groups[at], (*groups[at][:2], int(Code.INTERNAL))):
            if _in_order(method, told | {at: group}).fits():
                told[at] = group
                break
    return _in_order(method, told)


def _in_order(method: str, told: Mapping[int, Group]) -> OutgoingLine:
    return OutgoingLine("result", tuple(told[at] for at in sorted(told)), answers=method)


def _has_text(group: Group) -> bool:
    return any(isinstance(value, str) for value in group)


def _size(group: Group) -> int:
    return sum(1 + len(token(value)) for value in group)
