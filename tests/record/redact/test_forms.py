"""Secrets in odd forms: without quotes, in addresses, in Base64, broken into lines; and what only looks like one."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from miio_lan.record.redact import HIDDEN, redact, redact_typed, redact_value

TOKEN = "00112233445566778899aabbccddeeff"
PAIRS = [TOKEN[at : at + 2] for at in range(0, 32, 2)]
IN_JSON = json.dumps({"ssid": "home", "passwd": "hunter"})


def in_base64(text: str | bytes) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


@pytest.mark.parametrize(
    "name",
    [
        *(
            "ssecurity",
            "psecurity",
            "pw",
            "PW",
            "wifi_pw",
            "apPw",
            "pw2",
            "pmk",
            "token_hex",
            "keyB64",
            "passcode",
        ),
        *(
            "Signature",
            "X-Amz-Signature",
            "X-Amz-Credential",
            "GalaxyAccessKeyId",
            "sign",
            "sig",
            "x-oss-sign",
        ),
        *("Authorization", "Cookie", "wifi_pass", "serviceToken", "client_secrets", "bind_key", "beaconkey"),
        *(
            "psk_5g",
            "pwd_2g",
            "token_old",
            "tokenOld",
            "wifiPsk24",
            "wifiPsk5g",
            "PSK_5G",
            "PSKOld",
            "psk5g",
            "pwd_new",
        ),
        *(
            "pw_new",
            "apPwNew",
            "accesstoken_old",
            "ltmk_a",
            "pmkOld",
            "client_secret_id",
            "passcode_2",
            "XSign",
        ),
    ],
)
def test_names(name) -> None:
    assert redact_value({name: "hunter", "n": 1}) == {name: HIDDEN, "n": 1}
    assert redact(f"{name}=hunter&n=1") == f"{name}={HIDDEN}&n=1"


@pytest.mark.parametrize(
    "name", ["design", "signal", "assign", "signed_off", "spw_x", "pwm", "upward", "security_mode", "secs", "by_pass",
             "tokens_left", "tokenizer_mode", "pwmDuty", "PWM_2", "apPWm", "secretary_a", "desk_5", "pws_x"]
)  # fmt: skip
def test_names_that_are_none(name) -> None:
    assert redact_value({name: "hunter"}) == {name: "hunter"}
    assert redact(f"{name}=hunter") == f"{name}=hunter"


@pytest.mark.parametrize("name", ["psk_5g", "token_old", "pw_new", "tokenOld"])
def test_one_rule_for_all_ways_of_writing(name) -> None:
    document = json.dumps({name: "hunter", "n": 1})
    assert redact(json.dumps({"a": document})) == json.dumps({"a": document.replace("hunter", HIDDEN)})
    assert redact(str({name: "hunter"})) == str({name: HIDDEN})
    assert redact(f'{{"{name}":"hun') == f'{{"{name}":"{HIDDEN}"'
    assert redact(f"{name}: hunter") == f"{name}: {HIDDEN}"
    assert redact(f"<{name}>hunter</{name}>") == f"<{name}>{HIDDEN}</{name}>"
    assert redact_value({"name": name, "value": "hunter"}) == {"name": name, "value": HIDDEN}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h/fw?Expires=1&Signature=a%2Bb%3D&n=1", "https://h/fw?Expires=1&Signature=(hidden)&n=1"),
        ("https://h/x?X-Amz-Credential=AKIA/x&X-Amz-Signature=ab", "https://h/x?X-Amz-Credential=(hidden)&X-Amz-Signature=(hidden)"),
        ("https://h/x?a=1&amp;sign=abcdef#top", "https://h/x?a=1&amp;sign=(hidden)#top"),
        ('{"url":"https://h/x?sign=abcdef\\u0026n=1"}', '{"url":"https://h/x?sign=(hidden)\\u0026n=1"}'),
        ("http://h/?to=http%3A%2F%2Fi%2F%3Ftoken%3Dabc&n=1", "http://h/?to=http%3A%2F%2Fi%2F%3Ftoken%3D(hidden)&n=1"),
        ("q=%20token=abc %token=abc %7Bpw%3Dabc", "q=%20token=(hidden) %token=(hidden) %7Bpw%3D(hidden)"),
        ("x=token=abc to=http://i?pw=abc", "x=token=(hidden) to=http://i?pw=(hidden)"),
        ("password: hunter sesame", "password: (hidden)"),
        ("Wi-Fi password : hunter sesame, joined", "Wi-Fi password : (hidden), joined"),
        ("{ssid: home, password: it's hunter, n: 1}", "{ssid: home, password: (hidden), n: 1}"),
        ('{"m":"my password: hunter","n":1}', '{"m":"my password: (hidden)","n":1}'),
        ("passwd = hunter", "passwd = (hidden)"),
        ('psk="hunter sesame" n=1', 'psk="(hidden)" n=1'),
        ("{token:'hunter sesame',n:1}", "{token:'(hidden)',n:1}"),
        ('set [{"name":"wifi_pw","x":5,"value":"abc"}]', 'set [{"name":"wifi_pw","x":5,"value":"(hidden)"}]'),
        ('{"did":"token","siid":1,"value":5}', '{"did":"token","siid":1,"value":"(hidden)"}'),
        ('{"value":"abc","name":"psk"}', '{"value": "(hidden)", "name": "psk"}'),
        ("<w><a>home</a><psk id='1'>abc</psk></w>", "<w><a>home</a><psk id='1'>(hidden)</psk></w>"),
        ("WIFI:T:WPA;S:home;P:abc;;", "WIFI:(hidden)"),
        ("Cookie: userId=5; serviceToken=abc", "Cookie: (hidden); serviceToken=(hidden)"),
        ("Authorization: Bearer abcdef.ghi", "Authorization: (hidden)"),
        ("sent Bearer abcdef.ghi", "sent Bearer (hidden)"),
        (":".join(PAIRS), HIDDEN),
        ("-".join(PAIRS).upper(), HIDDEN),
        (", ".join(f"0x{pair}" for pair in PAIRS), HIDDEN),
        (f"x {in_base64(bytes.fromhex(TOKEN))}", f"x {HIDDEN}"),
        (json.dumps({"a": in_base64(b"\xff" * 16)}).replace("=", "\\u003d"), '{"a": "(hidden)"}'),
        (base64.urlsafe_b64encode(b"\xff" * 16).decode(), HIDDEN),
        (in_base64(TOKEN), HIDDEN),
        (f"{TOKEN[:16]}\r\n{TOKEN[16:]}", "(hidden)\r\n(hidden)"),
        (json.dumps(json.dumps(f"{TOKEN[:16]}\n{TOKEN[16:]}")), r'"\"(hidden)\\n(hidden)\""'),
        (json.dumps(f"{TOKEN[:9]}\n  {TOKEN[9:]}"), '"(hidden)\\n  (hidden)"'),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmVk", HIDDEN),
        ("-----BEGIN EC PRIVATE KEY-----\nabc\n-----END", "-----BEGIN EC PRIVATE KEY-----(hidden)-----END"),
    ],
)  # fmt: skip
def test_without_quotes_and_by_their_form(text, shown) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        in_base64(IN_JSON),
        in_base64(IN_JSON).rstrip("="),
        in_base64(IN_JSON)[:-7],
        in_base64(in_base64(IN_JSON)),
        in_base64('{"pw":"1"}'),
        in_base64("wifi: password=hunter"),
        IN_JSON.encode().hex(),
        quote(IN_JSON),
    ],
)
def test_what_can_be_decoded_to_a_secret(text) -> None:
    found: list[str] = []
    assert redact(f"down x {text} 5", found) == f"down x {HIDDEN} 5"
    assert text in found
    assert {"hunter", "hu", "1"} & set(found)
    assert redact(json.dumps({"blob": text, "n": 1})) == json.dumps({"blob": HIDDEN, "n": 1})


@pytest.mark.parametrize(
    "text",
    [
        *(
            "key: up",
            "--token-file: x is empty",
            "pass: 12, fail: 3",
            "sign: -",
            '{"sign": 1, "sig": 2}',
            "the token may be wrong",
            "token://x",
        ),
        *("token: ", "password:", "password=", '{"a":"token:","b":"x"}', '"password: ", "b"', "key=5"),
        *(
            'x {"name":"psk"} {"value":"abc"}',
            '{"name":"power","value":"on"}',
            '{"a":{"name":"psk"},"value":1}',
        ),
        *("urn:miot-spec-v2:device:light:0000A001:yeelink-lamp1:1", "b0:4a:39:00:11:22", "127.0.0.1:54321"),
        *("550e8400-e29b-41d4-a716-446655440000", "/home/user/Some/Long/Path/To/A/Place/abcdef", "a" * 64),
        *(":".join([*PAIRS, "00", "11"]), "12345678901234567890", "0011223344\n5566778899", "eyJust.eye.x"),
        in_base64("nothing that is secret in here"),
    ],
)
def test_what_only_looks_like_one(text) -> None:
    assert redact(text) == text


def test_a_value_that_json_would_lose_is_hidden_too() -> None:
    assert redact('{"token":"abc","token":null}') == '{"token":"(hidden)","token":null}'


def test_texts_within_texts_end_somewhere() -> None:
    text = IN_JSON
    for _ in range(40):
        text = in_base64(text)
        if len(text) > 500_000:
            break
    assert isinstance(redact(text), str)
    nested: object = IN_JSON
    for _ in range(3):
        for _ in range(90):
            nested = [nested]
        nested = json.dumps(nested)
    assert "hunter" not in redact(str(nested))


@pytest.mark.parametrize(
    "typed", [TOKEN, TOKEN[:-1], f"{TOKEN}0", TOKEN.replace("0", "O"), ":".join(PAIRS[:-1])]
)
def test_what_was_meant_to_be_a_token(typed) -> None:
    assert redact_typed(f"unexpected argument ({typed})") == f"unexpected argument ({HIDDEN})"
    assert (
        redact_typed("no such option --show-everything-that-is-known")
        == "no such option --show-everything-that-is-known"
    )
    assert redact_typed("no file 'hunter'", ["hunter", " "]) == f"no file '{HIDDEN}'"


@pytest.mark.parametrize(
    "text", ["0 is not in the range 1<=x<=18446744073709551614.", f"not '{'9' * 24}'", "9" * 20]
)
def test_numbers_and_their_bounds_are_no_mistyped_tokens(text) -> None:
    assert redact_typed(text) == text


@pytest.mark.parametrize("typed", ["1" * 31, "1" * 32, "1" * 33, "1" * 25, "12345678901234567890a"])
def test_digits_of_about_the_length_of_a_token_are_hidden(typed) -> None:
    assert redact_typed(f"{typed} is not in the range") == f"{HIDDEN} is not in the range"
