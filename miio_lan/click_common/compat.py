"""Names of python-miio's ``click_common`` that only modules written for it use: command lines of their own."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import click

from miio_lan.click_common.failures import GuardedGroup
from miio_lan.errors import InvalidTokenException
from miio_lan.lan.cipher import parse_token

ExceptionHandlerGroup = GuardedGroup
"""A group that ends with an exit code and a message where a device fails."""


class GlobalContextObject:
    """What a command line above a device's group wants of it; found by ``ctx.find_object``.

    :param debug: above 0, what crosses the wire is logged
    :param output: decorates a command so that its result is shown in the caller's way; None for the command's own
    """

    def __init__(self, debug: int = 0, output: Callable[..., Any] | None = None) -> None:
        self.debug = debug
        self.output = output


def validate_ip(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Let an address or nothing through: a callback for an option.

    :raises click.BadParameter: for what is no address
    """
    if value is None:
        return None
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not an IP address", ctx, param) from None
    return value


def validate_token(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Let a token or nothing through: a callback for an option.

    :raises click.BadParameter: for what is no token
    """
    if value is None:
        return None
    try:
        parse_token(value)
    except InvalidTokenException as error:
        raise click.BadParameter(str(error), ctx, param) from None
    return value
