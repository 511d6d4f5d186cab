"""Where a command gets the password of a Wi-Fi from. Never from the command line, which others see; never shown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from miio_lan.click_common.failures import refuse
from miio_lan.click_common.tokens import ask_private, read_private
from miio_lan.click_common.types import no_text
from miio_lan.record.redact import Secret
from miio_lan.variables import WIFI_PASSWORD_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping


def given_password(options: Mapping[str, Any]) -> Secret:
    """Give the password from the one place that was named, or from the variable.

    :raises click.UsageError: if it was given nowhere, or twice, or cannot be read
    """
    file, asked, is_open = options["password_file"], options["ask_password"], options["is_open"]
    named = {"--password-file": file is not None, "--ask-password": asked, "--open": is_open}
    given = [option for option, is_given in named.items() if is_given]
    if len(given) > 1:
        refuse(f"{' and '.join(given)} are {len(given)} ways to give one thing: use one of them.")
    if is_open:
        return Secret("")
    if file is not None:
        return _read(file)
    if asked:
        return Secret(
            ask_private(
                "Wi-Fi password", "--ask-password", f"use --password-file, or set {WIFI_PASSWORD_VARIABLE}"
            )
        )
    password = Secret(os.environ.get(WIFI_PASSWORD_VARIABLE, ""))
    if not password:
        refuse(
            f"The network's password is missing: give --password-file or --ask-password, or set "
            f"{WIFI_PASSWORD_VARIABLE}; --open for a network without one."
        )
    if no_text(password):
        refuse(f"What {WIFI_PASSWORD_VARIABLE} holds is no text.")
    return password


def _read(name: str) -> Secret:
    """Read the first line of a file; blanks belong to a password, the end of the line does not."""
    data = read_private("--password-file", name)
    try:
        text = Secret(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        text = None
    if text is None:  # not in the clause above: that error shows the text
        refuse(f"--password-file: {name} is not UTF-8")
    line = Secret(text.removesuffix("\n").removesuffix("\r"))
    if not line:
        refuse(f"--password-file: {name} is empty; --open is for a network without a password")
    if "\n" in line:
        refuse(f"--password-file: {name} holds more than one line")
    return line
