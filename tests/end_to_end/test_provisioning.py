"""A virtual product is set up over real sockets, its reset key pressed first, its UART looked at; both faces.

Loopback has many addresses on Linux: one stands for the product's own access point, another for the home network.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from miio_lan import Device, DeviceTimeout, provision
from miio_lan.device.fleet.named import DevicesFile
from miio_lan.device.provision import aio
from miio_lan.device.provision.result import Provisioned, ProvisionPhase
from miio_lan.lan.packet import hello_reply
from miio_lan.record import Record
from miio_lan.virtual.module.network import Timings
from miio_lan.virtual.product import VirtualProduct

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, loopback has one address")

AP, HOME = "127.0.8.1", "127.0.0.1"
SSID, PASSWORD = "attic", "a right password"
FAST = {"poll_interval": 0.002}
# Long enough for the MCU to fetch each state, and no longer.
TIMINGS = Timings(reboot=0.05, boot=0.05, join=0.1, cloud=0.1, give_up=0.1)


@contextmanager
def product(**options: Any) -> Iterator[VirtualProduct]:
    module = {"timings": TIMINGS, "networks": {SSID: PASSWORD}, **options.pop("module_options", {})}
    with VirtualProduct(ap_host=AP, mcu_options=FAST, module_options=module, **options) as running:
        yield running


def blocking(*arguments: Any, **wishes: Any) -> Provisioned:
    return provision(*arguments, **wishes)


def asynchronous(*arguments: Any, **wishes: Any) -> Provisioned:
    return asyncio.run(aio.provision(*arguments, **wishes))


@pytest.fixture(params=[blocking, asynchronous], ids=["blocking", "asyncio"])
def set_up(request: pytest.FixtureRequest) -> Any:
    def run(running: VirtualProduct, password: str = PASSWORD, **wishes: Any) -> Provisioned:
        at = {"address": AP, "new_address": HOME, "port": running.port}
        made: Provisioned = request.param(SSID, password, **(at | wishes))
        return made

    return run


def outcomes(made: Provisioned) -> list[tuple[str, str]]:
    return [(each.name, each.outcome) for each in made.phases]


def test_from_the_reset_key_to_a_name(set_up: Any, tmp_path: Path) -> None:
    """reset, AP mode, token in the hello, config_router, the states on the UART, the did again, ``info``."""
    lines: list[bytes] = []
    waits, joined = threading.Event(), threading.Event()

    def observe(record: Record) -> None:
        lines.append(record.raw)
        if record.raw == b"down MIIO_net_change uap\r":
            waits.set()
        elif record.raw == b"down MIIO_net_change cloud\r" and waits.is_set():
            joined.set()

    path = tmp_path / "devices.json"
    with product(observer=observe) as running:
        did, token = running.device_id, running.token
        with Device(HOME, port=running.port, timeout=0.2) as device:
            assert sign_of(HOME, running.port) == b"\xff" * 16
            running.call(running.mcu.reset_network)
            assert sign_of(AP, running.port).hex() == token
            # An MCU that polls late is told the last state only.
            assert waits.wait(60)
            device.retry_count = 0
            with pytest.raises(DeviceTimeout):
                device.send_handshake()
        made = set_up(running, name="lamp", path=path, uid=5, tz="Europe/Berlin", timeout=60)
        assert outcomes(made) == [(name, "done") for name in ("find", "tell", "join", "check", "store")]
        assert (made.did, str(made.token), made.ip, made.name) == (did, token, HOME, "lamp")
        assert joined.wait(60)
        with Device.from_name("lamp", path=path) as lamp:
            assert lamp.info().accesspoint["ssid"] == SSID
            assert lamp.info().data["uid"] == 5
        states = [each.split()[-1] for each in lines if each.startswith(b"down MIIO_net_change")]
        after = states[states.index(b"uap") :]
        assert (after[0], after[-1]) == (b"uap", b"cloud")
        # An MCU that polls late is told the last state only: some may be left out.
        assert after == [each for each in (b"uap", b"offline", b"local", b"cloud") if each in after]
        assert b"restore\r" in lines
    assert DevicesFile(path).get("lamp").did == did


def sign_of(ip: str, port: int) -> bytes:
    """What fills the sign field in the answer to a hello; asked until there is one."""
    with Device(ip, port=port, timeout=60) as device:
        return device.send_handshake().sign


def test_a_wrong_password_is_told_and_the_device_can_be_told_again(set_up: Any, tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    with product(provisioned=False) as running:
        made = set_up(running, "a wrong password", name="lamp", path=path, timeout=60)
        assert outcomes(made) == [("find", "done"), ("tell", "done"), ("join", "not joined")]
        assert "the password was not accepted" in made.error
        assert "a wrong password" not in repr(made) + made.error
        assert not path.exists()
        assert set_up(running, name="lamp", path=path, timeout=60).ok


@pytest.mark.parametrize("profile", ["older", "newer"])
def test_each_generation_of_modules(profile: str) -> None:
    """The newer one answers nothing but the order before it is set up, and that with a bare 0."""
    with product(provisioned=False, profile=profile) as running:
        made = provision(SSID, PASSWORD, address=AP, new_address=HOME, port=running.port, timeout=60)
        assert made.ok


def test_a_callback_that_always_raises_loses_no_token(set_up: Any, tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    told: list[ProvisionPhase] = []

    def fail(made: ProvisionPhase) -> None:
        told.append(made)
        if made.name not in ("find", "tell"):
            raise BrokenPipeError

    with product(provisioned=False) as running:
        with pytest.raises(BrokenPipeError):
            set_up(running, name="lamp", path=path, callback=fail)
        assert DevicesFile(path).get("lamp").token == running.token
    assert told[-1].name == "join"


def test_a_cancelled_task_keeps_what_it_told(tmp_path: Path) -> None:
    path = tmp_path / "devices.json"

    async def cancel_when_told(port: int) -> None:
        told = asyncio.Event()

        def look(made: ProvisionPhase) -> None:
            if made.name == "join":
                told.set()

        wishes: dict[str, Any] = {"address": AP, "new_address": "127.0.0.77", "port": port, "path": path}
        task = asyncio.create_task(aio.provision(SSID, PASSWORD, name="lamp", callback=look, **wishes))
        await told.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with product(provisioned=False) as running:
        asyncio.run(cancel_when_told(running.port))
        assert DevicesFile(path).get("lamp").token == running.token


def test_one_that_is_set_up_is_left_as_it_is(set_up: Any) -> None:
    with product() as running:
        made = set_up(running, address=HOME, find_time=3)
        assert outcomes(made) == [("find", "token hidden")]
        assert running.module.chip.ssid == SSID


def test_without_addresses_loopback_is_asked_where_the_device_was(set_up: Any) -> None:
    """Everybody is asked by the interface that the device was found by, not by those of a real network."""
    module = {"timings": TIMINGS}
    with VirtualProduct(
        host="0.0.0.0", provisioned=False, mcu_options=FAST, module_options=module
    ) as running:
        made = set_up(running, address=None, new_address=None, interfaces=["lo"], find_time=2.5)
        assert made.ok
        assert made.did == running.device_id


def test_two_that_wait_are_named_and_the_did_says_which(set_up: Any) -> None:
    module = {"timings": TIMINGS}
    with VirtualProduct(
        host="0.0.0.0", provisioned=False, mcu_options=FAST, module_options=module
    ) as running:
        take = running.module.take_lan

        def both() -> list[Any]:
            said = take()
            another = hello_reply(device_id=22, stamp=1, sign=bytes(range(16)))
            return said + [(another, peer) for data, peer in said if len(data) == len(another)]

        running.module.take_lan = both  # type: ignore[method-assign]
        where: dict[str, Any] = {"address": None, "new_address": None, "interfaces": ["lo"], "find_time": 2.5}
        made = set_up(running, **where)
        assert outcomes(made) == [("find", "several devices")]
        assert "22 at 127.0.0.1" in made.error
        assert f"{running.device_id} at 127.0.0.1" in made.error
        assert not running.module.provisioned
        assert set_up(running, did=running.device_id, **where).ok


@pytest.mark.parametrize("phase", ["find", "tell", "join", "check", "store"])
@pytest.mark.parametrize("begins", [True, False])
def test_interrupted_anywhere_the_file_is_whole_or_not_there(
    set_up: Any, tmp_path: Path, phase: str, begins: bool
) -> None:
    path = tmp_path / "devices.json"

    def interrupt(made: ProvisionPhase) -> None:
        if made.name == phase and bool(made.outcome) is not begins:
            raise KeyboardInterrupt

    with product(provisioned=False) as running:
        with pytest.raises(KeyboardInterrupt) as caught:
            set_up(running, name="lamp", path=path, callback=interrupt, timeout=60)
        told = phase not in ("find", "tell") or (not begins and phase == "tell")
        assert path.exists() is told
        (note,) = caught.value.__notes__
        if told:
            assert DevicesFile(path).get("lamp").token == running.token
            assert note.endswith("was told to join 'attic'; it is kept as 'lamp'")
        else:
            assert note == "nothing was sent to a device but greetings"
        # Nothing of it is in the way of doing it again.
        assert not list(tmp_path.glob(".*"))


def test_a_device_that_restarts_while_it_is_told(set_up: Any) -> None:
    """What it was told is lost with the restart, and told again."""
    with product(provisioned=False) as running:
        receive, lost = running.module.receive_lan, []

        def lose(datagram: bytes, peer: Any, now: float) -> None:
            if len(datagram) > 120 and not lost:  # the order, not a hello or a question
                lost.append(datagram)
                running.module.restart(now)
            else:
                receive(datagram, peer, now)

        running.module.receive_lan = lose  # type: ignore[method-assign]
        assert set_up(running, timeout=60).ok
        assert lost


def test_a_lost_answer_does_no_harm(set_up: Any) -> None:
    """The device joined, and its answer got lost: nobody answers the second order."""
    with product(provisioned=False) as running:
        take = running.module.take_lan

        def lose() -> list[Any]:
            return [each for each in take() if running.module.net != "offline"]

        running.module.take_lan = lose  # type: ignore[method-assign]
        made = set_up(running, timeout=60)
        assert made.ok
        assert outcomes(made)[1] in {("tell", "unknown"), ("tell", "done")}


def test_doubled_answers_and_placeholders_from_others(set_up: Any) -> None:
    """Somebody else at the access point answers each hello with a token that is none, and with rubbish."""
    with product(provisioned=False) as running:
        take = running.module.take_lan

        def noisy() -> list[Any]:
            said = take()
            signs = (bytes(16), b"\xff" * 16, b"\x55" * 16)
            false = [
                (hello_reply(device_id=99, stamp=1, sign=sign), peer) for _, peer in said for sign in signs
            ]
            return (
                [each for real in said for each in (real, real)]
                + false
                + [(b"\x21\x31", peer) for _, peer in said]
            )

        running.module.take_lan = noisy  # type: ignore[method-assign]
        made = set_up(running, timeout=60)
        assert made.ok
        assert made.did == running.device_id
