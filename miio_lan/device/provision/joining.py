"""The device in the new network: looked for in rounds, and asked who it is. No I/O and no clock."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import miio_lan.device.provision.result as r
from miio_lan.device.provision.orders import AskInfo, Delay, Look, Order, SendHello, Steps
from miio_lan.device.provision.reasons import gave_up, reason
from miio_lan.errors import DeviceError, DeviceException, DeviceInfoUnavailableException
from miio_lan.foreign import excerpt
from miio_lan.lan.discovery.search import needed_for
from miio_lan.lan.packet import Packet, shown_token

if TYPE_CHECKING:
    from miio_lan.device.info import DeviceInfo
    from miio_lan.device.provision.run import Run
    from miio_lan.lan.discovery.findings import Finding

LOOKING_ROUND = 3.0
"""Seconds of one round of looking for the device on the new network; what is left is divided into even ones."""
REST = 1.0
"""Seconds before the next try where there is no network, or no answer."""
AP_STAYS = 60.0
"""Seconds for which a device may keep its access point, and show its token, although it joins (older modules do)."""
CHECK_TIME = 5.0
"""Seconds for each question who it is."""
CHECKS = 3
"""How often the device is asked who it is, before it is given up: some restart when they have joined."""
LEAST_LEFT = 0.2
"""Seconds left for which nothing new is begun."""


class _Looked:
    """What the last round of looking for a device saw.

    :param did: the device
    :param hosts: where it is expected
    """

    def __init__(self, did: int | None, hosts: tuple[str, ...]) -> None:
        self._did = did
        self._hosts = hosts
        self.hidden_at = self.shown_at = ""
        #: Address that was expected to be its -> the did that answered there.
        self.others: dict[str, int] = {}

    def enough(self, found: Finding) -> bool:
        """Tell whether a finding says that it has joined."""
        return found.did == self._did and found.answered and found.token is None

    def take(self, findings: Sequence[Finding]) -> None:
        """Take what a round found."""
        ours = next((each for each in findings if each.did == self._did and each.answered), None)
        self.hidden_at = ours.ip if ours is not None and ours.token is None else ""
        self.shown_at = ours.ip if ours is not None and ours.token is not None else ""
        self.others |= {
            each.ip: each.did for each in findings if each.ip in self._hosts and each.did != self._did
        }


def join(run: Run) -> Steps:
    """Look for it on the new network, until it is there, is known not to come, or the time is over."""
    plan, begin = run.plan, run.now
    run.begins("join", f"waiting until it is in {excerpt(plan.ssid)}: this computer has to be there, too")
    looked = _Looked(run.did, plan.new_hosts)
    turn = needed_for(plan.subnets) if plan.subnets else LOOKING_ROUND
    access_point = run.ip or ""
    while (left := begin + plan.timeout - run.now) > LEAST_LEFT:
        hosts = tuple(dict.fromkeys((*plan.new_hosts, run.ip or access_point)))
        search = Look(
            *(
                left / max(1, round(left / turn)),
                hosts,
                not plan.new_hosts,
                looked.enough,
                access_point,
                plan.subnets,
                True,
            )
        )
        try:
            looked.take((yield search))
        except DeviceException:  # this computer may have no network for a moment
            looked.take([])
            yield Delay(min(REST, max(0.0, begin + plan.timeout - run.now)))
        if looked.hidden_at and (yield from _hides_its_token(run, looked.hidden_at)):
            run.ip = looked.hidden_at
            run.ends(r.DONE, f"the device {run.did} is at {run.ip}, and shows its token no more", ip=run.ip)
            return
        if looked.shown_at and (run.now - begin > AP_STAYS or (yield from gave_up(run, looked.shown_at))):
            break
    yield from _tell_why_not(run, looked)


def _hides_its_token(run: Run, ip: str) -> Generator[Order, Any, bool]:
    """Greet a device once more, plainly: one that pushes answers other hellos without room for a token."""
    try:
        packet: Packet = yield SendHello(ip, REST)
    except DeviceException:
        yield Delay(LEAST_LEFT)
        return False
    return packet.device_id == run.did and shown_token(packet) is None


def _tell_why_not(run: Run, looked: _Looked) -> Steps:
    ssid, did = excerpt(run.plan.ssid), run.did
    if looked.shown_at:
        why = yield from reason(run, looked.shown_at)
        run.ends(
            r.NOT_JOINED,
            f"the device {did} did not join {ssid}: it shows its token at {looked.shown_at}, and waits to be set "
            f"up. {why}",
            ip=looked.shown_at,
        )
    elif looked.others:
        ip, other = next(iter(looked.others.items()))
        run.ends(r.OTHER_DEVICE, f"the device at {ip} has the did {other}, not {did}", dids=[other])
    else:
        run.ends(
            r.NOT_FOUND,
            f"the device {did} did not answer within {run.plan.timeout:g} s. Either it did not join {ssid} (wrong "
            f"password, out of range, 5 GHz only), or this computer is not in the same network, or that keeps its "
            f"members apart",
        )


def check(run: Run) -> Steps:
    """Ask it who it is, with the token that it showed."""
    assert run.ip is not None and run.token is not None  # noqa: S101, PT018 - it was found
    run.begins("check", f"asking {run.ip} who it is")
    last: DeviceException | None = None
    for _ in range(CHECKS):
        try:
            run.info = yield AskInfo(run.ip, run.token, CHECK_TIME)
        except (DeviceError, DeviceInfoUnavailableException) as error:
            # Its answer is signed with the token, whatever it says.
            run.ends(
                r.DONE,
                f"it answers with this token, and does not tell who it is ({run.quoted(str(error))})",
            )
            return
        except DeviceException as error:
            last = error
            yield Delay(REST)
        else:
            _checked(run, run.info)
            return
    run.ends(
        r.NOT_CHECKED,
        f"it does not answer with the token that it showed (some products change it when they are set up): {last}",
    )


def _checked(run: Run, info: DeviceInfo) -> None:
    told, wanted = info.accesspoint.get("ssid"), run.plan.ssid
    plain = isinstance(told, str) and told and f"{told}{wanted}".isascii() and f"{told}{wanted}".isprintable()
    if plain and told != wanted:  # others do not arrive unharmed
        run.ends(
            r.OTHER_NETWORK,
            f"it says that it is in {excerpt(str(told))}, not in {excerpt(wanted)}",
            ssid=told,
        )
        return
    version = f", version {excerpt(info.firmware_version)}" if info.firmware_version else ""
    where = f" in {excerpt(wanted)}" if plain else ""
    run.ends(
        r.DONE,
        f"it is {excerpt(info.model or 'a device without a model')}{version}{where}",
        model=info.model,
        firmware=info.firmware_version,
    )
