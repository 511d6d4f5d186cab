"""Which description a command uses: one that is named, or that of the device's model, if it is on this computer.

No command but ``spec fetch`` goes to the internet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.cli.options import DEVICE_OPTIONS, option_of
from miio_lan.click_common.failures import refuse
from miio_lan.errors import DeviceInfoUnavailableException, SpecUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miio_lan.cli.options import CliSettings
    from miio_lan.device.description.spec import Spec


def load_spec(name: str | None) -> Spec | None:
    """Load a description from a file, by the name of a shipped one, or by a model whose description was fetched.

    :raises SpecError: if it cannot be read, or is not here
    """
    return None if name is None else find_spec(name)


def find_spec(name: str) -> Spec:
    """Load a description, see :func:`load_spec`."""
    from miio_lan.device.description.cache import find

    return find(name)


def described(settings: CliSettings, spec: str | None, words: Iterable[str]) -> Spec | None:
    """Give the description that is needed for what was typed: none where all of it is numbers.

    :param spec: what ``--spec`` says
    :param words: names or numbers of properties or actions; without any, the description says which there are
    :raises SpecError: if there is none of the device's model, saying how to get it
    """
    if spec is not None:
        return find_spec(spec)
    names = list(words)
    if names and all(map(is_number, names)):
        return None
    from miio_lan.device.description.cache import cached

    try:
        return cached(model_of(settings))
    except SpecUnavailable as error:
        raise SpecUnavailable(f"{error}. Numbers such as 2.1 need none") from None


def is_number(word: str) -> bool:
    """Tell whether a word names something by its numbers, or is one of two that do."""
    from miio_lan.device.description.names import parse_numbers

    return word.isdecimal() or parse_numbers(word) is not None


def model_of(settings: CliSettings) -> str:
    """Give the model of the device that the options name: it is known with its name, or the device is asked.

    :raises DeviceException: if the device does not answer, or does not tell it
    """
    if model := stored_model(settings):
        return model
    from miio_lan.cli.device.connect import opened
    from miio_lan.device.blocking import Device

    with opened(settings, Device) as device:
        try:
            return device.model
        except DeviceInfoUnavailableException as error:
            raise SpecUnavailable(f"{error}: give its description with --spec FILE") from None


def stored_model(settings: CliSettings) -> str:
    """Give the model that is known with the device's name; empty where none is.

    :raises DevicesFileError: if no device has that name
    """
    if not settings.device:
        return ""
    from miio_lan.device.fleet.named import DevicesFile

    return DevicesFile().get(settings.device).model or ""


def chosen_spec(settings: CliSettings, typed: str | None) -> Spec:
    """Give the description that a command is about: that of what was typed, as :func:`load_spec`, else the device's.

    What a device tells as its model is never taken for the name of a file.

    :raises click.UsageError: if there is none, or there are two
    :raises SpecError: if it cannot be read
    """
    from miio_lan.device.description.cache import cached

    model = chosen_model(settings, typed)
    return find_spec(typed) if typed else cached(model)


def chosen_model(settings: CliSettings, model: str | None) -> str:
    """Give the model that a command is about: as it was typed, else that of the device.

    :raises click.UsageError: if there is none, or there are two
    """
    if model and "device" in settings.typed:
        refuse(f"{model!r} and -d {settings.device} are two products: name one of them.")
    if model:
        for name in DEVICE_OPTIONS:
            if name in settings.typed:
                refuse(
                    f"{option_of(name)} is about a device that is asked for its model, not about {model!r}."
                )
        return model
    if not settings.device and not settings.ip:
        refuse("Name a MODEL, such as yeelink.light.lamp4, or a device with -d NAME.")
    return model_of(settings)
