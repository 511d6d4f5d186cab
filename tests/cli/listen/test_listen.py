"""``listen``: what a product tells, live."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from miio_lan.cli.listen.command import rows
from miio_lan.device.description.spec import Spec
from miio_lan.device.miot import MiotDevice
from miio_lan.errors import DeviceTimeout
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.responder.responder import ResponderOptions
from miio_lan.virtual.product import VirtualProduct

PATIENCE = 100


def changed(*values: tuple[int, int, Any]) -> Push:
    told = [{"did": "1", "siid": siid, "piid": piid, "value": value} for siid, piid, value in values]
    return Push("properties_changed", told, 3, 5.0)


class TestRows:
    def test_a_row_for_each_property(self) -> None:
        push = changed((2, 1, True), (2, 11, "Desk lamp"))
        assert list(rows(push, None)) == ["2.1: true", '2.11: "Desk lamp"']
        assert next(rows(push, Spec.shipped("lamp"))) == "light:on: true"

    def test_events_with_their_arguments(self) -> None:
        arguments = [{"piid": 1, "value": 90}, {"piid": 2, "value": 0.5}]
        params = {"did": "1", "siid": 6, "eiid": 2, "arguments": arguments}
        assert list(rows(Push("event_occured", params, 3, 5.0), None)) == ["event 6.2: 6.1=90, 6.2=0.5"]
        named = list(rows(Push("event_occured", params, 3, 5.0), Spec.shipped("lamp")))
        assert named[0].startswith("event 6.2 (")
        bare = {"siid": 6, "eiid": 1, "arguments": []}
        assert list(rows(Push("event_occured", bare, 3, 5.0), None)) == ["event 6.1"]

    @pytest.mark.parametrize("params", [None, 5, [], [1], {"a": [1]}, [{"siid": 1}, 5]])
    def test_whatever_else_a_device_tells_is_shown_as_it_is(self, params: Any) -> None:
        assert list(rows(Push("properties_changed", params, 3, 5.0), None)) == [
            f"properties_changed {json.dumps(params)}"
        ]

    def test_tokens_are_hidden(self) -> None:
        (row,) = rows(Push("props", {"token": "00112233445566778899aabbccddeeff"}, 3, 5.0), None)
        assert "00112233445566778899aabbccddeeff" not in row


def test_the_time_is_over_and_nothing_came(ask: Any) -> None:
    ended = ask("listen", "--for", "0.05")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_a_device_that_cannot_tell_and_nothing_to_read(run: Any) -> None:
    options = {"responder_options": ResponderOptions(push=False)}
    with VirtualProduct(module_options=options) as product:
        words = ("--ip", product.host, "--token", product.token, "--port", str(product.port))
        ended = run("listen", "--for", "0.05", *words)
        assert (ended.code, ended.out) == (1, "")
        assert "does not tell changes by itself" in ended.err
        ended = run("listen", "2.1", "--for", "0.05", *words)
        assert (ended.code, ended.out, ended.err) == (0, "", "")
        assert json.loads(run("listen", "--for", "0.05", "--json", *words).out)["error"]


class TestSilentAtTheEnd:
    """The device dies while somebody waits, long before that is an error by itself."""

    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("_END_TIME", "_LAST_WORD"):
            monkeypatch.setattr(f"miio_lan.cli.listen.command.{name}", 0.2)

    @staticmethod
    def listen(
        run: Any,
        monkeypatch: pytest.MonkeyPatch,
        product: VirtualProduct,
        *words: str,
        interrupted: bool = False,
    ) -> Any:
        """Listen to a product that dies once it is waited for."""
        wait = MiotDevice.next_push

        def die(device: MiotDevice, timeout: float) -> Push | None:
            product.close()
            if interrupted:
                raise KeyboardInterrupt
            return wait(device, timeout)

        monkeypatch.setattr(MiotDevice, "next_push", die)
        places = ("--ip", product.host, "--token", product.token, "--port", str(product.port))
        return run("listen", *words, *places)

    @pytest.mark.parametrize("tells", [True, False])
    def test_it_is_an_error(self, run: Any, monkeypatch: pytest.MonkeyPatch, tells: bool) -> None:
        options = {"responder_options": ResponderOptions(push=tells)}
        with VirtualProduct(module_options=options) as product:
            ended = self.listen(run, monkeypatch, product, "2.1", "--for", "0.05", "--json")
        assert ended.code == 1
        assert ended.json["error"]["type"] == "DeviceTimeout"

    def test_after_ctrl_c_nobody_asks(self, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        with VirtualProduct() as product:
            ended = self.listen(run, monkeypatch, product, interrupted=True)
        assert (ended.code, ended.out, ended.err) == (0, "", "")

    def test_a_parting_word_that_got_lost_is_no_silence(
        self, ask: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def lost(device: MiotDevice) -> None:
            raise DeviceTimeout("lost")

        monkeypatch.setattr("miio_lan.cli.listen.command._LAST_WORD", PATIENCE)
        monkeypatch.setattr(MiotDevice, "unsubscribe", lost)
        ended = ask("listen", "--for", "0.05")
        assert (ended.code, ended.out, ended.err) == (0, "", "")


@pytest.mark.parametrize(
    "words", [("--for", "-1"), ("--for", "nan"), ("--every", "0"), ("none:such",), ("2",)]
)
def test_wrong_use(ask: Any, words: tuple[str, ...]) -> None:
    ended = ask("listen", *words)
    assert ended.code == 2


# --- as people run it -----------------------------------------------------------------------------------------------


def started(product: VirtualProduct, *words: str, terminal: int | None = None) -> subprocess.Popen[str]:
    places = ("--ip", product.host, "--token", product.token, "--port", str(product.port))
    return subprocess.Popen(
        [sys.executable, "-m", "miio_lan", "listen", *words, *places],
        stdout=subprocess.PIPE if terminal is None else terminal,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "60", "NO_COLOR": "1"},
    )


def turn(product: VirtualProduct, value: int) -> None:
    product.call(lambda now: product.mcu.set_local(2, 2, value, now))


def until_subscribed(product: VirtualProduct) -> None:
    subscriptions = product.module.responder.subscriptions
    while not product.call(lambda now: len(subscriptions)):
        pass


@pytest.fixture
def product() -> Iterator[VirtualProduct]:
    with VirtualProduct(mcu_options={"poll_interval": 0.01}) as running:
        yield running


def told(lines: Iterator[str], wanted: str) -> str:
    return next(line for line in lines if wanted in line)


def test_rows_come_as_they_are_told_and_ctrl_c_is_the_end(product: VirtualProduct) -> None:
    process = started(product, "--spec", "lamp")
    try:
        until_subscribed(product)
        assert process.stdout is not None
        turn(product, 33)
        row = told(process.stdout, "brightness")
        assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}  light:brightness: 33\n", row)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")
        assert product.call(lambda now: len(product.module.responder.subscriptions)) == 0
    finally:
        process.kill()
        process.communicate()


def test_json_lines(product: VirtualProduct) -> None:
    process = started(product, "--json")
    try:
        until_subscribed(product)
        assert process.stdout is not None
        turn(product, 34)
        line = json.loads(told(process.stdout, '"value": 34'))
        assert line["method"] == "properties_changed"
        assert [each["value"] for each in line["params"] if each["piid"] == 2] == [34]
        assert line["time"] > 1_700_000_000
        assert line["id"] > 0
        process.terminate()
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


def test_a_narrow_terminal_without_colours(product: VirtualProduct) -> None:
    ours, its = pty.openpty()
    process = started(product, "--spec", "lamp", terminal=its)
    os.close(its)
    try:
        until_subscribed(product)
        product.call(lambda now: product.mcu.raise_event(6, 2, {1: 90, 2: 0.5}, now))
        shown = b""
        while b"=0.5" not in shown:
            shown += os.read(ours, 4096)
        text = shown.decode()
        assert len(text[text.index("event") :]) > 46
        assert "\x1b" not in text
        assert all(len(row) <= 60 for row in text.splitlines())
    finally:
        process.kill()
        process.communicate()
        os.close(ours)
