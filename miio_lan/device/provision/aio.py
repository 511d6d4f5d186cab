"""Setting up a device, in an asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Unpack

from miio_lan.device.aio import AsyncDevice
from miio_lan.device.provision.keeping import Keeper
from miio_lan.device.provision.orders import AskInfo, Delay, Look, Order, SendCommand, SendHello
from miio_lan.device.provision.places import asking
from miio_lan.device.provision.plan import Wishes, make_plan
from miio_lan.device.provision.steps import Provisioning
from miio_lan.errors import DeviceException
from miio_lan.given import checked_function
from miio_lan.lan.discovery import aio
from miio_lan.record.redact.secret import as_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from miio_lan.device.provision.plan import ProvisionPlan
    from miio_lan.device.provision.result import Provisioned, ProvisionPhase
    from miio_lan.paths import FilePath


async def provision(
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
    """Set up a device; arguments, outcomes and errors are those of :func:`miio_lan.provision`.

    Cancelled, it keeps a device that was told already. The file of names is read and written in the loop's thread.
    """
    ssid, password = as_secret(ssid), as_secret(password)
    tell = checked_function("callback", callback) or (lambda _phase: None)
    keeper = Keeper(name, wanted=store, replacing=replace, path=path)
    plan = make_plan(ssid, password, name=name, owner=keeper.owner, **wishes)
    run = Provisioning(plan, time.monotonic(), tell)
    try:
        await _carry_out(run)
        return keeper.keep(run, time.monotonic)
    except BaseException as error:
        error.add_note(keeper.interrupted(run))
        raise


async def _carry_out(run: Provisioning) -> None:
    order = run.begin(time.monotonic())
    while order is not None:
        try:
            answer = await _do(order, run.plan)
        except DeviceException as error:
            # The frames further down have what was sent, as it was sent, among their variables.
            order = run.failed(error.with_traceback(None), time.monotonic())
        else:
            order = run.answered(answer, time.monotonic())


async def _do(order: Order, plan: ProvisionPlan) -> Any:
    if isinstance(order, Delay):
        return await asyncio.sleep(order.seconds)
    if isinstance(order, Look):
        return await _look(order, plan)
    if isinstance(order, SendHello):
        async with _device(order.ip, None, plan, order.seconds, 0) as device:
            return await device.send_handshake()
    if isinstance(order, AskInfo):
        async with _device(order.ip, order.token, plan, order.seconds, 0) as device:
            return await device.info()
    assert isinstance(order, SendCommand)  # noqa: S101 - there is nothing else
    async with _device(order.ip, order.token, plan, order.seconds, order.retries) as device:
        return await device.send(order.method, order.params, repeat_safe=True)


async def _look(order: Look, plan: ProvisionPlan) -> list[Any]:
    found = {}
    searched = aio.discover(order.seconds, port=plan.port, **asking(order, plan.interfaces))
    async with contextlib.aclosing(searched) as findings:
        async for finding in findings:
            found[finding.did] = finding
            if order.enough(finding):
                break
    return list(found.values())


def _device(ip: str, token: str | None, plan: ProvisionPlan, timeout: float, retries: int) -> AsyncDevice:
    device = AsyncDevice(ip, token, port=plan.port, timeout=timeout, debug=plan.debug)
    device.retry_count = retries
    return device
