"""``spec show|names|fetch``, and names without ``--spec`` where the description of the model is here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.patient import PATIENT
from support.spec_server import MODEL, PATH, URN, Service, document, published, serving

from miio_lan.cli.program import program
from miio_lan.cli.spec.text import name_rows, rows
from miio_lan.click_common.layout import folded
from miio_lan.device.description import fetch
from miio_lan.device.description.spec import Spec
from miio_lan.device.fleet.named import DevicesFile, NamedDevice
from miio_lan.virtual.product import VirtualProduct

DEMO = "miiolan.light.demo1"
OFFLINE = "http://127.0.0.1:1"
Run = Any


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MIIO_LAN_CACHE", str(tmp_path / "kept"))
    monkeypatch.setenv("MIIO_LAN_SPEC_SERVICE", OFFLINE)
    monkeypatch.setenv("MIIO_LAN_DEVICES", str(tmp_path / "devices.json"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "kept" / "descriptions"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with serving() as running:
        monkeypatch.setenv("MIIO_LAN_SPEC_SERVICE", running.base)
        yield running


@pytest.fixture
def fetched(service: Service) -> Service:
    """The description of MODEL is here; what is asked of the service from now on is noted."""
    fetch(MODEL)
    service.asked.clear()
    return service


@pytest.fixture
def other() -> Iterator[VirtualProduct]:
    """A product whose model is no shipped one."""
    spec = Spec.from_json({**published(), "model": MODEL})
    with VirtualProduct(spec, profile=PATIENT, mcu_options={"poll_interval": 0.002}) as running:
        yield running


def name(product: VirtualProduct, model: str | None = MODEL) -> None:
    DevicesFile().put(NamedDevice("lamp", product.host, product.token, None, model, product.port))


def where(product: VirtualProduct) -> dict[str, str]:
    return {
        "MIIO_LAN_IP": product.host,
        "MIIO_LAN_TOKEN": product.token,
        "MIIO_LAN_PORT": str(product.port),
    }


class TestFetch:
    def test_it_says_what_came_and_where_it_is(self, run: Run, service: Service, folder: Path) -> None:
        ended = run("spec", "fetch", MODEL)
        assert (ended.code, ended.err) == (0, "")
        assert ended.out == (
            f"{MODEL}: version 2, 1 service, 2 properties, 1 action, 0 events.\nKept in {folder / MODEL}.json\n"
        )

    def test_json(self, run: Run, service: Service, folder: Path) -> None:
        assert run("--json", "spec", "fetch", MODEL).json == {
            "model": MODEL,
            "type": URN,
            "version": 2,
            "from": service.base,
            "path": f"{folder / MODEL}.json",
            "left_out": [],
        }

    def test_the_service_by_an_option(self, run: Run, service: Service) -> None:
        assert run("spec", "fetch", MODEL, "--service", OFFLINE).code == 1
        assert (
            run(
                "spec", "fetch", MODEL, "--service", service.base, env={"MIIO_LAN_SPEC_SERVICE": OFFLINE}
            ).code
            == 0
        )

    def test_the_model_of_a_named_device(self, run: Run, service: Service, other: VirtualProduct) -> None:
        name(other)
        other.close()
        assert run("-d", "lamp", "spec", "fetch").out.startswith(f"{MODEL}: version 2")

    def test_the_model_that_the_device_tells(self, run: Run, service: Service, other: VirtualProduct) -> None:
        assert run("spec", "fetch", env=where(other)).out.startswith(f"{MODEL}: version 2")

    @pytest.mark.parametrize(
        ("words", "code", "told"),
        [
            ([], 2, "Name a MODEL"),
            (["../../x"], 2, "not company.product.version"),
            (["lamp"], 2, "not company.product.version"),
            (["other.light.demo2"], 1, "is published at"),
            (["example.light.draft1"], 1, "only version 1 ('debug')"),
            ([MODEL, "--service", "file:///etc"], 2, "not the address of a service"),
            ([MODEL, "--service", OFFLINE], 1, "where there is a network, or give the description of"),
            ([MODEL, "--within", "0"], 2, "--within"),
        ],
    )
    def test_what_goes_wrong(
        self, run: Run, service: Service, words: list[str], code: int, told: str
    ) -> None:
        ended = run("spec", "fetch", *words)
        assert (ended.code, ended.out) == (code, "")
        assert told in " ".join(ended.err.split())
        told_as_json = run("--json", "spec", "fetch", *words)
        assert (told_as_json.code, told_as_json.err) == (code, "")
        assert set(told_as_json.json) == {"error"}

    def test_what_a_service_says_steers_no_terminal(self, run: Run, service: Service) -> None:
        service.answers[f"{PATH}/instances"] = document(b"\x1b[2J\x07 no list")
        ended = run("spec", "fetch", MODEL)
        assert ended.code == 1
        assert not {"\x1b", "\x07"} & set(ended.err)


class TestShow:
    def test_everything_is_there(self, run: Run, fetched: Service) -> None:
        ended = run("spec", "show", MODEL)
        assert (ended.code, ended.err) == (0, "")
        assert ended.out == (
            f"{MODEL}: Light\n{URN}\n\n"
            "2 light: Light\n"
            "  2.1   on          rwn  bool\n"
            "  2.2   brightness  rwn  uint8 1..100 percentage\n"
            "  2.1   action toggle()\n"
        )
        assert fetched.asked == []

    def test_choices_arguments_and_events(self, run: Run) -> None:
        out = run("spec", "show", "lamp").out
        for row in (
            "  2.5   mode                    rwn  uint8\n        0 White\n        1 Colour\n",
            "  2.2   action change-brightness(brightness-change) gives brightness\n",
            "  6.2   event turn(angle, duration)\n",
            "  2.9   scene-data              -w-  string at most 120 characters\n",
            "  2.10  brightness-change       ---  int8 -100..100 percentage\n",
            "  3.2   temperature        r-n  float -40..125 step 0.1 celsius\n",
        ):
            assert row in out

    def test_a_file(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "own.lamp.json"  # its name might be a model
        file.write_text(json.dumps(published()))
        assert "example.light.demo2 (a guess): Light" in run("spec", "show", str(file)).out

    def test_json_has_all_that_is_known(self, run: Run) -> None:
        shown = run("--json", "spec", "show", "lamp").json
        assert (shown["model"], shown["source"]) == (DEMO, "shipped description 'lamp'")
        light = next(each for each in shown["services"] if each["name"] == "light")
        assert light["properties"][1] == {
            "siid": 2,
            "piid": 2,
            "name": "light:brightness",
            "type": "urn:miot-spec-v2:property:brightness:0000000D:miiolan-demo1:1",
            "description": "Brightness",
            "format": "uint8",
            "access": ["read", "write", "notify"],
            "unit": "percentage",
            "range": [1, 100, 1],
            "values": [],
            "max_length": None,
        }
        assert light["properties"][4]["values"][1] == {"value": 1, "description": "Colour"}
        assert light["actions"][1]["in"] == [10]
        knob = next(each for each in shown["services"] if each["name"] == "knob")
        assert knob["events"][1] == {
            "siid": 6,
            "eiid": 2,
            "name": "knob:turn",
            "type": knob["events"][1]["type"],
            "description": knob["events"][1]["description"],
            "arguments": [1, 2],
        }

        types = [light["type"], light["actions"][0]["type"], knob["events"][1]["type"]]
        assert [each.split(":")[2:4] for each in types] == [
            ["service", "light"],
            ["action", "toggle"],
            ["event", "turn"],
        ]

    def test_two_services_of_one_type_are_told_apart(self, run: Run, tmp_path: Path) -> None:
        data = published()
        data["services"].append({**data["services"][0], "iid": 1234})
        data["services"][1]["properties"][0]["iid"] = 9999
        file = tmp_path / "two.json"
        file.write_text(json.dumps(data))
        shown = run("--json", "spec", "show", str(file)).json["services"]
        found = [(each["name"], each["type"].split(":")[3]) for one in shown for each in one["properties"]]
        assert found == [
            ("2.9999", "on"),
            ("2.2", "brightness"),
            ("1234.9999", "on"),
            ("1234.2", "brightness"),
        ]
        assert "\n  1234.9999 on          rwn  bool\n" in run("spec", "show", str(file)).out

    @pytest.mark.parametrize("shipped", ["lamp", "purifier"])
    def test_sixty_columns_are_enough(self, shipped: str) -> None:
        spec = Spec.shipped(shipped)
        shown = [*rows(spec), *name_rows(spec)]
        assert max(len(line) for row in shown for line in folded(row, 60).split("\n")) <= 60

    @pytest.mark.parametrize("command", ["show", "names"])
    def test_one_that_is_not_here(self, run: Run, service: Service, command: str) -> None:
        ended = run("spec", command, MODEL)
        assert ended.code == 1
        assert f"'miio-lan spec fetch {MODEL}'" in " ".join(ended.err.split())
        assert service.asked == []

    def test_two_products(self, run: Run, other: VirtualProduct) -> None:
        name(other)
        ended = run("-d", "lamp", "spec", "show", MODEL)
        assert (ended.code, ended.out) == (2, "")
        assert "two products" in ended.err

    @pytest.mark.parametrize("command", ["show", "names", "fetch"])
    def test_what_a_device_tells_as_its_model_names_no_file(
        self, run: Run, service: Service, other: VirtualProduct, tmp_path: Path, command: str
    ) -> None:
        file = tmp_path / "told.json"
        file.write_text(json.dumps(published()))
        name(other, model=str(file))
        ended = run("-d", "lamp", "spec", command)
        assert (ended.code, ended.out) == (2, "")
        assert "the model " in ended.err
        assert service.asked == []
        assert completed("-d lamp get", "") == []


class TestNames:
    def test_names_and_numbers(self, run: Run, fetched: Service) -> None:
        assert run("spec", "names", MODEL).out == (
            "NAME              NUMBERS\n"
            "light:on          2.1\n"
            "light:brightness  2.2\n"
            "light:toggle      2.1      action\n"
        )

    def test_each_name_is_taken_by_the_commands(self, run: Run, ask: Run) -> None:
        found = run("--json", "spec", "names", "lamp").json
        assert found["model"] == DEMO
        readable = {prop.iid for prop in Spec.shipped("lamp").readable()}
        names = [each["name"] for each in found["properties"] if (each["siid"], each["piid"]) in readable]
        assert ask("get", *names).code == 0
        assert {"name": "light:toggle", "siid": 2, "aiid": 1} in found["actions"]
        assert {"name": "knob:turn", "siid": 6, "eiid": 2} in found["events"]


class TestNamesWithoutAnOption:
    def test_the_model_is_known_with_the_name(
        self, run: Run, fetched: Service, other: VirtualProduct
    ) -> None:
        name(other)
        assert run("-d", "lamp", "set", "light:brightness", "33").out == "ok\n"
        assert run("-d", "lamp", "get", "light:brightness").out == "33 percentage\n"
        assert run("-d", "lamp", "action", "toggle").out == "ok\n"
        assert run("-d", "lamp", "get").out.startswith("light:on: ")
        assert fetched.asked == []

    def test_the_device_tells_its_model(self, run: Run, fetched: Service, other: VirtualProduct) -> None:
        assert run("get", "light:brightness", env=where(other)).code == 0
        name(other, model=None)
        assert run("-d", "lamp", "get", "light:on", "brightness").code == 0

    def test_what_the_description_forbids_is_not_sent(
        self, run: Run, fetched: Service, other: VirtualProduct
    ) -> None:
        ended = run("set", "light:brightness", "500", env=where(other))
        assert ended.code == 2
        assert "1..100" in ended.err
        assert "set 2.2 500" in " ".join(ended.err.split())

    def test_numbers_need_no_description(self, run: Run, service: Service, other: VirtualProduct) -> None:
        assert run("get", "2.1", env=where(other)).code == 0
        assert run("set", "2", "2", "5", env=where(other)).code == 0
        assert run("action", "2.1", env=where(other)).code == 0
        assert service.asked == []

    @pytest.mark.parametrize(
        "words", [("get", "light:on"), ("get",), ("set", "light:on", "on"), ("action", "toggle")]
    )
    def test_one_that_is_not_here_is_never_fetched(
        self, run: Run, service: Service, other: VirtualProduct, words: tuple[str, ...]
    ) -> None:
        ended = run(*words, env=where(other))
        assert (ended.code, ended.out) == (1, "")
        told = " ".join(ended.err.split())
        assert f"'miio-lan spec fetch {MODEL}' gets it" in told
        assert "Numbers such as 2.1 need none" in told
        assert service.asked == []

    def test_a_misspelt_name(self, run: Run, fetched: Service, other: VirtualProduct) -> None:
        ended = run("get", "light:brigthness", env=where(other))
        assert ended.code == 2
        assert "did you mean light:brightness" in ended.err

    def test_a_model_for_an_option(self, run: Run, fetched: Service, other: VirtualProduct) -> None:
        assert run("get", "light:on", "--spec", MODEL, env=where(other)).code == 0

    def test_listen_names_what_is_told(self, run: Run, fetched: Service, other: VirtualProduct) -> None:
        name(other)
        assert run("-d", "lamp", "listen", "light:on", "--for", "0.05").code == 0
        assert run("-d", "lamp", "listen", "light:onn", "--for", "0.05").code == 2
        assert run("-d", "lamp", "listen", "--for", "0.05").code == 0

    def test_listen_needs_no_description(self, run: Run, service: Service, other: VirtualProduct) -> None:
        name(other)
        assert run("-d", "lamp", "listen", "--for", "0.05").code == 0
        assert run("-d", "lamp", "listen", "light:on", "--for", "0.05").code != 0

    def test_a_fleet_of_two_models(
        self, run: Run, fetched: Service, other: VirtualProduct, product: Any
    ) -> None:
        name(other)
        DevicesFile().put(NamedDevice("demo", product.host, product.token, None, None, product.port))
        ended = run("--json", "fleet", "set", "light:brightness", "44")
        assert ended.code == 0
        found = {
            each["name"]: each
            for each in map(json.loads, run("--json", "fleet", "get", "light:brightness").out.splitlines())
        }
        assert {name: each["result"][0]["value"] for name, each in found.items()} == {"lamp": 44, "demo": 44}

    def test_a_fleet_of_which_one_is_not_described(
        self, run: Run, service: Service, other: VirtualProduct, product: Any
    ) -> None:
        name(other)
        DevicesFile().put(NamedDevice("demo", product.host, product.token, None, None, product.port))
        ended = run("--json", "fleet", "get", "light:on")
        found = {each["name"]: each for each in map(json.loads, ended.out.splitlines())}
        assert ended.code == 1
        assert found["demo"]["ok"] is True
        assert "spec fetch" in found["lamp"]["error"]["message"]
        ended = run("--json", "fleet", "set", "light:fault", "1", "--only", "demo")
        assert ended.code == 1
        assert "not writable" in json.loads(ended.out)["error"]["message"]


# --- completion ----------------------------------------------------------------------------------------------------


def completed(words: str, incomplete: str, shell: str = "zsh") -> list[str]:
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    completer = kind(program, {}, "miio-lan", "_MIIO_LAN_COMPLETE")
    return [
        each.value for each in completer.get_completions(words.split(), incomplete) if each.type == "plain"
    ]


class TestCompletion:
    def test_names_where_the_model_is_known(self, fetched: Service, other: VirtualProduct) -> None:
        name(other)
        other.close()
        assert completed("-d lamp get", "") == ["light:on", "light:brightness"]
        assert completed("-d lamp get", "light:b") == ["light:brightness"]
        assert completed("-d lamp get light:on", "light:b") == ["light:brightness"]
        assert completed("-d lamp action", "") == ["light:toggle"]
        assert completed("-d lamp listen", "light:o") == ["light:on"]
        assert completed("get --spec lamp", "environment:t") == ["environment:temperature"]
        assert completed("fleet get --spec lamp", "environment:t") == ["environment:temperature"]
        assert "light:fault" not in completed("set --spec lamp", "")
        assert "light:fault" in completed("get --spec lamp", "")
        assert "light:scene-data" not in completed("get --spec lamp", "")

    def test_bash_takes_a_colon_for_a_word(self, fetched: Service) -> None:
        assert completed("get --spec lamp environment", ":") == [
            "illumination",
            "temperature",
            "relative-humidity",
        ]
        assert completed("get --spec lamp environment :", "t") == ["temperature"]
        assert completed("action --spec lamp delay :", "s") == []  # the action has its word already

    @pytest.mark.parametrize(
        "words", ["get", "set", "action", "-d nobody get", "get --spec a.b.c", "get --spec no.json"]
    )
    def test_nothing_where_nothing_is_known(self, service: Service, words: str) -> None:
        assert completed(words, "") == []
        assert service.asked == []

    def test_models(self, fetched: Service) -> None:
        assert MODEL in completed("spec show", "")
        assert completed("get --spec", "exa") == [MODEL]
