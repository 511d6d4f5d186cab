"""What an update that is over, or takes too long, is called. No I/O and no clock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from miio_lan.device.ota.outcome import UNKNOWN, Ending, UpdateResult
from miio_lan.device.ota.progress import UpdateState
from miio_lan.errors import UpdateFailed

if TYPE_CHECKING:
    from miio_lan.device.ota.update import Update

Verdict = tuple[Ending, str]

_CHECKSUM = re.compile(r"md5|checksum|check sum|crc|sha-?\d|digest|verif", re.IGNORECASE)
_REASONS = (
    "a firewall on this computer, another subnet, a product that wants to be docked or idle first, or one that takes "
    "https only would explain it; an early firmware cannot read a port in the url (serve at port 80)"
)


def judge(update: Update, now: float) -> Verdict | None:
    """Say how an update ended; None while it goes on."""
    pace, found = update.pace, update.evidence
    proof = found.proof(now, installed=update.installed, steady=pace.confirm)
    if proof:
        return Ending.Proven, f"installed: {proof}"
    if update.settled:
        return _ended(update)
    waited = now - (update.requested if update.requested is not None else now)
    over = now - update.began >= pace.total
    if (over or waited >= pace.begin) and _not_fetched(update):
        return _never_fetched(update)
    if update.silent_for >= pace.silence:
        return Ending.TimedOut, f"it has not answered for {update.silent_for:.0f} s{_last_state(update)}"
    if over:
        if found.changed:
            return _ended(update)
        return Ending.TimedOut, f"no end was seen within {pace.total:g} s{_last_state(update)}"
    return None


def error_of(result: UpdateResult) -> UpdateFailed:
    """Make the error for an update that did not end well."""
    untouched = {Ending.Refused, Ending.Unreachable}
    if result.served is not None:  # what a device fetches from elsewhere is not seen
        untouched.add(Ending.NeverFetched)
    text = f"the update ended as {result.ending.value!r}: {result.text}"
    return UpdateFailed(text, result, may_have_run=result.ending not in untouched)


def cancelled(update: Update) -> str:
    """Say what a device may still do whose update is given up here."""
    if update.requested is None:
        return "cancelled before anything was asked of the device"
    if update.served is None:
        return "cancelled here; the device was asked already, and may go on, install the file and restart"
    if update.served.complete:
        return "cancelled here; the device has the whole file, and may still install it and restart"
    had = "a part of the file" if update.served.requests else "nothing of the file"
    return f"cancelled; the device has {had}, can get no more of it, and should keep the old version"


def _ended(update: Update) -> Verdict:
    """Name the end of an update that nothing proves."""
    found = update.evidence
    if found.changed:
        if update.served is not None and not update.served.complete:
            said = f"it is {found.after} now, but did not fetch the whole file{_share(update)}"
            return Ending.Unproven, f"{said}: something else may have updated it"
        if found.fits(found.after.module if found.module_changed else found.after.mcu):
            said = "a restart between the two versions" if found.restarted else "a restart"
            return Ending.Unproven, f"the version is another one (now {found.after}), but {said} was not seen"
        return Ending.OtherVersion, f"it is {found.after} now, which is not the wanted {found.wanted}"
    if found.is_there and not found.was_there and found.restarted:
        return Ending.Unproven, f"it restarted and tells {found.after}, but what it had before is not known"
    if update.state is UpdateState.Failed or (update.failure and not (found.restarted or update.installed)):
        return _failed(update)
    if found.restarted or update.installed:
        return _seemed_done(update)
    if UNKNOWN in (found.before, found.after) and (update.served is None or update.served.complete):
        said = "it is idle again, and what it tells of its version proves nothing"
        return Ending.Unproven, f"{said} ({found.after})"
    return _fell_back(update)


def _seemed_done(update: Update) -> Verdict:
    """Name what ended by a restart, or by ``installed``, without another version."""
    found, said = update.evidence, update.installed
    what = " and ".join(
        part
        for part in ("it says installed" if said else "", "it restarted" if found.restarted else "")
        if part
    )
    if found.after == UNKNOWN or found.before == UNKNOWN:
        return Ending.Unproven, f"{what}, but what it tells of its version proves nothing ({found.after})"
    if found.was_there and said:
        return (
            Ending.Unproven,
            f"{what}; the version ({found.wanted}) was the same before, so that proves nothing",
        )
    if not said and update.served is not None and not update.served.complete:
        if not update.served.requests:
            return _never_fetched(update, "it restarted")
        return Ending.FetchBrokeOff, f"it restarted before it had the whole file{_share(update)}: try again"
    again = "; where the same version was meant to be installed again, name it (version=, --version)"
    hint = "" if found.wanted else again
    return Ending.VersionUnchanged, f"{what}, but has the version of before ({found.after}){hint}"


def _fell_back(update: Update) -> Verdict:
    """Name what ended by ``idle``, without a word."""
    if update.served is None:
        return (
            Ending.VersionUnchanged,
            f"it gave up without a word, and has the version of before ({update.evidence.after})",
        )
    if not update.served.requests:
        return _never_fetched(update, "it gave up without a word")
    if update.served.complete:
        return (
            Ending.FetchedButRefused,
            "it fetched the whole file and did not install it: it is not for this model, or lacks a signature",
        )
    return Ending.FetchBrokeOff, f"it gave up before it had the whole file{_share(update)}: try again"


def _failed(update: Update) -> Verdict:
    """Name what the device itself called a failure; its words are quoted."""
    said = f"the device says {update.failure!r}"
    if _CHECKSUM.search(update.failure):
        return Ending.Checksum, f"{said}: the file is not what the checksum is of, or was damaged on its way"
    if update.served is not None and not update.served.requests:
        return _never_fetched(update, said)
    if "|" in update.failure or update.served is None:
        return Ending.Failed, said
    if update.served.complete:
        return Ending.FetchedButRefused, f"it fetched the whole file and did not take it: {said}"
    return Ending.FetchBrokeOff, f"it had not got the whole file{_share(update)}: {said}"


def _not_fetched(update: Update) -> bool:
    """Tell whether the time to begin was not used.

    A device that fetches from elsewhere may be at work while it says nothing, or nothing that is understood.
    """
    if update.installed:
        return False
    if update.served is not None:
        return not update.served.requests
    unheard = update.silent or update.mute or update.state is UpdateState.Unknown
    return not (update.begun or unheard)


def _never_fetched(update: Update, said: str = "") -> Verdict:
    first = f"{said}: " if said else ""
    if update.served is None:
        return Ending.NeverFetched, f"{first}the device never began, as far as it tells: {_REASONS}"
    if update.served.strangers:
        said = f"{first}no request for the file came from the device, but {update.served.stranger} tried"
        return Ending.NeverFetched, f"{said}: is the device behind a router that translates addresses?"
    return Ending.NeverFetched, f"{first}no request for the file arrived: {_REASONS}"


def _share(update: Update) -> str:
    served = update.served
    return f" ({served.covered} of {served.size} bytes)" if served is not None else ""


def _last_state(update: Update) -> str:
    return f"; its last word was {update.word!r}" if update.word else "; it never told its state"
