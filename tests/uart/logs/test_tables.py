from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import RecordError
from miio_lan.uart.logs.logparts import LogLine
from miio_lan.uart.logs.tables import read_table
from miio_lan.uart.logs.textlog import read_text_log

CONVERSATION = [
    ("up", b"get_down"),
    ("down", b"down get_properties 2 1"),
    ("up", b"result 2 1 0 true"),
    ("down", b"ok"),
]


def lines(text: str, **options: object) -> list[tuple[str, bytes]]:
    records = read_text_log(text.split("\n"), **options)  # type: ignore[arg-type]
    return [(record.direction, record.raw.rstrip(b"\r")) for record in records]


def table(text: str) -> list[LogLine]:
    found = read_table(text.split("\n"))
    assert found is not None
    return found.lines


def said(first: str, second: str, pattern: str = "{instant},{who},{text}") -> str:
    """Write the conversation in rows of some pattern."""
    rows = []
    for number, (direction, line) in enumerate(CONVERSATION):
        who = first if direction == "up" else second
        rows.append(pattern.format(instant=number / 1000, who=who, text=line.decode()))
    return "\n".join(rows)


@pytest.mark.parametrize(
    "text",
    [
        "time,direction,data\n" + said("TX", "RX"),
        "time,direction,data\n" + said("RX", "TX"),
        "Time;Direction;Text\n" + said("up", "down", "{instant};{who};{text}").replace("0.", "0,"),
        "timestamp\tport\tline\n" + said("COM3", "COM4", "{instant}\t{who}\t{text}"),
        "\ufefftime, direction, data\n".lstrip("\ufeff") + said("->", "<-", '{instant}, {who}, "{text}"'),
        '"Time [ms]","Source","Message"\n' + said("mcu", "module", '"{instant}","{who}","{text}"'),
        "id,direction,data\n" + said("MCU -> WiFi", "WiFi -> MCU", "7,{who},{text}\\r"),
        "data,dir\n" + said("in", "out", "{text}\\r\\n,{who}"),
        "time,direction,data\n" + said("TX", "RX", "{instant},{who},b'{text}\\r'"),
        "time,direction,data (hex)\n" + "\n".join(f"0,{way},{line.hex()}0d" for way, line in CONVERSATION),
        "time,direction,hex\n" + "\n".join(f"0,{way},{line.hex(' ')} 0D" for way, line in CONVERSATION),
        "time,direction,data\n"
        + "\n".join(f"0,{way},{' '.join(hex(byte) for byte in line)} 0x0d" for way, line in CONVERSATION),
    ],
)
def test_a_row_for_each_line(text: str) -> None:
    assert lines(text) == CONVERSATION


def logic_2(form: str, mark: str = "{way}") -> str:
    """Write what Logic 2 exports: a row for each byte of two analysers."""
    rows = ['name,type,start_time,duration,"data","error"']
    for number, (way, line) in enumerate(CONVERSATION):
        for place, byte in enumerate(line + b"\r"):
            cell = form.format(byte=byte) if "byte" in form else chr(byte)
            quoted = '"' + cell.replace('"', '""') + '"'
            rows.append(f'"{mark.format(way=way)}","data",{number + place * 0.000087:.6f},0.000082,{quoted},')
    return "\n".join(rows).replace("\r", "\n")


@pytest.mark.parametrize("form", ["0x{byte:02X}", "0b{byte:08b}", "{byte}", "as text"])
def test_bytes_of_logic_2(form: str) -> None:
    assert lines(logic_2(form, "Async Serial {way}")) == CONVERSATION
    assert [line.instant for line in table(logic_2(form))] == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("cr", ["\\r", "'13'", "0x0D"])
def test_bytes_of_logic_1(cr: str) -> None:
    text = 'set "a, b"\''
    cells = [{" ": "' '", ",": "COMMA"}.get(char, char) for char in text] + [cr]
    rows = [f"{number * 1e-4:.15f},{cell},," for number, cell in enumerate(cells)]
    head = "Time [s],Value,Parity Error,Framing Error\n"
    assert table(head + "\n".join(rows)) == [LogLine(text.encode(), 0.0, "")]
    assert table(head + "0.1,a,,\n0.2,,,,\n0.3, ,,\n0.4,b,,\n0.5,'300',,Error") == [
        LogLine(b"a, b'300'", 0.1, "")
    ]


def test_pieces_of_lines_are_joined_for_each_speaker() -> None:
    rows = [
        "1.0,TX,get_",
        "1.1,RX,do",
        "1.2,TX,down\\r",
        "1.3,RX,wn none\\r",
        "1.4,TX,net",
        "2.5,TX,mac\\r",
        "2.6,TX,x",
    ]
    assert table("time,dir,data\n" + "\n".join(rows)) == [
        LogLine(b"get_down", 1.0, "tx"),
        LogLine(b"down none", 1.1, "rx"),
        LogLine(b"net", 1.4, "tx"),  # after so long a silence, nobody waits for its end
        LogLine(b"mac", 2.5, "tx"),
        LogLine(b"x", 2.6, "tx"),
    ]


DIALOG = [
    ("up", "get_down"),
    ("down", "down get_properties 2 1"),
    ("up", "result 2 1 0 5"),
    ("down", "ok"),
    ("up", 'event_occured 2 1 3 "down, result"'),
    ("down", "ok"),
    ("up", "net"),
    ("down", "cloud"),
    ("up", "time posix"),
    ("down", "1700000000"),
    ("up", "properties_changed 2"),  # no line of the document, but a line
    ("down", "error"),
    ("up", "get_down"),
    ("down", "down none"),
    ("up", "net"),
    ("down", "local"),
]


@given(ended=st.lists(st.booleans(), min_size=len(DIALOG), max_size=len(DIALOG)))
def test_rows_of_which_some_have_an_end_are_lines(ended: list[bool]) -> None:
    rows = [
        f"{number / 100};{way};{text}" + ("\\r" if end else "")
        for number, ((way, text), end) in enumerate(zip(DIALOG, ended, strict=True))
    ]
    expected = [LogLine(text.encode(), number / 100, way) for number, (way, text) in enumerate(DIALOG)]
    assert table("time;direction;data\n" + "\n".join(rows)) == expected


@given(cuts=st.lists(st.integers(1, 12), min_size=40, max_size=40))
def test_lines_in_pieces_are_whole_however_they_are_cut(cuts: list[int]) -> None:
    rows, sizes = [], iter(cuts)
    for number, (way, text) in enumerate(DIALOG):
        rest = f"{text}\r"
        while rest:
            size = next(sizes, len(rest))
            cell = rest[:size].replace("\r", "\\r").replace('"', '""')
            rows.append(f'{number / 100},{way},"{cell}",')
            rest = rest[size:]
    expected = [LogLine(text.encode(), number / 100, way) for number, (way, text) in enumerate(DIALOG)]
    assert table("time,direction,data,comment\n" + "\n".join(rows)) == expected


@pytest.mark.parametrize("pattern", ["{0}, {1}, {2}", "{0} ,{1} ,{2} ,", "{0},{1},{2}   ,"])
def test_spaces_that_a_table_is_written_with_are_no_part_of_a_line(pattern: str) -> None:
    rows = [pattern.format(number, way, f"{text}\\r") for number, (way, text) in enumerate(DIALOG[:4])]
    texts = [line.raw for line in table("time,direction,data,\n" + "\n".join(rows))]
    assert texts == [text.encode() for _, text in DIALOG[:4]]


@pytest.mark.parametrize(
    ("head", "cells", "instants"),
    [
        ("time", ["0.5", "0,75", "1s", "", "junk", "nan", "-3e1"], [0.5, 0.75, 1.0, 1.0, 0.0, 0.0, -30.0]),
        ("Time [us]", ["250000", "500000"], [0.25, 0.5]),
        ("Time(ms)", ["250", "500"], [0.25, 0.5]),
        ("timestamp", ["2024-01-02T23:59:59.500000000+00:00", "2024-01-03 00:00:01"], [86399.5, 86401.0]),
    ],
)
def test_times(head: str, cells: list[str], instants: list[float]) -> None:
    text = f"{head};data\n" + "\n".join(f"{cell};net" for cell in cells)
    assert [line.instant for line in table(text)] == instants


def test_texts_with_dividers_in_them() -> None:
    assert table('time,data\n1,event "a, b"')[0].raw == b'event "a, b"'
    assert table('data,time\n"event ""a, b""",1')[0].raw == b'event "a, b"'


def test_rows_that_say_nothing_are_passed_over() -> None:
    assert table("time,direction,data\n\n1\n1,TX,\n1,TX,net\n") == [LogLine(b"net", 1.0, "tx")]
    assert table("\n\ntime,data") == []


@pytest.mark.parametrize(
    "text",
    [
        "time,direction,data\n1.0,up,get_down\n1.1,down\n\n1.2\n,,\n1.3,up,net\n",
        "|time|direction|data|\n|-|-|-|\n|1.0|up|get_down|\n|1.1|down|\n|1.2|\n|1.3|up|net|\n",
    ],
)
def test_rows_that_are_too_short_are_counted(text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert lines(text) == [("up", b"get_down"), ("up", b"net")]
    assert [record.getMessage()[:8] for record in caplog.records] == ["2 lines "]


def test_the_caller_may_know_the_direction() -> None:
    assert lines("time,data\n1,ok\n2,get_down", direction="down") == [("down", b"ok"), ("down", b"get_down")]


def test_a_table_without_data_is_refused() -> None:
    with pytest.raises(RecordError, match=r"columns time, channel 0, channel 1 has none .* name it data"):
        read_table(["Time [s],Channel 0,Channel 1", "0.0,1,1"])
    with pytest.raises(RecordError, match="line 2: "):
        read_table(["time,data", "1," + "x" * 200_000])


@pytest.mark.parametrize(
    "text", ["", "get_down", "result 2 1 0 true,false", "t,x", "data,value", "12:00:00,net"]
)
def test_other_logs_are_no_tables(text: str) -> None:
    assert read_table([text]) is None


HEADS = st.sampled_from(
    [
        "time,direction,data",
        "Time [s],Value,Parity Error,Framing Error",
        "name,type,start_time,duration,data",
        "hex;time",
    ]
)
CELLS = st.one_of(
    st.sampled_from(["0x41", "'13'", '"', "\\r", "COMMA", "1.5", "TX", "12"]), st.text(max_size=4)
)


@given(HEADS, st.lists(st.lists(CELLS, max_size=6).map(",".join), max_size=8))
def test_any_table_is_read(head: str, rows: list[str]) -> None:
    for record in read_text_log([head, *rows]):
        assert record.direction in {"up", "down"}
        assert record.raw


def test_the_list_of_all_that_an_analyser_decoded() -> None:
    shown = {"\r": "\\r", " ": "' '", ",": "COMMA"}
    said = [("MCU", "get_down\r"), ("Module", 'down set_x "a",1\r')]
    rows = ["Time [s],Analyzer Name,Decoded Protocol Result\n"]
    for at, (who, text) in enumerate(said):
        rows += [f"{at}.{n:03},{who},{shown.get(byte, byte)}\n" for n, byte in enumerate(text)]
    found = [(record.direction, record.raw) for record in read_text_log(rows)]
    assert found == [("up", b"get_down\r"), ("down", b'down set_x "a",1\r')]
