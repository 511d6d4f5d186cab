"""Firmware updates over the LAN: their words and numbers here, and beside it what serves, follows and proves one."""

from miio_lan.device.ota.progress import (
    MAX_URL,
    NOT_UPDATING,
    UpdateProgress,
    UpdateState,
    update_parameters,
)

__all__ = ["MAX_URL", "NOT_UPDATING", "UpdateProgress", "UpdateState", "update_parameters"]
