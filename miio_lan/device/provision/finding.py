"""The device at its own access point: which one it is, and what it is told. No I/O and no clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import miio_lan.device.provision.result as r
from miio_lan.device.provision.orders import Look, SendCommand, Steps
from miio_lan.device.provision.reasons import failures
from miio_lan.device.steps.calls import accepted, single
from miio_lan.errors import DeviceError, DeviceException, PayloadDecodeException
from miio_lan.foreign import excerpt
from miio_lan.lan.codes import NOT_SAVED
from miio_lan.record.redact.secret import Secret

if TYPE_CHECKING:
    from miio_lan.device.provision.run import Run
    from miio_lan.lan.discovery.findings import Finding

CONFIGURE = "miIO.config_router"
ATTEMPT = 2.0
"""Seconds per attempt of a command."""
TELL_RETRIES = 2
"""Further attempts to tell it; to tell it twice does no harm."""


def find(run: Run) -> Steps:
    """Find the one device that is meant, where it waits to be set up."""
    plan = run.plan
    where = f"at {plan.hosts[0]}" if plan.hosts else "at its own access point"
    run.begins("find", f"looking for a device that waits to be set up {where}")

    def enough(found: Finding) -> bool:
        wanted = found.did == plan.did if plan.did else bool(plan.hosts)
        return wanted and found.token is not None

    try:
        findings = yield Look(plan.find_time, plan.hosts, not plan.hosts, enough)
    except DeviceException as error:
        run.ends(r.NO_ANSWER, f"nobody can be asked: {error}")
        return
    heard = [each for each in findings if each.answered]
    shows = [each for each in heard if each.token is not None]
    meant = [each for each in shows if plan.did in (None, each.did)]
    if len(meant) != 1:
        _found_none(run, heard, shows, meant)
    elif plan.owner not in (None, meant[0].did):
        run.ends(
            r.NAME_TAKEN,
            f"{excerpt(plan.name or '')} is the name of another device, not of the did {meant[0].did}; nothing was "
            f"sent",
        )
    else:
        (found,) = meant
        run.did, run.ip, run.token = found.did, found.ip, Secret(found.token or "")
        run.ends(r.DONE, f"the device {found.did} at {found.ip} shows its token", did=found.did, ip=found.ip)


def _found_none(
    run: Run, heard: Sequence[Finding], shows: Sequence[Finding], meant: Sequence[Finding]
) -> None:
    plan = run.plan
    where = plan.hosts[0] if plan.hosts else "the networks of this computer"
    dids = [each.did for each in (meant or shows or heard)]
    if len(meant) > 1:
        told = ", ".join(f"{each.did} at {each.ip}" for each in meant)
        run.ends(
            r.SEVERAL,
            f"{len(meant)} devices show their tokens ({told}). Say by its did which is meant",
            dids=dids,
        )
    elif shows:
        told = ", ".join(f"{each.did} at {each.ip}" for each in shows)
        run.ends(
            r.OTHER_DEVICE,
            f"the device {plan.did} was not found; others wait to be set up: {told}",
            dids=dids,
        )
    elif heard and (plan.hosts or plan.did in dids):
        one = next(each for each in heard if plan.hosts or each.did == plan.did)
        run.ends(
            r.TOKEN_HIDDEN,
            f"the device {one.did} at {one.ip} does not show its token, because it is set up already. Reset it, and it "
            f"waits to be set up for about half an hour",
            dids=dids,
        )
    else:
        many = "1 device" if len(heard) == 1 else f"{len(heard)} devices"
        others = f" ({many} answered, set up already)" if heard else ""
        run.ends(
            r.NO_ANSWER,
            f"no device that waits to be set up answered on {where}{others}: reset it, and join its access point, "
            f"whose name ends with _miap and four digits",
            dids=dids,
        )


def tell(run: Run) -> Steps:
    """Tell it which network to join."""
    assert run.ip is not None and run.token is not None  # noqa: S101, PT018 - it was found
    network = excerpt(run.plan.ssid)
    run.begins("tell", f"telling it to join {network}")
    run.failed_before = yield from failures(run, run.ip)
    run.was_told = True  # from the first datagram on
    try:
        answer = yield SendCommand(run.ip, run.token, CONFIGURE, run.plan.parameters, ATTEMPT, TELL_RETRIES)
    except DeviceException as error:
        _not_answered(run, error)
        return
    if accepted(answer):
        run.ends(r.DONE, f"it understood, which does not say that it can join {network}")
    else:
        run.ends(r.REFUSED, f"it did not accept the network: it answered {run.quoted(single(answer))}")


def _not_answered(run: Run, error: DeviceException) -> None:
    # The code leaves open what ran; but what was not saved is not joined, and the device waits to be told again.
    unsaved = isinstance(error, DeviceError) and error.code == NOT_SAVED
    if (error.may_have_run and not unsaved) or isinstance(error, PayloadDecodeException):
        how = "answered with an error" if isinstance(error, DeviceError) else "did not answer readably"
        run.ends(r.UNKNOWN, f"it {how}, and may have understood ({run.quoted(str(error))})")
        return
    run.was_told = False
    if isinstance(error, DeviceError):
        message = run.quoted(error.message)
        words = (
            f"it could not save the network (code {error.code}, {message!r})"
            if unsaved
            else run.quoted(str(error))
        )
        run.ends(r.REFUSED, f"it refused: {words}", code=error.code, message=message)
    else:
        run.ends(r.NO_ANSWER, f"it fell silent before it was told: {run.quoted(str(error))}")
