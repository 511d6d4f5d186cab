"""``device add``: give a device a name, and see that it is the one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli.options import CliSettings, command
from miio_lan.click_common.failures import refuse
from miio_lan.click_common.output import echo, echo_json
from miio_lan.lan import PORT

if TYPE_CHECKING:
    from miio_lan.device.blocking import Device
    from miio_lan.device.fleet.named import NamedDevice

_ANSWER_PATIENCE = 2.0
_RETRIES = 1


@command("add", without=["device"])
@click.argument("name")
@click.option("--did", metavar="NUMBER", help="Its device id; asked for by default.")
@click.option("--model", metavar="COMPANY.PRODUCT.VERSION", help="Its model; asked for by default.")
@click.option("--replace", "replacing", is_flag=True, help="Replace the device that has the name.")
@click.option("--no-check", is_flag=True, help="Do not ask the device whether all this is true.")
def add(settings: CliSettings, name: str, **options: Any) -> None:
    """Give a device a NAME.

    The device is asked first: a wrong token, address, did or model is told now. Its address (--ip) may be left out
    where --did is given: it is looked for then. A device that is not set up yet shows its token, which need not be
    given.
    """
    from miio_lan.device.fleet.named import DevicesFile, did_of
    from miio_lan.errors import InvalidArgument

    file = DevicesFile()
    if name in file.read() and not options["replacing"]:
        refuse(f"{name!r} is the name of a device already: --replace replaces it.")
    try:
        did = did_of(options["did"])
    except InvalidArgument as error:
        refuse(f"--did: {error}")
    made = _made(settings, name, _address(settings, did), did, options["model"], ask=not options["no_check"])
    if not options["no_check"]:
        made = _checked(settings, made)
    file.change(lambda devices: devices.update({name: _renewed(devices.get(name), made)}))
    if settings.json:
        echo_json({name: made.entry()})
    else:
        found = "; without a did, it is not found again when its address changes" if made.did is None else ""
        echo(
            f"{made.name}: {made.model or 'a device'} at {made.ip}, did {made.did or 'unknown'}{found}",
            fold=True,
        )


def _renewed(before: NamedDevice | None, made: NamedDevice) -> NamedDevice:
    """Give the entry with what else the file has about the same device."""
    if before is not None and before.did is not None and before.did == made.did:
        return replace(made, more=before.more)
    return made


def _address(settings: CliSettings, did: int | None) -> str:
    if settings.ip:
        from miio_lan.cli.device.connect import address_problem

        if problem := address_problem(settings.ip):
            refuse(problem)
        return settings.ip
    if did is None:
        refuse("Missing the device's address: give --ip, or --did to look for it.")
    from miio_lan.errors import DeviceTimeout
    from miio_lan.lan.discovery.blocking import locate

    found = locate(did, port=settings.port or PORT)
    if found is None:
        raise DeviceTimeout(f"no device with the did {did} answered: give its address with --ip")
    return found


def _made(
    settings: CliSettings, name: str, ip: str, did: int | None, model: str | None, *, ask: bool
) -> NamedDevice:
    """Make the entry; a token that is not given is asked for, as the device may show it."""
    from miio_lan.device.fleet.named import device_of

    token: str | None = settings.token
    if token is None and ask:
        token = _shown_token(settings, ip)
    if token is None:
        refuse("The device's token is missing: give --token-file, --ask-token or --token.")
    entry = {"ip": ip, "token": token, "did": did, "model": model, "port": settings.port or PORT}
    return device_of(name, entry)


def _shown_token(settings: CliSettings, ip: str) -> str | None:
    from miio_lan.device.blocking import Device
    from miio_lan.lan.packet import shown_token
    from miio_lan.record.redact import Secret

    with Device(ip, timeout=settings.timeout or _ANSWER_PATIENCE, port=settings.port or PORT) as device:
        device.retry_count = _RETRIES if settings.retries is None else settings.retries
        shown = shown_token(device.send_handshake())
    return None if shown is None else Secret(shown.hex())


def _checked(settings: CliSettings, made: NamedDevice) -> NamedDevice:
    """See that the device is there, takes the token and is what was said; learn its did and its model.

    The model is asked for even where it was given: no other question here is encrypted with the token.

    :raises DeviceException: if it is not, or does not
    """
    from miio_lan.device.blocking import Device
    from miio_lan.errors import DeviceException, DeviceTimeout

    with Device(made.ip, made.token, timeout=settings.timeout or _ANSWER_PATIENCE, port=made.port) as device:
        device.retry_count = _RETRIES if settings.retries is None else settings.retries
        try:
            did = device.send_handshake().device_id
            if made.did not in (None, did):
                raise DeviceException(f"the device at {made.ip} has the did {did}, not {made.did}")
            model = _model(device)
        except DeviceTimeout as error:
            raise DeviceTimeout(f"{error}. --no-check stores it all the same.") from None
    if model and made.model not in (None, model):
        raise DeviceException(f"the device at {made.ip} is a {model}, not a {made.model}")
    return replace(made, did=did, model=model or made.model)


def _model(device: Device) -> str | None:
    """Ask for the model. One that refuses to tell has taken the token all the same: its refusal is signed with it."""
    from miio_lan.errors import DeviceError, DeviceInfoUnavailableException

    try:
        return device.info().model
    except (DeviceError, DeviceInfoUnavailableException):
        return None
