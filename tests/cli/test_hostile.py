"""Nothing steers a terminal of what a command shows of a device, a recording, a log, a description, an argument."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.hostile import HOSTILE, steering

from miio_lan.device.description.spec import Spec
from miio_lan.record import Record, write
from miio_lan.virtual.product import VirtualProduct

ROWS = HOSTILE + "\n\rfaked row"
SPEC = {
    "type": f"urn:miot-spec-v2:device:light:{HOSTILE}",
    "model": "demo.light.lamp",
    "description": HOSTILE,
    "services": [
        {
            "iid": 2,
            "type": f"urn:miot-spec-v2:service:li{ROWS}:00007802:demo:1",
            "description": ROWS,
            "properties": [
                {
                    "iid": 1,
                    "type": f"urn:miot-spec-v2:property:o{ROWS}:00000006:demo:1",
                    "description": ROWS,
                    "format": "uint8",
                    "access": ["read", "write"],
                    "unit": ROWS,
                    "value-list": [{"value": 1, "description": ROWS}],
                    "default-value": 1,
                },
                {
                    "iid": 2,
                    "type": "urn:miot-spec-v2:property:name:00000001:demo:1",
                    "description": "Name",
                    "format": "string",
                    "access": ["read", "write"],
                    "default-value": HOSTILE,
                },
            ],
        }
    ],
}


@pytest.fixture
def spec(tmp_path):
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(SPEC), encoding="ascii")
    return file


@pytest.fixture
def product(spec):
    with VirtualProduct(Spec.load(spec), mcu_options={"poll_interval": 0.002}) as running:
        yield running


@pytest.fixture
def recording(tmp_path):
    raw = ROWS.encode("utf-8", "surrogatepass")
    reading = {"command": HOSTILE, "method": HOSTILE, "problem": ROWS, "valid": False, HOSTILE: ROWS}
    uart = Record("uart", "up", 1.0, 1e9, raw, reading, ROWS, ROWS)
    records = [
        uart,
        replace(uart, direction="down", instant=1.1),
        replace(uart, instant=1.2, raw=b"result \x1b\x9b" + raw, reading=None),
        replace(uart, wire="lan", instant=1.3, reading={"id": 1, "method": HOSTILE, "params": [ROWS]}),
        replace(uart, wire="lan", direction="up", instant=1.4, reading={"id": 1, "error": {"message": ROWS}}),
        replace(uart, wire="lan", direction="up", instant=1.5, reading={"id": 1, "result": {"model": ROWS}}),
        replace(uart, instant=1.6, raw=b"", reading=None),
    ]
    file = tmp_path / f"re{HOSTILE}.jsonl"
    with file.open("w", encoding="ascii") as opened:
        write(opened, records)
    return str(file)


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "log.txt"
    file.write_bytes(f'↑{HOSTILE}\n↓down {HOSTILE} "{HOSTILE}"\n↑result {HOSTILE}\n{HOSTILE}\n'.encode())
    return str(file)


def check(ended, *, rows: int | None = None):
    assert steering(ended.out) == []
    assert steering(ended.err) == []
    assert ended.out + ended.err
    if rows is not None:
        assert len(ended.out.splitlines()) == rows


class TestFiles:
    @pytest.mark.parametrize("words", [[], ["--json"], ["-v"]])
    def test_a_log_is_decoded(self, run, log, words):
        # The fourth is no line of the wire: it is left out, and said to be.
        check(run(*words, "uart", "decode", log), rows=3)

    @pytest.mark.parametrize("words", [[], ["--json"], ["-v"]])
    def test_a_recording_is_decoded(self, run, recording, words):
        check(run(*words, "uart", "decode", recording), rows=7)

    @pytest.mark.parametrize("words", [[], ["--json"], ["--only", HOSTILE.replace("[", r"\[")]])
    def test_a_recording_is_watched(self, run, recording, words):
        check(run("watch", "--replay", recording, *words))

    @pytest.mark.parametrize("words", [[], ["--json"]])
    def test_a_recording_is_judged(self, run, recording, words):
        check(run("accept", recording, *words))

    @pytest.mark.parametrize("words", [[], ["--json"]])
    def test_a_damaged_recording_is_refused(self, run, tmp_path, words):
        file = tmp_path / f"{HOSTILE}.jsonl"
        file.write_text(json.dumps({"wire": HOSTILE}) + "\n", encoding="ascii")
        for command in (["watch", "--replay"], ["accept"], ["uart", "decode"]):
            check(run(*command, str(file), *words))


class TestDevice:
    @pytest.mark.parametrize("words", [[], ["--json"], ["-v"], ["-vv"]])
    def test_properties_are_shown_as_a_description_has_them(self, ask, spec, words):
        check(ask(*words, "get", "--spec", str(spec)))
        check(ask(*words, "get", "2.1", "--spec", str(spec)))
        check(ask(*words, "get", "2.2", "--spec", str(spec)))

    def test_units_and_names_stay_on_their_row(self, ask, spec):
        ended = ask("get", "--spec", str(spec))
        check(ended, rows=2)
        assert ended.out.count("owned") > 3

    @pytest.mark.parametrize("words", [[], ["--json"], ["-v"]])
    def test_a_device_is_described(self, ask, product, words):
        product.mcu.model = HOSTILE
        check(ask(*words, "info"))

    @pytest.mark.parametrize("words", [[], ["--json"], ["-v"]])
    def test_a_refusal_is_told(self, ask, spec, words):
        check(ask(*words, "set", "2.1", "77", "--spec", str(spec)))
        check(ask(*words, "raw-command", HOSTILE))
        check(ask(*words, "raw-command", "x", json.dumps([HOSTILE])))


class TestArguments:
    @pytest.mark.parametrize(
        "words",
        [
            [HOSTILE],
            ["--option" + HOSTILE],
            ["get", HOSTILE],
            ["get", "2.1", "--spec", HOSTILE],
            ["get", "2.1", "--spec", HOSTILE + ".json"],
            ["set", "2.1", HOSTILE],
            ["action", HOSTILE],
            ["--ip", HOSTILE, "--token", "0" * 32, "info"],
            ["--port", HOSTILE, "info"],
            ["uart", "decode", HOSTILE],
            ["watch", "--replay", HOSTILE],
            ["watch", "--replay", "x", "--only", "(" + HOSTILE],
            ["accept", HOSTILE],
            ["accept", "--html", HOSTILE + "/x", "x"],
            ["uart", "record", HOSTILE],
            ["uart", "bridge", HOSTILE, HOSTILE, "--fault", HOSTILE],
        ],
    )
    @pytest.mark.parametrize("json_", [[], ["--json"]])
    def test_what_was_typed_is_refused(self, run, words, json_):
        ended = run(*json_, *words)
        assert ended.code != 0
        check(ended)
