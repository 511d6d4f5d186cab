"""The checker in the real world: a port, a socket, threads. MCUs here poll without pause, and fail for that alone."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import pytest
from support.talk import talk

from miio_lan.acceptance.active import Timing, drive_lan, drive_module
from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.verdict import Judgement, Outcome
from miio_lan.device.miot import MiotDevice
from miio_lan.device.spec import Spec
from miio_lan.errors import DeviceException, InvalidArgument, OutcomeUnknown
from miio_lan.record import Observer, Record
from miio_lan.uart.port import MemoryPair, PtyPair
from miio_lan.virtual.host import McuHost
from miio_lan.virtual.mcu import Mcu
from miio_lan.virtual.product import VirtualProduct

LAMP = Spec.shipped("lamp")
QUICK = {"poll_interval": 0.002}
TOO_QUICK = {"poll-interval"}


def names(judgement: Judgement, outcome: Outcome) -> set[str]:
    return {verdict.rule.name for verdict in judgement.verdicts if verdict.outcome is outcome}


def device_for(product: VirtualProduct) -> Callable[[Observer], MiotDevice]:
    return lambda observer: MiotDevice(product.host, product.token, port=product.port, observer=observer)


class TestModule:
    def test_an_mcu_is_driven_through_everything(self) -> None:
        stages: list[str] = []
        seen: list[Record] = []
        with PtyPair() as pair, McuHost(Mcu(LAMP, ble_pid=156, poll_interval=0.002), pair.far):
            judgement = drive_module(
                pair.near, spec=LAMP, allow=["all"], refusals=1, observer=seen.append, progress=stages.append
            )
        assert names(judgement, Outcome.FAIL) == TOO_QUICK
        assert names(judgement, Outcome.WARNING) == set()
        assert {"actions-run", "bad-value", "set-reported", "update-answer"} <= names(judgement, Outcome.PASS)
        assert (judgement.mode, judgement.model, judgement.title) == ("module", LAMP.model, LAMP.model)
        assert not judgement.ok
        assert tuple(seen) == judgement.records
        assert judgement.started == pytest.approx(seen[0].wall)
        # Short stages may pass unseen, for nobody is woken by them; this one lasts three refusals.
        assert "power-up" in stages

    def test_firmware_is_sent_and_comes_back_as_a_version(self) -> None:
        mcu = Mcu(LAMP, poll_interval=0.002, updated_version="0200")
        image = bytes(range(256)) * 9
        with PtyPair() as pair, McuHost(mcu, pair.far):
            judgement = drive_module(
                pair.near, allow=["ota"], refusals=0, firmware=image, firmware_version="0200"
            )
        assert mcu.image == image
        assert names(judgement, Outcome.FAIL) == TOO_QUICK
        assert {"update-answer", "update-return", "update-complete"} <= names(judgement, Outcome.PASS)
        verdict = judgement.verdicts[-1]
        assert verdict.text == "mcu_version 0200"
        assert verdict.evidence[0].record in judgement.records

    def test_firmware_is_refused_where_no_update_is_allowed(self) -> None:
        with MemoryPair() as pair, pytest.raises(InvalidArgument, match="'ota' is allowed"):
            drive_module(pair.near, firmware=b"x")

    def test_what_is_wrong_is_found(self) -> None:
        mcu = Mcu(LAMP, poll_interval=0.002, misbehave=["quoted-booleans", "ff-bytes"])
        with MemoryPair() as pair, McuHost(mcu, pair.far):
            judgement = drive_module(pair.near, spec=LAMP, title="my lamp")
        assert names(judgement, Outcome.FAIL) == TOO_QUICK | {"booleans", "legal-characters"}
        assert judgement.title == "my lamp"

    def test_silence_is_an_error_that_says_what_to_look_at(self) -> None:
        with MemoryPair() as pair, pytest.raises(DeviceException, match="nothing was heard"):
            drive_module(pair.near, timing=Timing(power_up=0.01))

    def test_words_are_checked_before_anything_is_sent(self) -> None:
        with MemoryPair() as pair, pytest.raises(InvalidArgument, match="cannot be allowed"):
            drive_module(pair.near, allow=["anything"])


class TestLan:
    def test_a_finished_product_is_asked_for_everything(self) -> None:
        stages: list[str] = []
        with VirtualProduct(LAMP, mcu_options=QUICK) as product:
            judgement = drive_lan(device_for(product), spec=LAMP, allow=["all"], progress=stages.append)
            after = product.call(lambda _: dict(product.mcu.values))
        assert judgement.ok
        assert names(judgement, Outcome.WARNING) == set()
        assert names(judgement, Outcome.PASS) == {
            *(
                "booleans",
                "value-types",
                "value-range",
                "readable-properties",
                "not-readable",
                "no-such-property",
            ),
            *("writable-properties", "not-writable", "bad-value", "set-takes-effect", "actions-run"),
            *("no-such-action", "bad-argument", "lan-answered", "lan-info", "lan-unknown-method"),
        }
        assert stages == ["miIO.info", "reading", "unknown methods", "writing", "actions"]
        assert {record.wire for record in judgement.records} == {"lan"}
        assert after[2, 11] == "Desk lamp"

    def test_with_the_line_heard_too_both_are_judged(self) -> None:
        records: list[Record] = []
        with VirtualProduct(LAMP, mcu_options=QUICK, observer=records.append) as product:
            judgement = drive_lan(device_for(product), spec=LAMP, records=records)
        assert names(judgement, Outcome.FAIL) <= TOO_QUICK
        assert {"get-result", "unknown-downlink", "lan-answered", "module-replies"} <= names(
            judgement, Outcome.PASS
        )
        assert {record.wire for record in judgement.records} == {"lan", "uart"}
        assert any(exchange.method == "get_properties" for exchange in judgement.exchanges)

    def test_by_default_nothing_is_changed(self) -> None:
        with VirtualProduct(LAMP, mcu_options=QUICK) as product:
            judgement = drive_lan(device_for(product), spec=LAMP)
        sent = [
            record.reading for record in judgement.records if record.direction == "down" and record.reading
        ]
        methods = {reading["method"] for reading in sent}
        assert methods == {"miIO.info", "get_properties", "unknown_command"}

    def test_without_a_description(self) -> None:
        with VirtualProduct(LAMP, mcu_options=QUICK) as product:
            judgement = drive_lan(device_for(product), allow=["writes"])
        assert names(judgement, Outcome.PASS) == {"lan-answered", "lan-info", "lan-unknown-method"}
        assert judgement.model == ""
        assert judgement.title == "unknown product"

    def test_an_mcu_that_does_not_answer_is_soon_given_up(self) -> None:
        with VirtualProduct(LAMP, mcu_options=QUICK, misbehave=["silent"]) as product:
            product.call(lambda _: setattr(product.module.queue, "answer_time", 0.05))
            judgement = drive_lan(device_for(product), spec=LAMP)
        assert names(judgement, Outcome.FAIL) == {"lan-answered"}
        sent = [record for record in judgement.records if record.direction == "down" and record.reading]
        assert len(sent) < 10

    def test_a_product_that_cannot_be_reached_is_an_error(self) -> None:
        class Unreachable(MiotDevice):
            def send(self, *args: object, **options: object) -> object:
                raise DeviceException("no answer")

        with pytest.raises(DeviceException, match="no answer"):
            drive_lan(lambda observer: Unreachable("127.0.0.1", "00" * 16, observer=observer), spec=LAMP)

    def test_replies_nobody_can_read_do_not_end_it(self) -> None:
        answers = iter([{"model": "a.b.c"}])
        failures = cycle([DeviceException("gibberish"), OutcomeUnknown("who knows")])

        class Strange(MiotDevice):
            def send(self, *args: object, **options: object) -> object:
                for answer in answers:
                    return answer
                raise next(failures)

        judgement = drive_lan(
            lambda observer: Strange("127.0.0.1", "00" * 16, observer=observer), spec=LAMP, allow=["all"]
        )
        assert judgement.records == ()


def test_a_recording_is_judged_as_it_is() -> None:
    judgement = judgement_of(reversed(talk("> model a.b.c\n< ok\n> get_down\n< down none")), spec=LAMP)
    assert (judgement.mode, judgement.model, judgement.title, judgement.started) == (
        "passive",
        "a.b.c",
        "a.b.c",
        100.01,
    )
    assert names(judgement, Outcome.FAIL) == {"model-matches"}
    nothing = judgement_of([])
    assert (nothing.model, nothing.title, nothing.started, nothing.ok) == ("", "unknown product", 0.0, True)
