"""The questions about a firmware update, as steps."""

from __future__ import annotations

from miio_lan.device.ota.progress import NOT_UPDATING, UpdateProgress, UpdateState
from miio_lan.device.steps.calls import Ask, Steps, single
from miio_lan.errors import DeviceException

OTA = "miIO.ota"
OTA_STATE = "miIO.get_ota_state"
OTA_PROGRESS = "miIO.get_ota_progress"


def read_progress(progress: UpdateProgress) -> Steps[int]:
    """Ask how far an update is, 0 to 100.

    A device that says "not updating" after a percentage is asked for its state, too: it says so after a failure as
    well as after a success.

    :param progress: what it told before
    """
    told = single((yield Ask(OTA_PROGRESS)))
    if told != NOT_UPDATING or not progress.under_way:
        return progress.observe(told)
    try:
        state = UpdateState(single((yield Ask(OTA_STATE))))
    except DeviceException:  # it restarts, or does not know the question
        state = UpdateState.Unknown
    return progress.observe(told, state)
