"""Setting up a device, in the caller's thread."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Unpack

from miio_lan.device.blocking import Device
from miio_lan.device.provision.keeping import Keeper
from miio_lan.device.provision.orders import AskInfo, Delay, Look, Order, SendCommand, SendHello
from miio_lan.device.provision.places import asking
from miio_lan.device.provision.plan import Wishes, make_plan
from miio_lan.device.provision.steps import Provisioning
from miio_lan.errors import DeviceException
from miio_lan.given import checked_function
from miio_lan.lan.discovery.blocking import search
from miio_lan.record.redact.secret import as_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from miio_lan.device.provision.plan import ProvisionPlan
    from miio_lan.device.provision.result import Provisioned, ProvisionPhase
    from miio_lan.paths import FilePath


def provision(
    ssid: str,
    password: str,
    *,
    name: str | None = None,
    store: bool | None = None,
    replace: bool = False,
    path: FilePath | None = None,
    callback: Callable[[ProvisionPhase], object] | None = None,
    **wishes: Unpack[Wishes],
) -> Provisioned:
    """Set up a device: find it at its own access point, tell it which Wi-Fi to join, find it again there, keep it.

    Join its access point with this computer before, and let this computer go back to the network afterwards (or have
    one interface in each). The device is asked there who it is: success means that it answered.

    :param ssid: the name of the network, 1 to 32 bytes
    :param password: its password, at most 64 bytes; empty for an open network
    :param name: the name to keep it under; one that another device has is refused before anything is sent
    :param store: whether to keep it; by default if a name is given. Without one, it gets the one it has, or a new one
    :param replace: whether the name may be taken from another device
    :param path: the file of names, in place of the user's
    :param callback: called with each phase when it begins and when it is over
    :param wishes: see :class:`~miio_lan.device.provision.plan.Wishes`
    :returns: what became of it; failures are told there, none is raised
    :raises InvalidArgument: (a ``ValueError``) for arguments that cannot be right; nothing was sent then
    :raises DevicesFileError: (a ``ValueError``) if the file of names cannot be read or written; nothing was
        sent then

    Interrupted (Ctrl-C), it keeps a device that was told already, and notes on the exception what is known.
    """
    ssid, password = as_secret(ssid), as_secret(password)
    tell = checked_function("callback", callback) or (lambda _phase: None)
    keeper = Keeper(name, wanted=store, replacing=replace, path=path)
    plan = make_plan(ssid, password, name=name, owner=keeper.owner, **wishes)
    run = Provisioning(plan, time.monotonic(), tell)
    try:
        _carry_out(run)
        return keeper.keep(run, time.monotonic)
    except BaseException as error:
        error.add_note(keeper.interrupted(run))
        raise


def _carry_out(run: Provisioning) -> None:
    order = run.begin(time.monotonic())
    while order is not None:
        try:
            answer = _do(order, run.plan)
        except DeviceException as error:
            # The frames further down have what was sent, as it was sent, among their variables.
            order = run.failed(error.with_traceback(None), time.monotonic())
        else:
            order = run.answered(answer, time.monotonic())


def _do(order: Order, plan: ProvisionPlan) -> Any:
    if isinstance(order, Delay):
        return time.sleep(order.seconds)
    if isinstance(order, Look):
        return _look(order, plan)
    if isinstance(order, SendHello):
        with _device(order.ip, None, plan, order.seconds, 0) as device:
            return device.send_handshake()
    if isinstance(order, AskInfo):
        with _device(order.ip, order.token, plan, order.seconds, 0) as device:
            return device.info()
    assert isinstance(order, SendCommand)  # noqa: S101 - there is nothing else
    with _device(order.ip, order.token, plan, order.seconds, order.retries) as device:
        return device.send(order.method, order.params, repeat_safe=True)


def _look(order: Look, plan: ProvisionPlan) -> list[Any]:
    found = {}
    with contextlib.closing(
        search(order.seconds, port=plan.port, **asking(order, plan.interfaces))
    ) as findings:
        for finding in findings:
            found[finding.did] = finding
            if order.enough(finding):
                break
    return list(found.values())


def _device(ip: str, token: str | None, plan: ProvisionPlan, timeout: float, retries: int) -> Device:
    device = Device(ip, token, port=plan.port, timeout=timeout, debug=plan.debug)
    device.retry_count = retries
    return device
