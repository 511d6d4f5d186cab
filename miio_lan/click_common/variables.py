"""Environment variables that stand for options."""

from __future__ import annotations

IP_VARIABLE = "MIIO_LAN_IP"
TOKEN_VARIABLE = "MIIO_LAN_TOKEN"  # noqa: S105 - the variable's name
PORT_VARIABLE = "MIIO_LAN_PORT"
WIFI_PASSWORD_VARIABLE = "MIIO_LAN_WIFI_PASSWORD"  # noqa: S105 - the variable's name
