"""The public names and signatures that scripts rely on. python-miio's names keep python-miio's meaning."""

from __future__ import annotations

import importlib
import inspect

import pytest

import miio_lan
from miio_lan import errors

NAMES = {
    *("Device", "MiotDevice", "DeviceStatus", "DeviceInfo", "UpdateState", "command", "discover"),
    *("DeviceException", "DeviceError", "RecoverableError", "McuTimeout", "DeviceTimeout", "OutcomeUnknown"),
    *("InvalidTokenException", "PayloadDecodeException", "DeviceInfoUnavailableException"),
    "UnsupportedFeatureException",
}

# Positional parameters with their defaults, and keyword-only ones, of which more may be added.
SIGNATURES = {
    "__init__": ("ip=None token=None start_id=0 debug=0 lazy_discover=True timeout=None", "model=None"),
    "configure_wifi": ("ssid password uid=0 extra_params=None", ""),
    "get_properties": ("properties", "property_getter='get_prop' max_properties=None"),
    "send": ("command parameters=None retry_count=None", "extra_parameters=None"),
    "update": ("url md5", ""),
    "update_progress": ("", ""),
    "update_state": ("", ""),
    "send_handshake": ("", ""),
}


def written(parameters: list[inspect.Parameter]) -> list[str]:
    empty = inspect.Parameter.empty
    return [each.name + ("" if each.default is empty else f"={each.default!r}") for each in parameters]


def test_all_names_are_there():
    assert set(miio_lan.__all__) >= NAMES
    assert set(dir(miio_lan)) >= NAMES
    for name in miio_lan.__all__:
        assert getattr(miio_lan, name) is not None


def test_the_errors_are_those_of_the_tree():
    for name in NAMES & set(vars(errors)):
        assert getattr(miio_lan, name) is getattr(errors, name)
        assert issubclass(getattr(miio_lan, name), miio_lan.DeviceException)
    assert issubclass(miio_lan.DeviceTimeout, TimeoutError)
    assert issubclass(miio_lan.InvalidTokenException, ValueError)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        miio_lan.no_such_name  # noqa: B018


@pytest.mark.parametrize("member", SIGNATURES)
def test_signatures_stay(member):
    _self, *given = inspect.signature(getattr(miio_lan.Device, member)).parameters.values()
    positional, named = SIGNATURES[member]
    assert written([each for each in given if each.kind is each.POSITIONAL_OR_KEYWORD]) == positional.split()
    assert set(written([each for each in given if each.kind is each.KEYWORD_ONLY])) >= set(named.split())


def test_the_class_attributes_stay():
    assert miio_lan.Device.retry_count == 3
    assert miio_lan.Device.timeout == 5
    assert miio_lan.Device.supported_models == []
    for name in ("device_id", "model", "raw_id"):
        assert isinstance(inspect.getattr_static(miio_lan.Device, name), property)
    for name in ("info", "raw_command", "test_properties", "get_device_group"):
        assert callable(getattr(miio_lan.Device, name))


def test_the_named_update_states():
    names = {state.name: state.value for state in miio_lan.UpdateState}
    wanted = {"Downloading": "downloading", "Installing": "installing", "Failed": "failed", "Idle": "idle"}
    assert wanted.items() <= names.items()


@pytest.mark.parametrize("module", ["names", "spec", "values"])
def test_descriptions_are_found_under_the_names_scripts_import(module):
    door = importlib.import_module(f"miio_lan.device.{module}")
    home = importlib.import_module(f"miio_lan.device.description.{module}")
    own = {name for name, value in vars(home).items() if getattr(value, "__module__", None) == home.__name__}
    assert {name for name in own if not name.startswith("_")} <= set(door.__all__)
    assert all(getattr(door, name) is getattr(home, name) for name in door.__all__)
