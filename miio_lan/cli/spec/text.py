"""A description for people, in rows that fit sixty columns, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miio_lan.device.description.names import full_name
from miio_lan.foreign import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miio_lan.device.description.spec import Event, Property, Service, Spec, SpecAction

_LETTERS = {"read": "r", "write": "w", "notify": "n"}
_WIDEST_NAME = 24
_INSET = " " * 6


def rows(spec: Spec) -> list[str]:
    """Give the rows that show a description."""
    found = [f"{spec.shown_model or 'no model'}: {spec.description or 'no description'}"]
    found += [spec.type] if spec.type else []
    for service in spec.services:
        told = f": {service.description}" if service.description else ""
        found += ["", f"{service.siid} {service.name}{told}", *_service(spec, service)]
    return [printable(row) for row in found]


def _service(spec: Spec, service: Service) -> list[str]:
    widest = min(max((len(prop.name) for prop in service.properties), default=0), _WIDEST_NAME)
    found = []
    for prop in service.properties:
        access = "".join(letter if word in prop.access else "-" for word, letter in _LETTERS.items())
        found.append(f"  {_numbers(prop.iid):<5} {prop.name:<{widest}}  {access}  {_kind(prop)}")
        found += [f"  {_INSET}{value} {text}".rstrip() for value, text in prop.choices]
    for action in service.actions:
        out = f" gives {_arguments(spec, service, action.out)}" if action.out else ""
        taken = _arguments(spec, service, action.in_)
        found.append(f"  {_numbers(action.iid):<5} action {action.name}({taken}){out}")
    for event in service.events:
        told = _arguments(spec, service, event.arguments)
        found.append(f"  {_numbers(event.iid):<5} event {event.name}({told})")
    return found


def _kind(prop: Property) -> str:
    limits = "" if prop.range is None else "{}..{}".format(*prop.range)
    step = f"step {prop.range[2]}" if prop.range is not None and prop.range[2] not in (0, 1) else ""
    longest = f"at most {prop.max_length} characters" if prop.max_length is not None else ""
    unit = prop.unit if prop.unit not in ("", "none") else ""
    return " ".join(part for part in (prop.format, limits, step, unit, longest) if part)


def _arguments(spec: Spec, service: Service, piids: Iterable[int]) -> str:
    found = ((piid, spec.property(service.siid, piid)) for piid in piids)
    return ", ".join(prop.name if prop is not None else str(piid) for piid, prop in found)


def _numbers(iid: tuple[int, int]) -> str:
    return f"{iid[0]}.{iid[1]}"


# --- names ---------------------------------------------------------------------------------------------------------


def name_rows(spec: Spec) -> list[str]:
    """Give the rows that show which names a description has."""
    told = [("NAME", "NUMBERS", "")]
    for kind, things in (("", spec.properties()), ("action", spec.actions()), ("event", spec.events())):
        told += [(printable(full_name(spec, each)), _numbers(each.iid), kind) for each in things]
    widest = max(len(name) for name, _, _ in told)
    return [f"{name:<{widest}}  {numbers:<7}  {kind}".rstrip() for name, numbers, kind in told]


def named(spec: Spec) -> dict[str, list[dict[str, Any]]]:
    """Give the names as JSON has them."""
    return {
        "properties": [
            {"name": full_name(spec, each), "siid": each.siid, "piid": each.piid}
            for each in spec.properties()
        ],
        "actions": [
            {"name": full_name(spec, each), "siid": each.siid, "aiid": each.aiid} for each in spec.actions()
        ],
        "events": [
            {"name": full_name(spec, each), "siid": each.siid, "eiid": each.eiid} for each in spec.events()
        ],
    }


# --- JSON ----------------------------------------------------------------------------------------------------------


def document(spec: Spec) -> dict[str, Any]:
    """Give a description as JSON has it."""
    return {
        "model": spec.stated_model or None,
        "type": spec.type,
        "description": spec.description,
        "source": spec.source,
        "left_out": list(spec.warnings),
        "services": [
            {
                "siid": service.siid,
                "type": service.type,
                "name": service.name,
                "description": service.description,
                "properties": [_property(spec, each) for each in service.properties],
                "actions": [_action(spec, each) for each in service.actions],
                "events": [_event(spec, each) for each in service.events],
            }
            for service in spec.services
        ],
    }


def _property(spec: Spec, prop: Property) -> dict[str, Any]:
    return {
        "siid": prop.siid,
        "piid": prop.piid,
        "name": full_name(spec, prop),
        "type": prop.type,
        "description": prop.description,
        "format": prop.format,
        "access": [word for word in _LETTERS if word in prop.access],
        "unit": prop.unit or None,
        "range": list(prop.range) if prop.range is not None else None,
        "values": [{"value": value, "description": text} for value, text in prop.choices],
        "max_length": prop.max_length,
    }


def _action(spec: Spec, action: SpecAction) -> dict[str, Any]:
    named = {"siid": action.siid, "aiid": action.aiid, "name": full_name(spec, action), "type": action.type}
    return {**named, "description": action.description, "in": list(action.in_), "out": list(action.out)}


def _event(spec: Spec, event: Event) -> dict[str, Any]:
    named = {"siid": event.siid, "eiid": event.eiid, "name": full_name(spec, event), "type": event.type}
    return {**named, "description": event.description, "arguments": list(event.arguments)}
