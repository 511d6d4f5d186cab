"""A property somebody asked for, and what came of it: in words, and as JSON has it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miio_lan.click_common.output import render_named
from miio_lan.foreign import printable
from miio_lan.uart.document import GET_PROPERTIES

if TYPE_CHECKING:
    from miio_lan.device.description.spec import Property


@dataclass(frozen=True)
class Target:
    """A property somebody asked for."""

    siid: int
    piid: int
    name: str
    prop: Property | None = None

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
    shown = (
        json.dumps(value) if value is None or isinstance(value, bool) else render_named(target.name, value)
    )
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
