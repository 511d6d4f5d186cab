"""``device add|list|remove|import``, and ``-d NAME`` with every command."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from miio_lan import Device, DeviceError
from miio_lan.cli.naming.completion import complete_names
from miio_lan.device.fleet.named import DevicesFile, NamedDevice
from miio_lan.virtual.product import VirtualProduct

TOKEN = "00112233445566778899aabbccddeeff"
FAST = {"poll_interval": 0.002}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DevicesFile:
    path = tmp_path / "config" / "devices.json"
    monkeypatch.setenv("MIIO_LAN_DEVICES", str(path))
    return DevicesFile(path)


@pytest.fixture
def known(file: DevicesFile, product: VirtualProduct) -> DevicesFile:
    file.put(NamedDevice("lamp", product.host, product.token, product.device_id, port=product.port))
    return file


def where(product: VirtualProduct) -> list[str]:
    return ["--ip", product.host, "--port", str(product.port)]


class TestAdd:
    def test_the_device_is_asked_who_it_is(
        self, run: Callable, file: DevicesFile, product: VirtualProduct
    ) -> None:
        ended = run("device", "add", "lamp", *where(product), "--token", product.token)
        assert (ended.code, ended.err) == (0, "")
        assert ended.out == f"lamp: {product.mcu.model} at 127.0.0.1, did {product.device_id}\n"
        assert file.get("lamp") == NamedDevice(
            "lamp", "127.0.0.1", product.token, product.device_id, product.mcu.model, product.port
        )
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600

    def test_json_hides_the_token(self, run: Callable, file: DevicesFile, product: VirtualProduct) -> None:
        command = ["--json", "device", "add", "lamp", *where(product), "--token", product.token]
        assert run(*command).json["lamp"]["token"] == "(hidden)"
        assert run(*command, "--replace", "--show-secrets").json["lamp"]["token"] == product.token

    def test_a_device_that_shows_its_token_needs_none(self, run: Callable, file: DevicesFile) -> None:
        with VirtualProduct(provisioned=False, mcu_options=FAST) as fresh:
            ended = run("device", "add", "lamp", *where(fresh))
            assert (ended.code, ended.err) == (0, "")
            lamp = file.get("lamp")
            assert (lamp.token, lamp.did) == (fresh.token, fresh.device_id)

    def test_one_that_shows_none_needs_one(
        self, run: Callable, file: DevicesFile, product: VirtualProduct
    ) -> None:
        ended = run("device", "add", "lamp", *where(product))
        assert ended.code == 2
        assert "The device's token is missing" in ended.err

    def test_a_wrong_token_is_told_now(
        self, run: Callable, file: DevicesFile, product: VirtualProduct
    ) -> None:
        command = [
            "device",
            "add",
            "lamp",
            *where(product),
            "--token",
            TOKEN,
            "--timeout",
            "0.2",
            "--retries",
            "0",
        ]
        ended = run(*command)
        assert ended.code == 1
        assert "--no-check stores it all the same" in ended.err
        assert file.read() == {}
        assert run(*command, "--no-check").code == 0
        assert file.get("lamp").token == TOKEN

    def test_another_device_at_the_address_is_told(
        self, run: Callable, file: DevicesFile, product: VirtualProduct
    ) -> None:
        ended = run("device", "add", "lamp", *where(product), "--token", product.token, "--did", "5")
        assert ended.code == 1
        assert f"has the did {product.device_id}, not 5" in ended.err
        assert file.read() == {}

    @pytest.mark.parametrize("words", [["lamp 2"], ["lamp 2", "--did"], ["lamp", "--replace", "--did"]])
    def test_a_given_model_spares_no_question(
        self, run: Callable, known: DevicesFile, product: VirtualProduct, words: list[str]
    ) -> None:
        """A wrong token is told all the same, and takes the place of no right one."""
        before = known.read()
        given = [*words, str(product.device_id)] if words[-1] == "--did" else words
        command = ["device", "add", *given, "--model", product.mcu.model, *where(product), "--token", TOKEN]
        ended = run(*command, "--timeout", "0.2", "--retries", "0")
        assert (ended.code, known.read()) == (1, before)
        assert "--no-check stores it all the same" in ended.err

    def test_another_model_is_told(self, run: Callable, known: DevicesFile, product: VirtualProduct) -> None:
        before = known.read()
        command = ["device", "add", "lamp", *where(product), "--token", product.token, "--replace", "--model"]
        ended = run(*command, "a.b.c")
        assert (ended.code, known.read()) == (1, before)
        assert f"the device at {product.host} is a {product.mcu.model}, not a a.b.c" in ended.err
        assert run(*command, product.mcu.model).code == 0
        assert known.get("lamp").model == product.mcu.model

    def test_without_a_did_it_is_not_followed(self, run: Callable, file: DevicesFile) -> None:
        ended = run(
            "device", "add", "lamp", "--ip", "192.0.2.9", "--token", TOKEN, "--no-check", "--model", "a.b.c"
        )
        assert ended.out == (
            "lamp: a.b.c at 192.0.2.9, did unknown; without a did, it is not found again when its address changes\n"
        )

    def test_one_that_refuses_to_tell_its_model_has_taken_the_token(
        self, run: Callable, file: DevicesFile, product: VirtualProduct, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(device: Device) -> None:
            raise DeviceError(-30020, "OTd not available.")

        monkeypatch.setattr(Device, "info", refuse)
        command = ["device", "add", "lamp", *where(product), "--token", product.token]
        assert run(*command).code == 0
        assert file.get("lamp").model is None
        assert run(*command, "--replace", "--model", "a.b.c").code == 0
        assert file.get("lamp").model == "a.b.c"

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (["lamp"], "Missing the device's address: give --ip, or --did"),
            (["lamp", "--ip", "192.0.2"], "'192.0.2' is not an IPv4 address"),
            (["lamp", "--ip", "192.0.2.9", "--did", "x"], "--did: did is a number"),
            (["-x", "--ip", "192.0.2.9"], "No such option '-x'"),
            (["a\x1bb", "--ip", "192.0.2.9", "--no-check", "--token", TOKEN], "no control characters"),
        ],
    )
    def test_wrong_use(self, run: Callable, file: DevicesFile, options: list[str], reason: str) -> None:
        ended = run("device", "add", *options)
        assert ended.code == 2
        assert reason in ended.err
        assert TOKEN not in ended.err + ended.out

    def test_a_name_is_not_taken_over_by_accident(self, run: Callable, known: DevicesFile) -> None:
        ended = run("device", "add", "lamp", "--ip", "192.0.2.9", "--token", TOKEN, "--no-check")
        assert ended.code == 2
        assert "'lamp' is the name of a device already: --replace replaces it" in ended.err

    def test_other_keys_of_the_same_device_are_kept(
        self, run: Callable, file: DevicesFile, product: VirtualProduct
    ) -> None:
        for did, more in ((product.device_id, {"room": "attic"}), (5, {})):
            file.put(NamedDevice("lamp", "192.0.2.9", TOKEN, did, more={"room": "attic"}))
            command = ["device", "add", "lamp", *where(product), "--token", product.token, "--replace"]
            assert run(*command).code == 0
            assert (file.get("lamp").token, file.get("lamp").more) == (product.token, more)

    def test_by_its_did_alone(
        self, run: Callable, file: DevicesFile, product: VirtualProduct, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = {product.device_id: product.host}
        monkeypatch.setattr("miio_lan.lan.discovery.blocking.locate", lambda did, port: found.get(did))
        command = ["device", "add", "lamp", "--port", str(product.port), "--token", product.token]
        assert run(*command, "--did", str(product.device_id)).code == 0
        assert file.get("lamp").ip == product.host
        ended = run(*command, "--replace", "--did", "5")
        assert ended.code == 1
        assert "no device with the did 5 answered" in ended.err


class TestList:
    def test_as_a_table(self, run: Callable, file: DevicesFile) -> None:
        file.put(NamedDevice("lamp", "192.0.2.9", TOKEN, 5, "a.b.c"))
        file.put(NamedDevice("küche fan", "192.0.2.10", TOKEN, port=7))
        assert run("device", "list").out.splitlines() == [
            "NAME       ADDRESS            DID  MODEL  TOKEN",
            "lamp       192.0.2.9          5    a.b.c  (hidden)",
            "küche fan  192.0.2.10 port 7  -    -      (hidden)",
        ]
        assert TOKEN in run("device", "list", "--show-secrets").out

    def test_as_json(self, run: Callable, file: DevicesFile) -> None:
        file.put(NamedDevice("lamp", "192.0.2.9", TOKEN, 5))
        assert run("--json", "device", "list").json == {
            "lamp": {"ip": "192.0.2.9", "token": "(hidden)", "did": 5}
        }
        shown = run("--json", "--show-secrets", "device", "list").out
        assert json.loads(shown) == json.loads(file.path.read_text())

    def test_of_none(self, run: Callable, file: DevicesFile) -> None:
        assert f"No device has a name yet ({file.path})" in run("device", "list").out
        assert run("--json", "device", "list").json == {}

    def test_a_broken_file_is_named(self, run: Callable, file: DevicesFile) -> None:
        file.path.parent.mkdir()
        file.path.write_text('{"lamp": {"ip": "1.2.3.4"}}')
        file.path.chmod(0o600)
        ended = run("device", "list")
        assert ended.code == 2
        assert f"{file.path}: 'lamp': token is missing" in ended.err


class TestRemove:
    def test_names_are_forgotten(self, run: Callable, file: DevicesFile) -> None:
        for name in ("a", "b", "c"):
            file.put(NamedDevice(name, "192.0.2.9", TOKEN))
        assert run("device", "remove", "a", "b", "a").out == "Removed a, b, a.\n"
        assert list(file.read()) == ["c"]
        assert run("--json", "device", "remove", "c").json == {"removed": ["c"]}

    def test_none_is_when_one_is_mistyped(self, run: Callable, known: DevicesFile) -> None:
        ended = run("device", "remove", "lamp", "lmap")
        assert ended.code == 2
        assert "no device is named 'lmap': did you mean 'lamp'?" in ended.err
        assert list(known.read()) == ["lamp"]


class TestImport:
    DOCUMENT = json.dumps(
        [
            {"name": "Lamp", "localip": "192.0.2.9", "token": TOKEN, "did": "5", "model": "a.b.c"},
            {"name": "Scale", "localip": "", "token": "0011223344556677", "did": "blt.3"},
        ]
    )

    def test_what_came_of_it_is_told(self, run: Callable, file: DevicesFile, tmp_path: Path) -> None:
        source = tmp_path / "tokens.json"
        source.write_text(self.DOCUMENT)
        assert run("device", "import", str(source)).out.splitlines() == [
            "added    Lamp",
            "skipped  Scale: did is a number from 1 to 18446744073709551614, not 'blt.3'",
        ]
        assert file.get("Lamp") == NamedDevice("Lamp", "192.0.2.9", TOKEN, 5, "a.b.c")
        assert run("device", "import", "-", stdin=self.DOCUMENT).out.startswith("as was   Lamp\n")
        moved = self.DOCUMENT.replace("192.0.2.9", "192.0.2.10")
        ended = run("--json", "device", "import", "-", stdin=moved)
        assert (ended.json["changed"], ended.json["added"], ended.json["same"]) == (["Lamp"], [], [])
        assert file.get("Lamp").ip == "192.0.2.10"
        assert ended.code == 0

    def test_where_nothing_could_be_taken_it_failed(self, run: Callable, file: DevicesFile) -> None:
        ended = run("--json", "device", "import", "-", stdin=json.dumps(json.loads(self.DOCUMENT)[1:]))
        assert (ended.code, len(ended.json["skipped"])) == (1, 1)

    @pytest.mark.parametrize("source", ["/nowhere/x.json", "."])
    def test_a_file_that_cannot_be_read(self, run: Callable, file: DevicesFile, source: str) -> None:
        ended = run("device", "import", source)
        assert ended.code == 2
        assert f"{source} cannot be read" in ended.err

    @pytest.mark.parametrize("text", ["{}", "[]"])
    def test_what_is_no_list_of_devices(self, run: Callable, file: DevicesFile, text: str) -> None:
        ended = run("device", "import", "-", stdin=text)
        assert ended.code == 1
        assert "stdin: nothing in it looks like a device" in ended.err


class TestByName:
    @pytest.mark.parametrize(
        "words", [("-d", "lamp", "info"), ("info", "-d", "lamp"), ("info", "--device=lamp")]
    )
    def test_every_command_takes_a_name(
        self, run: Callable, known: DevicesFile, product: VirtualProduct, words: tuple[str, ...]
    ) -> None:
        # What the environment says of another device is not meant then.
        ended = run(*words, env={"MIIO_LAN_IP": "192.0.2.1", "MIIO_LAN_PORT": "9", "MIIO_LAN_TOKEN": TOKEN})
        assert (ended.code, ended.err) == (0, "")
        assert product.mcu.model in ended.out

    def test_a_name_that_is_not_there(self, run: Callable, known: DevicesFile) -> None:
        ended = run("-d", "lmap", "info")
        assert ended.code == 2
        assert "did you mean 'lamp'?" in ended.err

    @pytest.mark.parametrize(
        "option",
        [["--ip", "192.0.2.1"], ["--port", "9"], ["--token", TOKEN], ["--token-file", "x"], ["--ask-token"]],
    )
    def test_two_ways_at_once_are_wrong_use(
        self, run: Callable, known: DevicesFile, option: list[str]
    ) -> None:
        ended = run("-d", "lamp", "info", *option)
        assert ended.code == 2
        assert f"-d lamp and {option[0]} are two ways" in ended.err

    def test_the_address_or_a_name_is_asked_for(self, run: Callable, file: DevicesFile) -> None:
        assert "Missing the device's address: give --ip, -d NAME, or set MIIO_LAN_IP" in run("info").err


def completed(file: DevicesFile, words: str) -> list[str]:
    variables = {
        "_MIIO_LAN_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "MIIO_LAN_DEVICES": str(file.path),
    }
    code = "from miio_lan.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.partition(",")[2] for line in ended.stdout.splitlines() if line]


def test_names_are_completed_at_a_shell(file: DevicesFile) -> None:
    for name in ("lamp", "lantern", "fan"):
        file.put(NamedDevice(name, "192.0.2.9", TOKEN, model="a.b.c"))
    assert completed(file, "miio-lan -d la") == ["lamp", "lantern"]
    assert completed(file, "miio-lan info -d f") == ["fan"]
    assert completed(file, "miio-lan device remove lan") == ["lantern"]
    assert "discover" in completed(file, "miio-lan dis")
    file.path.write_text("{")
    assert completed(file, "miio-lan -d la") == []


def test_a_file_that_cannot_be_read_completes_nothing(file: DevicesFile) -> None:
    command = click.Command("x")
    context, option = click.Context(command), click.Option(["-d"])
    file.put(NamedDevice("lamp", "192.0.2.9", TOKEN))
    assert [(each.value, each.help) for each in complete_names(context, option, "l")] == [
        ("lamp", "192.0.2.9")
    ]
    assert complete_names(context, option, "x") == []
    file.path.write_text("{")
    assert complete_names(context, option, "l") == []


def test_more_than_a_list_of_devices_is_not_read(
    run: Callable, file: DevicesFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("miio_lan.cli.naming.commands._MOST_IMPORTED", 1 << 20)
    ended = run("device", "import", "-", stdin=" " * ((1 << 20) + 1))
    assert ended.code == 2
    assert "-: more than 1 MiB are no list of devices" in ended.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["watch", "--virtual", "-d", "lamp"], "--device is about a device that is sent something"),
        (["accept", "--virtual", "-d", "lamp"], "--device is about a product on the network"),
    ],
)
def test_a_name_without_an_effect_is_wrong_use(
    run: Callable, file: DevicesFile, words: list[str], reason: str
) -> None:
    ended = run(*words)
    assert ended.code == 2
    assert reason in ended.err
