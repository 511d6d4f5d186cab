"""``provision`` at a shell: what is shown, what never is, and how it ends."""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from miio_lan.device.fleet.named import DevicesFile, NamedDevice
from miio_lan.device.provision.result import ProvisionPhase
from miio_lan.virtual.module.network import Timings
from miio_lan.virtual.product import VirtualProduct

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, loopback has one address")

AP, HOME = "127.0.8.1", "127.0.0.1"
PASSWORD = "a right password"
TIMINGS = Timings(join=0.05, cloud=0.05, give_up=0.1)


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DevicesFile:
    path = tmp_path / "names" / "devices.json"
    monkeypatch.setenv("MIIO_LAN_DEVICES", str(path))
    monkeypatch.delenv("MIIO_LAN_WIFI_PASSWORD", raising=False)
    return DevicesFile(path)


@pytest.fixture
def waiting() -> Iterator[VirtualProduct]:
    module = {"timings": TIMINGS, "networks": {"attic": PASSWORD, "café": "", "\U0001f4a1" * 8: PASSWORD}}
    with VirtualProduct(
        provisioned=False, ap_host=AP, mcu_options={"poll_interval": 0.002}, module_options=module
    ) as running:
        yield running


@pytest.fixture
def key(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.touch(0o600)
    path.write_text(f"{PASSWORD}\n")
    return str(path)


@pytest.fixture
def set_up(run: Callable, waiting: VirtualProduct) -> Callable:
    """Run ``provision`` for the product that waits."""

    def invoke(*arguments: str, ssid: str = "attic", **more: Any) -> Any:
        where = ["--ip", AP, "--new-ip", HOME, "--port", str(waiting.port), "--timeout", "30"]
        return run("provision", "--ssid", ssid, *where, *arguments, **more)

    return invoke


def test_each_phase_is_a_line(set_up: Callable, run: Callable, waiting: VirtualProduct, key: str) -> None:
    ended = set_up("--password-file", key, "--name", "lamp")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert [each.split()[0] for each in lines] == ["find", "tell", "join", "check", "store"]
    assert f"the device {waiting.device_id} at 127.0.8.1 shows its token" in lines[0]
    assert "does not say that it can join 'attic'" in lines[1]
    assert "it is kept as 'lamp'" in lines[4]
    assert waiting.token not in ended.out
    assert PASSWORD not in ended.out
    assert waiting.module.chip.ssid == "attic"
    assert run("-d", "lamp", "info").code == 0


def test_json_lines(set_up: Callable, waiting: VirtualProduct, key: str, file: DevicesFile) -> None:
    ended = set_up(
        "--password-file", key, "--json", "--uid", "5", "--tz", "Europe/Berlin", "--gmt-offset", "3600"
    )
    *phases, last = map(json.loads, ended.out.splitlines())
    assert [(each["phase"], each["outcome"]) for each in phases] == [
        (name, "done") for name in ("find", "tell", "join", "check", "store")
    ]
    assert all(isinstance(each["seconds"], float) for each in phases)
    name = f"{waiting.mcu.model}-{waiting.device_id}"
    assert last == {
        "ok": True,
        "failure": None,
        "did": waiting.device_id,
        "ip": HOME,
        "port": waiting.port,
        "token": "(hidden)",
        "model": waiting.mcu.model,
        "name": name,
    }
    assert file.get(name).token == waiting.token
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert waiting.module.chip.uid == 5


def test_the_token_is_shown_when_asked_for(set_up: Callable, waiting: VirtualProduct, key: str) -> None:
    ended = set_up("--password-file", key, "--json", "--show-secrets")
    assert json.loads(ended.out.splitlines()[-1])["token"] == waiting.token
    assert PASSWORD not in ended.out


@pytest.mark.parametrize("mode", [[], ["--json"], ["-v"], ["-vv", "--json"]])
def test_the_password_is_shown_nowhere(
    set_up: Callable, waiting: VirtualProduct, caplog: pytest.LogCaptureFixture, mode: list[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "wrong, and a secret"
    ended = set_up(*mode, env={"MIIO_LAN_WIFI_PASSWORD": secret})
    assert ended.code == 1
    assert secret not in ended.out + ended.err + caplog.text
    assert waiting.token not in ended.out + ended.err + caplog.text
    assert "the password was not accepted" in ended.out + ended.err


def test_a_failure_is_an_error_with_all_that_is_known(set_up: Callable, waiting: VirtualProduct) -> None:
    ended = set_up("--json", env={"MIIO_LAN_WIFI_PASSWORD": "a wrong password"})
    *phases, last = map(json.loads, ended.out.splitlines())
    assert [each["outcome"] for each in phases] == ["done", "done", "not joined"]
    assert last["error"]["may_have_run"] is True
    assert "did not join 'attic'" in last["error"]["message"]
    assert (last["results"]["failure"], last["results"]["did"]) == ("not joined", waiting.device_id)


@pytest.mark.parametrize("ssid", ["\U0001f4a1" * 8, "attic"])
def test_names_are_bytes(set_up: Callable, key: str, ssid: str) -> None:
    assert set_up("--password-file", key, ssid=ssid).code == 0


def test_an_open_network(set_up: Callable) -> None:
    ended = set_up("--open", ssid="café")
    assert (ended.code, ended.err) == (0, "")


def test_one_that_is_set_up(run: Callable, key: str, product: VirtualProduct) -> None:
    command = ["provision", "--ssid", "attic", "--password-file", key]
    variables = {"MIIO_LAN_IP": product.host, "MIIO_LAN_PORT": str(product.port)}
    ended = run(*command, env=variables)
    assert ended.code == 1
    assert "does not show its token, because it is set up already" in ended.err
    assert "(The address comes from the variable MIIO_LAN_IP)" in ended.err
    ended = run(*command, "--ip", product.host, "--port", str(product.port))
    assert "variable" not in ended.err


def test_a_name_that_another_device_has(
    set_up: Callable, waiting: VirtualProduct, key: str, file: DevicesFile
) -> None:
    file.put(NamedDevice("lamp", "192.0.2.1", "00112233445566778899aabbccddeeff", 5))
    ended = set_up("--password-file", key, "--name", "lamp")
    assert ended.code == 1
    assert "'lamp' is the name of another device" in ended.err
    assert not waiting.module.provisioned
    assert set_up("--password-file", key, "--name", "lamp", "--replace").code == 0
    assert file.get("lamp").did == waiting.device_id


def test_ctrl_c_says_what_is_known(
    set_up: Callable, waiting: VirtualProduct, key: str, file: DevicesFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from miio_lan.cli.provision import command

    def interrupt(self: object, phase: ProvisionPhase) -> None:
        if phase.name == "join":
            raise KeyboardInterrupt

    monkeypatch.setattr(command._PhaseLines, "__call__", interrupt)
    ended = set_up("--password-file", key, "--name", "lamp")
    assert ended.code == 130
    assert ended.err.strip() == (
        f"interrupted; the device {waiting.device_id} was told to join 'attic'; it is kept as 'lamp'"
    )
    assert file.get("lamp").token == waiting.token


class TestPassword:
    def test_it_is_not_taken_from_the_command_line(self, set_up: Callable, waiting: VirtualProduct) -> None:
        for given in (["--password", "secret word"], ["--password=secret word"]):
            for more in ([], ["--json"]):
                ended = set_up(*given, *more)
                assert ended.code == 2
                assert "is seen by the other users of this machine" in ended.out + ended.err
                assert "secret word" not in ended.out + ended.err
        assert not waiting.module.provisioned

    def test_it_is_missing(self, set_up: Callable) -> None:
        ended = set_up()
        assert ended.code == 2
        for way in ("--password-file", "--ask-password", "MIIO_LAN_WIFI_PASSWORD", "--open"):
            assert way in ended.err

    def test_bytes_that_are_no_text_are_not_shown(self, set_up: Callable, waiting: VirtualProduct) -> None:
        ended = set_up(env={"MIIO_LAN_WIFI_PASSWORD": "a right\udcff one"})
        assert (ended.code, ended.out) == (2, "")
        assert "What MIIO_LAN_WIFI_PASSWORD holds is no text." in " ".join(ended.err.split())
        assert not waiting.module.provisioned

    def test_one_way_at_a_time(self, set_up: Callable, key: str) -> None:
        ended = set_up("--password-file", key, "--open")
        assert ended.code == 2
        assert "--password-file and --open are 2 ways" in ended.err

    def test_an_option_goes_before_the_variable(self, set_up: Callable, key: str) -> None:
        assert set_up("--password-file", key, env={"MIIO_LAN_WIFI_PASSWORD": "another one"}).code == 0

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "is empty"),
            (b"\n", "is empty"),
            (b"one line\nand another\n", "more than one line"),
            (b"\xff\xfe\xfd", "is not UTF-8"),
        ],
    )
    def test_a_file_without_one(self, set_up: Callable, key: str, content: bytes, told: str) -> None:
        Path(key).write_bytes(content)
        ended = set_up("--password-file", key)
        assert ended.code == 2
        assert told in ended.err
        assert "one line" not in ended.err.replace("more than one line", "")

    def test_blanks_belong_to_it_and_the_end_of_the_line_does_not(self, key: str) -> None:
        from miio_lan.cli.provision.password import given_password

        options = {"password_file": key, "ask_password": False, "is_open": False}
        for written, wanted in ((" a b \r\n", " a b "), ("ab", "ab"), ("\ufeffab\n", "ab")):
            Path(key).write_text(written, encoding="utf-8", newline="")
            assert given_password(options) == wanted

    def test_a_file_that_others_may_read_is_warned_of(self, set_up: Callable, key: str) -> None:
        os.chmod(key, 0o644)  # noqa: PTH101 - as a shell does
        ended = set_up("--password-file", key)
        assert ended.code == 0
        assert f"Warning: {key} is open to others (mode 644)" in ended.err

    def test_no_file(self, set_up: Callable) -> None:
        ended = set_up("--password-file", "/nowhere")
        assert (ended.code, "cannot be read" in ended.err) == (2, True)

    def test_it_is_asked_for(self, set_up: Callable) -> None:
        ended = set_up("--ask-password", stdin=f"{PASSWORD}\n")
        assert ended.code in (0, 2)  # where there is no terminal, that is said
        assert PASSWORD not in ended.out + ended.err

    def test_one_that_cannot_be_right_is_warned_of(self, set_up: Callable) -> None:
        ended = set_up(env={"MIIO_LAN_WIFI_PASSWORD": "short"})
        assert ended.code == 1
        assert ended.err.startswith("Warning: the password is shorter than 8 characters")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--did", "x"], "--did: did is a number"),
        (["--ip", "lamp.local"], "address is an IPv4 address"),
        (["--subnet", "x"], "no IPv4 subnet"),
        (["--country", "de"], "two capital letters"),
        (["--gmt-offset", "99999"], "gmt_offset"),
        (["--name", "-x"], "a name does not begin with a dash"),
        (["--token", "0"], "No such option"),
    ],
)
def test_wrong_use_is_told_before_anything_is_sent(
    run: Callable, key: str, given: list[str], told: str
) -> None:
    ended = run("provision", "--ssid", "attic", "--password-file", key, *given)
    assert ended.code == 2
    assert told in ended.err


@pytest.mark.parametrize("ssid", ["x" * 33, "é" * 17, "", "\udcff"])
def test_a_name_that_is_none(run: Callable, key: str, ssid: str) -> None:
    ended = run("provision", "--ssid", ssid, "--password-file", key)
    assert ended.code == 2
    assert "a Wi-Fi name" in ended.err
