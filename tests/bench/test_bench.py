"""The bench: expectations and waiting, by hand-made records and over a virtual product."""

from __future__ import annotations

import itertools
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.tape import Tape

from miio_lan import DeviceError, MiotDevice
from miio_lan import record as recording
from miio_lan.bench.bench import Bench, ExpectationFailed, ObservedLine, Recorder
from miio_lan.bench.recorder import RECORDS_BEFORE
from miio_lan.bench.snapshot import BOTH
from miio_lan.bench.trace import summary, trace, without_polls
from miio_lan.errors import InvalidArgument, SpecError
from miio_lan.pairing.pairing import pair
from miio_lan.record import Record
from miio_lan.virtual.product import VirtualProduct

ON = [{"siid": 2, "piid": 1}]
IS_ON = [{"siid": 2, "piid": 1, "code": 0, "value": True}]


@pytest.fixture
def silent(recorder: Recorder) -> Iterator[Bench[MiotDevice]]:
    """A bench at which nothing happens by itself."""
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        yield Bench(device, recorder, late=False)


def feed(bench: Bench[MiotDevice], tape: Tape) -> None:
    for record in tape.records:
        bench.recorder.observe(record)


# --- expectations by name ------------------------------------------------------------------------------------------


def test_names_do_for_numbers(bench: Bench[MiotDevice]) -> None:
    with bench.expect("set_properties", property="light:brightness", value=25) as exchange:
        bench.device.write(2, 2, 25)
    assert exchange.down.raw == b"down set_properties 2 2 25\r"
    with bench.expect("action", action="light:toggle") as exchange:
        bench.device.run(2, 1)
    assert exchange.down.raw == b"down action 2 1\r"
    with (
        pytest.raises(ExpectationFailed, match="did not happen"),
        bench.expect(property="indicator-light:brightness", timeout=0.1),
    ):
        bench.device.read(2, 2)


def test_names_that_there_are_not(bench: Bench[MiotDevice], silent: Bench[MiotDevice]) -> None:
    with pytest.raises(SpecError, match="did you mean light:brightness"):
        bench.expect(property="light:brigthness")
    with pytest.raises(SpecError, match="has no action"):
        bench.expect(action="light:on")
    with pytest.raises(SpecError, match="no description is known"):
        silent.expect(property="light:on")
    for more in ({"siid": 2}, {"piid": 1}, {"aiid": 1}, {"action": "light:toggle"}):
        with pytest.raises(InvalidArgument, match="one of them"):
            bench.expect(property="light:on", **more)


def test_a_criterion_that_there_is_not(bench: Bench[MiotDevice]) -> None:
    for ask in (bench.expect, bench.expect_none, bench.history):
        with pytest.raises(TypeError, match="no criterion: pid; there are siid, piid, aiid, value"):
            ask(siid=2, pid=1)


@pytest.fixture
def restless() -> Iterator[None]:
    """Has threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_threads_may_ask_at_once(silent: Bench[MiotDevice]) -> None:
    tape, threads, rounds = Tape(), 6, 40
    for number in range(1, rounds + 1):
        tape.ask(number, "get_properties", ON).fetch("get_properties 2 1").answer("result 2 1 0 true")
        tape.reply(number, IS_ON).wait(0.2)
    left = iter(tape.records)

    def tell_more() -> None:
        for record in itertools.islice(left, len(tape.records) // rounds):
            silent.recorder.observe(record)

    together = threading.Barrier(threads, tell_more)

    def ask() -> None:
        try:
            for _ in range(rounds):
                together.wait()
                assert silent.joined
        except BaseException:
            together.abort()  # or the others would wait for it
            raise

    for thread in (asking := [threading.Thread(target=ask) for _ in range(threads)]):
        thread.start()
    for thread in asking:
        thread.join()
    assert silent.joined == pair(tape.records)
    assert [each.stopped_at for each in silent.joined] == [None] * rounds


# --- expectations --------------------------------------------------------------------------------------------------


def test_every_attribute_of_an_expectation(bench: Bench[MiotDevice]) -> None:
    with bench.expect("get_properties", siid=2, piid=1) as exchange:
        bench.device.read(2, 1)
    assert exchange.method == "get_properties"
    assert exchange.params == exchange.request.reading["params"]
    assert exchange.ids == (exchange.request.reading["id"],)
    assert exchange.down.raw == b"down get_properties 2 1\r"
    assert exchange.result.raw == b"result 2 1 0 true\r"
    assert exchange.acknowledgement.raw == b"ok\r"
    assert exchange.reply.reading["id"] == exchange.ids[0]
    assert list(exchange.readings) == ["request", "down", "result", "acknowledgement", "reply"]
    assert 0 <= exchange.fetch_time <= exchange.total_time
    assert 0 <= exchange.mcu_time <= exchange.total_time
    assert exchange.stopped_at is None
    assert not exchange.ambiguous
    assert exchange.notes == ()
    assert len(exchange.parts) == 1
    assert len(exchange.records) == 5
    assert exchange.exchanges == (exchange.exchange,)
    assert repr(exchange) == "<Expectation of get_properties with siid 2, piid 1: went through>"


def test_only_what_happens_in_the_block_counts(bench: Bench[MiotDevice]) -> None:
    bench.device.read(2, 1)
    with bench.expect("get_properties", piid=1) as second:
        bench.device.read(2, 1)
    bench.device.read(2, 1)
    with bench.expect() as last:
        bench.device.write(2, 2, 33)
    first, second_, third, _ = bench.exchanges
    assert second.exchange == second_
    assert second.exchange not in (first, third)
    assert len(second.exchanges) == 1
    assert last.method == "set_properties"


@pytest.mark.parametrize(
    "wanted",
    [
        {"method": "set_properties"},
        {"method": "set_properties", "siid": 2, "piid": 2, "value": 33},
        {"piid": 2, "value": 33},
        {"params": [{"did": "2-2", "siid": 2, "piid": 2, "value": 33}]},
    ],
)
def test_what_can_be_expected(bench: Bench[MiotDevice], wanted: dict[str, object]) -> None:
    with bench.expect(**wanted) as exchange:
        bench.device.write(2, 2, 33)
    assert exchange.method == "set_properties"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"method": "get_properties"}, "get_properties did not happen"),
        ({"siid": 2, "piid": 2, "value": 34}, "a command with siid 2, piid 2, value 34 did not happen"),
        ({"siid": 2, "aiid": 2}, "a command with siid 2, aiid 2 did not happen"),
        ({"params": [1]}, re.escape("a command [1] did not happen")),
    ],
)
def test_what_was_expected_in_vain(bench: Bench[MiotDevice], wanted: dict[str, object], words: str) -> None:
    with pytest.raises(ExpectationFailed, match=words) as failure, bench.expect(timeout=0, **wanted):
        bench.device.write(2, 2, 33)
    text = str(failure.value)
    assert "set_properties: " in text
    assert "→ set_properties 2.2=33" in text
    assert "→ down set_properties 2 2 33" in text


def test_nothing_at_all_happened(silent: Bench[MiotDevice]) -> None:
    expectation = silent.expect(timeout=0)
    assert repr(expectation) == "<Expectation of a command: not yet>"
    with pytest.raises(ExpectationFailed, match="a command did not happen; nothing else did either"):
        _ = expectation.stopped_at
    with pytest.raises(ExpectationFailed), expectation:
        pass


def test_an_error_in_the_block_is_what_the_test_ends_with(bench: Bench[MiotDevice]) -> None:
    with pytest.raises(DeviceError), bench.expect("set_properties") as exchange:
        bench.device.write(2, 2, 500)
    bench.uart.wait_for("result 2 2 -4005")
    assert exchange.stopped_at == "refused"


def test_a_command_of_somebody_else_counts_too(bench: Bench[MiotDevice], product: VirtualProduct) -> None:
    with bench.expect("get_properties", siid=2, piid=2) as exchange:
        product.call(
            lambda now: product.module.hand_out("get_properties 2 2", now, lambda _outcome, _at: None)
        )
    assert not exchange.request
    assert exchange.readings["result"]["results"] == [[2, 2, 0, 60]]


def test_the_last_of_several_attempts_is_shown(silent: Bench[MiotDevice]) -> None:
    tape = Tape().ask(1, "get_properties", ON).fetch("get_properties 2 1").wait(4).reply(1, error=-9999)
    tape.ask(2, "get_properties", ON).fetch("get_properties 2 1").answer("result 2 1 0 true").reply(2, IS_ON)
    with silent.expect("get_properties") as exchange:
        feed(silent, tape)
    assert exchange.ids == (2,)
    assert [each.stopped_at for each in exchange.exchanges] == ["not answered", None]


def test_what_comes_late_is_still_learnt(silent: Bench[MiotDevice]) -> None:
    tape = Tape().fetch("none").ask(1, "get_properties", ON).fetch("get_properties 2 1")
    tape.wait(4).reply(1, error=-9999)
    with silent.expect("get_properties") as exchange:
        feed(silent, tape)
    assert exchange.stopped_at == "not answered"
    told = len(tape.records)
    for record in tape.wait(1).answer("result 2 1 0 true", "error").records[told:]:
        silent.recorder.observe(record)
    assert exchange.stopped_at == "answered late"
    told = len(tape.records)
    tape.ask(2, "get_properties", ON).fetch("get_properties 2 1").answer("result 2 1 0 true").reply(2, IS_ON)
    for record in tape.records[told:]:
        silent.recorder.observe(record)
    assert exchange.ids == (1,)


def test_what_comes_late_can_be_waited_for(silent: Bench[MiotDevice]) -> None:
    tape = Tape().fetch("none").ask(1, "get_properties", ON).fetch("get_properties 2 1")
    tape.wait(4).reply(1, error=-9999)
    with silent.expect("get_properties") as exchange:
        feed(silent, tape)
    told = len(tape.records)
    late = tape.wait(1).answer("result 2 1 0 true", "error").records[told:]
    workers = [
        threading.Timer(seconds, silent.recorder.observe, [record])
        for seconds, record in zip((0.05, 0.1), late, strict=True)
    ]
    for worker in workers:
        worker.start()
    found = exchange.wait("answered late", timeout=10)
    assert (found.result, found.acknowledgement) == (late[0], late[1])
    for worker in workers:
        worker.join()
    with pytest.raises(
        ExpectationFailed, match="get_properties was not 'refused' within 0 s, but answered late"
    ):
        exchange.wait("refused", timeout=0)
    with pytest.raises(InvalidArgument, match="no command stops at 'late', but at one of not fetched, "):
        exchange.wait("late")


def test_that_all_went_through_can_be_waited_for(silent: Bench[MiotDevice]) -> None:
    tape = (
        Tape().fetch("none").ask(1, "get_properties", ON).fetch("get_properties 2 1").up("result 2 1 0 true")
    )
    tape.reply(1, IS_ON)
    with silent.expect("get_properties", timeout=0) as exchange:
        feed(silent, tape)
        silent.hears = frozenset()
    silent.hears = BOTH
    with pytest.raises(
        ExpectationFailed, match="get_properties did not go through within 0 s, but went through"
    ):
        exchange.wait(None, timeout=0)
    (ok,) = tape.down("ok").records[-1:]
    worker = threading.Timer(0.05, silent.recorder.observe, [ok])
    worker.start()
    assert exchange.wait(None, timeout=10).acknowledgement is ok
    worker.join()
    with pytest.raises(ExpectationFailed, match="action did not happen"):
        silent.expect("action").wait(None, timeout=0)


class Impatient(Recorder):
    """Fails where anything is waited for."""

    def wait(self, look: Callable[[], object], timeout: float) -> object:
        found = look()
        assert found is not None, f"waits {timeout} s"
        return found


def heard(tape: Tape, hears: str) -> list[Record]:
    return [each for each in tape.records if each.wire == "lan" or each.direction in hears.split()]


@pytest.mark.parametrize("hears", ["", "up", "down"])
@pytest.mark.parametrize("error", [None, -5001])
def test_what_nobody_hears_is_not_waited_for(hears: str, error: int | None) -> None:
    tape = Tape().fetch("none").ask(1, "get_properties", ON).fetch("get_properties 2 1")
    tape.answer("result 2 1 0 true" if error is None else 'error "no" -5001')
    tape.reply(1, IS_ON) if error is None else tape.reply(1, error=error)
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        bench = Bench(device, Impatient(), hears=hears.split(), late=False)
        with bench.expect("get_properties") as exchange:
            for record in heard(tape, hears):
                bench.recorder.observe(record)
        bench.settle()
    assert (bool(exchange.down), bool(exchange.result)) == ("down" in hears, "up" in hears)


@pytest.mark.parametrize("hears", ["up", "down"])
def test_what_is_heard_is_waited_for(hears: str) -> None:
    tape = (
        Tape().fetch("none").ask(1, "get_properties", ON).fetch("get_properties 2 1").up("result 2 1 0 true")
    )
    tape.reply(1, IS_ON)
    first = [each for each in heard(tape, hears) if each.wire == "lan"]
    rest = [each for each in heard(tape, hears) if each.wire == "uart"]
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        bench = Bench(device, Recorder(), hears=[hears], late=False)
        worker = threading.Timer(0.05, lambda: [bench.recorder.observe(record) for record in rest])
        with bench.expect("get_properties") as exchange:
            for record in first:
                bench.recorder.observe(record)
            worker.start()
        worker.join()
        assert exchange.down if hears == "down" else exchange.result


@pytest.mark.parametrize(
    ("hears", "told"),
    [
        ("", "the UART was not observed: no down, result or acknowledgement is known"),
        ("up", "of the UART only the MCU was heard, not the module: no down or acknowledgement is known"),
        ("down", "of the UART only the module was heard, not the MCU: no result or acknowledgement is known"),
        ("up down", ""),
    ],
)
def test_failures_tell_notes_and_what_was_not_observed(hears: str, told: str) -> None:
    tape = (
        Tape().fetch("none").ask(1, "get_properties", ON).fetch("get_properties 2 1").up("result 2 1 0 true")
    )
    tape.reply(1, IS_ON)
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        bench = Bench(device, Recorder(), hears=hears.split(), late=False)
        for record in heard(tape, hears):
            bench.recorder.observe(record)
        said = bench.snapshot().commands()
        with pytest.raises(ExpectationFailed) as vain:
            bench.expect("action", timeout=0).wait(None, timeout=0)
        with pytest.raises(ExpectationFailed) as silence:
            bench.uart.wait_for("event_occured", timeout=0)
    (exchange,) = bench.exchanges
    assert all(f"\n  - {note}" in said for note in exchange.notes)
    assert all(f"\n    - {note}" in str(vain.value) for note in exchange.notes)
    assert bool(exchange.notes) is (hears != "up down")
    for text in (said, str(vain.value), str(silence.value)):
        assert ("(" + told + ")" in text) if told else "heard" not in text


def test_an_expectation_waits_for_what_another_thread_does(bench: Bench[MiotDevice]) -> None:
    with bench.expect("action", siid=2, aiid=1) as exchange:
        worker = threading.Thread(target=bench.device.run, args=(2, 1))
        worker.start()
    worker.join()
    assert exchange.stopped_at is None
    assert exchange.reply


# --- the line ------------------------------------------------------------------------------------------------------


def test_waiting_for_lines(bench: Bench[MiotDevice]) -> None:
    bench.device.write(2, 2, 44)
    by_words = bench.uart.wait_for("properties_changed 2 2")
    assert by_words.raw == b"properties_changed 2 2 44\r"
    assert bench.uart.wait_for(re.compile(r"^down set_\w+ 2 2 44$"), direction="down").direction == "down"
    assert bench.uart.wait_for(command="result", answers="set_properties").raw == b"result 2 2 0\r"
    assert (
        bench.uart.wait_for(lambda record: record.raw == b"ok\r", since=by_words).instant > by_words.instant
    )
    first, second = bench.uart.wait_for("get_down"), bench.uart.wait_for("get_down")
    assert first is not second
    assert bench.uart.wait_for().raw
    assert "down set_properties 2 2 44" in bench.uart.lines("down")
    assert "down set_properties 2 2 44" not in bench.uart.lines("up")
    assert "result 2 2 0" in bench.uart.lines()


@pytest.mark.parametrize(
    ("what", "reading", "words"),
    [
        ("result 2 2 1", {}, "no line like 'result 2 2 1' came within 0 s"),
        ("resul", {}, "'resul'"),
        (re.compile("^x$"), {}, re.escape("'^x$'")),
        (lambda record: False, {}, "<lambda>"),
        (None, {"command": "result", "answers": "action"}, "command='result' answers='action'"),
        (None, {"nothing": None}, "nothing=None"),
    ],
)
def test_lines_that_do_not_come(
    silent: Bench[MiotDevice], what: object, reading: dict[str, object], words: str
) -> None:
    feed(silent, Tape().fetch("set_properties 2 2 1").answer("result 2 2 0"))
    with pytest.raises(ExpectationFailed, match=words) as failure:
        silent.uart.wait_for(what, timeout=0, **reading)
    assert "← result 2 2 0" in str(failure.value)


def test_a_line_that_was_given_and_one_of_the_other_direction_are_not_given() -> None:
    recorder = Recorder()
    for record in Tape().answer("result 1").records:
        recorder.observe(record)
    line = ObservedLine(recorder)
    assert line.wait_for("ok").direction == "down"
    for more in ({"what": "ok"}, {"what": "result 1", "direction": "down"}):
        with pytest.raises(ExpectationFailed):
            line.wait_for(timeout=0, **more)


def test_no_line_at_all() -> None:
    with pytest.raises(ExpectationFailed, match="no line like any line came within 0 s"):
        ObservedLine(Recorder()).wait_for(timeout=0)


# --- the recorder --------------------------------------------------------------------------------------------------


def test_the_recorder_keeps_a_few_from_before() -> None:
    recorder = Recorder()
    tape = Tape().up(*["get_down"] * (RECORDS_BEFORE + 5))
    for record in tape.records:
        recorder.observe(record)
    recorder.begin()
    assert recorder.records == []
    assert recorder.look() == (tape.records[5:], [])
    recorder.observe(tape.records[-1])
    assert recorder.records == [tape.records[-1]]
    recorder.forget()
    assert recorder.look() == ([], [])
    recorder.observe(tape.records[0])
    assert recorder.records == [tape.records[0]]


def test_records_are_given_in_the_order_of_time() -> None:
    recorder = Recorder()
    one, other = Tape().up("a", "b").records
    recorder.observe(other)
    recorder.observe(one)
    assert recorder.records == [one, other]


def test_who_waits_is_woken_by_what_comes() -> None:
    recorder = Recorder()
    (record,) = Tape().up("hello").records
    begun = threading.Event()

    def look() -> Record | None:
        begun.set()
        return next(iter(recorder.records), None)

    worker = threading.Thread(target=lambda: (begun.wait(100), recorder.observe(record)))
    worker.start()
    assert recorder.wait(look, 100) is record
    worker.join()


# --- what is shown -------------------------------------------------------------------------------------------------


def test_polls_are_left_out_and_counted() -> None:
    tape = Tape().fetch("none").fetch("get_properties 2 1").fetch("none").answer("result 2 1 0 true")
    tape.up("get_down").down("error").down("down none").up("get_down")
    shown, polls = without_polls(tape.records)
    assert [record.raw for record in shown] == [
        b"get_down\r",
        b"down get_properties 2 1\r",
        b"result 2 1 0 true\r",
        b"ok\r",
    ]
    assert polls == 4
    assert trace(tape.records).splitlines()[-1] == "(4 polls that fetched nothing are left out)"


def test_a_long_trace_is_cut_at_its_beginning_and_tells_no_secret() -> None:
    tape = Tape().up(*[f"props n {number}" for number in range(200)])
    tape.ask(1, "miIO.config_router", {"ssid": "net", "passwd": "secret", "token": "0" * 32})
    tape.up(f'properties_changed 9 1 "{"/" * 30}{"a1" * 16}"')
    text = trace(tape.records)
    assert " lines before ..." in text
    assert "props n 199" in text
    assert "props n 100" not in text
    assert "secret" not in text
    assert len(text.splitlines()) < 90
    for digits in ("0" * 32, "a1" * 16):
        assert digits not in text.replace(" ", "").replace("\n", "")


def test_summaries() -> None:
    tape = Tape().fetch("none").ask(1, "get_properties", ON).fetch("get_properties 2 1")
    recorder = Recorder()
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        bench = Bench(device, recorder, late=False)
        feed(bench, tape)
        assert (
            summary(bench.exchanges[0]) == "get_properties: not answered (still open) [fetched after 20.0 ms]"
        )
        told = len(tape.records)
        for record in tape.answer("result 2 1 0 true").reply(1, IS_ON).records[told:]:
            recorder.observe(record)
        assert summary(bench.exchanges[0]) == (
            "get_properties: went through [fetched after 20.0 ms, MCU 10.0 ms, in all 50.0 ms]"
        )


def test_a_recording_can_be_read_again(bench: Bench[MiotDevice], tmp_path: Path) -> None:
    bench.device.read(2, 1)
    path = tmp_path / "deep" / "one.jsonl"
    bench.save(path)
    with path.open() as file:
        read = list(recording.read(file))
    # More may have been told meanwhile, even of before.
    assert [record for record in bench.records if record in read] == read
    assert any(record.raw == b"down get_properties 2 1\r" for record in read)
