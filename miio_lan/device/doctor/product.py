"""What is behind the Wi-Fi module: rules for the MCU and for the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.device.doctor.answers import unasked
from miio_lan.device.doctor.findings import CheckedStep, StepVerdict
from miio_lan.device.doctor.reach import LATE, not_tried
from miio_lan.errors import is_the_modules
from miio_lan.lan.codes import MCU_TIMEOUT, QUEUE_FULL, explain, explain_item

if TYPE_CHECKING:
    from miio_lan.device.doctor.observed import Asked, DeviceAnswer, Examined

#: Codes of the MCU's own: published firmware hands this range on as the MCU says it.
_MCUS_OWN = range(-9997, -4999)
#: The module cannot use what the MCU answered.
_UNFIT = frozenset({-9998, -30001})
_UNKNOWN_METHOD = "unknown_method"
_LEFT_OUT = -4004


def judge_mcu(seen: Examined) -> CheckedStep:
    """Judge whether the product itself, its MCU or its application, answers the Wi-Fi module."""
    asked = ", then ".join(each.method for each in seen.reads)
    done = f"Asked {asked}: a harmless read." if asked else "Would have read a property."
    if why := unasked(seen):
        return not_tried("mcu", done, why)
    if not seen.reads:
        return not_tried("mcu", done, LATE)
    for each in seen.reads:
        if told := _alive(each):
            return CheckedStep("mcu", StepVerdict.GOOD, done, told)
    return _no_sign(seen, done)


def _alive(asked: Asked) -> str:
    """Say what shows that the MCU answers; empty where nothing does."""
    answer = asked.answer
    if answer is None:
        return ""
    if answer.error:
        own = answer.code in _MCUS_OWN or (
            answer.code == MCU_TIMEOUT and not is_the_modules(answer.code, answer.message)
        )
        return f"It answers, and refuses the question (code {answer.code})." if own else ""
    values = answer.result if isinstance(answer.result, list) else []
    for value in values:
        if isinstance(value, dict):
            if "value" in value:
                return "It answers with a value."
            code = value.get("code")
            if isinstance(code, int) and not isinstance(code, bool) and code not in (0, _LEFT_OUT):
                return f"It answers: code {code}{_meaning(explain_item(code))}."
        elif value not in (None, "", _UNKNOWN_METHOD):
            return "It answers with a value."
    return ""


def _no_sign(seen: Examined, done: str) -> CheckedStep:
    answers = [each.answer for each in seen.reads if each.answer is not None]
    silent = [each for each in answers if _is_silence(each)]
    if silent:
        return _mcu_silent(seen, silent[0], done)
    if any(each.code == QUEUE_FULL for each in answers):
        told = "The module's queue is full (-30012): others keep the product busy, or its MCU hangs."
        return CheckedStep(
            "mcu", StepVerdict.IN_DOUBT, done, told, "Stop other programs; look again in a minute."
        )
    if unfit := [each for each in answers if each.code in _UNFIT]:
        told = f"It answers, but not so that the module can use it (code {unfit[0].code})."
        return CheckedStep(
            "mcu", StepVerdict.IN_DOUBT, done, told, f"{_EXISTING} If it stays so, the MCU is at fault."
        )
    if answers and answers[0].error:
        told = (
            f"The module answers with an error ({_said(answers[0])}). Whether the MCU answers is not known."
        )
        return CheckedStep("mcu", StepVerdict.IN_DOUBT, done, told, _EXISTING)
    if answers:
        told = "The answer holds no value (code -4004, or empty): the MCU left it out, or does not know it."
        return CheckedStep("mcu", StepVerdict.IN_DOUBT, done, told, _EXISTING)
    told = (
        "No answer, though miIO.info is answered. Some newer modules say nothing where their MCU answers with an "
        "error."
    )
    return CheckedStep("mcu", StepVerdict.IN_DOUBT, done, told, _EXISTING)


_EXISTING = "Name a property that this product has: miio-lan doctor --property SIID.PIID."


def _is_silence(answer: DeviceAnswer) -> bool:
    return answer.error and answer.code == MCU_TIMEOUT and is_the_modules(answer.code, answer.message)


def _mcu_silent(seen: Examined, answer: DeviceAnswer, done: str) -> CheckedStep:
    spent = f" after {answer.exe_time / 1000:.1f} s" if answer.exe_time is not None else ""
    version = seen.about.get("mcu_fw_ver")
    told = [f"The module says{spent} that its MCU did not answer (-9999)."]
    if version not in (None, ""):
        told.append("The MCU has told its version before, so it was there.")
    advice = (
        "Switch the product off and on. If it stays so, the MCU hangs or its line to the module is broken: "
        "miio-lan uart record shows that line."
    )
    if seen.target.proven:
        return CheckedStep("mcu", StepVerdict.BAD, done, " ".join(told), advice)
    told.append("It hangs, or keeps silent about properties that it does not know.")
    return CheckedStep("mcu", StepVerdict.IN_DOUBT, done, " ".join(told), f"{_EXISTING} {advice}")


def judge_cloud(seen: Examined) -> CheckedStep:
    """Judge whether the product is connected to the cloud, as far as it tells."""
    done = "Looked into miIO.info and miIO.wifi_assoc_state."
    if why := unasked(seen):
        return not_tried("cloud", done, why)
    bound = _bound(seen.about)
    if said := _connected(seen):
        online, text = said
        told = f"{text}{bound}"
        if online:
            return CheckedStep("cloud", StepVerdict.GOOD, done, told)
        advice = (
            "Local commands need no cloud on most products. Some stall for minutes where the internet is blocked, "
            "or want the cloud first: give it internet once, and look again."
        )
        return CheckedStep("cloud", StepVerdict.IN_DOUBT, done, told, advice)
    if seen.association is None and seen.late:
        return not_tried("cloud", done, LATE)
    return CheckedStep("cloud", StepVerdict.IN_DOUBT, done, f"It does not tell.{bound}", "The app shows it.")


def _connected(seen: Examined) -> tuple[bool, str] | None:
    """Say whether it is connected, and how that is known; None where it is not."""
    answer = seen.association.answer if seen.association is not None else None
    result = answer.result if answer is not None and not answer.error else None
    state = result.get("state") if isinstance(result, dict) else None
    if state == "ONLINE":
        return True, "It is connected (ONLINE)."
    about = seen.about
    if isinstance(state, str) and state in {"NOTCONNECTED", "CONNECTING", "CONNECTED"}:
        return False, f"It is not connected to the cloud ({state})."
    if isinstance(about.get("ot"), str) and about["ot"]:
        return True, f"It is connected (ot is {str(about['ot'])[:8]!r})."
    if "otu_stat" in about or "ott_stat" in about:  # the older family, which leaves "ot" out without a cloud
        return False, "It is not connected to the cloud (miIO.info has no 'ot')."
    return None


def _bound(about: dict[str, object]) -> str:
    if "uid" not in about:
        return ""
    return " It belongs to nobody's account (uid 0)." if about["uid"] in (0, "0", "") else ""


def _said(error: DeviceAnswer) -> str:
    if error.code is None:
        return repr(error.message[:60]) if error.message else "without a code"
    return f"code {error.code}{_meaning(explain(error.code))}"


def _meaning(text: str) -> str:
    return f", {text}" if text else ""
