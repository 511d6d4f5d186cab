"""Orders that can be typed, or come from a pipe, while a virtual MCU or module runs.

An order is a word and a text. The text is taken as it stands: what is in quotes keeps its spaces.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from miio_lan.click_common.output import echo
from miio_lan.device.description.names import find_event, find_property, parse_value
from miio_lan.errors import InvalidArgument
from miio_lan.uart.line import tokens_of
from miio_lan.uart.values import read_value

if TYPE_CHECKING:
    from miio_lan.cli.virtual.run import Order
    from miio_lan.device.description.spec import Spec
    from miio_lan.device.description.values import Value
    from miio_lan.virtual.hosting import Host
    from miio_lan.virtual.mcu.mcu import Mcu
    from miio_lan.virtual.module.module import Module

#: An argument of an event: ``1=90``, ``2="two words"``.
_ARGUMENT = re.compile(r'(?:"(?:[^"\\]|\\.)*+"|[^\s"]|")++')
#: What is said of the orders when a command starts.
MCU_ORDERS = (
    "Orders: misbehave NAME, behave [NAME], set PROPERTY VALUE, event EVENT [PIID=VALUE ...], show, reset"
)


def mcu_orders(host: Host, mcu: Mcu, spec: Spec) -> dict[str, Order]:
    """Give the orders for an MCU; each runs in the thread that drives it."""

    def misbehave(text: str) -> str:
        def change(_now: float) -> None:
            for word in text.split():
                mcu.misbehave.add(word)

        host.call(change)
        return f"misbehaving: {', '.join(sorted(mcu.misbehave)) or 'not at all'}"

    def behave(text: str) -> str:
        def change(_now: float) -> None:
            for word in text.split() or list(mcu.misbehave):
                mcu.misbehave.discard(word)

        host.call(change)
        return misbehave("")

    def set_(text: str) -> str:
        name, value_text = _first_and_rest(text)
        prop = find_property(spec, name)
        value = parse_value(prop, _unquoted(value_text))
        host.call(lambda now: mcu.set_local(prop.siid, prop.piid, value, now))
        return f"{prop.siid}.{prop.piid} = {value!r}"

    def event(text: str) -> str:
        name, arguments = _first_and_rest(text)
        found = find_event(spec, name)
        given = dict(_argument(spec, found.siid, word) for word in _ARGUMENT.findall(arguments))
        accepted = host.call(lambda now: mcu.raise_event(found.siid, found.eiid, given, now))
        return f"event {found.siid}.{found.eiid}" + ("" if accepted else ": too many are waiting already")

    def show(_: str) -> str:
        values = host.call(lambda _now: dict(mcu.values))
        return "\n".join(f"{siid}.{piid} = {value!r}" for (siid, piid), value in sorted(values.items()))

    def reset(_: str) -> str:
        host.call(mcu.reset_network)
        return "telling the module to forget its network, and to wait to be set up"

    return {
        "misbehave": misbehave,
        "behave": behave,
        "set": set_,
        "event": event,
        "show": show,
        "reset": reset,
    }


def _argument(spec: Spec, siid: int, word: str) -> tuple[int, Value]:
    piid, equals, text = word.partition("=")
    prop = spec.property(siid, int(piid)) if piid.isdecimal() else None
    if not equals or prop is None:
        raise InvalidArgument(f"an argument is PIID=VALUE with a property of service {siid}, not {word!r}")
    return prop.piid, parse_value(prop, _unquoted(text))


def _first_and_rest(text: str) -> tuple[str, str]:
    """Divide an order's text behind its first word.

    :raises IndexError: if there is none
    """
    return text.split()[0], text.strip().partition(" ")[2].strip()


def _unquoted(text: str) -> str:
    """Give what stands in quotes, as a line of the wire would; anything else as it is."""
    if len(tokens_of(text)) != 1 or not text.startswith('"'):
        return text
    value, fault = read_value(text)
    return value if isinstance(value, str) and not fault else text


def module_orders(host: Host, module: Module, image: bytes | None = None) -> dict[str, Order]:
    """Give the orders for a module.

    :param image: the MCU firmware that ``down update_fw`` sends
    """
    from miio_lan.uart.commands import NET_STATES

    def net(state: str) -> str:
        if state:
            if state not in NET_STATES:
                raise InvalidArgument(f"the net is one of {', '.join(NET_STATES)}, not {state!r}")
            host.call(lambda now: module.set_net(state, now))
        return host.call(lambda _now: f"net: {module.net}")

    def down(text: str) -> str:
        if text == "update_fw":
            return _update(host, module, image)
        taken = host.call(lambda now: module.hand_out(text, now, lambda _outcome, _at: None))
        return f"handing out: {text}" if taken else "the queue is full"

    def restart(_: str) -> str:
        host.call(module.restart)
        return "restarting"

    return {"net": net, "down": down, "restart": restart}


def _update(host: Host, module: Module, image: bytes | None) -> str:
    """Offer the firmware, and tell when it is over."""
    if image is None:
        # An MCU that answers "ready" would wait in its bootloader for what never comes.
        raise InvalidArgument("update_fw needs an image to send: start the module with --firmware FILE")

    def done(failed: str, _now: float) -> None:
        told = f"failed, {failed}" if failed else "sent; the MCU is asked for its version"
        echo(f"firmware: {told}", err=True)

    begun = host.call(lambda now: module.send_firmware(image, now, done))
    waiting = "not now: a request waits for the MCU, or firmware is being sent already"
    return f"offering firmware of {len(image)} bytes" if begun else waiting


MODULE_ORDERS = "Orders: net [STATE], down TEXT (hand out any downlink), restart"
