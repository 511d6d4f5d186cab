"""What the module answers on the LAN by itself: the ``miIO.`` methods. Source: published firmware, observed replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from miio_lan.device.ota import MAX_URL
from miio_lan.lan import MAX_PASSWORD, MAX_SSID
from miio_lan.lan.responder.subscriptions import INVALID_PARAM
from miio_lan.uart.document import FACTORY_SSID
from miio_lan.virtual.module.chip import Chip
from miio_lan.virtual.module.profile import Profile
from miio_lan.virtual.module.requests.request import RequestOutcome
from miio_lan.virtual.module.update import FirmwareUpdate

# The encrypted variant that newer apps use is not known here: unknown methods are refused.
CONFIGURE = "miIO.config_router"
NOT_FROM_HERE = RequestOutcome(error=(-30020, "service not available."))

_DONE = ["ok"]


class LanBoard(Protocol):
    """What the methods need of the module around them."""

    chip: Chip
    profile: Profile
    update: FirmwareUpdate

    @property
    def net(self) -> str:
        """The network state."""

    @property
    def provisioned(self) -> bool:
        """Whether it belongs to a network."""

    @property
    def factory(self) -> bool:
        """Whether it is in factory test mode."""

    def life(self, now: float) -> int:
        """Seconds since boot."""

    def schedule(self, what: str, now: float) -> None:
        """Have ``reboot``, ``restore`` or ``reconfigure`` happen after its time."""

    def join(self, now: float) -> None:
        """Leave the own access point for the network of the chip's memory."""

    def start_update(self, params: Mapping[str, object], now: float) -> None:
        """Begin a firmware update."""


def _info(board: LanBoard, params: object, now: float) -> RequestOutcome:  # noqa: ARG001 - devices ignore the parameters
    return RequestOutcome(_newer_info(board, now) if board.profile.newer_info else _older_info(board, now))


def _newer_info(board: LanBoard, now: float) -> dict[str, object]:
    chip = board.chip
    return {
        "life": board.life(now),
        "uid": chip.uid,
        "model": chip.model or "",
        "ipflag": 1,
        "fw_ver": chip.firmware,
        **_mcu_version(chip),
        "miio_ver": "0.0.9",
        "hw_ver": "esp32",
        "mmfree": 121_840,
        "mac": chip.mac_with_colons,
        "wifi_fw_ver": "v4.4",
        "ap": {**_access_point(board), "primary": 6},
        "netif": _interface(board),
    }


def _older_info(board: LanBoard, now: float) -> dict[str, object]:
    chip = board.chip
    online = {"ot": "otu"} if board.net == "cloud" else {}
    return {
        "life": board.life(now),
        "cfg_time": 0,
        "mac": chip.mac_with_colons,
        "fw_ver": chip.firmware,
        "hw_ver": "MW300",
        "model": chip.model or "",
        **_mcu_version(chip),
        "wifi_fw_ver": "SD878x-14.76.36.p79-702.1.0-WM",
        "ap": _access_point(board),
        "netif": {**_interface(board), "gw_mac": "02:00:00:00:00:01" if board.provisioned else ""},
        "mmfree": 30_312,
        **online,
        "otu_stat": [0, 0, 0, 0, 0, 0],
        "ott_stat": [0, 0, 0, 0],
    }


def _mcu_version(chip: Chip) -> dict[str, object]:
    return {} if chip.mcu_version is None else {"mcu_fw_ver": chip.mcu_version}


def _access_point(board: LanBoard) -> dict[str, object]:
    if not board.provisioned and not board.factory:
        # What real modules show while they are an access point themselves.
        return {"ssid": "", "bssid": "00:00:00:00:00:00", "rssi": -256}
    ssid = FACTORY_SSID if board.factory else board.chip.ssid
    return {"ssid": ssid, "bssid": "02:00:00:00:00:01", "rssi": -45}


def _interface(board: LanBoard) -> dict[str, object]:
    return {"localIp": board.chip.address, "mask": "255.255.255.0", "gw": board.chip.address}


def _config_router(board: LanBoard, params: object, now: float) -> RequestOutcome:
    if not isinstance(params, Mapping):
        return RequestOutcome(error=INVALID_PARAM)
    ssid, password, uid = params.get("ssid"), params.get("passwd"), params.get("uid", 0)
    if not _is_text(ssid, MAX_SSID) or not _is_text(password, MAX_PASSWORD) or not ssid:
        return RequestOutcome(error=INVALID_PARAM)
    chip = board.chip
    known = board.provisioned and not board.factory and (chip.ssid, chip.password) == (ssid, password)
    chip.ssid, chip.password = str(ssid), str(password)
    if isinstance(uid, int) and uid > 0:
        chip.uid = uid
    if not board.provisioned:
        board.join(now)
    elif not known:
        board.schedule("reconfigure", now)
    # "ok" says that the credentials were kept, not that the network was joined.
    result = board.profile.router_result
    return RequestOutcome(list(result) if isinstance(result, tuple) else result)


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and len(value.encode(errors="replace")) <= longest


def _ota(board: LanBoard, params: object, now: float) -> RequestOutcome:
    if isinstance(params, Mapping):
        urls = [params.get(key) for key in ("app_url", "mcu_url", "wifi_url")]
        if any(isinstance(url, str) and url.startswith("http") and len(url) <= MAX_URL for url in urls):
            board.start_update(params, now)
    # Said before anything is looked at, and even if nothing will happen.
    return RequestOutcome(_DONE)


def _ota_state(board: LanBoard, params: object, now: float) -> RequestOutcome:  # noqa: ARG001
    return RequestOutcome([board.update.state])


def _ota_progress(board: LanBoard, params: object, now: float) -> RequestOutcome:  # noqa: ARG001
    return RequestOutcome([board.update.progress(now)])


def _reboot(board: LanBoard, params: object, now: float) -> RequestOutcome:  # noqa: ARG001
    if board.profile.reboots_while_updating or not board.update.active:
        board.schedule("reboot", now)
    return RequestOutcome(_DONE)


def _restore(board: LanBoard, params: object, now: float) -> RequestOutcome:  # noqa: ARG001
    if not board.profile.restore_on_lan:
        return NOT_FROM_HERE
    board.schedule("restore", now)
    return RequestOutcome(_DONE)


_ASSOCIATION = {"offline": "CONNECTING", "local": "CONNECTED", "cloud": "ONLINE", "updating": "ONLINE"}


def _association(board: LanBoard, params: object, now: float) -> RequestOutcome:  # noqa: ARG001
    return RequestOutcome(
        {
            "state": _ASSOCIATION.get(board.net, "NOTCONNECTED"),
            "auth_fail_count": board.chip.auth_failures,
            board.profile.success_key: int(board.net in {"local", "cloud", "updating"}),
            "conn_fail_count": board.chip.connection_failures,
            "dhcp_fail_count": 0,
        }
    )


#: Every method the module answers without its MCU.
LOCAL_METHODS: Mapping[str, Callable[[LanBoard, object, float], RequestOutcome]] = {
    "miIO.info": _info,
    CONFIGURE: _config_router,
    "miIO.ota": _ota,
    "miIO.get_ota_state": _ota_state,
    "miIO.get_ota_progress": _ota_progress,
    "miIO.reboot": _reboot,
    "miIO.restore": _restore,
    "miIO.wifi_assoc_state": _association,
}
