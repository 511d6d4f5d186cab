"""What becomes of a LAN caller's request: the module's own answer, a refusal, or a command for the MCU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from miio_lan.virtual.module.requests.local_methods import CONFIGURE, LOCAL_METHODS, NOT_FROM_HERE
from miio_lan.virtual.module.requests.request import UNKNOWN_METHOD_ERROR, Refused, RequestOutcome
from miio_lan.virtual.module.requests.requests import request_of

if TYPE_CHECKING:
    from miio_lan.lan.responder.responder import Request
    from miio_lan.virtual.module.module import Module

QUEUE_FULL_ERROR = (-30012, "Busy.")


class LanRequests:
    """Serves the requests of one module's LAN side.

    :param inputs: the piids of an action's arguments in order, see :class:`~miio_lan.virtual.module.module.Module`
    """

    def __init__(self, module: Module, inputs: Callable[[int, int], Sequence[int] | None]) -> None:
        self._module = module
        self._inputs = inputs

    def serve(self, request: Request, now: float) -> None:
        """Answer a request, or hand it on; the answer goes out through the responder."""
        module = self._module
        method = request.method
        if module.profile.locked and not module.provisioned and method != CONFIGURE:
            self._finish(request, NOT_FROM_HERE, now)
        elif method in LOCAL_METHODS:
            self._finish(request, LOCAL_METHODS[method](module, request.params, now), now)
        elif method.startswith("miIO."):
            self._finish(request, RequestOutcome(error=UNKNOWN_METHOD_ERROR), now)
        else:
            self._forward(request, now)

    def _forward(self, request: Request, now: float) -> None:
        module = self._module

        def finish(outcome: RequestOutcome, at: float) -> None:
            if module.listening:  # the caller may have become unreachable meanwhile
                self._finish(request, outcome, at)

        try:
            asked = request_of(request.method, request.params, module.profile, now, finish, self._inputs)
        except Refused as refused:
            finish(RequestOutcome(error=refused.error), now)
            return
        if not module.queue.submit(asked):
            finish(RequestOutcome(error=QUEUE_FULL_ERROR), now)

    def _finish(self, request: Request, outcome: RequestOutcome, now: float) -> None:
        if outcome.silent:
            return
        module = self._module
        extra = (
            {"exe_time": max(0, int((now - request.received) * 1000))} if module.profile.newer_info else None
        )
        module.responder.reply(request, result=outcome.result, error=outcome.error, now=now, extra=extra)
