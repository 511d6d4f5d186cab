"""No output for people tells a secret, and all reports are written for whatever a recording may hold."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console
from support.judged import RECORDS, VERDICTS, judgement, lan, uart

from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.report.formats import terminal, to_html, to_json, to_junit
from miio_lan.acceptance.report.secrets import without_secrets
from miio_lan.acceptance.verdict import Evidence, Judgement
from miio_lan.cli.uart.decode import as_text
from miio_lan.errors import RecordError
from miio_lan.pairing.exchange import Exchange, Part
from miio_lan.record import Record
from miio_lan.record.lanes import transcript
from miio_lan.uart.commands import Direction
from miio_lan.uart.listening.watch import LineWatch

TOKEN = "0123456789abcdef0123456789abcdef"


def reports(of: Judgement) -> str:
    """All four reports, one after the other."""
    screen = io.StringIO()
    terminal(of, Console(file=screen, width=100))
    return "\n".join([to_html(of), to_json(of), to_junit(of), screen.getvalue()])


def shown(records: list[Record]) -> str:
    """Everything that people get to see of records: as evidence, judged, live and decoded."""
    evidence = tuple(Evidence(str((record.reading or {}).get("problem", "")), record) for record in records)
    text = " ".join(piece.text for piece in evidence)
    exchange = Exchange(
        "m",
        params=records[0].reading,
        request=records[0],
        parts=(Part(records[-1], records[-1], records[-1]),),
        records=(records[0], records[-1]),
        notes=(text,),
    )
    made = judgement((replace(VERDICTS[1], text=text, evidence=evidence),), tuple(records), (exchange,))
    return "\n".join(
        [
            reports(made),
            reports(judgement_of(records)),
            transcript(records, "line", width=10_000),
            transcript(records, "wires", width=10_000),
            *map(as_text, records),
        ]
    )


def line(direction: Direction, raw: bytes) -> Record:
    """Read a line as whoever listens does."""
    found: list[Record] = []
    watch = LineWatch(found.append, wall=lambda _: 1_700_000_000.0)
    watch.feed(direction, raw.replace(b"\r", b"") + b"\r", 1.0)
    return found[0]


# No word of any output has such letters, so that whatever remains of a secret is found.
secrets = st.text(alphabet="\u0416QXZ89\"'\\ {}[],:/\x7f\u00e9", min_size=4, max_size=20).map(
    lambda text: f"QXZ{text}QXZ"
)
names = st.sampled_from(["token", "passwd", "psk", "bind_key", "ltmk", "wifi_pwd", "beaconkey"])
WRAPPED = st.lists(st.sampled_from(["object", "list", "text"]), max_size=4)


def wrapped(document: object, ways: list[str]) -> object:
    for way in ways:
        if way == "object":
            document = {"id": 1, "result": document}
        elif way == "list":
            document = [1, document, "x"]
        else:
            document = json.dumps(document)
    return document


@given(secrets, names, WRAPPED, st.booleans(), st.floats(0, 1))
@pytest.mark.untraced
@settings(max_examples=60, deadline=None)
@example("QXZ hunter three QXZ", "passwd", ["text"], False, 1.0)
def test_a_secret_is_never_shown_wherever_it_stands(secret, name, ways, ascii_only, cut):
    document = {"ssid": "home", name: secret, "uid": 5}
    payload = json.dumps(
        {"id": 1, "method": "set", "params": wrapped(document, ways)}, ensure_ascii=ascii_only
    )
    argument = json.dumps(wrapped(document, ways), ensure_ascii=ascii_only)
    cut_off = argument[: int(len(argument) * cut)]
    records = [
        Record("lan", "down", 0.5, 0.5, payload.encode(), json.loads(payload)),
        Record("lan", "up", 0.6, 0.6, payload.encode() + b"\xff"),
        Record("lan", "up", 0.7, 0.7, cut_off.encode(), None, note=argument),
        line("down", f"down miIO.config_router {argument}".encode()),
        line("down", f"down set_properties 2 1 {json.dumps(argument)}".encode()),
        line("up", f"properties_changed 2 1 {json.dumps(argument)}".encode()),
        line("up", f"result {argument}".encode()),
        line("up", f"result {cut_off}".encode()),
        line("up", f"nonsense {argument}".encode()),
        line("up", f'setwifi "home" {json.dumps(secret)}'.encode()),
        line("up", f"props {name} {json.dumps(secret)} key 5".encode()),
    ]
    output = shown(records)
    assert "QXZ" not in output
    assert "home" in output


def test_examples_that_were_found():
    config = r'{"id":1,"method":"set","params":{"config":"{\"token\":\"abcd\",\"passwd\":\"hunter3\"}","psk":87654321}}'
    reading = json.loads(config)
    output = shown(
        [lan(0.0, "down", config, **reading), uart(0.1, "up", r'result "{\"bindkey\":\"hunter4\"}"')]
    )
    for secret in ("abcd", "hunter", "87654321"):
        assert secret not in output


def test_sentences_do_not_tell_what_a_record_hid():
    record = line("up", b'properties_changed 2 1 {"passwd":"hunter three"}')
    said = "'three\"}' is left over, 'hunt...' is neither, '2 1' is; hunter; the MCU's oak, thre and huntersville"
    verdict = replace(VERDICTS[0], text=said, evidence=(Evidence(said, record),))
    made = without_secrets(judgement((verdict,)))
    clean = "'(hidden)' is left over, '(hidden)' is neither, '2 1' is; (hidden); the MCU's oak, thre and huntersville"
    assert made.verdicts[0].text == made.verdicts[0].evidence[0].text == clean


def test_what_has_no_secret_stays_as_it_is():
    plain = judgement()
    assert without_secrets(plain) == plain
    assert all(after is before for after, before in zip(without_secrets(plain).records, RECORDS, strict=True))


def test_bytes_that_are_no_text_are_shown_without_their_secret():
    record = Record("lan", "up", 1000.0, 0.0, b'\xff{"passwd":"hunter"}')
    output = reports(judgement((replace(VERDICTS[0], evidence=(Evidence("", record),)),)))
    assert b"hunter".hex(" ") not in output
    assert b"(hidden)".hex(" ") in output


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.sampled_from(["base64", "token", "id", "code"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = [
    *("id", "method", "params", "result", "error", "command", "valid", "answers", "problem", "properties"),
    *(
        "results",
        "readings",
        "values",
        "transfer",
        "base64",
        "siid",
        "text",
        "state",
        "unread",
        "count",
        "number",
    ),
]
LINES = [
    "get_down",
    "down get_properties 2 1",
    "result 2 1 0 true",
    "ok",
    "error",
    "model a.b.c",
    "\x00",
    "CCC",
]
objects = st.fixed_dictionaries(
    {
        "wire": st.sampled_from(["lan", "uart"]),
        "direction": st.sampled_from(["up", "down"]),
        "instant": st.floats() | st.floats(0, 10),
        "wall": st.floats() | st.floats(0, 2e9),
    },
    optional={
        "raw": st.sampled_from(LINES).map(lambda text: text + "\r") | st.text(st.characters(codec="ascii")),
        "base64": st.sampled_from(["", "x!", "/w==", "eyJwc2siOiJ4In0="]),
        "reading": st.dictionaries(st.sampled_from(KEYS), json_values, max_size=4) | json_values,
        "note": st.sampled_from(["hello", "noise", "outage: gone", "late start"]) | st.text(),
        "peer": st.text(max_size=5),
    },
)


def accepted(document: object) -> Record | None:
    """Give the record that a reader makes of an object; None when it refuses."""
    try:
        return Record.from_json(json.loads(json.dumps(document)))
    except RecordError:
        return None


@given(st.lists(objects, min_size=1, max_size=6))
@pytest.mark.untraced
@settings(max_examples=60, deadline=None)
def test_whatever_can_be_read_is_judged_and_reported(documents):
    records = [record for each in documents if (record := accepted(each)) is not None]
    evidence = tuple(Evidence("", record) for record in records)
    assert reports(judgement((replace(VERDICTS[0], evidence=evidence),), tuple(records), ()))
    assert reports(judgement_of(sorted(records, key=lambda record: record.instant)))  # of one clock
    assert transcript(records).count("\n") >= len(records)


@pytest.mark.parametrize(
    "changes",
    [
        {"reading": {"base64": "x!"}},
        {"instant": 1e12},
        {"instant": -1e12, "wall": 1e12},
        {"wall": -1e12},
        {"reading": json.loads('{"a":' * 100 + "5" + "}" * 100)},
        {"reading": {"number": float("nan"), "a": 10**4000}},
    ],
)
def test_odd_recordings_are_reported(changes):
    record = accepted(
        {"wire": "uart", "direction": "up", "instant": 1.0, "wall": 1.0, "raw": "ok\r"} | changes
    )
    assert record is not None
    verdict = replace(VERDICTS[1], evidence=(Evidence("", record),))
    assert "answers-in-time" in reports(judgement((verdict,), (record, *RECORDS)))
    assert reports(judgement_of([record]))
    assert as_text(record)
