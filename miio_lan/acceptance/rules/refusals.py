"""Which refusals a checker asked for, so that no report counts them among what went wrong."""

from __future__ import annotations

from miio_lan.acceptance.rules.line.answers import UNKNOWN_METHOD, is_odd
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.values.codes import is_refused_on_purpose
from miio_lan.pairing.exchange import REFUSED


def wanted_refusals(session: Observed) -> int:
    """Count the exchanges that were refused, and were sent for that.

    Only what a checker sends is sent on purpose: of a session that was listened to, nobody knows what was wanted.
    """
    if session.course is None:
        return 0
    wanted = {id(each.record) for each in session.line.downlinks if is_odd(each)}
    wanted |= {id(call.request) for call in session.calls if is_refused_on_purpose(session, call)}
    # On the LAN, nothing but the request may tell of it: the line is not heard, or the module refuses by itself.
    wanted |= {id(call.request) for call in session.lan if call.method == UNKNOWN_METHOD}
    refused = (each for each in session.exchanges if each.stopped_at == REFUSED)
    return sum(any(id(record) in wanted for record in each.records) for each in refused)
