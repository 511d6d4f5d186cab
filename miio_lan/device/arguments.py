"""What callers may give as arguments of devices and calls."""

from __future__ import annotations

from miio_lan.errors import InvalidArgument


def checked_address(ip: str | None) -> str | None:
    """Give an address as text.

    :raises InvalidArgument: if it is none
    """
    if ip is not None and not isinstance(ip, str):
        # Objects of the ipaddress module are meant; numbers and bytes are not.
        if isinstance(ip, (int, bytes)):
            raise InvalidArgument(f"an address is text such as '192.168.1.9', not {ip!r}")
        ip = str(ip)
    return ip


def checked_timeout(timeout: float) -> float:
    """Give a number of seconds.

    :raises InvalidArgument: if it is none, or not above 0
    """
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < 1e9:
        raise InvalidArgument(f"timeout is a number of seconds above 0 and below 1e9, not {timeout!r}")
    return timeout


def checked_retries(count: int) -> int:
    """Give a number of further attempts.

    :raises InvalidArgument: if it is none
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise InvalidArgument(f"retry_count is a whole number from 0, not {count!r}")
    return count


def checked_in_flight(max_in_flight: int) -> int:
    """Give a number of commands under way at one time.

    :raises InvalidArgument: if it is none
    """
    if max_in_flight < 1:
        raise InvalidArgument(f"max_in_flight is at least 1, not {max_in_flight}")
    return max_in_flight


def checked_port(port: int) -> int:
    """Give a UDP port.

    :raises InvalidArgument: if it is none
    """
    if not 0 < port < 65536:
        raise InvalidArgument(f"a UDP port is 1 to 65535, not {port}")
    return port
