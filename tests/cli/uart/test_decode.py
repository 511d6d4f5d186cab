from __future__ import annotations

import json

import pytest

from miio_lan.record import Record, write
from miio_lan.record.recording import FileRecorder

LOG = """\
↑get_down
↓down set_properties 2 1 true
↑result 2 1 0
↓ok
↑gibberish
↓error
↑get_arch_platform
↓esp32
↑net
↓local
"""


def test_decoding_for_people(run, tmp_path):
    log = tmp_path / "log.txt"
    log.write_text(LOG, encoding="utf-8")
    ended = run("uart", "decode", str(log))
    assert ended.code == 0
    assert [line.split(maxsplit=1)[1] for line in ended.out.splitlines()] == [
        "↑ get_down",
        "↓ down set_properties 2 1 true",
        "↑ result 2 1 0    (answers set_properties)",
        "↓ ok",
        "↑ gibberish    ('gibberish' is no command of the serial document)",
        "↓ error",
        "↑ get_arch_platform    (beyond the document)",
        "↓ esp32    (answers get_arch_platform)",
        "↑ net",
        "↓ local    (answers net)",
    ]


def test_decoding_for_programs(run, tmp_path):
    log = tmp_path / "log.txt"
    log.write_bytes(b"\xff\xffget_down\r\ndown none\r\n")
    lines = [json.loads(line) for line in run("uart", "decode", "--json", str(log)).out.splitlines()]
    assert [line["command"] for line in lines] == ["get_down", "down"]
    assert [line["direction"] for line in lines] == ["up", "down"]
    assert lines[1]["method"] == "none"
    assert lines[0]["line"] == "\\xff\\xffget_down"


def test_line_feeds_are_not_shown(run, tmp_path):
    recording = tmp_path / "line.jsonl"
    with recording.open("w", encoding="utf-8") as file:
        write(
            file, [Record("uart", "up", 1.5, 100.0, raw) for raw in (b"net\r", b"\nmac\r", b"\nti\tme\n\r")]
        )
    assert run("uart", "decode", str(recording)).out.splitlines()[1:] == [
        "       1.500 ↑ mac",
        "       1.500 ↑ ti\\tme    (1 byte(s) or character(s) outside printable ASCII, which a module drops)",
    ]
    as_json = run("uart", "decode", "--json", str(recording)).out.splitlines()
    assert [json.loads(line)["line"] for line in as_json] == ["net", "mac", "ti\tme"]


def test_decoding_a_recording(run, tmp_path):
    recording = tmp_path / "line.jsonl"
    with recording.open("w", encoding="utf-8") as file:
        write(
            file,
            [
                Record("uart", "up", 1.5, 100.0, b"model a.b.c\r"),
                Record("uart", "down", 1.6, 100.1, b"", note="outage: gone"),
                Record("lan", "down", 1.7, 100.2, b"{}"),
            ],
        )
    lines = [json.loads(line) for line in run("uart", "decode", "--json", str(recording)).out.splitlines()]
    assert [(line["instant"], line.get("command"), line.get("note")) for line in lines] == [
        (1.5, "model", None),
        (1.6, None, "outage: gone"),
    ]


def test_decoding_a_table(run, tmp_path):
    log = tmp_path / "capture.csv"
    rows = [f'"TX","data",{number / 1000:.6f},0.000082,"{char}"' for number, char in enumerate("net\r")]
    log.write_bytes("\r\n".join(['name,type,start_time,duration,"data"', *rows]).encode())
    assert run("uart", "decode", str(log)).out == "       0.000 ↑ net\n"
    log.write_text("Time [s],Channel 0\n0.0,1\n")
    ended = run("uart", "decode", str(log))
    assert (ended.code, ended.out) == (2, "")
    assert "name it data" in ended.err


def test_what_cannot_be_decoded(run, tmp_path):
    ended = run("uart", "decode", str(tmp_path / "none.txt"))
    assert (ended.code, ended.out) == (2, "")
    assert "No such file" in ended.err
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"wire": "uart"}\n', encoding="utf-8")
    assert run("uart", "decode", str(broken)).code == 2


def test_help_in_the_list_of_commands_is_no_echo_in_a_recording_either(run, tmp_path):
    path = tmp_path / "help.jsonl"
    with FileRecorder(path) as recorder:
        for at, direction, raw in ((1.0, "up", b"help\r"), (1.1, "down", b"net\r"), (1.2, "down", b"help\r")):
            recorder(Record("uart", direction, at, at, raw))
    shown = run("uart", "decode", str(path)).out
    assert [row.split(maxsplit=2)[2] for row in shown.splitlines()] == [
        "help",
        "net    (answers help)",
        "help    (answers help)",
    ]


def test_a_log_as_chinese_windows_writes_it(run, tmp_path):
    log = tmp_path / "log.txt"
    log.write_bytes("[14:33:43.123]发→◇get_down\r\n□\r\n[14:33:43.130]收←◆down none\r\n".encode("gbk"))
    ended = run("uart", "decode", str(log))
    assert [line.split(maxsplit=1)[1] for line in ended.out.splitlines()] == ["↑ get_down", "↓ down none"]
    assert ended.err == ""


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b'{\n  "title": "x",\n  "verdicts": []\n}\n', bytes(range(128, 256)), b"{"]
)
@pytest.mark.parametrize("from_stdin", [False, True])
def test_where_nothing_was_found_that_is_an_error(run, tmp_path, data, from_stdin) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(data)
    name, stdin = ("-", data) if from_stdin else (str(path), None)
    ended = run("uart", "decode", name, stdin=stdin)
    assert (ended.code, ended.out) == (1, "")
    assert (
        f"Error: {'standard input' if from_stdin else path} holds no line of the wire: text logs" in ended.err
    )
    as_json = run("uart", "decode", "--json", name, stdin=stdin)
    assert as_json.code == 1
    assert "holds no line of the wire" in as_json.json["error"]["message"]


def test_standard_input_that_ends_after_some_lines_is_no_error(run):
    ended = run("uart", "decode", stdin="get_down\n")
    assert (ended.code, ended.out.split()) == (0, ["0.000", "\u2191", "get_down"])


def test_a_damaged_recording_is_named(run, tmp_path):
    path = tmp_path / "line.jsonl"
    path.write_text('{"wire": 5}\n')
    ended = run("uart", "decode", str(path))
    assert ended.code == 2
    assert ended.err.startswith(f"Error: {path}: line 1 of the recording: ")
