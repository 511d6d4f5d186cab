"""Commands for MIoT products: ``get``, ``set``, ``action``, by numbers or by the names of a description."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli import completion
from miio_lan.cli.device.basic import read_value
from miio_lan.cli.device.described import described
from miio_lan.cli.device.described import load_spec as load_spec
from miio_lan.cli.device.target import Target, entry_of, hidden_by, line_of, outcome_of, value_of
from miio_lan.cli.options import CliSettings, command
from miio_lan.click_common.failures import PartlyFailed, refuse
from miio_lan.click_common.output import echo, echo_json, render, with_mended
from miio_lan.click_common.types import read_literal, shell_quoted
from miio_lan.errors import SpecError
from miio_lan.foreign import printable
from miio_lan.record.redact import HIDDEN, is_secret
from miio_lan.uart.document import ACTION, GET_PROPERTIES, SET_PROPERTIES, Code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from miio_lan.device.description.spec import Property, Spec, SpecAction
    from miio_lan.errors import DeviceError

#: Words people use for switches.
_SWITCHES = {"on": "true", "yes": "true", "off": "false", "no": "false"}
_SPEC = click.option(
    "--spec",
    metavar="FILE|MODEL",
    shell_complete=completion.models,
    help="A description: a file (.json, .toml), a model, or a shipped one (lamp). "
    "By default that of the device's model, if it was fetched.",
)


@command("get")
@click.argument("properties", nargs=-1, shell_complete=completion.properties)
@_SPEC
def get(settings: CliSettings, properties: tuple[str, ...], spec: str | None) -> None:
    """Read PROPERTIES: SIID.PIID each, one as SIID PIID, or names such as light:on (without any: all of them).

    Names are those of the product's description: see 'miio-lan spec'.
    """
    description = described(settings, spec, properties)
    wanted = wanted_properties(properties, description)
    from miio_lan.cli.device.connect import opened
    from miio_lan.device.miot import MiotDevice
    from miio_lan.device.steps import miot_calls

    with opened(settings, MiotDevice) as device:
        if len(wanted) == 1:
            (one,) = wanted
            results = device.get_property_by(one.siid, one.piid)
            if not results:
                raise miot_calls.no_answer(GET_PROPERTIES, one.siid, one.piid)
            if miot_calls.failed(results[0]):
                raise miot_calls.refusal(GET_PROPERTIES, results[0])
            _show_one(settings, one, results[0], GET_PROPERTIES)
            return
        results = device.get_properties([one.ids() for one in wanted])
    _show_many(settings, wanted, results, GET_PROPERTIES)


@command("set")
@click.argument("assignments", nargs=-1, required=True, shell_complete=completion.assignments)
@_SPEC
def set_(settings: CliSettings, assignments: tuple[str, ...], spec: str | None) -> None:
    """Set properties: SIID.PIID VALUE, SIID PIID VALUE, or any number of SIID.PIID=VALUE.

    VALUE is JSON ('"text"' for a text) or a Python literal. With a name in the place of numbers, such as light:on, or
    with --spec, values are written plainly, and what the product's description forbids is refused.
    """
    description = described(settings, spec, assigned(assignments))
    wanted = wanted_assignments(assignments, description)
    from miio_lan.cli.device.connect import opened
    from miio_lan.device.miot import MiotDevice
    from miio_lan.device.steps import miot_calls

    values = [{**one.ids(), "value": value} for one, value in wanted]
    with opened(settings, MiotDevice) as device:
        results = miot_calls.done([one.ids() for one, _ in wanted], device.send(SET_PROPERTIES, values))
    targets = [one for one, _ in wanted]
    sent = {(one.siid, one.piid): value for one, value in wanted}
    if len(targets) > 1:
        _show_many(settings, targets, results, SET_PROPERTIES, sent)
        return
    if not results:
        raise miot_calls.no_answer(SET_PROPERTIES, targets[0].siid, targets[0].piid)
    if miot_calls.failed(results[0]):
        raise _refusal(SET_PROPERTIES, results[0], _literals(targets[0], sent))
    _show_one(settings, targets[0], results[0], SET_PROPERTIES)


@command("action")
@click.argument("action", metavar="SIID.AIID|NAME", shell_complete=completion.actions)
@click.argument("arguments", nargs=-1)
@_SPEC
def action(settings: CliSettings, action: str, arguments: tuple[str, ...], spec: str | None) -> None:
    """Call an action with its ARGUMENTS, each JSON or a Python literal: SIID.AIID, SIID AIID, or a name.

    Names are those of the product's description: see 'miio-lan spec'.
    """
    description = described(settings, spec, [action])
    if action.isdecimal() and arguments and arguments[0].isdecimal():
        action, arguments = f"{action}.{arguments[0]}", arguments[1:]
    siid, aiid, values = _call(action, arguments, description)
    from miio_lan.cli.device.connect import opened
    from miio_lan.device.miot import MiotDevice
    from miio_lan.device.steps import miot_calls

    with opened(settings, MiotDevice) as device:
        answer = device.call_action_by(siid, aiid, values)
    if isinstance(answer, dict) and "out" in answer:
        answer = {**answer, "out": hidden_by(description, answer["out"], siid)}
    said = miot_calls.done([{"siid": siid, "aiid": aiid}], answer)
    for item in said:
        if miot_calls.failed(item):
            raise _refusal(ACTION, item, values if description is None else [])
    if settings.json:
        echo_json(with_mended(answer, settings.mended))
    elif not said:
        echo(f"the answer does not say how it went: {render(answer) or 'null'}")
    elif isinstance(answer, dict):
        echo(render(answer.get("out")) if answer.get("out") else outcome_of(answer, ACTION))
    else:
        echo(render(answer))


# --- what was typed ------------------------------------------------------------------------------------------------


def wanted_properties(words: Sequence[str], spec: Spec | None) -> list[Target]:
    """Find out which properties are meant; what is not clear is refused."""
    if not words:
        if spec is None:
            refuse("Name the properties to read, as SIID.PIID; with --spec, all of them can be read.")
        return [_target(f"{each.siid}.{each.piid}", spec) for each in spec.readable()]
    if all(word.isdecimal() for word in words):
        if len(words) != 2:
            refuse(f"{' '.join(words)!r} is not clear: write each property as SIID.PIID.")
        words = [".".join(words)]
    return [_target(word, spec) for word in words]


def _target(word: str, spec: Spec | None) -> Target:
    from miio_lan.device.description import names

    if spec is not None:
        prop = names.find_property(spec, word)
        return Target(prop.siid, prop.piid, names.full_name(spec, prop), prop, spec.long_name(prop))
    siid, piid = _numbers(word, "property", "SIID.PIID")
    return Target(siid, piid, f"{siid}.{piid}")


def _numbers(word: str, kind: str, form: str) -> tuple[int, int]:
    from miio_lan.device.description.names import parse_numbers

    numbers = parse_numbers(word)
    if numbers is None:
        refuse(
            f"{word!r} is no {kind}: write {form}, or give the product's description with --spec for names."
        )
    if 0 in numbers:
        refuse(f"{word!r} is no {kind}: the numbers count from 1.")
    return numbers


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    """Take apart ``NAME VALUE``, ``SIID PIID VALUE`` and ``NAME=VALUE ...``."""
    if len(words) == 3 and words[0].isdecimal() and words[1].isdecimal():
        return [(f"{words[0]}.{words[1]}", words[2])]
    if len(words) == 2 and "=" not in words[0]:
        return [(words[0], words[1])]
    found = [word.partition("=") for word in words]
    if not all(name and equals for name, equals, _ in found):
        refuse("Write SIID.PIID VALUE, SIID PIID VALUE, or several as SIID.PIID=VALUE.")
    return [(name, value) for name, _, value in found]


def assigned(words: Sequence[str]) -> list[str]:
    """Give the names or numbers of what is to be set; what is not clear is refused."""
    return [name for name, _ in _pairs(words)]


def wanted_assignments(words: Sequence[str], spec: Spec | None) -> list[tuple[Target, Any]]:
    """Find out which properties are to be set, and to what; what is not clear is refused."""
    return [_assignment(name, value, spec) for name, value in _pairs(words)]


def _assignment(name: str, text: str, spec: Spec | None) -> tuple[Target, Any]:
    target = _target(name, spec)
    if target.prop is None:
        return target, _plain_value(text)
    from miio_lan.device.description.names import parse_value

    if not target.prop.writable:
        refuse(f"{target.name} ({target.siid}.{target.piid}) is not writable.")
    with _or_by_numbers(f"set {target.siid}.{target.piid}", [(target.prop, text)]):
        return target, parse_value(target.prop, text)


@contextlib.contextmanager
def _or_by_numbers(command: str, words: Sequence[tuple[Property | None, str]]) -> Iterator[None]:
    """Say in the refusal of a description how to send the values all the same: it may be wrong about a product.

    :param words: the values, as they were typed, each with its property
    """
    from miio_lan.device.description import names

    try:
        yield
    except names.AmbiguousWord:
        raise  # the word would go out as it is, and it was no value to begin with
    except SpecError as error:
        typed = " ".join(
            HIDDEN if prop is not None and is_secret(prop.name, word) else _as_typed(word)
            for prop, word in words
        )
        raise SpecError(
            f"{error}. To send it all the same, use numbers without --spec: {command} {typed}"
        ) from None


def _as_typed(text: str) -> str:
    """Write a value so that it is read as it was meant without a description."""
    try:
        read_literal(text)
    except ValueError:
        return shell_quoted(_SWITCHES.get(text.lower()) or json.dumps(text, ensure_ascii=False))
    return text if text.isascii() and text.replace(".", "").replace("-", "").isalnum() else shell_quoted(text)


def _plain_value(text: str) -> Any:
    """Read a value that no description explains.

    :raises click.UsageError: if it is no JSON; the hint is for who left out the quotes of a text
    """
    if text.lstrip().startswith(("[", "{")):
        return read_value(text)
    try:
        read_literal(text)
    except ValueError:
        switch = _SWITCHES.get(text.lower())
        choice = f"{switch} is for a switch; " if switch else ""
        quoted = shell_quoted(json.dumps(text.strip("\"'"), ensure_ascii=False))
        refuse(
            f"{text!r} is neither JSON nor a Python literal: {choice}a text is written {quoted}. "
            "With the product's description (--spec), values are written plainly."
        )
    return read_value(text)


def _literals(target: Target, sent: Mapping[tuple[int, int], Any]) -> list[Any]:
    """Give what was typed as a literal for a property: nothing by a description, which says itself what is a text."""
    return [sent.get((target.siid, target.piid))] if target.prop is None else []


def _refusal(method: str, item: dict[str, Any], sent: Sequence[Any]) -> DeviceError:
    """Make the error of a refusal; where quotes made a text of ``true`` or a number, they are named.

    :param sent: the values that were typed as literals
    """
    from miio_lan.device.steps import miot_calls
    from miio_lan.errors import DeviceError

    error = miot_calls.refusal(method, item)
    texts = [text for text in sent if isinstance(text, str) and _kind_without_quotes(text)]
    if not texts or error.code not in (Code.BAD_VALUE, Code.BAD_ARGUMENT):
        return error
    quoted = json.dumps(texts[0], ensure_ascii=False)
    hint = f"{quoted} was sent as a text, because of its quotes; without them it is {_kind_without_quotes(texts[0])}"
    return DeviceError(
        error.code,
        error.message,
        method=error.method,
        explanation=f"{error.explanation}. {hint}",
        may_have_run=error.may_have_run,
    )


def _kind_without_quotes(text: str) -> str:
    """Say what a text would be without its quotes; empty where it would be one all the same."""
    try:
        value = json.loads(text.lower())
    except ValueError:
        return ""
    if isinstance(value, bool):
        return "true or false"
    return "a number" if isinstance(value, int | float) else ""


def _call(name: str, words: Sequence[str], spec: Spec | None) -> tuple[int, int, list[Any]]:
    if spec is None:
        siid, aiid = _numbers(name, "action", "SIID.AIID")
        values = [_plain_value(word) for word in words]
        # No argument of an action is a list: this is all of them at once.
        whole = len(values) == 1 and isinstance(values[0], list)
        return siid, aiid, values[0] if whole else values
    from miio_lan.device.description import names

    found = names.find_action(spec, name)
    return found.siid, found.aiid, _arguments(found, words, spec)


def _arguments(found: SpecAction, words: Sequence[str], spec: Spec) -> list[Any]:
    from miio_lan.device.description.names import parse_value

    wanted = [spec.property(found.siid, piid) for piid in found.in_]
    if len(words) != len(wanted):
        takes = ", ".join(prop.name if prop else "?" for prop in wanted) or "none"
        refuse(f"{found.name} takes {len(wanted)} arguments ({takes}), not {len(words)}.")
    with _or_by_numbers(f"action {found.siid}.{found.aiid}", list(zip(wanted, words, strict=True))):
        return [
            parse_value(prop, word) if prop else _plain_value(word)
            for prop, word in zip(wanted, words, strict=True)
        ]


# --- what is shown -------------------------------------------------------------------------------------------------


def _show_one(settings: CliSettings, target: Target, result: dict[str, Any], method: str) -> None:
    if settings.json:
        echo_json(with_mended([entry_of(target, result)], settings.mended))
    else:
        echo(value_of(target, result) if "value" in result else outcome_of(result, method))


def _show_many(
    settings: CliSettings,
    targets: Sequence[Target],
    results: Sequence[dict[str, Any]],
    method: str,
    sent: Mapping[tuple[int, int], Any] | None = None,
) -> None:
    from miio_lan.device.steps import miot_calls

    # What is asked for twice is answered twice, in that order.
    found = list(zip(targets, miot_calls.matched([one.ids() for one in targets], results), strict=True))
    entries = with_mended([entry_of(target, result) for target, result in found], settings.mended)
    text = "\n".join(
        f"{printable(target.name)}: {line_of(target, result, method)}" for target, result in found
    )
    errors = [
        miot_calls.no_answer(method, target.siid, target.piid)
        if result is None
        else _refusal(method, result, _literals(target, sent or {}))
        for target, result in found
        if result is None or miot_calls.failed(result)
    ]
    if errors:
        raise PartlyFailed(errors[0], entries, text)
    if settings.json:
        echo_json(entries)
    else:
        echo(text)
