"""A property somebody asked for, and what came of it: in words, and as JSON has it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miio_lan.click_common.output import render, secrets_are_shown
from miio_lan.foreign import printable
from miio_lan.record.redact import HIDDEN, is_secret
from miio_lan.uart.document import GET_PROPERTIES

if TYPE_CHECKING:
    from miio_lan.device.description.spec import Property, Spec


@dataclass(frozen=True)
class Target:
    """A property somebody asked for."""

    siid: int
    piid: int
    name: str
    prop: Property | None = None
    #: The name that says whether its values are secrets: one of two alike is shown by its numbers.
    long_name: str = ""

    def is_hidden(self, value: object) -> bool:
        """Tell whether a value is a secret, and nobody has asked for secrets."""
        return is_secret(self.long_name or self.name, value) and not secrets_are_shown()

    def ids(self) -> dict[str, Any]:
        """The object that names it in a request; at least one product insists on a did."""
        return {"did": f"{self.siid}-{self.piid}", "siid": self.siid, "piid": self.piid}


def entry_of(target: Target, result: dict[str, Any] | None) -> dict[str, Any]:
    """Give a result as JSON has it."""
    entry: dict[str, Any] = {"siid": target.siid, "piid": target.piid, "code": None}
    if target.prop is not None:
        entry["name"] = target.name
    if result is None:
        entry["message"] = "left out of the answer"
    else:
        entry |= {key: value for key, value in result.items() if key != "did"}
        if target.is_hidden(entry.get("value")):
            entry["value"] = HIDDEN
    return entry


def line_of(target: Target, result: dict[str, Any] | None, method: str) -> str:
    """Give a result in words."""
    from miio_lan.device.steps import miot_calls

    if result is None:
        return "left out of the answer"
    if miot_calls.failed(result):
        return f"refused ({miot_calls.reason(result)})"
    return value_of(target, result) if "value" in result else outcome_of(result, method)


def value_of(target: Target, result: dict[str, Any]) -> str:
    """Give the value of a result in words, with what the description says of it."""
    from miio_lan.device.description.values import is_same

    value = result["value"]
    if target.is_hidden(value):
        return HIDDEN
    shown = json.dumps(value) if value is None or isinstance(value, bool) else render(value)
    if target.prop is None:
        return shown
    described = next((text for choice, text in target.prop.choices if is_same(choice, value)), "")
    unit = target.prop.unit if target.prop.unit not in ("", "none") else ""
    remarks = (printable(f"({described})") if described else "", printable(unit))
    return " ".join(part for part in (shown, *remarks) if part)


def outcome_of(result: dict[str, Any], method: str) -> str:
    """Give a result without a value in words."""
    from miio_lan.lan.codes import explain_item

    code = result.get("code", 0)
    if code == 0 or not isinstance(code, int):
        return "no value" if method == GET_PROPERTIES else "ok"
    return f"code {code}, {explain_item(code)}".rstrip(", ")


def property_of(spec: Spec | None, siid: object, piid: object) -> Property | None:
    """Find a property by what a device says are its numbers; None where they are none."""
    if spec is None or not isinstance(siid, int) or not isinstance(piid, int):
        return None
    return spec.property(siid, piid)


def hidden_by(spec: Spec | None, items: Any, siid: object = None) -> Any:
    """Hide, in properties and events that a device tells, what has the name of a secret by the description.

    As they are without a description, and for those who asked for secrets.

    :param items: one, or a list of them
    :param siid: of those that say none
    """
    if spec is None or secrets_are_shown():
        return items
    if isinstance(items, list):
        return [_hidden(spec, each, siid) if isinstance(each, dict) else each for each in items]
    return _hidden(spec, items, siid) if isinstance(items, dict) else items


def _hidden(spec: Spec, item: dict[str, Any], siid: object) -> dict[str, Any]:
    siid = item.get("siid", siid)
    if isinstance(arguments := item.get("arguments"), list):
        item = {
            **item,
            "arguments": [
                _without_secret(spec, each, siid) if isinstance(each, dict) else each for each in arguments
            ],
        }
    return _without_secret(spec, item, siid)


def _without_secret(spec: Spec, item: dict[str, Any], siid: object) -> dict[str, Any]:
    prop = property_of(spec, siid, item.get("piid"))
    if prop is None or not is_secret(spec.long_name(prop), item.get("value")):
        return item
    return {**item, "value": HIDDEN}
