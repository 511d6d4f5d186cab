from __future__ import annotations

import json
from pathlib import Path

import pytest

from miio_lan.record import Record
from miio_lan.record.recording import FileRecorder, read_recording


@pytest.fixture
def recording(tmp_path) -> str:
    path = tmp_path / "wires.jsonl"
    with FileRecorder(path) as recorder:
        recorder(Record("lan", "down", 1.0, 1.0, b"", {"id": 1, "method": "miIO.info"}))
        recorder(Record("uart", "up", 1.1, 1.1, b"get_down\r", {"command": "get_down", "valid": True}))
        recorder(Record("uart", "down", 1.2, 1.2, b"down get_properties 2 1\r"))
        recorder(Record("uart", "up", 1.3, 1.3, b"result 2 1 0 5\r"))
    return str(path)


def test_a_recording_is_replayed_in_two_lanes(run, recording) -> None:
    ended = run("watch", "--replay", recording)
    assert (ended.code, ended.err) == (0, "")
    assert [row.split(maxsplit=1) for row in ended.out.splitlines()[1:]] == [
        ["0.000", "→ miIO.info"],
        ["0.200", "→ down get_properties 2 1"],
        ["0.300", "← result 2 1 0 5"],
    ]


@pytest.mark.parametrize(
    "chosen",
    [(), ("--polls",), ("--wire", "uart"), ("--only", "result"), ("--hide", "down"), ("--speed", "1000")],
)
def test_a_copy_has_all_of_a_recording_whatever_is_shown_of_it(run, recording, tmp_path, chosen) -> None:
    copy = tmp_path / "copy.jsonl"
    ended = run("watch", "--replay", recording, *chosen, "-o", str(copy))
    assert (ended.code, ended.err) == (0, f"4 records in {copy}\n")
    assert copy.read_bytes() == Path(recording).read_bytes()


@pytest.fixture
def late(tmp_path) -> str:
    """Make a recording of two receivers: the one at the module is 10 ms later than the other."""
    path = tmp_path / "late.jsonl"
    with FileRecorder(path) as recorder:
        for at, direction, raw in (
            (1.000, "up", b"get_down\r"),
            (1.005, "up", b"result 2 1 0 5\r"),
            (1.011, "down", b"down get_properties 2 1\r"),
            (1.016, "down", b"ok\r"),
        ):
            recorder(Record("uart", direction, at, at, raw))
    return str(path)


def test_two_late_receivers_are_shown_as_they_were_heard_by_both_ends_and_copied_as_recorded(
    run, late, tmp_path
) -> None:
    copy = tmp_path / "copy.jsonl"
    shown = run("watch", "--replay", late, "--polls", "-o", str(copy)).out
    assert [row.split(maxsplit=2)[2] for row in shown.splitlines()[1:]] == [
        "get_down",
        "down get_properties 2 1",
        "result 2 1 0 5",
        "ok",
    ]
    assert copy.read_text() == Path(late).read_text()
    run("watch", "--replay", late, "--polls", "--count", "2", "-o", str(copy))
    assert [record.raw for record in read_recording(copy)] == [b"get_down\r", b"down get_properties 2 1\r"]


def test_decoding_reads_two_late_receivers_as_they_were_heard_by_both_ends(run, late) -> None:
    shown = run("uart", "decode", late).out
    assert [row.split(maxsplit=2)[2] for row in shown.splitlines()] == [
        "get_down",
        "down get_properties 2 1",
        "result 2 1 0 5    (answers get_properties)",
        "ok",
    ]


def test_json_lines(run, recording) -> None:
    ended = run("watch", "--replay", recording, "--only", "result|info", "--json")
    assert [json.loads(line)["wire"] for line in ended.out.splitlines()] == ["lan", "uart"]


def test_people_see_no_secrets_and_recordings_keep_every_byte(run, tmp_path) -> None:
    path, copy = tmp_path / "wires.jsonl", tmp_path / "copy.jsonl"
    info = {"id": 1, "result": {"token": "hunter1", "ap": {"ssid": "home", "passwd": "hunter2"}}}
    with FileRecorder(path) as recorder:
        recorder(Record("lan", "up", 1.0, 1.0, json.dumps(info).encode(), info))
        recorder(Record("uart", "up", 1.1, 1.1, b'setwifi "home" "hunter3"\r'))
    shown = run("watch", "--replay", str(path), "-o", str(copy)).out
    assert "hunter" not in shown
    assert shown.count("(hidden)") == 3
    assert copy.read_text() == path.read_text()
    decoded = run("uart", "decode", str(path))
    assert decoded.out.splitlines()[-1].split(maxsplit=2)[2].startswith('setwifi "home" (hidden)')
    for arguments in (("watch", "--replay", str(path), "--json"), ("uart", "decode", str(path), "--json")):
        assert "hunter" not in run(*arguments).out
        assert "hunter3" in run(*arguments, "--show-secrets").out
    for arguments in (("watch", "--replay", str(path)), ("uart", "decode", str(path))):
        assert "hunter3" in run("--show-secrets", *arguments).out


def test_a_byte_order_mark_is_no_part_of_a_recording(run, recording) -> None:
    text = Path(recording).read_text(encoding="utf-8")
    Path(recording).write_text(text, encoding="utf-8-sig")
    assert run("watch", "--replay", recording).out.count("\n") == 4


def test_a_broken_recording(run, tmp_path) -> None:
    (tmp_path / "broken").write_text("{}\n")
    ended = run("watch", "--replay", str(tmp_path / "broken"))
    assert ended.code == 2
    assert "line 1 of the recording" in ended.err


def test_a_virtual_product_is_watched_on_both_wires(run, tmp_path) -> None:
    path = tmp_path / "both.jsonl"
    ended = run(
        "watch", "--virtual", "-o", str(path), "--only", "get_properties", "--count", "60", "--seconds", "20"
    )
    assert ended.code == 0
    assert "→ get_properties 1.1 1.2 1.3" in ended.out
    assert "→ down get_properties 1 1 1 2 1 3" in ended.out
    assert "127.0.0.1, UDP port" in ended.err
    assert {record.wire for record in read_recording(path)} == {"lan", "uart"}


def test_commands_may_be_sent_to_it(run) -> None:
    call = 'set_properties [{"did": "1", "siid": 2, "piid": 1, "value": true}]'
    ended = run(
        "watch", "--virtual", "lamp", "--send", call, "--only", "set_prop", "--count", "40", "--every", "0.05"
    )
    assert "down set_properties 2 1 true" in ended.out


def test_commands_are_sent_to_a_device(ask) -> None:
    ended = ask("watch", "--send", "miIO.info", "--send", "nope []", "--every", "0.01", "--count", "8")
    assert ended.code == 0
    assert "→ miIO.info" in ended.out
    assert "→ nope" in ended.out
    assert "nope: nope was refused" in ended.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Nothing to watch"),
        (["--virtual", "--replay", "x"], "only one of"),
        (["--virtual", "lamp", "--up", "x"], "only one of"),
        (["--replay", "x", "--send", "miIO.info"], "cannot be sent anything"),
        (["--send", " "], "needs a method"),
        (["--send", "x {"], "Error"),
        (["--send", "miIO.info"], "Missing the device's address"),
        (["--virtual", "none-such"], "none-such"),
        (["--up", "/dev/none-such"], "cannot be opened"),
        (["--virtual", "--speed", "2"], "it needs --replay"),
        (["--up", "x", "--every", "2"], "it needs --send or --virtual"),
        (["--replay", "x", "--ip", "127.0.0.1"], "--ip is about a device"),
        (["--up", "x", "--token", "0" * 32], "--token is about a device"),
        (["--virtual", "--send", "miIO.info", "--port", "54321"], "--port is about a device"),
    ],
)
def test_wrong_use(run, arguments, complaint) -> None:
    ended = run("watch", *arguments)
    assert ended.code in (1, 2)
    assert ended.out == ""
    assert complaint in ended.err


def test_a_recording_without_records_is_an_error_and_costs_no_earlier_copy(run, tmp_path) -> None:
    empty, copy = tmp_path / "empty", tmp_path / "copy"
    empty.write_text("")
    copy.write_text("earlier")
    ended = run("watch", "--replay", str(empty), "-o", str(copy))
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"Error: {empty} holds no records")
    assert "uart decode" in ended.err
    assert copy.read_text() == "earlier"
    as_json = run("--json", "watch", "--replay", str(empty))
    assert as_json.code == 1
    assert "holds no records" in as_json.json["error"]["message"]
