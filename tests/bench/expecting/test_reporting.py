"""Reports that a test expects, over a virtual product: the line of the MCU and the push on the LAN."""

from __future__ import annotations

from queue import Queue

import pytest
from support.tape import Tape

from miio_lan import MiotDevice
from miio_lan.bench.bench import Bench, ExpectationFailed, Recorder
from miio_lan.bench.expecting.reporting import ATTENDED, WantedReport
from miio_lan.errors import InvalidArgument
from miio_lan.virtual.product import VirtualProduct


def test_a_property_on_both_wires(bench: Bench[MiotDevice], product: VirtualProduct) -> None:
    bench.device.subscribe()
    with bench.expect_report(siid=2, piid=2, value=33) as report:
        product.call(lambda now: product.mcu.set_local(2, 2, 33, now))
    assert report.method == "properties_changed"
    assert report.line == "properties_changed 2 2 33"
    assert report.acknowledgement == "ok"
    assert {"siid": 2, "piid": 2, "value": 33}.items() <= report.push.reading["params"][-1].items()
    assert report.confirmation.reading["result"] == {"code": 0}
    assert report.push_time >= 0
    assert (report.value, report.ambiguous, report.notes) == (33, False, ())
    assert report.report.records == report.records
    assert repr(report) == "<Expectation of a report with siid 2, piid 2, value 33: told on the LAN: yes>"


def test_what_the_device_told_is_left_to_the_test(bench: Bench[MiotDevice], product: VirtualProduct) -> None:
    bench.device.subscribe()
    with bench.expect_report(eiid=1) as report:
        product.call(lambda now: product.mcu.raise_event(6, 1, {}, now))
    push = bench.device.next_push(0)
    assert push is not None
    while push.method != "event_occured":
        push = bench.device.next_push(0)
    assert report.push.reading["id"] == push.id


def test_a_device_that_calls_back(bench: Bench[MiotDevice], product: VirtualProduct) -> None:
    told: Queue[object] = Queue()
    bench.device.subscribe(told.put)
    with bench.expect_report(siid=6, eiid=1, value={}) as report:
        product.call(lambda now: product.mcu.raise_event(6, 1, {}, now))
    assert report.line == "event_occured 6 1"
    assert report.push
    assert told.get(timeout=100)


def test_nobody_asked_to_be_told(bench: Bench[MiotDevice], product: VirtualProduct) -> None:
    with bench.expect_report(siid=2, piid=2) as report:
        product.call(lambda now: product.mcu.set_local(2, 2, 33, now))
    assert report.line.startswith("properties_changed 2 2 33")
    assert not report.push
    assert repr(report.push) == "<no push: nobody asked to be told, call subscribe() of the device before>"
    assert repr(report.push_time).startswith("<no push time: nobody asked to be told")
    assert not report.confirmation
    with pytest.raises(ExpectationFailed, match="there is no push") as failure:
        report.push.raw  # noqa: B018 - asking is the use
    assert "← properties_changed 2 2 33" in str(failure.value)


def test_a_device_that_unsubscribed(bench: Bench[MiotDevice], product: VirtualProduct) -> None:
    bench.device.subscribe()
    bench.device.unsubscribe()
    with bench.expect_report(siid=2, piid=2) as report:
        product.call(lambda now: product.mcu.set_local(2, 2, 33, now))
    assert "nobody asked to be told" in repr(report.push)


def test_a_push_that_does_not_come(bench: Bench[MiotDevice], product: VirtualProduct) -> None:
    bench.device.subscribe()
    with bench.expect_report(siid=2, piid=2, timeout=0.3) as report:
        product.call(lambda now: product.module.set_net("offline", now))
        product.call(lambda now: product.mcu.set_local(2, 2, 33, now))
    assert repr(report.push) == "<no push: none came within 0.3 s>"


def test_a_report_that_is_not_made(bench: Bench[MiotDevice], product: VirtualProduct) -> None:
    product.call(lambda now: product.mcu.set_local(2, 2, 33, now))
    bench.uart.wait_for("properties_changed 2 2")
    expected = bench.expect_report(siid=2, piid=2, timeout=0.05)
    assert repr(expected) == "<Expectation of a report with siid 2, piid 2: not yet>"
    with pytest.raises(ExpectationFailed) as failure, expected:
        bench.device.read(2, 1)
    assert str(failure.value).startswith("a report with siid 2, piid 2 was not seen within 0.05 s\n")
    assert "→ get_properties 2.1" in str(failure.value)
    with pytest.raises(ExpectationFailed):
        expected.line  # noqa: B018 - asking is the use


def test_an_error_in_the_block_goes_before(bench: Bench[MiotDevice]) -> None:
    with pytest.raises(ZeroDivisionError), bench.expect_report(siid=2, piid=2, timeout=30):
        raise ZeroDivisionError


def test_where_the_mcu_is_not_heard_the_push_tells() -> None:
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        bench = Bench(device, Recorder(), hears=(), late=False)
        tape = Tape()._lan(
            "up",
            {"id": 1, "method": "properties_changed", "params": [{"siid": 2, "piid": 2, "value": 5}]},
            "",
        )
        with bench.expect_report(2, 2, timeout=0) as report:
            for record in tape.records:
                bench.recorder.observe(record)
    assert report.value == 5
    assert report.ambiguous
    assert repr(report.line) == "<no line: the MCU was not heard>"
    assert repr(report.acknowledgement) == "<no acknowledgement: the module was not heard>"
    assert repr(report.push_time) == "<no push time: no line was heard>"


def test_a_line_that_is_told_after_its_push_is_learnt() -> None:
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        bench = Bench(device, Recorder(), late=False)
        told = {"id": 1, "method": "properties_changed", "params": [{"siid": 2, "piid": 2, "value": 5}]}
        line, ok, push = Tape().up("properties_changed 2 2 5").down("ok")._lan("up", told, "").records
        with bench.expect_report(2, 2, timeout=0) as report:
            bench.recorder.observe(push)
        assert (report.report.push, report.report.line) == (push, None)
        bench.recorder.observe(line)
        bench.recorder.observe(ok)
    assert (report.report.line, report.report.acknowledgement, report.report.push) == (line, ok, push)


def test_a_property_is_no_event() -> None:
    with pytest.raises(InvalidArgument, match="of a property"):
        WantedReport(2, 1, 1, None)
    assert str(WantedReport(None, None, None, None)) == "a report or event"
    assert str(WantedReport(6, None, 1, [[3, "x"]])) == "an event with siid 6, eiid 1, value [[3, 'x']]"
    assert ATTENDED == 0.05
