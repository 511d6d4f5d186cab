"""Does the device take our commands? Rules for token, stamp, others and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.device.doctor.findings import CheckedStep, StepVerdict
from miio_lan.device.doctor.observed import NO_ID_OF_OURS
from miio_lan.device.doctor.reach import LATE, blocked, not_tried
from miio_lan.lan.client.clock import CLOCK_TOLERANCE, UNIX_TIME
from miio_lan.lan.codes import QUEUE_FULL

if TYPE_CHECKING:
    from miio_lan.device.doctor.observed import Asked, Examined

NO_TOKEN = "no token was given, and the device shows none"  # noqa: S105 - a reason
NO_ANSWER = "it answers no command"
YOUNG = 120
"""Seconds since its start from which on a product counts as settled."""
LOOKS_APART = 1.0
"""Seconds that two looks at a clock have to be apart at least: stamps are whole seconds."""


def unasked(seen: Examined) -> str:
    """Say why nothing was asked under the token; empty where something could be."""
    if why := blocked(seen):
        return why
    if seen.accepted is not None:
        return ""
    if seen.info is None and seen.shown_info is None:
        return LATE if seen.target.has_token or seen.shown != "nothing" else NO_TOKEN
    return NO_ANSWER


def judge_token(seen: Examined) -> CheckedStep:
    """Judge the token, without guessing: a device keeps silent under a wrong one."""
    why = blocked(seen)
    asked = seen.info or seen.shown_info
    done = (
        f"Asked {_copies(asked)} under the token." if asked else "Would have asked miIO.info under the token."
    )
    if why or asked is None:
        return not_tried("token", done, why or unasked(seen))
    if seen.info is not None and seen.info.answer is not None:
        told = "The answer's checksum is right under your token."
        return CheckedStep("token", StepVerdict.GOOD, done, told)
    if seen.shown_info is not None and seen.shown_info.answer is not None:
        return _shown(seen, done)
    return _unanswered(seen, asked, done)


def _shown(seen: Examined, done: str) -> CheckedStep:
    keep = "miio-lan device add NAME --ip ... keeps it. Setting the product up gives it another token."
    if seen.info is None:
        told = "None was given; the device shows one, and answers under it."
        return CheckedStep("token", StepVerdict.GOOD, done, told, keep)
    told = "The device shows another token than yours, and answers under that one only: yours is wrong."
    return CheckedStep("token", StepVerdict.BAD, done, told, keep)


def _unanswered(seen: Examined, asked: Asked, done: str) -> CheckedStep:
    if NO_ID_OF_OURS in asked.damaged:
        told = "Answers came whose checksum is right under this token, but they bear no id that was asked."
        advice = (
            "Ask once more; -v shows what comes. A product that never answers under its ids cannot be used."
        )
        return CheckedStep("token", StepVerdict.IN_DOUBT, done, told, advice)
    if "bad sign" in asked.damaged:
        told = (
            "Answers came whose checksum is wrong under this token. Either the token is another one, or the answers "
            "were damaged."
        )
        advice = "Compare the token with what the app's account has now; ask once more."
        return CheckedStep("token", StepVerdict.IN_DOUBT, done, told, advice)
    if asked.damaged:
        told = f"Answers came that cannot be used ({', '.join(sorted(set(asked.damaged)))})."
        return CheckedStep("token", StepVerdict.IN_DOUBT, done, told, "Ask once more; -v shows what comes.")
    silence = f"No answer within {asked.seconds:.1f} s"
    beside = f", while {_hellos(asked.hellos)} answered" if asked.hellos else ""
    if seen.shown == "yours":
        told = f"{silence}{beside}. The device shows this very token, so something else is wrong."
        return CheckedStep(
            "token", StepVerdict.IN_DOUBT, done, told, "Switch it off and on. See the steps below."
        )
    told = (
        f"{silence}{beside}. That is what a wrong token looks like; a product that refuses local control, or that is "
        "busy with an update, looks the same."
    )
    advice = (
        "Fetch the token anew (docs/discover.md says how): it changes when a product is set up again. Then look at the "
        "steps below."
    )
    return CheckedStep("token", StepVerdict.IN_DOUBT, done, told, advice)


def judge_stamp(seen: Examined) -> CheckedStep:
    """Judge the device's clock: does it run, did it start anew, and is a stale stamp refused?"""
    done = "Compared the device's clock with ours."
    why = blocked(seen)
    stamps = seen.stamps
    if why:
        return not_tried("stamp", done, why)
    fallen = _fell(stamps)
    (first, began), (last, ended) = stamps[0], _in_order(stamps)[-1]
    if fallen is None and last - first < LOOKS_APART:
        return not_tried("stamp", done, f"it was heard once only: {unasked(seen) or LATE}")
    if fallen is not None:
        told = f"The clock fell to {fallen} while it was looked at: the device started anew."
        advice = (
            "Does it lose its power, or start over and over? Look at its supply, and at its Wi-Fi's strength."
        )
        return CheckedStep("stamp", StepVerdict.BAD, done, told, advice)
    off = (ended - began) - (last - first)
    if off > CLOCK_TOLERANCE:
        told = f"The clock jumped by {off:.0f} s: it was set."
        return CheckedStep("stamp", StepVerdict.IN_DOUBT, done, told, "Once is harmless: look again.")
    if off < -CLOCK_TOLERANCE or ended == began:
        told = (
            f"The clock went from {began} to {ended} in {last - first:.1f} s: it does not run as ours does."
        )
        advice = "Switch the product off and on; a hello before each command helps (lazy_discover=False)."
        return CheckedStep("stamp", StepVerdict.IN_DOUBT, done, told, advice)
    return CheckedStep("stamp", StepVerdict.GOOD, done, f"It runs; {_age(ended)}.{_stale(seen)}")


def _fell(stamps: list[tuple[float, int]]) -> int | None:
    """Return to what the clock fell, where it did; a datagram that was under way for long bears an older stamp."""
    newest = stamps[0][1]
    for _, stamp in stamps:
        if stamp < newest - CLOCK_TOLERANCE:
            return stamp
        newest = max(newest, stamp)
    return None


def _in_order(stamps: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Leave out what was under way for long: it bears a stamp older than one that came before it."""
    kept = stamps[:1]
    for instant, stamp in stamps[1:]:
        if stamp >= kept[-1][1]:
            kept.append((instant, stamp))
    return kept


def _age(stamp: int) -> str:
    if stamp >= UNIX_TIME:
        return "it shows Unix time"
    young = ": it started just now" if stamp < YOUNG else ""
    return f"it counts from the start, {stamp} s ago{young}"


def _stale(seen: Examined) -> str:
    if seen.stale is None:
        return ""
    copies = _copies(seen.stale)
    if seen.stale.answer is not None:
        return f" It does not mind a stamp {seen.stale_by} s off."
    return f" It kept silent to {copies} with a stamp {seen.stale_by} s off, as most do."


def judge_others(seen: Examined) -> CheckedStep:
    """Judge whether others speak to the device; the network does not show them."""
    done = "Looked for other programs of this computer that are tied to the device's address."
    answers = [each for each in seen.authentic if each.error and each.code == QUEUE_FULL]
    if answers:
        told = "Its queue was full (-30012): somebody keeps it busy, or its MCU is slow."
        advice = "Stop other programs that control it, the app included, and look again."
        return CheckedStep("others", StepVerdict.IN_DOUBT, done, told, advice)
    if seen.sockets is None:
        return not_tried("others", done, "this system does not tell, or nothing was sent")
    unseen = "The app, the cloud and other computers cannot be seen."
    if not seen.sockets:
        return CheckedStep("others", StepVerdict.GOOD, done, f"None. {unseen}")
    count = "One socket is" if seen.sockets == 1 else f"{seen.sockets} sockets are"
    advice = "If answers get lost, stop the other program, and look again: a product handles one command at a time."
    return CheckedStep("others", StepVerdict.IN_DOUBT, done, f"{count} tied to it. {unseen}", advice)


def judge_memory(seen: Examined) -> CheckedStep:
    """Judge what the device does with ids that it knows: no fault either way."""
    done = "Repeated a harmless question under its id."
    if why := unasked(seen):
        return not_tried("memory", done, why)
    if seen.memory is None:
        return not_tried("memory", done, LATE)
    if seen.memory.remembers is None:
        told = "Not found out: too much got lost, or it does not tell how long it has been running."
        return CheckedStep(
            "memory", StepVerdict.IN_DOUBT, done, told, "Nothing to do: unsafe commands are sent once."
        )
    told = (
        "It does not act on an id twice: lost commands can be sent again."
        if seen.memory.remembers
        else "It acts on a repeated id again: a command that must not run twice is sent once only."
    )
    return CheckedStep("memory", StepVerdict.GOOD, done, told)


def _copies(asked: Asked) -> str:
    return f"{asked.method} once" if asked.sent == 1 else f"{asked.method} {asked.sent} times"


def _hellos(count: int) -> str:
    return "a hello was" if count == 1 else f"{count} hellos were"
