"""Environment variables that are read, each under its one name."""

from __future__ import annotations

IP_VARIABLE = "MIIO_LAN_IP"
TOKEN_VARIABLE = "MIIO_LAN_TOKEN"  # noqa: S105 - the variable's name
PORT_VARIABLE = "MIIO_LAN_PORT"
WIFI_PASSWORD_VARIABLE = "MIIO_LAN_WIFI_PASSWORD"  # noqa: S105 - the variable's name
DEVICES_VARIABLE = "MIIO_LAN_DEVICES"
"""Names the file of named devices, in place of the one in the platform's configuration folder."""
CACHE_VARIABLE = "MIIO_LAN_CACHE"
"""Names the folder of fetched descriptions, in place of the platform's cache folder."""
SERVICE_VARIABLE = "MIIO_LAN_SPEC_SERVICE"
"""Names the service of descriptions, in place of the public one."""
