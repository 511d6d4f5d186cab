"""The report for programs."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

from support.judged import RESULT, VERDICTS, hostile, judgement, lan, observed

from miio_lan.acceptance.report.formats import FORMAT, to_json
from miio_lan.acceptance.verdict import Evidence
from miio_lan.record import Record

TOKEN = "0123456789abcdef0123456789abcdef"


def test_the_keys_are_those_of_the_documentation():
    data = json.loads(to_json(judgement()))
    assert {key: data[key] for key in data if key not in ("verdicts", "exchanges")} == {
        "format": FORMAT,
        "title": "Lamp on the bench",
        "model": "miiolan.light.demo1",
        "started": 1_700_000_000.0,
        "mode": "passive",
        "ok": False,
        "counts": {"pass": 1, "fail": 1, "warning": 1, "not observed": 1},
        "refusals": 0,
        "records": 10,
    }
    verdict = data["verdicts"][1]
    assert {key: verdict[key] for key in verdict if key != "evidence"} == {
        "name": "answers-in-time",
        "title": "A downlink is answered within 4 s",
        "source": "serial document, result",
        "kind": "answers",
        "severity": "failure",
        "outcome": "fail",
        "text": "One answer took 4.6 s.",
        "kept": 0,
        "warned": 0,
        "broken": 0,
        "seconds": 0.0,
    }
    assert Record.from_json(verdict["evidence"][1]["record"]) == RESULT
    assert data["verdicts"][3]["evidence"][1] == {"text": "1 of 10 lines"}
    (exchange,) = data["exchanges"]
    assert exchange == {
        "method": "get_properties",
        "ids": [7],
        "fetch_time": exchange["fetch_time"],
        "mcu_time": exchange["mcu_time"],
        "total_time": exchange["total_time"],
        "stopped_at": "answered late",
        "ambiguous": False,
        "notes": ["it was sent 2 times"],
    }
    assert [round(exchange[key], 3) for key in ("fetch_time", "mcu_time", "total_time")] == [
        0.101,
        4.599,
        4.71,
    ]


def test_it_is_ascii_and_ends_with_a_line_end():
    text = to_json(hostile())
    assert text.isascii()
    assert text.endswith("}\n")
    assert json.loads(text)["exchanges"][0]["stopped_at"] is not None


def test_secrets_are_hidden_wherever_they_stand():
    payload = f'{{"id":1,"result":{{"token":"{TOKEN}","ssid":"home"}}}}'
    plain = lan(0, "up", payload, result={"token": TOKEN, "passwd": "mellon", "ssid": "home", "key": 5})
    coded = Record("lan", "up", 0.0, 0.0, '{"passwd":"mellon","ssid":"\u00e4"}'.encode())
    harmless = Record("uart", "up", 0.0, 0.0, b"\xffmodel\r")
    evidence = tuple(Evidence(f"token {TOKEN}", record) for record in (plain, coded, harmless))
    text = to_json(judgement((replace(VERDICTS[0], evidence=evidence),)))
    assert TOKEN not in text
    assert "mellon" not in text
    assert base64.b64encode(coded.raw).decode() not in text
    first, second, third = (each["record"] for each in json.loads(text)["verdicts"][0]["evidence"])
    assert first["reading"]["result"] == {"token": "(hidden)", "passwd": "(hidden)", "ssid": "home", "key": 5}
    assert base64.b64decode(second["base64"]) == '{"passwd":"(hidden)","ssid":"\u00e4"}'.encode()
    assert base64.b64decode(third["base64"]) == harmless.raw


def test_a_product_that_ran():
    data = json.loads(to_json(observed()))
    assert data["ok"] is True
    assert [each["method"] for each in data["exchanges"]] == [
        "miIO.info", "get_properties", "set_properties", "set_properties",
    ]  # fmt: skip
