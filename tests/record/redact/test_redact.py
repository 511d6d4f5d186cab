from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from miio_lan.record import Record
from miio_lan.record.redact import pressed, redact, redact_excerpts, redact_record, redact_value, words_of
from miio_lan.uart.commands import read

TOKEN = "00112233445566778899aabbccddeeff"
NAMES = [
    *(
        "token",
        "passwd",
        "password",
        "psk",
        "pwd",
        "pass",
        "key",
        "wifi_password",
        "password_hash",
        "accessToken",
    ),
    *(
        "bind_key",
        "bindkey",
        "enckey",
        "beaconkey",
        "Beacon-Key",
        "ltmk",
        "LTMK",
        "psk2",
        "app_secret",
        "tokens",
    ),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["hunter3", "", 123456789, 1.5e9, ["hunter3"], {"a": ["hunter3"]}])
def test_what_stands_under_the_name_of_a_secret_is_hidden(name, value) -> None:
    document = {"id": 1, name: value, "ssid": "home"}
    expected = {"id": 1, name: "(hidden)", "ssid": "home"}
    assert redact_value(document) == expected
    assert redact(json.dumps(document)) == json.dumps(expected)
    inside = {"config": json.dumps(document), "n": [document]}
    assert json.loads(redact(json.dumps(inside))) == {"config": json.dumps(expected), "n": [expected]}
    assert "hunter3" not in redact(str(document)) + redact(repr(json.dumps(inside)))


@pytest.mark.parametrize(
    "text",
    [
        '{"ssid": "home", "keyboard": "de", "compass": "west", "tokenizer": "x", "key": 5, "monk": "a"}',
        '{"token": null, "psk": true, "passwd": false, "keys": [], "pwd": {}, "password_set": true}',
        '{"a": "token", "b": "passwd", "c": ["key", "psk"]}',
        "mail me@example, a=b, 2.1=5, key=5",
        "0011223344556677-8899aabbccddeeff " + "0" * 31 + " " + "0" * 33,
        "get_properties 2.1: the token may be wrong",
        '{"a": "x\\u00e9"}',
    ],
)
def test_what_is_no_secret_stays(text) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'{"a":"{\"token\":\"x\\\"y\",\"n\":1}"}', r'{"a":"{\"token\":\"(hidden)\",\"n\":1}"}'),
        (r'"a":"{\"psk\":123456}"', r'"a":"{\"psk\":\"(hidden)\"}"'),
        ('{"passwd":"cut of', '{"passwd":"(hidden)"'),
        (r'"{\"passwd\":\"cut by the string around it","b":1', r'"{\"passwd\":\"(hidden)\"","b":1'),
        (r'"{\"psk\":[\"cut","b":1', r'"{\"psk\":\"(hidden)\"","b":1'),
        ('{"passwd":["cut", ', '{"passwd":"(hidden)"'),
        ('{"psk":[[1,2],{"a":"]"}],"n":1}', '{"psk":"(hidden)","n":1}'),
        ("{'passwd': \"it's\", 'n': 1}", "{'passwd': \"(hidden)\", 'n': 1}"),
        ('{"passwd" : no quotes at all, "n":1}', '{"passwd" : "(hidden)", "n":1}'),
        (repr('{"passwd":"it\'s \\"x\\""}'), r"""'{"passwd":"(hidden)"}'"""),
        (repr(r'{"a":"{\"passwd\":\"x\"}"}'), r"""'{"a":"{\\"passwd\\":\\"(hidden)\\"}"}'"""),
        (r'{"t\u006fken":"x"}', r'{"t\u006fken":"(hidden)"}'),
        (r'{"a":"{\u0022psk\u0022:\u0022x\u0022}"}', r'{"a":"{\"psk\":\"(hidden)\"}"}'),
        (r'down x "{\u0022psk\u0022:\u0022x\u0022}"', r'down x "{\"psk\":\"(hidden)\"}"'),
        (r'"a":"{\"b\":\"{\\u0022psk\\u0022:7}\"}"', r'"a":"{\"b\":\"{\\\"psk\\\":\\\"(hidden)\\\"}\"}"'),
        (r'{"a":"\u007b\u005c\u0022psk\u005c\u0022:12}"}', r'{"a": "{\\\"psk\\\":\\\"(hidden)\\\"}"}'),
        (r'{"a":"\u0022harmless\u0022"}', r'{"a":"\u0022harmless\u0022"}'),
        ('{"x":' + "1" * 32 + "}", '{"x": "(hidden)"}'),
        ("http://h/?token=abc&n=1", "http://h/?token=(hidden)&n=1"),
        (rf"\xff{TOKEN}, \u001f{TOKEN}", r"\xff(hidden), \u001f(hidden)"),
        ("[" * 100_000 + '"psk":"x"', "[" * 100_000 + '"psk":"(hidden)"'),
        ('{"key":123456,"key2":5}', '{"key":"(hidden)","key2":"(hidden)"}'),
        ('{"key":1.2.3,"n":1}', '{"key":"(hidden)","n":1}'),
        ('{"key":--5, "key":123.}', '{"key":"(hidden)", "key":123.}'),
    ],
)
def test_however_it_is_written(text, expected) -> None:
    assert redact(text) == expected
    assert redact(expected) == expected


def test_what_is_nested_too_deeply_is_cut() -> None:
    value: object = "innermost"
    for _ in range(150):
        value = [value]
    assert "nested too deeply" in str(redact_value(value))
    assert "innermost" not in str(redact_value({"token": [[value]], "n": value}))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from([TOKEN, '{"psk":"x"}', "a://b:c@d", '"token":"', "\\", '"']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.sampled_from(NAMES), inner, max_size=3)
        | inner.map(json.dumps)
    ),
    max_leaves=8,
)


@given(json_values)
def test_json_stays_json_with_the_same_secrets_hidden(value) -> None:
    clean = json.loads(redact(json.dumps(value)))
    assert clean == json.loads(json.dumps(redact_value(value)))
    assert redact(json.dumps(clean)) == json.dumps(clean)


@given(st.text() | st.text(alphabet="\\\"'{}[]:, \ntokenu0"))
@example('"' * 50_000)
@example("\\" * 50_000)
@example('"token":' * 10_000)
@example('"token":[' * 10_000)
@example("'" + '"key":' * 10_000)
def test_any_text_can_be_looked_at(text) -> None:
    assert isinstance(redact(text), str)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b'down miIO.config {"passwd":"hunter sesame","n":1}\r', b'down miIO.config {"passwd":"(hidden)","n":1}\r'),
        (b'down set_properties 2 1 "{\\"psk\\":\\"hunt\\"}"', b'down set_properties 2 1 "{\\"psk\\":\\"(hidden)\\"}"'),
        (b'setwifi "home" "hunter sesame"\r', b'setwifi "home" (hidden)\r'),
        (b"setwifi home 12345678\r", b"setwifi home (hidden)\r"),
        (b'setwifi "ho me" hunter sesame\r', b'setwifi "ho me" (hidden)\r'),
        (b"config_router home hunter 12345", b"config_router home (hidden)"),
        (b'props passwd "hunter sesame" key 5\r', b"props passwd (hidden) key 5\r"),
        (b"log token hunter\r", b"log token (hidden)\r"),
        (b'properties_changed 2 1 {"passwd":"hunter sesame"}\r', b'properties_changed 2 1 {"passwd":"(hidden)"}\r'),
        (b'\xff{"psk":"hunter\xfe"}\r', b'\xff{"psk":"(hidden)"}\r'),
        (b"\xff" + TOKEN.encode(), b"\xff(hidden)"),
    ],
)  # fmt: skip
def test_lines_and_their_readings(line, shown) -> None:
    direction = "down" if line.startswith(b"down") else "up"
    record = Record("uart", direction, 1.0, 2.0, line, read(line, direction=direction).as_json())
    clean = redact_record(record)
    assert clean.raw == shown
    for secret in ("hunt", "sesame", "12345678", TOKEN):
        assert secret not in str(clean)
    assert clean.reading is not None
    assert record.reading is not None
    assert [clean.reading.get(key) for key in ("command", "valid")] == [
        record.reading.get(key) for key in ("command", "valid")
    ]


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        (
            "'hunter' and 'net 1'; \"it's\" and \"net 1...\"",
            "'(hidden)' and 'net 1'; '(hidden)' and \"net 1...\"",
        ),
        ("the MCU's words: 'a\\'b', 'hun...', ''", "the MCU's words: '(hidden)', '(hidden)', ''"),
        ("'\\xzz' is no text", "'(hidden)' is no text"),
    ],
)
def test_of_a_sentence_only_what_may_be_seen_is_quoted(sentence, shown) -> None:
    assert redact_excerpts(sentence, pressed("set net 1")) == shown


def test_a_record_without_secrets_stays_the_very_same() -> None:
    for record in (
        Record("uart", "up", 1.0, 2.0, b"event key 5\r", {"command": "event", "name": "key", "values": [5]}),
        Record("uart", "down", 1.0, 2.0, b"down get_prop token passwd_\r"[:19]),
        Record("uart", "up", 1.0, 2.0, b"getwifi setwifi\r"),
        Record("lan", "up", 1.0, 2.0, b'\xff\xfe{"key": 5}', {"key": 5}, "noise", "127.0.0.1:54321"),
    ):
        assert redact_record(record) is record


def test_datagrams_notes_and_peers() -> None:
    payload = '{"passwd":"hunter","ssid":"\u00e4"}'
    record = Record(
        "lan",
        "down",
        1.0,
        2.0,
        payload.encode() + b"\xff",
        json.loads(payload),
        '{"psk":"hunter"}',
        "a://hunter@b",
    )
    clean = redact_record(record)
    assert clean.raw.decode(errors="replace") == '{"passwd":"(hidden)","ssid":"\u00e4"}\ufffd'
    assert (clean.reading, clean.note, clean.peer) == (
        {"passwd": "(hidden)", "ssid": "\u00e4"},
        '{"psk":"(hidden)"}',
        "a://(hidden)@b",
    )


def test_readings_that_cannot_be_looked_at_as_a_whole() -> None:
    deep: object = "innermost"
    for _ in range(2000):
        deep = [deep]
    for reading in ({"a": deep}, {"a": {"b": [[deep]], "psk": "hunter"}}):
        clean = redact_record(Record("lan", "up", 1.0, 2.0, b"", reading))
        assert "nested too deeply" in str(clean.reading)
        assert "hunter" not in str(clean.reading)
    huge = Record("lan", "up", 1.0, 2.0, b"", {"a": 10**5000})
    assert redact_record(huge) is huge


def test_the_words_of_secrets_as_written_and_as_meant() -> None:
    assert words_of(["a\\u0041 b", '"c', "(hidden)"]) == {"a\\u0041 b", "a\\u0041", "aA b", "aA", "b", "c"}
