"""Logs as programs write them, and bug reports hold them."""

from __future__ import annotations

import io
import itertools

import pytest

from miio_lan.uart.logs.formats import read_format
from miio_lan.uart.logs.logparts import unescaped
from miio_lan.uart.logs.textlog import read_text_log

Lines = list[tuple[str, str]]
TALK: Lines = [
    ("up", "get_down"),
    ("down", "down get_properties 2 1"),
    ("up", "result 2 1 0 true"),
    ("down", "ok"),
]


def lines(text: str) -> Lines:
    records = read_text_log(io.StringIO(text))
    return [(record.direction, record.raw.strip(b"\r\n").decode("latin-1")) for record in records]


ESPHOME_TEXT = """\
[21:18:21][I][app:100]: ESPHome version 2026.6
[21:18:22][D][uart_debug:158]: <<< "get_down\\r"
[21:18:22][D][uart_debug:158]: >>> "down get_properties 2 1\\r"
[21:18:22][D][uart_debug:158]: <<< "result 2 1 "
[21:18:22][D][uart_debug:158]: <<< "0 true\\r"
[21:18:22][D][uart_debug:158]: >>> "ok\\r"
"""
ESPHOME_HEX = """\
[21:18:22][D][uart_debug:114]: <<< 67:65:74:5F:64:6F:77:6E:0D
[21:18:22][D][uart_debug:114]: >>> 64:6F:77:6E:20:67:65:74:5F:70:72:6F:70:65:72:74:69:65:73:20:32:20:31:0D
[21:18:22][D][uart_debug:114]: <<< 72:65:73:75:6C:74:20:32:20:31:20:30:20:74:72:75:65:0D
[21:18:22][D][uart_debug:114]: >>> 6F:6B:0D
"""
COMPONENT = """\
[21:00:01][D][a_miio:150]: Queuing MCU command 'get_properties 2 1' to MCU
[21:00:01][V][a_miio:099]: Received MCU message 'get_down'
[21:00:01][V][a_miio:310]: Sending reply 'down get_properties 2 1' to MCU
[21:00:01][V][a_miio:099]: Received MCU message 'result 2 1 0 true'
[21:00:01][D][a_miio:200]: MCU reported 'on' for 2.1
[21:00:01][V][a_miio:310]: Sending reply 'ok' to MCU
[21:00:02][D][switch:055]: 'Power': Publish state 'ON'
[21:00:03][W][a_miio:400]: Unknown command 'down foo' received, no message
[21:00:04][I][wifi:003]: connected
"""
MODULE = """\
21:59:36.390 [D] tou: recv=get_down
21:59:36.391 [D] tou: send=down get_properties 2 1
21:59:36.400 [D] ots: {"id":1,"method":"get_properties"}
21:59:36.500 [D] tou: recv=result 2 1 0 true
21:59:36.501 [D] tou: send=ok
"""
SIGROK_ROWS = [
    *"get_down",
    "[0D]",
    *"down get_properties 2 1",
    "[0D]",
    *"result 2 1 0 true",
    "[0D]",
    "o",
    "k",
    "[0D]",
]
SIGROK = "".join(f"uart-1: {row}\n" for row in SIGROK_ROWS)
SIGROK_TRIMMED = "".join(f"uart-1: {row}".rstrip() + "\n" for row in SIGROK_ROWS)
SOCAT_TEXT = """\
> 2026/11/28 07:44:04.000892488  length=9 from=0 to=8
get_down\\r< 2026/11/28 07:44:05.000193303  length=24 from=0 to=23
down get_properties 2 1\\r> 2026/11/28 07:44:05.000500608  length=18 from=9 to=26
result 2 1 0 true\\r< 2026/11/28 07:44:05.000806604  length=4 from=24 to=27
ok\\r
"""
SOCAT_HEX = """\
> 2026/11/28 02:02:22.000056236  length=9 from=0 to=8
 67 65 74 5f 64 6f 77 6e 0d
< 2026/11/28 02:02:22.000165441  length=24 from=0 to=23
 64 6f 77 6e 20 67 65 74 5f 70 72 6f 70 65 72 74 69 65 73 20 32 20 31 0d
> 2026/11/28 02:02:22.000259713  length=18 from=9 to=26
 72 65 73 75 6c 74 20 32 20 31 20 30 20 74 72 75 65 0d
< 2026/11/28 02:02:22.000359861  length=3 from=24 to=26
 6f 6b 0d
"""
SOCAT_BOTH = """\
> 2026/11/28 07:44:07.000120836  length=9 from=0 to=8
 67 65 74 5f 64 6f 77 6e 0d                       get_down.
--
< 2026/11/28 07:44:07.000425000  length=24 from=0 to=23
 64 6f 77 6e 20 67 65 74 5f 70 72 6f 70 65 72 74  down get_propert
 69 65 73 20 32 20 31 0d                          ies 2 1.
--
> 2026/11/28 07:44:07.000520836  length=18 from=9 to=26
 72 65 73 75 6c 74 20 32 20 31 20 30 20 74 72 75  result 2 1 0 tru
 65 0d                                            e.
--
< 2026/11/28 07:44:07.000625000  length=3 from=24 to=26
 6f 6b 0d                                         ok.
--
"""
PUTTY = """\
=~=~=~=~=~=~=~=~=~=~=~= PuTTY log 2026.11.28 10:00:00 =~=~=~=~=~=~=~=~=~=~=~=
get_down
down get_properties 2 1
result 2 1 0 true
ok
"""
SSCOM = """\
[14:33:43.123]发→◇get_down
□
[14:33:43.130]收←◆down get_properties 2 1
[14:33:43.140]发→◇result 2 1 0 true
□
[14:33:43.146]收←◆ok
"""
DOCKLIGHT = """\
28/11/2026 10:20:31.123 [TX] - get_down<CR>
28/11/2026 10:20:31.130 [RX] - down get_properties 2 1<CR>
28/11/2026 10:20:31.140 [TX] - result 2 1 0 <CR>
28/11/2026 10:20:31.146 [RX] - ok<CR><LF>
"""
MARKDOWN = """\
## A lamp

| txd                     | rxd               |
| ----------------------- | ----------------- |
|                         | get_down          |
| down get_properties 2 1 | result 2 1 0 true |
| ok                      |                   |
"""
MARKDOWN_ROWS = """\
| time | direction | data                      |
|:----:|-----------|---------------------------|
| 1.0  | mcu       | `get_down`                |
| 1.1  | module    | `down get_properties 2 1` |
| 1.2  | mcu       | `result 2 1 0 true`       |
| 1.3  | module    | `ok`                      |
"""
SUBSTITUTIONS = "get_down\\r:down get_properties 2 1\nresult 2 1 0 true\\r:ok\n"
ONE_WIRE = "get_down down get_properties 2 1\nresult 2 1 0 true ok\n"


@pytest.mark.parametrize(
    "text",
    [
        ESPHOME_TEXT, ESPHOME_HEX, COMPONENT, MODULE, SIGROK, SIGROK_TRIMMED, SOCAT_TEXT, SOCAT_HEX, SOCAT_BOTH, PUTTY,
        SSCOM, DOCKLIGHT.replace("true", "").replace("0 <CR>", "0 true<CR>"), MARKDOWN, MARKDOWN_ROWS,
        MARKDOWN_ROWS.replace("| time |", "| time, s |"), SUBSTITUTIONS,
        ONE_WIRE,
    ],
)  # fmt: skip
def test_known_formats(text: str) -> None:
    assert lines(text) == TALK


@pytest.mark.parametrize(
    ("module", "mcu"),
    [
        ("txd", "rxd"),
        ("Sent", "Received"),
        ("TX (module)", "RX (MCU)"),
        ("Module -> MCU", "MCU -> Module"),
        ("module → MCU", "MCU → module"),
        ("from module", "from the MCU"),
        ("to MCU", "to the module"),
        ("said by Wi-Fi".replace("-", ""), "said by MCU"),
        ("Sent by module", "Sent by MCU"),
        ("Reply", "Command"),
        ("response", "Request"),
    ],
)
@pytest.mark.parametrize("note", [None, "Meaning", "#", "MCU state"])
def test_headings_of_two_columns(module: str, mcu: str, note: str | None) -> None:
    rows = [(mcu, module), ("---", ":-:"), ("get_down", "down get_properties 2 1")]
    rows.append(("result 2 1 0 true", "ok"))
    notes = [note, "---", "net", "idle"] if note else [""] * 4
    text = "".join(
        f"| {up} | {down} |" + (f" {more} |\n" if more else "\n")
        for (up, down), more in zip(rows, notes, strict=True)
    )
    assert lines(f"Some prose\n\n{text}\nand more of it\n") == TALK


@pytest.mark.parametrize("blank", ["\xa0", "\u2028", "\u3000", " "])
def test_a_dump_may_end_with_any_blank(blank: str) -> None:
    """As what is copied from a page does."""
    dump = b"get_down\r".hex(" ") + blank
    assert lines(f"21:59:36.390 [D] tou: recv={dump}\n") == [("up", "get_down")]
    assert lines(f"time,hex,direction\n1.0,{dump},up\n") == [("up", "get_down")]
    assert lines(f"time,data,direction\n1.0,{dump},up\n") == [("up", "get_down")]


def test_tables_stand_among_other_lines(caplog: pytest.LogCaptureFixture) -> None:
    """One that explains is no log; each other one is read by its own headings."""
    explained = (
        "| Command | Description |\n|---|---|\n| get_down | asks for work |\n| net | asks for the state |\n"
    )
    text = f"Hello\n\n{explained}\n{MARKDOWN_ROWS}\n{MARKDOWN}\n| Log |\n|---|\n| net |\n\nnet\n"
    assert lines(text) == [*TALK, *TALK, ("up", "net"), ("up", "net")]
    assert "3 lines are no line of the wire" in caplog.text


@pytest.mark.parametrize(
    "line", ["properties_changed 1 5 \"it's 'a' b\"", r'properties_changed 1 5 "a\"\'b"', "net"]
)
def test_a_quote_in_a_parameter_does_not_end_the_line_of_a_component(line: str) -> None:
    text = (
        f"[21:00:01][V][a_miio:099]: Received MCU message '{line}'\n"
        f"[21:00:01][V][a_miio:310]: Sending reply 'ok' to MCU, 'all' is well\n"
    )
    assert lines(text) == [("up", line), ("down", "ok")]


def test_an_open_string_in_the_log_of_a_component_costs_itself() -> None:
    text = (
        "[21:00:01][V][a_miio:099]: Received MCU message 'properties_changed 1 5 \"it'\n"
        "[21:00:01][V][a_miio:310]: Sending reply 'ok' to MCU\n"
    )
    assert lines(text) == [("up", 'properties_changed 1 5 "it'), ("down", "ok")]


@pytest.mark.parametrize(
    ("text", "skipped"),
    [
        (ESPHOME_TEXT, 1),
        (ESPHOME_HEX, 0),
        (COMPONENT, 5),
        (MODULE, 1),
        (SSCOM, 0),
        ("began\n" + SOCAT_HEX, 1),
        ("libsigrok 0.5\n" + SIGROK, 1),
        ("notes\n" + MARKDOWN, 1),
        ("Hello\nget_down\nhow are you\ndown none\n", 2),
    ],
)
def test_what_is_left_out_is_counted(text: str, skipped: int, caplog: pytest.LogCaptureFixture) -> None:
    assert lines(text)
    told = [record.getMessage() for record in caplog.records]
    are = "1 line is" if skipped == 1 else f"{skipped} lines are"
    assert told == (
        [f"{are} no line of the wire in any format that is known, and left out"] if skipped else []
    )


def test_a_direction_that_is_given_leaves_nothing_out(caplog: pytest.LogCaptureFixture) -> None:
    records = list(read_text_log(io.StringIO("Hello\nget_down\n"), direction="up"))
    assert [record.raw for record in records] == [b"Hello\r", b"get_down\r"]
    assert caplog.records == []


def test_one_wire_holds_replies_of_all_kinds() -> None:
    text = (
        "get_down down none\n** Down None, Enter APP **\nerror\nmodel a.b.c ok\nmcu_version 0013 error\nnet offline\n"
        "properties_changed 2 1 false ok\ntime 2026-11-28 10:00:00\nget_down error\n"
    )
    assert lines(text) == [
        ("up", "get_down"), ("down", "down none"), ("up", "** Down None, Enter APP **"), ("down", "error"),
        ("up", "model a.b.c"), ("down", "ok"), ("up", "mcu_version 0013"), ("down", "error"),
        ("up", "net"), ("down", "offline"), ("up", "properties_changed 2 1 false"), ("down", "ok"),
        ("up", "time"), ("down", "2026-11-28 10:00:00"), ("up", "get_down"), ("down", "error"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["get_down ok", "net nowhere at all", 'result "ok"', "properties_changed 2 1"]
)
def test_what_is_no_reply_stays_where_it_is(text: str) -> None:
    assert lines(text + "\n") == [("up", text)]


def test_bytes_that_are_no_text_come_through() -> None:
    text = '[1][D][uart_debug:1]: <<< "properties_changed 1 5 \\"\\xFF\\x00a\\"\\r"\n'
    assert lines(text) == [("up", 'properties_changed 1 5 "\xff\x00a"')]
    assert unescaped(r"\a\b\e\f\n\r\t\v\0\\\"\'\x41\q") == b"\a\b\x1b\f\n\r\t\v\0\\\"'Aq"


@pytest.mark.parametrize(
    "payload",
    [
        "6F:6B:0D",
        "6f 6b 0d",
        "6F,6B,0D (3 bytes)",
        "111,107,13",
        "111:107:13 (3)",
        "0b01101111 (0x6F):0b01101011 (0x6B):0b00001101 (0x0D)",
    ],
)
def test_bytes_as_numbers(payload: str) -> None:
    assert lines(f"[1][D][uart_debug:1]: >>> {payload}\n") == [("down", "ok")]


@pytest.mark.parametrize("payload", ["999,107,13", "what is this", "6F:6B:0", ""])
def test_what_is_no_bytes_is_nobody_s_words(payload: str, caplog: pytest.LogCaptureFixture) -> None:
    text = f'[1][D][uart_debug:1]: <<< "net\\r"\n[1][D][uart_debug:1]: >>> {payload}\n'
    assert lines(text) == [("up", "net")]
    assert "1 line is no line of the wire" in caplog.text


def test_a_byte_of_each_direction_apart() -> None:
    rows = [("rx-data", byte) for byte in "get_down"] + [
        ("tx-data", "o"),
        ("rx-data", "[0D]"),
        ("tx-data", "k"),
    ]
    text = "".join(f"uart-1: {kind}: {byte}\n" for kind, byte in [*rows, ("tx-data", "[0D]")])
    assert lines(text) == [("up", "get_down"), ("down", "ok")]


def test_hex_rows_of_an_analyser() -> None:
    assert lines("uart-1: 6E\nuart-1: 65\nuart-1: 74\nuart-1: 0D\n") == [("up", "net")]


def test_times_are_kept() -> None:
    found = list(read_text_log(io.StringIO(SOCAT_TEXT)))
    assert [round(record.instant - found[0].instant, 3) for record in found] == [0.0, 0.999, 1.0, 1.0]
    found = list(read_text_log(io.StringIO(MODULE)))
    assert [round(record.instant - found[0].instant, 3) for record in found] == [0.0, 0.001, 0.11, 0.111]


@pytest.mark.parametrize(
    "text", ["", "get_down\ndown none\n", "TX: get_down\n", "a | b\n", "| a | b |\n", "> 2026\n"]
)
def test_other_logs_have_no_such_sign(text: str) -> None:
    assert read_format(text.splitlines()) is None


def test_an_end_of_two_crs_and_an_lf_is_one() -> None:
    assert lines("get_down\n\nresult 2 1 0 true\n\n") == [("up", "get_down"), ("up", "result 2 1 0 true")]


SAID = [("up", b"get_down\r"), ("down", b"down none\r"), ("up", b"net\r"), ("down", b"ok\r")]


def said(text: str) -> list[tuple[str | None, bytes]]:
    return [(record.direction, record.raw) for record in read_text_log(io.StringIO(text))]


@pytest.mark.parametrize(
    ("up", "down"),
    [("收←◆", "发→◇"), ("发→◇", "收←◆")],
    ids=["of a module", "of an MCU"],
)
def test_sscom_in_hex_has_short_lines_too(up: str, down: str) -> None:
    marks = {"up": up, "down": down}
    text = "".join(f"[14:33:43.123]{marks[way]}{raw.hex(' ').upper()} \n" for way, raw in SAID)
    assert said(text) == SAID


def test_docklight_in_hex_has_short_lines_too() -> None:
    marks = {"up": "RX", "down": "TX"}
    rows = [f"28/11/2026 10:00:00.123 [{marks[way]}] - {raw.hex(' ').upper()} \n" for way, raw in SAID]
    assert said("".join(rows)) == SAID


def test_a_short_row_of_numbers_is_no_hex_dump() -> None:
    assert said("-> get_down\n<- 10 20\n") == [("up", b"get_down\r"), ("down", b"10 20\r")]


@pytest.mark.parametrize(
    "row", ["{at}-{at} uart-1: {byte}", '{at}-{at} uart-1: rx-data: "{byte}"', "uart-1: RX: {byte}"]
)
def test_options_of_sigrok_do_not_hide_the_bytes(row: str) -> None:
    text = "".join(
        row.format(at=at, byte="[0D]" if byte == "\r" else byte) + "\n"
        for at, byte in enumerate('result "a" 0 1\r')
    )
    assert said(text) == [("up", b'result "a" 0 1\r')]


@pytest.mark.parametrize("bars", [("|", "|", "|"), ("| ", " | ", " |"), ("  |", "|", "|  "), ("|", " |", "")])
@pytest.mark.parametrize("number", [False, True])
def test_empty_cells_of_markdown_stay_where_they_are(bars: tuple[str, str, str], number: bool) -> None:
    first, between, last = bars
    rows = [["MCU", "module"], ["-", "-"], ["get_down", ""], ["", TALK[1][1]], [TALK[2][1], ""], ["", "ok"]]
    if number:
        rows = [[str(at), *row] if row[0] != "-" else ["-", *row] for at, row in enumerate(rows)]
    # With no bar at the end, a last cell that is empty would be none.
    text = "".join(
        first + between.join(cell or (" " if not last else "") for cell in row) + last + "\n" for row in rows
    )
    assert lines(text) == TALK


def test_an_escaped_bar_at_the_end_of_a_row_is_part_of_its_cell() -> None:
    assert lines('|module|MCU|\n|-|-|\n||properties_changed 2 1 "a\\|"|\n||net \\|\n') == [
        ("up", 'properties_changed 2 1 "a|"'), ("up", "net |"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("head", "stamps", "instants"),
    [
        ("Time", ["12:00:01.100", "12:00:01.110"], [43201.1, 43201.11]),
        ("Time [ms]", ["1100", "1110"], [1.1, 1.11]),
        ("t", ["1.5", ""], [1.5, 1.5]),
    ],
)
def test_times_count_beside_columns_of_both_directions(
    head: str, stamps: list[str], instants: list[float]
) -> None:
    text = f"|{head}|MCU|Module|\n|---|---|---|\n|{stamps[0]}|get_down||\n|{stamps[1]}||down none|\n"
    found = list(read_text_log(io.StringIO(text)))
    assert [(record.direction, round(record.instant, 6)) for record in found] == [
        ("up", instants[0]), ("down", instants[1]),
    ]  # fmt: skip


@pytest.mark.parametrize("kinds", [("", ""), ("rx: ", "rx: "), ("rx: ", "tx: ")])
def test_two_decoders_of_sigrok_are_two_wires(kinds: tuple[str, str]) -> None:
    up = "get_down\rproperties_changed 2 1 5\r"
    down = "down get_properties 2 1\rerror\r"
    rows = []
    for pair in itertools.zip_longest(up, down):
        for number, (byte, kind) in enumerate(zip(pair, kinds, strict=True), 1):
            if byte:
                rows.append(f"uart-{number}: {kind}{byte if byte != chr(13) else '[0D]'}\n")
    assert lines("".join(rows)) == [
        ("up", "get_down"), ("down", "down get_properties 2 1"), ("down", "error"), ("up", "properties_changed 2 1 5"),
    ]  # fmt: skip


def esphome(*rows: tuple[str, bytes], divider: str = ",", number: str = "d") -> str:
    return "".join(
        f"[1][D][uart_debug:1]: {mark} {divider.join(format(byte, number) for byte in raw)}\n"
        for mark, raw in rows
    )


@pytest.mark.parametrize("divider", [",", ":", " "])
def test_numbers_of_esphome_are_all_of_one_kind(divider: str) -> None:
    rows = [
        ("<<<", b"get_down\r"),
        (">>>", b"down set_properties "),
        (">>>", b"2 1 2 2\r"),
        ("<<<", b"result 2 1 0\r"),
    ]
    told = [("up", "get_down"), ("down", "down set_properties 2 1 2 2"), ("up", "result 2 1 0")]
    assert lines(esphome(*rows, divider=divider)) == told
    assert lines(esphome(*rows, divider=divider, number="02X")) == told


@pytest.mark.parametrize(("divider", "number", "raw"), [(",", "d", b"GET 2 1"), (":", "02X", b'" 111 "')])
def test_the_divider_tells_where_all_numbers_have_two_digits(divider: str, number: str, raw: bytes) -> None:
    found = read_format(esphome(("<<<", raw), divider=divider, number=number).splitlines())
    assert found is not None
    assert [line.raw for line in found.lines] == [raw]


@pytest.mark.parametrize("end", ["x", "", "=" + " " * 50_000 + "x"], ids=["no header", "a header", "blanks"])
def test_a_long_line_like_puttys_header_is_read_once(end: str) -> None:
    """Who looked for its end from each of its signs would be at it for an hour."""
    text = PUTTY.replace("=~=\n", "=~" * 1_000_000 + end + "\n", 1)
    assert lines(text)[-4:] == TALK
