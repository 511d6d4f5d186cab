"""Is the device reached? Rules for route, hello, subnet and firewall.

What is certain is said as such; where silence has several explanations, the verdict stays in doubt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.device.doctor.findings import CheckedStep, StepVerdict

if TYPE_CHECKING:
    from miio_lan.device.doctor.observed import Examined, Hellos, Refusal

LATE = "the time was over"
NOTHING_SENT = "nothing can be sent to it"
ANOTHER = "another device answers at that address"
SILENT = "it answers no hello"
_LOOK_AT_PORT = "Look at the address and the port: a product listens at UDP port 54321."


def blocked(seen: Examined) -> str:
    """Say why nothing can be asked of the device; empty where something can."""
    if seen.heard:
        return ANOTHER if seen.is_another else ""
    if seen.route is not None and seen.route.trouble:
        return NOTHING_SENT
    return SILENT if seen.hello is not None else LATE


def not_tried(step: str, done: str, why: str) -> CheckedStep:
    """Make the finding for what was not tried."""
    return CheckedStep(step, StepVerdict.NOT_TRIED, done, f"Because {why}.")


def judge_route(seen: Examined) -> CheckedStep:
    """Judge which of our interfaces leads there."""
    done = f"Asked this computer for its way to {seen.target.host}."
    route = seen.route
    if route is None:
        if seen.heard:
            return CheckedStep("route", StepVerdict.GOOD, done, "It is reached.")
        return not_tried("route", done, LATE)
    if route.trouble and not seen.heard:
        return CheckedStep(
            "route",
            StepVerdict.BAD,
            done,
            f"{_sentence(route.trouble)}.",
            "Look at the address, and at this computer's network: is its Wi-Fi or cable connected?",
        )
    by = route.interface or "An interface that has no name"
    between = f"a router{f' ({route.gateway})' if route.gateway else ''} is between"
    where = f"it is in our subnet {route.subnet}" if route.subnet else between
    return CheckedStep(
        "route", StepVerdict.GOOD, done, f"{by} leads there, from {route.source or '?'}: {where}."
    )


def judge_hello(seen: Examined) -> CheckedStep:
    """Judge whether anybody answers a hello, and whether it is the right one."""
    hello = seen.hello
    unsent = seen.route is not None and bool(seen.route.trouble) and not seen.heard
    if hello is None or not hello.sent or unsent:
        done = "Would have sent a hello."
        if hello is not None and hello.answers and seen.is_another:
            return _another(seen, hello, "Listened to who is there.")
        if seen.heard:
            return CheckedStep("hello", StepVerdict.GOOD, done, "It answers, so none is needed.")
        return not_tried("hello", done, NOTHING_SENT if unsent or hello is not None else LATE)
    done = f"Sent {_times(hello.sent, 'hello')} to UDP port {seen.target.port}."
    if seen.is_another:
        return _another(seen, hello, done)
    if not seen.heard:
        return _silent(seen, hello, done)
    told = [f"The did {seen.did} answered." if hello.answers else "It answers commands, no hellos."]
    if seen.shown != "nothing":
        told.append("It shows its token, so it is not set up yet, or was reset just now.")
    if hello.sent > len(hello.answers):
        told.append(f"{_count(len(hello.answers))} of {hello.sent} brought an answer.")
    others = sorted({each.did for each in hello.answers} - {seen.did})
    if others:
        told.append(f"So did {', '.join(map(str, others))}: two devices answer at one address.")
        advice = "Give each device an address of its own, in the router."
        return CheckedStep("hello", StepVerdict.IN_DOUBT, done, " ".join(told), advice)
    return CheckedStep("hello", StepVerdict.GOOD, done, " ".join(told))


def _another(seen: Examined, hello: Hellos, done: str) -> CheckedStep:
    told = f"The did {seen.did} answered, not {seen.target.did}: another device has that address."
    if hello.found_at:
        return CheckedStep(
            "hello", StepVerdict.BAD, done, f"{told} Yours answers at {hello.found_at}.", _use(hello.found_at)
        )
    advice = (
        "Find yours: miio-lan discover. Is it switched on, and on this network? If this is yours all the same, the did "
        "that is kept for it is wrong: miio-lan device add NAME --replace."
    )
    return CheckedStep("hello", StepVerdict.BAD, done, told, advice)


def _use(address: str) -> str:
    return f"Use {address}: it has moved. With -d NAME it is followed by itself."


def _silent(seen: Examined, hello: Hellos, done: str) -> CheckedStep:
    told = [f"No answer within {hello.seconds:.1f} s."]
    if hello.found_at:
        told.append(f"The did {seen.target.did} answers at {hello.found_at} instead.")
        return CheckedStep("hello", StepVerdict.BAD, done, " ".join(told), _use(hello.found_at))
    told += [_refused(each, seen) for each in seen.refusals if each.kind != "not permitted"]
    if hello.elsewhere:
        told.append(f"Answers came from {', '.join(hello.elsewhere)}, which this computer was not asking.")
    if hello.neighbour is False:
        told.append("Nobody at that address answers on our own network either (ARP).")
    elif hello.neighbour:
        told.append("Somebody at that address is there (ARP), and keeps silent.")
    if hello.ping is not None:
        told.append("It answers a ping." if hello.ping else "It answers no ping either; some never do.")
    if hello.searched:
        told.append(f"The did {seen.target.did} was not found elsewhere.")
    return CheckedStep("hello", StepVerdict.BAD, done, " ".join(told), _after_silence(seen, hello))


def _after_silence(seen: Examined, hello: Hellos) -> str:
    if hello.neighbour is False:
        return (
            "Is it switched on, and in the same network? Its address may be another one: miio-lan discover. "
            "A guest network keeps its members apart."
        )
    ports = [each for each in seen.refusals if each.kind == "port"]
    if ports:
        between = _others(ports, seen.route.address if seen.route is not None else "")
        return "See Firewalls below." if between else _LOOK_AT_PORT
    if lost := _lost(seen):
        return (
            f"Is it switched on and in the Wi-Fi, and is the address right? {lost} finds no way to it: look there, at "
            "the network of the device."
        )
    if hello.neighbour or hello.ping:
        return (
            "Is it a miIO product that has this address? Switch it off and on; then miio-lan discover. "
            "The steps below say what else may keep it silent."
        )
    return (
        "Is it switched on and in the Wi-Fi, and is the address right? miio-lan discover says who is there."
    )


def _refused(refusal: Refusal, seen: Examined) -> str:
    said = {
        "port": f"nobody listens at UDP port {seen.target.port}",
        "host": "the address is not reached",
        "network": "the network is not reached",
        "prohibited": "a rule prohibits it",
    }.get(refusal.kind, "it cannot be delivered")
    return f"{refusal.by} says that {said} (ICMP)." if refusal.by else f"This computer says that {said}."


def judge_subnet(seen: Examined) -> CheckedStep:
    """Judge whether the device may ignore us for being in another subnet, as some products do."""
    done = "Compared our subnets with the device's address."
    route = seen.route
    if route is None or (route.trouble and not seen.heard):
        return not_tried("subnet", done, LATE if route is None else NOTHING_SENT)
    if route.subnet:
        return CheckedStep(
            "subnet",
            StepVerdict.GOOD,
            done,
            f"It is in our subnet {route.subnet}, and reached without a router." + _nat(seen),
        )
    if seen.is_another:
        return not_tried("subnet", done, ANOTHER)
    if seen.authentic:
        return CheckedStep(
            "subnet", StepVerdict.GOOD, done, "A router is between, and it answers all the same." + _nat(seen)
        )
    beyond = "Some products drop, without a word, what comes from another subnet"
    advice = (
        "Ask from a computer of its own subnet, or have the router put its own address there in the place of "
        "ours (NAT, masquerading)."
    )
    if seen.hello is None:
        return not_tried("subnet", done, LATE)
    if not seen.heard and (lost := _lost(seen)):
        return not_tried("subnet", done, f"{lost} finds no way to it")
    if not seen.heard:
        reached = " It answers a ping, so it is reached, by pings at least." if seen.hello.ping else ""
        seen_text = (
            f"A router is between, and no hello is answered.{reached} {beyond}: that would explain it."
        )
        return CheckedStep("subnet", StepVerdict.IN_DOUBT, done, seen_text, advice)
    if seen.info is None and seen.shown_info is None:
        return not_tried("subnet", done, "hellos pass the router, and no command was tried")
    told = (
        f"A router is between; hellos are answered, commands are not. {beyond}, some of them commands only."
    )
    return CheckedStep("subnet", StepVerdict.IN_DOUBT, done, told, advice)


def _nat(seen: Examined) -> str:
    """Say where the device has another address than the one that was asked."""
    net = seen.about.get("netif")
    own = net.get("localIp") if isinstance(net, dict) else None
    if seen.route is None or not isinstance(own, str) or own in ("", "0.0.0.0", seen.route.address):  # noqa: S104
        return ""
    return f" By its own account its address is {own[:40]}: something in between translates."


def judge_firewall(seen: Examined) -> CheckedStep:
    """Judge whether something on the way refuses datagrams; a firewall that drops them cannot be told from absence."""
    done = "Listened for refusals (ICMP) of what was sent."
    if seen.heard:
        between = "Hellos and their answers pass"
        passes = "Commands and their answers pass" if seen.authentic else between
        return CheckedStep("firewall", StepVerdict.GOOD, done, f"{passes} both ways.")
    if seen.route is None:
        return not_tried("firewall", done, LATE)
    kinds = {each.kind for each in seen.refusals}
    if "not permitted" in kinds:
        return CheckedStep(
            "firewall",
            StepVerdict.BAD,
            done,
            "This computer itself refuses to send: its own firewall, or a sandbox around this program.",
            f"Allow UDP to port {seen.target.port}: 'nft list ruleset' or 'iptables -S' as root shows the rules.",
        )
    prohibiting = _others([each for each in seen.refusals if each.kind == "prohibited"], "")
    if prohibiting:
        return CheckedStep(
            "firewall",
            StepVerdict.BAD,
            done,
            f"{prohibiting} says that a rule prohibits it.",
            f"Allow UDP to port {seen.target.port} there, and the answers from it.",
        )
    if seen.route.trouble or seen.hello is None:
        return not_tried("firewall", done, NOTHING_SENT if seen.route.trouble else LATE)
    between = _others([each for each in seen.refusals if each.kind == "port"], seen.route.address)
    if between:
        return CheckedStep(
            "firewall",
            StepVerdict.BAD,
            done,
            f"{between} refused the port in the device's place: a rule that rejects, or a translation (NAT).",
            f"Allow UDP to port {seen.target.port} there, and the answers from it.",
        )
    return _silent_firewall(seen, done)


def _silent_firewall(seen: Examined, done: str) -> CheckedStep:
    if any(each.kind == "port" for each in seen.refusals):
        told = "The address itself refused the port. A firewall on the way can say so in its name."
        return CheckedStep(
            "firewall", StepVerdict.IN_DOUBT, done, told, "See the address and the port first."
        )
    told = "No refusal came. A firewall that drops datagrams looks like a device that is not there."
    if lost := _lost(seen):
        told = f"{lost} says that there is no way. Some firewalls say so of what they reject."
    advice = (
        f"Look for rules about UDP port {seen.target.port}, both ways: on this computer, on the router, in the "
        "access point (guest network, client isolation)."
    )
    return CheckedStep("firewall", StepVerdict.IN_DOUBT, done, told, advice)


def _lost(seen: Examined) -> str:
    """Name the routers that find no way to the device; empty for none, or where it is there all the same."""
    if seen.hello is not None and (seen.hello.ping or seen.hello.neighbour):
        return ""
    address = seen.route.address if seen.route is not None else ""
    return _others([each for each in seen.refusals if each.kind in ("host", "network")], address)


def _others(refusals: list[Refusal], device: str) -> str:
    """Name who refused, other than the device and where that is known; empty for nobody."""
    return ", ".join(sorted({each.by for each in refusals if each.by and each.by != device}))


def _times(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _count(number: int) -> str:
    return str(number) if number else "None"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".")
