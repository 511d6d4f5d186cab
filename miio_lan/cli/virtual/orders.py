"""Orders that can be typed while a virtual MCU or module runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.click_common.output import echo
from miio_lan.device.names import find_event, find_property, parse_value
from miio_lan.errors import InvalidArgument

if TYPE_CHECKING:
    from miio_lan.cli.virtual.run import Order
    from miio_lan.device.spec import Spec
    from miio_lan.device.values import Value
    from miio_lan.virtual.hosting import Host
    from miio_lan.virtual.mcu.mcu import Mcu
    from miio_lan.virtual.module.module import Module

#: What is said of the orders when a command starts.
MCU_ORDERS = (
    "Orders: misbehave NAME, behave [NAME], set PROPERTY VALUE, event EVENT [PIID=VALUE ...], show, reset"
)


def mcu_orders(host: Host, mcu: Mcu, spec: Spec) -> dict[str, Order]:
    """Give the orders for an MCU; each runs in the thread that drives it."""

    def misbehave(words: list[str]) -> str:
        def change(_now: float) -> None:
            for word in words:
                mcu.misbehave.add(word)

        host.call(change)
        return f"misbehaving: {', '.join(sorted(mcu.misbehave)) or 'not at all'}"

    def behave(words: list[str]) -> str:
        def change(_now: float) -> None:
            for word in words or list(mcu.misbehave):
                mcu.misbehave.discard(word)

        host.call(change)
        return misbehave([])

    def set_(words: list[str]) -> str:
        prop = find_property(spec, words[0])
        value = parse_value(prop, " ".join(words[1:]))
        host.call(lambda now: mcu.set_local(prop.siid, prop.piid, value, now))
        return f"{prop.siid}.{prop.piid} = {value!r}"

    def event(words: list[str]) -> str:
        found = find_event(spec, words[0])
        given = dict(_argument(spec, found.siid, word) for word in words[1:])
        accepted = host.call(lambda now: mcu.raise_event(found.siid, found.eiid, given, now))
        return f"event {found.siid}.{found.eiid}" + ("" if accepted else ": too many are waiting already")

    def show(_: list[str]) -> str:
        values = host.call(lambda _now: dict(mcu.values))
        return "\n".join(f"{siid}.{piid} = {value!r}" for (siid, piid), value in sorted(values.items()))

    def reset(_: list[str]) -> str:
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
    return prop.piid, parse_value(prop, text)


def module_orders(host: Host, module: Module, image: bytes | None = None) -> dict[str, Order]:
    """Give the orders for a module.

    :param image: the MCU firmware that ``down update_fw`` sends
    """
    from miio_lan.uart.commands import NET_STATES

    def net(words: list[str]) -> str:
        if words:
            if words[0] not in NET_STATES:
                raise InvalidArgument(f"the net is one of {', '.join(NET_STATES)}, not {words[0]!r}")
            host.call(lambda now: module.set_net(words[0], now))
        return host.call(lambda _now: f"net: {module.net}")

    def down(words: list[str]) -> str:
        text = " ".join(words)
        if text == "update_fw":
            return _update(host, module, image)
        taken = host.call(lambda now: module.hand_out(text, now, lambda _outcome, _at: None))
        return f"handing out: {text}" if taken else "the queue is full"

    def restart(_: list[str]) -> str:
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
