"""The checker in the real world: a port, a socket, threads. MCUs here poll without pause, and fail for that alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container
from dataclasses import replace
from itertools import cycle
from threading import Event, Thread
from typing import Any

import pytest
from support.ends import PATIENCE
from support.talk import talk

from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.tester import tester as machine
from miio_lan.acceptance.tester.active import Timing, drive_lan, drive_module, why_silent
from miio_lan.acceptance.tester.plan import missing_service
from miio_lan.acceptance.tester.progress import Progress
from miio_lan.acceptance.tester.script import script_for
from miio_lan.acceptance.verdict import Judgement, Outcome
from miio_lan.device.description.spec import Spec
from miio_lan.device.miot import MiotDevice
from miio_lan.errors import DeviceException, DeviceTimeout, InvalidArgument, McuTimeout, OutcomeUnknown
from miio_lan.lan.packet import HEADER_SIZE
from miio_lan.record import Observer, Record
from miio_lan.record.marks import is_mark
from miio_lan.uart.ports.port import MemoryPair, PtyPair
from miio_lan.virtual.host import McuHost
from miio_lan.virtual.mcu.mcu import Mcu
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
        assert tuple(seen[1:-1]) == judgement.records
        assert [is_mark(record) for record in seen[:2] + seen[-2:]] == [True, False, False, True]
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
        (verdict,) = [each for each in judgement.verdicts if each.rule.name == "update-complete"]
        assert verdict.text == "mcu_version 0200"
        assert verdict.evidence[0].record in judgement.records

    def test_firmware_is_refused_where_no_update_is_allowed(self) -> None:
        with MemoryPair() as pair, pytest.raises(InvalidArgument, match="'ota' is allowed"):
            drive_module(pair.near, firmware=b"x")

    @pytest.mark.parametrize("image", [b"", bytes(2**20 + 1)])
    def test_an_image_that_cannot_be_sent_is_refused_before_anything_is(self, image: bytes) -> None:
        seen: list[Record] = []
        refused = pytest.raises(InvalidArgument, match=f"firmware of {len(image)} bytes")
        with MemoryPair() as pair, McuHost(Mcu(LAMP, poll_interval=0.002), pair.far), refused:
            drive_module(pair.near, allow=["ota"], refusals=0, firmware=image, observer=seen.append)
        assert seen == []

    def test_who_interrupts_an_update_leaves_no_mcu_in_its_bootloader(self) -> None:
        mcu = Mcu(LAMP, poll_interval=0.002)
        begun = Event()
        stages: list[str] = []

        def observer(record: Record) -> None:
            if "xmodem" in record.note:
                begun.set()

        def progress(stage: str) -> None:
            stages.append(stage)
            if stage == "firmware update, the whole of it":
                assert begun.wait(PATIENCE)
                raise KeyboardInterrupt

        with MemoryPair() as pair, McuHost(mcu, pair.far) as host:
            with pytest.raises(KeyboardInterrupt) as caught:
                drive_module(
                    pair.near,
                    refusals=0,
                    allow=["ota"],
                    firmware=bytes(2**20),
                    observer=observer,
                    progress=progress,
                )
            assert host.call(lambda _: mcu._transfer) is None
        assert stages[-1] == "breaking off the firmware update"
        assert caught.value.__notes__ == ["the firmware update was broken off"]

    def test_what_is_wrong_is_found(self) -> None:
        mcu = Mcu(LAMP, poll_interval=0.002, misbehave=["quoted-booleans", "ff-bytes"])
        with MemoryPair() as pair, McuHost(mcu, pair.far):
            judgement = drive_module(pair.near, spec=LAMP, title="my lamp")
        assert names(judgement, Outcome.FAIL) == TOO_QUICK | {"booleans", "legal-characters"}
        assert judgement.title == "my lamp"

    def test_silence_is_an_error_that_says_what_to_look_at(self) -> None:
        with MemoryPair() as pair, pytest.raises(DeviceException, match="nothing was heard"):
            drive_module(pair.near, timing=Timing(power_up=0.01))

    def test_what_was_recorded_of_it_has_not_passed_either(self) -> None:
        seen: list[Record] = []
        with MemoryPair() as pair:
            pair.far.start(lambda data, instant: None)
            pair.far.write(b"net\nnet\n")
            with pytest.raises(DeviceException, match="a line ends with CR, not with LF") as caught:
                drive_module(pair.near, timing=Timing(power_up=0.5), observer=seen.append)
        found = {each.rule.name: each for each in judgement_of(seen).verdicts}["test-completed"]
        assert found.outcome is Outcome.FAIL
        assert str(caught.value) in found.text

    @pytest.mark.parametrize(
        ("heard", "told"),
        [
            (
                b"model a.b.c\nmodel a.b.c\n",
                r"begin with model a.b.c\\nmodel a.b.c\\n: a line ends with CR, not with LF$",
            ),
            (
                b"\xe7\xe5\r",
                r"begin with \\xe7\\xe5\\r: does each line end with CR, and is the line set to 115200",
            ),
            (b"model", r"^5 bytes were heard .* begin with model: does each line end with CR"),
            (b"model\x1b[2J" + b"x" * 500, r"^509 bytes were heard .* begin with model\\x1b\[2Jx{51}: does"),
        ],
    )
    def test_what_is_no_line_is_not_called_silence(self, heard: bytes, told: str) -> None:
        tester = machine.Tester(script_for(None))
        tester.start(0.0)
        for each in heard:
            tester.receive(bytes([each]), 1.0)
        assert tester.silent
        with MemoryPair() as pair:
            assert re.search(told, why_silent(tester, pair.near))

    def test_words_are_checked_before_anything_is_sent(self) -> None:
        with MemoryPair() as pair, pytest.raises(InvalidArgument, match="cannot be allowed"):
            drive_module(pair.near, allow=["anything"])

    def test_an_mcu_that_is_gone_in_the_middle_has_not_passed(self) -> None:
        with PtyPair() as pair, McuHost(Mcu(LAMP, poll_interval=0.002), pair.far) as mcu:
            gone = Thread(target=mcu.close)

            def observer(record: Record) -> None:
                if record.raw.startswith(b"down get_properties 2 5") and gone.ident is None:
                    gone.start()

            quick = Timing(boot=0.1, late=0.1)
            judgement = drive_module(pair.near, spec=LAMP, refusals=0, timing=quick, observer=observer)
            gone.join()
        assert "test-completed" in names(judgement, Outcome.FAIL)
        (verdict,) = [each for each in judgement.verdicts if each.rule.name == "test-completed"]
        assert any("the MCU stopped asking for work" in each.text for each in verdict.evidence)
        assert any("unknown, long and malformed downlinks" in each.text for each in verdict.evidence)

    def test_who_interrupts_it_gets_back_what_there_was(self) -> None:
        mcu = Mcu(LAMP, poll_interval=0.002)
        stages: list[str] = []
        writing = Event()

        def progress(stage: str) -> None:
            stages.append(stage)
            if stage == "writing":
                assert writing.wait(PATIENCE)
                raise KeyboardInterrupt

        def observer(record: Record) -> None:
            if record.raw.startswith(b"properties_changed 2 2 1\r"):
                writing.set()

        with MemoryPair() as pair, McuHost(mcu, pair.far), pytest.raises(KeyboardInterrupt) as caught:
            drive_module(
                pair.near, spec=LAMP, refusals=0, allow=["writes"], observer=observer, progress=progress
            )
        assert stages[-2:] == ["writing", "putting back what was set"]
        assert mcu.values[2, 2] == Mcu(LAMP).values[2, 2]
        assert not any("could not" in note for note in getattr(caught.value, "__notes__", ()))

    def test_who_interrupts_twice_need_not_wait(self) -> None:
        mcu = Mcu(LAMP, poll_interval=0.002)
        changed = Event()

        def progress(stage: str) -> None:
            if stage == "writing":
                assert changed.wait(PATIENCE)
                raise KeyboardInterrupt("first")
            if stage == "putting back what was set":
                raise KeyboardInterrupt("second")

        def observer(record: Record) -> None:
            if record.raw.startswith(b"properties_changed 2 2 1\r"):
                mcu.misbehave.add("never-polls")  # so that it stays changed
                changed.set()

        with MemoryPair() as pair, McuHost(mcu, pair.far), pytest.raises(KeyboardInterrupt) as caught:
            drive_module(
                pair.near, spec=LAMP, refusals=0, allow=["writes"], observer=observer, progress=progress
            )
        assert caught.value.args == ("first",)
        assert any(
            "property 2.2 (brightness) could not be set back to 60" in note for note in caught.value.__notes__
        )

    def test_where_nothing_was_set_nothing_is_put_back(self) -> None:
        stages: list[str] = []

        def progress(stage: str) -> None:
            stages.append(stage)
            raise KeyboardInterrupt

        with MemoryPair() as pair, McuHost(Mcu(LAMP), pair.far), pytest.raises(KeyboardInterrupt):
            drive_module(pair.near, spec=LAMP, allow=["writes"], progress=progress)
        assert len(stages) == 1


class Losing(MiotDevice):
    """Some commands, counted from 0 by their method and what they are about, get no answer."""

    def __init__(self, *args: Any, lost: Container[tuple[str, int]] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self._lost = lost
        self._sent: Counter[str] = Counter()

    def send(self, command: str, parameters: Any = None, *args: Any, **options: Any) -> Any:
        about = f"{command} {parameters[0]['did']}" if command.endswith("_properties") else command
        self._sent[about] += 1
        if (about, self._sent[about] - 1) in self._lost:
            raise DeviceTimeout("no answer")
        return super().send(command, parameters, *args, **options)


def losing(product: VirtualProduct, *lost: tuple[str, int]) -> Callable[[Observer], MiotDevice]:
    return lambda observer: Losing(
        product.host, product.token, port=product.port, observer=observer, lost=lost
    )


class Unheard(MiotDevice):
    """Some of the commands of a check, counted from 0, do not reach the product."""

    def __init__(self, product: VirtualProduct, lost: Container[int], observer: Observer) -> None:
        super().__init__(product.host, product.token, port=product.port, observer=observer)
        self._product, self._lost, self._sent = product, lost, 0

    def send(self, command: str, *args: Any, **options: Any) -> Any:
        self._sent += 1
        if self._sent - 1 not in self._lost:
            return super().send(command, *args, **options)
        module = self._product.module
        whole = module.receive_lan

        def without_commands(datagram: bytes, *rest: Any) -> None:
            if len(datagram) == HEADER_SIZE:
                whole(datagram, *rest)

        self._product.call(lambda _: setattr(module, "receive_lan", without_commands))
        try:
            return super().send(command, *args, **options, timeout=0.5)
        finally:
            self._product.call(lambda _: setattr(module, "receive_lan", whole))


class Interrupting(MiotDevice):
    """Somebody presses Ctrl-C as soon as a property has another value; ``mute`` devices answer nothing from then on."""

    mute = False
    pressed = False

    def send(self, command: str, *args: Any, **options: Any) -> Any:
        if self.pressed and self.mute:
            raise DeviceTimeout("no answer")
        answer = super().send(command, *args, **options)
        if command == "set_properties" and not self.pressed:
            type(self).pressed = True
            raise KeyboardInterrupt
        return answer


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
            *("action-out",),
            *("no-such-action", "bad-argument", "lan-answered", "lan-info", "lan-unknown-method"),
            "test-completed",
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
        assert names(judgement, Outcome.PASS) == {
            *("lan-answered", "lan-info", "lan-unknown-method", "test-completed"),
        }
        # As miIO.info tells it: nobody heard the MCU say it.
        assert judgement.model == judgement.title == LAMP.stated_model

    def test_an_mcu_that_does_not_answer_is_soon_given_up(self) -> None:
        with VirtualProduct(LAMP, mcu_options=QUICK, misbehave=["silent"]) as product:
            product.call(lambda _: setattr(product.module.queue, "answer_time", 0.05))
            judgement = drive_lan(device_for(product), spec=LAMP)
        assert names(judgement, Outcome.FAIL) == {"lan-answered"}
        sent = [record for record in judgement.records if record.direction == "down" and record.reading]
        assert len(sent) < 10
        (verdict,) = [each for each in judgement.verdicts if each.rule.name == "test-completed"]
        assert verdict.outcome is Outcome.WARNING, "others fail for that"
        assert verdict.text.startswith("the MCU does not answer; left out: reading (")

    def test_a_product_that_is_gone_in_the_middle_has_not_passed(self) -> None:
        with VirtualProduct(LAMP, mcu_options=QUICK) as product:

            def connect(observer: Observer) -> MiotDevice:
                return MiotDevice(
                    product.host, product.token, port=product.port, observer=observer, timeout=0.2
                )

            def progress(stage: str) -> None:
                if stage == "writing":
                    product.close()

            judgement = drive_lan(connect, spec=LAMP, allow=["all"], progress=progress)
        assert names(judgement, Outcome.FAIL) == {"lan-answered", "test-completed"}
        (verdict,) = [each for each in judgement.verdicts if each.rule.name == "test-completed"]
        assert re.search(
            r"does not answer any more; left out: writing \(\d+\), actions \(\d+\)", verdict.text
        )

    def test_the_last_request_is_judged_too(self) -> None:
        request = Record("lan", "down", 5.0, 5.0, b"{}", {"id": 1, "method": "x", "params": []})
        assert names(judgement_of([request], mode="lan", course=Progress()), Outcome.FAIL) == {"lan-answered"}
        assert names(judgement_of([request]), Outcome.FAIL) == set()

    @pytest.mark.parametrize("mute", [False, True])
    def test_who_interrupts_it_gets_back_what_there_was(self, mute: bool) -> None:
        class Device(Interrupting):
            pass

        Device.mute = mute
        stages: list[str] = []
        with VirtualProduct(LAMP, mcu_options=QUICK) as product:
            before = product.call(lambda _: dict(product.mcu.values))

            def connect(observer: Observer) -> MiotDevice:
                return Device(product.host, product.token, port=product.port, observer=observer)

            with pytest.raises(KeyboardInterrupt) as caught:
                drive_lan(connect, spec=LAMP, allow=["writes"], progress=stages.append)
            after = product.call(lambda _: dict(product.mcu.values))
        assert stages[-1] == "putting back what was set"
        assert (before != after) is mute
        told = getattr(caught.value, "__notes__", [])
        assert [re.sub(r" \(.*\)", "", each) for each in told] == (
            ["property 2.1 could not be set back to true"] if mute else []
        )

    @pytest.mark.parametrize(
        ("lost", "expected"),
        [
            ([4], Outcome.WARNING),
            ([4, 20, 35], Outcome.WARNING),
            ([4, 5], Outcome.FAIL),  # the second one is the repetition
            (range(4, 1000), Outcome.FAIL),
        ],
    )
    def test_a_lost_datagram_fails_no_product(self, lost: Container[int], expected: Outcome) -> None:
        with VirtualProduct(LAMP, mcu_options=QUICK) as product:
            judgement = drive_lan(lambda observer: Unheard(product, lost, observer), spec=LAMP)
        (verdict,) = [each for each in judgement.verdicts if each.rule.name == "lan-answered"]
        assert verdict.outcome is expected
        assert judgement.ok is (expected is Outcome.WARNING)

    @pytest.mark.parametrize(("dead", "expected"), [(False, Outcome.WARNING), (True, Outcome.FAIL)])
    def test_after_an_action_without_a_reply_the_product_is_asked_whether_it_is_there(
        self, dead: bool, expected: Outcome
    ) -> None:
        asked: list[str] = []

        class Last(Unheard):
            def send(self, command: str, *args: Any, **options: Any) -> Any:
                asked.append(command)
                last = command == "action" and args[0]["siid"] == missing_service(LAMP)
                if last or (dead and self._lost):
                    self._lost = {self._sent}
                return super().send(command, *args, **options)

        with VirtualProduct(LAMP, mcu_options=QUICK) as product:
            judgement = drive_lan(lambda observer: Last(product, (), observer), spec=LAMP, allow=["actions"])
        (verdict,) = [each for each in judgement.verdicts if each.rule.name == "lan-answered"]
        assert verdict.outcome is expected
        assert asked[-2 - dead :] == ["action", *["miIO.info"] * (1 + dead)]

    def test_replies_that_cannot_be_read_are_called_so(self) -> None:
        with VirtualProduct(LAMP, mcu_options=QUICK) as product:

            def cut_off(stage: str) -> None:
                responder = product.module.responder
                damaged = replace(responder.options, damage=("cut off",))
                if stage == "reading":
                    product.call(lambda _: setattr(responder, "options", damaged))

            def connect(observer: Observer) -> MiotDevice:
                return MiotDevice(
                    product.host, product.token, port=product.port, observer=observer, timeout=1.0
                )

            judgement = drive_lan(connect, spec=LAMP, progress=cut_off)
        found = {each.rule.name: each for each in judgement.verdicts}
        assert {each.text for each in found["lan-answered"].evidence} == {
            "get_properties got a reply that cannot be read (not JSON)"
        }
        assert found["test-completed"].text.startswith(
            "the replies of the product cannot be read; left out: "
        )

    @pytest.mark.parametrize(
        "lost",
        [
            [("get_properties 2-2", 0)],
            [("set_properties 2-2", number) for number in range(1, 5)],
            [("get_properties 2-2", number) for number in range(5)],
        ],
    )
    def test_nothing_stays_changed(self, lost: list[tuple[str, int]]) -> None:
        with VirtualProduct(LAMP, mcu_options=QUICK) as product:
            before = product.call(lambda _: dict(product.mcu.values))
            judgement = drive_lan(losing(product, *lost), spec=LAMP, allow=["writes"])
            after = product.call(lambda _: dict(product.mcu.values))
        assert {iid for iid in before if before[iid] != after[iid]} <= {(2, 9)}
        (verdict,) = [each for each in judgement.verdicts if each.rule.name == "test-completed"]
        assert not any("could not be set back" in each.text for each in verdict.evidence)

    def test_a_product_that_cannot_be_reached_is_an_error(self) -> None:
        class Unreachable(MiotDevice):
            def send(self, *args: object, **options: object) -> object:
                raise DeviceException("no answer")

        with pytest.raises(DeviceException, match="no answer"):
            drive_lan(lambda observer: Unreachable("127.0.0.1", "00" * 16, observer=observer), spec=LAMP)

    def test_an_error_of_somebodys_own_is_told_as_what_it_is(self) -> None:
        class Unanswered(McuTimeout):
            pass

        class Own(MiotDevice):
            def send(self, command: str, *args: object, **options: object) -> object:
                if command == "miIO.info":
                    return {"model": "a.b.c"}
                raise Unanswered({"code": -9999, "message": "user ack timeout"})

        judgement = drive_lan(lambda observer: Own("127.0.0.1", "00" * 16, observer=observer), spec=LAMP)
        (verdict,) = [each for each in judgement.verdicts if each.rule.name == "test-completed"]
        assert verdict.text.startswith("the MCU does not answer; left out: ")

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
