"""What callers may give as arguments of devices and calls: anything else ends as :class:`InvalidArgument`.

A wrong type is told before anything is sent, in words that say what would be right. No text of an error shows a token
or a password.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from miio_lan.errors import InvalidArgument
from miio_lan.given import checked_function, checked_seconds, shown
from miio_lan.lan import MAX_PASSWORD, MAX_SSID

#: More attempts than anybody waits for; beyond it, deadlines are no numbers a clock can be compared with.
MAX_RETRIES = 1_000_000
#: Characters of the longest name of a host (RFC 1035).
MAX_ADDRESS = 253


def checked_address(ip: Any, what: str = "an address") -> str | None:
    """Give an address, a text or an object of the ipaddress module, as text; None stays None.

    :raises InvalidArgument: if it is none
    """
    if ip is None or (isinstance(ip, str) and len(ip) <= MAX_ADDRESS):
        return ip
    if isinstance(getattr(ip, "packed", None), bytes):
        return str(ip).partition("/")[0]
    raise InvalidArgument(f"{what} is text such as '192.168.1.9', not {shown(ip)}")


def checked_timeout(timeout: Any) -> float:
    """Give a number of seconds.

    :raises InvalidArgument: if it is none, or not above 0
    """
    if isinstance(timeout, (int, float)) and 0 < timeout < 1e9 and timeout is not True:
        return timeout
    return checked_seconds("timeout", timeout)  # which says what is wrong


def checked_wait(timeout: Any) -> float:
    """Give a number of seconds to wait for what may never come; 0 only looks.

    :raises InvalidArgument: if it is none
    """
    return checked_seconds("timeout", timeout, zero=True)


def checked_retries(count: Any) -> int:
    """Give a number of further attempts.

    :raises InvalidArgument: if it is none
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MAX_RETRIES:
        raise InvalidArgument(f"retry_count is a whole number from 0 to {MAX_RETRIES}, not {shown(count)}")
    return count


def checked_patience(timeout: Any, retry_count: Any) -> float:
    """Give the seconds that one command may take, all of its attempts together.

    :raises InvalidArgument: if one of the two is none
    """
    return checked_timeout(timeout) * (1 + checked_retries(retry_count))


def checked_in_flight(max_in_flight: Any) -> int:
    """Give a number of commands under way at one time.

    :raises InvalidArgument: if it is none
    """
    if isinstance(max_in_flight, bool) or not isinstance(max_in_flight, int) or max_in_flight < 1:
        raise InvalidArgument(f"max_in_flight is a whole number, at least 1, not {shown(max_in_flight)}")
    return max_in_flight


def checked_port(port: Any) -> int:
    """Give a UDP port.

    :raises InvalidArgument: if it is none
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise InvalidArgument(f"a UDP port is 1 to 65535, not {shown(port)}")
    return port


def checked_tcp_port(port: Any) -> int:
    """Give a TCP port to listen at.

    :raises InvalidArgument: if it is none
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port < 65536:
        raise InvalidArgument(f"a TCP port is 1 to 65535, or 0 for a free one, not {shown(port)}")
    return port


def checked_whole(name: str, number: Any) -> int:
    """Give a whole number of any size.

    :raises InvalidArgument: if it is none
    """
    if not isinstance(number, int):
        raise InvalidArgument(f"{name} is a whole number, not {shown(number)}")
    return number


def checked_model(model: Any) -> str | None:
    """Give a model.

    :raises InvalidArgument: if it is no text
    """
    if model is not None and not isinstance(model, str):
        raise InvalidArgument(f"a model is text such as 'yeelink.light.lamp4', not {shown(model)}")
    return model


def checked_observer(observer: Any) -> Any:
    """Give a function, or None.

    :raises InvalidArgument: if it is neither
    """
    if observer is not None and not callable(observer):
        raise InvalidArgument(f"an observer is a function that takes a record, not {shown(observer)}")
    return observer


def checked_command(command: Any) -> str:
    """Give the name of a command.

    :raises InvalidArgument: if it is none
    """
    if not isinstance(command, str) or not command:
        raise InvalidArgument(f"a command is a word such as 'get_prop', not {shown(command)}")
    return command


def checked_safe(repeat_safe: Any) -> bool | None:
    """Give yes, no, or None.

    :raises InvalidArgument: if it is none of them; a text that says no would be taken for a yes
    """
    if repeat_safe is not None and not isinstance(repeat_safe, bool):
        raise InvalidArgument(f"repeat_safe is True, False or None, not {shown(repeat_safe)}")
    return repeat_safe


def checked_members(name: str, members: Any) -> Mapping[str, Any] | None:
    """Give members of a JSON object, by their names; None for none.

    :raises InvalidArgument: if it is no mapping, or its keys are no texts
    """
    if members is None:
        return None
    if not isinstance(members, Mapping) or not all(isinstance(key, str) for key in members):
        raise InvalidArgument(
            f"{name} is a mapping with text keys, such as {{'sid': '1'}}, not {shown(members)}"
        )
    return members


def checked_list(what: str, items: Any, example: str = "['power']") -> list[Any]:
    """Give a list of what may be any iterable whose order means something.

    :param what: what is given, as the subject of a sentence
    :raises InvalidArgument: for anything else; a text would become a list of its letters, a mapping one of its keys
    """
    unfit = (str, bytes, bytearray, memoryview, Mapping, AbstractSet)
    if isinstance(items, unfit) or not isinstance(items, Iterable):
        raise InvalidArgument(f"{what} are a list, such as {example}, not {shown(items)}")
    return list(items)


def checked_properties(items: Any) -> list[Any]:
    """Give a list of properties, each a name or an object with numbers.

    :raises InvalidArgument: if it is none
    """
    found = checked_list("properties", items)
    for item in found:
        numbers = [item.get(key) for key in ("siid", "piid")] if isinstance(item, Mapping) else []
        if not all(number is None or isinstance(number, (int, str)) for number in numbers):
            raise InvalidArgument(f"siid and piid are whole numbers, not as in {shown(item)}")
    return found


def checked_names(items: Any) -> list[str]:
    """Give a list of names of properties.

    :raises InvalidArgument: if it is none
    """
    names = checked_list("properties", items)
    for name in names:
        if not isinstance(name, str):
            raise InvalidArgument(f"properties to test are named by texts, not {shown(name)}")
    return names


def checked_arguments(params: Any) -> list[Any]:
    """Give the arguments of an action; one that is given as an object is a list of it.

    :raises InvalidArgument: if they are no list
    """
    if params is None:
        return []
    if isinstance(params, Mapping):
        return [params]
    return checked_list("the arguments of an action", params, f"[{shown(params)}]")


def checked_ids(**ids: Any) -> None:
    """Let numbers of services, properties and actions pass.

    :raises InvalidArgument: if one is none
    """
    for name, number in ids.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InvalidArgument(f"{name} is a whole number from 1, not {shown(number)}")


def checked_look(host: Any, port: Any, did: Any, within: Any, prop: Any, progress: Any = None) -> str:
    """Give the address of a device that is to be looked at; the other arguments let pass.

    :raises InvalidArgument: if it is none, or the port, the did, the seconds, siid and piid, or the function are none
    """
    checked_seconds("within", within, endless=True)
    checked_function("progress", progress)
    address = checked_address(host)
    if address is None:
        raise InvalidArgument("whom to look at is not said: give an address or a host name")
    checked_port(port)
    if did is not None and (isinstance(did, bool) or not isinstance(did, int)):
        raise InvalidArgument(f"did is a whole number, not {shown(did)}")
    if prop is not None:
        if not isinstance(prop, (tuple, list)) or len(prop) != 2:
            raise InvalidArgument(f"prop is siid and piid, such as (2, 1), not {shown(prop)}")
        checked_ids(siid=prop[0], piid=prop[1])
    return address


def checked_credentials(ssid: Any, password: Any, uid: Any) -> None:
    """Let what a device is told of a Wi-Fi pass.

    :raises InvalidArgument: if the name has not 1 to 32 bytes, or the password more than 64, or one has no UTF-8 form
    """
    for what, text, least, most in (
        ("name", ssid, 1, MAX_SSID),
        ("password", password, 0, MAX_PASSWORD),
    ):
        if not isinstance(text, str):
            # Not the class that hides them.
            kind = "bytes" if isinstance(text, bytes) else type(text).__name__
            raise InvalidArgument(f"a Wi-Fi {what} is text, not {kind}")
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            size = None
        if size is None:  # not in the clause above: that error shows the text
            raise InvalidArgument(f"a Wi-Fi {what} is text with a UTF-8 form: this one has a lone surrogate")
        if not least <= size <= most:
            bounds = f"{least} to {most}" if least else f"at most {most}"
            raise InvalidArgument(f"a Wi-Fi {what} has {bounds} bytes, this one {size}")
    if isinstance(uid, bool) or not isinstance(uid, int) or not 0 <= uid < 1 << 64:
        raise InvalidArgument(f"uid is a whole number from 0, of 64 bits, not {shown(uid)}")
