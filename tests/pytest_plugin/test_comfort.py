"""What makes tests comfortable to write, and their failures to read: steps, reports, retries, live and text logs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

# For all runs within this process: what a run loads is forgotten at its end, and some of it cannot be loaded twice.
import miio_lan.virtual.product  # noqa: F401

Run = Callable[..., pytest.RunResult]
PASSWORD = "hunter sesame"
HOUR = r"\d\d:\d\d:\d\d\.\d\d\d"


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    def run(*args: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess(
            "-p", "no:randomly", "-p", "no:cacheprovider", "--miio-virtual", *args
        )

    return run


# --- steps -----------------------------------------------------------------------------------------------------------


def test_steps_equal_text_on_an_mcu_that_writes_cr_lf(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(r"""
        import re

        def test_it(miio_virtual, miio_bench, miio_uart):
            miio_virtual.call(lambda now: miio_virtual.mcu.misbehave.add("crlf"))
            with miio_bench.expect("get_properties", siid=2, piid=1) as exchange:
                miio_bench.device.read(2, 1)
            assert exchange.down == "down get_properties 2 1"
            assert exchange.result == "result 2 1 0 true"
            assert exchange.acknowledgement == "ok"
            assert exchange.reply.startswith('{"id":')
            exchange.check(down="down get_properties 2 1", result=re.compile("true$"), within=1.0)
            assert miio_uart.wait_for(re.compile(r"result 2 1 0 (\w+)"))[1] == "true"
            assert miio_bench.history(method="get_properties").count == 1
            with miio_bench.expect_none("set_properties"), miio_uart.expect_none("properties_changed 2 1"):
                miio_bench.device.read(2, 2)
            assert b"\n" in exchange.result.raw + miio_bench.history().last.result.raw
    """)
    run().assert_outcomes(passed=1)


WRONG = """
    import pytest
    from miio_lan import McuTimeout

    @pytest.fixture
    def asked(miio_virtual, miio_bench):
        def asked(*misbehaviours):
            miio_virtual.call(lambda now: [miio_virtual.mcu.misbehave.add(each) for each in misbehaviours])
            with miio_bench.expect("get_properties") as exchange:
                try:
                    # With time for an MCU's time-out that comes late from a busy machine.
                    wanted = [{"did": "x", "siid": 2, "piid": 1}]
                    miio_bench.device.send("get_properties", wanted, retry_count=0, timeout=60)
                except McuTimeout:
                    pass
            return exchange
        return asked

    def test_text(asked):
        assert asked().down == "down get_properties 2 2"

    def test_missing(asked):
        assert asked("silent").result

    def test_missing_text(asked):
        assert asked("silent").result == "result 2 1 0 true"

    def test_check(asked):
        asked("silent").check(down="down get_properties 2 1", result="result 2 1 0 true", within=1.0)
"""


def test_failures_are_understood_at_once(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(WRONG)
    result = run()
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            "*test_text*",
            "E  *assert 'down get_properties 2 1' == 'down get_properties 2 2'",
            "E  *- down get_properties 2 2",
            "E  *+ down get_properties 2 1",
            "*test_missing*",
            "E  *assert <no result: not answered within * s>",
            "E  *<Expectation of get_properties: not answered>.result",
            "*test_missing_text*",
            ">       assert asked(*",
            "E  *ExpectationFailed: there is no result (not answered within * s); it was compared with 'result*",
            "E *get_properties: not answered*",
            "E *→ get_properties 2.1",
            "E *→ down get_properties 2 1",
            "E *← error -9999*",
            "*test_check*",
            ">       asked(*",
            "E  *ExpectationFailed: get_properties is not as wanted:",
            "E   *result: <no result: not answered within * s>, wanted 'result 2 1 0 true'",
            "E   *it took * s, wanted at most 1 s",
        ]
    )
    # A failure is at the line of the test, and none is of Python's own kind.
    assert not re.search(r"AttributeError|TypeError|missing\.py|seen\.py", result.stdout.str())


def test_other_comparisons_are_shown_as_ever(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
        def test_numbers(): assert 1 == 2
        def test_texts(miio_uart):
            record = miio_uart.wait_for("get_down")
            assert (record == "get_up") is None or "a" == "b"
        def test_records(miio_uart): assert miio_uart.wait_for("get_down") == 3
    """)
    result = run()
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["E *assert 1 == 2", "E *'a' == 'b'*", "E *Record(wire='uart'*"])


def test_a_report_on_both_wires(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
        def test_it(miio_virtual, miio_bench):
            miio_bench.device.subscribe()
            with miio_bench.expect_report(siid=2, piid=1, value=False) as report:
                miio_virtual.call(lambda now: miio_virtual.mcu.set_local(2, 1, False, now))
            assert report.line.startswith("properties_changed 2 1 false")
            assert report.push.reading["method"] == "properties_changed"
            assert not report.ambiguous
        def test_none(miio_bench):
            with miio_bench.expect_report(siid=2, piid=1, timeout=0.1):
                miio_bench.device.read(2, 1)
    """)
    result = run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["E *ExpectationFailed: a report with siid 2, piid 1 was not seen within 0.1 s"]
    )


def test_a_report_that_must_not_be_made(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
        def test_it(miio_bench, miio_uart):
            with miio_uart.expect_none("properties_changed 2 1"):
                miio_bench.device.write(2, 1, False)
    """)
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *ExpectationFailed: a line like 'properties_changed 2 1' was not to happen, and did"]
    )


# --- retries ---------------------------------------------------------------------------------------------------------

LOST = """
    import pytest
    from miio_lan import DeviceException

    @pytest.mark.parametrize("method", ["read", "write"])
    def test_it(miio_virtual, miio_bench, method):
        device = miio_bench.device
        device.info()
        device.timeout = 0.3
        miio_virtual.call(lambda now: miio_virtual.module.set_net("offline", now))
        with pytest.raises(DeviceException):
            device.read(2, 1) if method == "read" else device.write(2, 1, True)
        print("sent", miio_bench.history(siid=2, piid=1).datagrams)
"""


@pytest.mark.parametrize("place", ["option", "setting"])
def test_without_retries_each_command_is_one_datagram(
    pytester: pytest.Pytester, run: Run, place: str
) -> None:
    pytester.makepyfile(LOST)
    if place == "setting":
        pytester.makeini("[pytest]\nmiio_retries = 0\n")
    result = run("-s", *(["--miio-retries", "0"] if place == "option" else []))
    result.assert_outcomes(passed=2)
    assert re.findall(r"sent (\d+)", result.stdout.str()) == ["1", "1"]


def test_with_retries_there_are_more(pytester: pytest.Pytester, run: Run) -> None:
    # A machine may stop for longer than all the attempts would take.
    pytester.makepyfile(LOST.replace("timeout = 0.3", "timeout = 1.5"))
    result = run("-s", "--miio-retries=2")
    assert min(map(int, re.findall(r"sent (\d+)", result.stdout.str()))) > 1


@pytest.mark.parametrize("wrong", ["-1", "two", "1.5", "101", ""])
def test_retries_that_are_none(pytester: pytest.Pytester, run: Run, wrong: str) -> None:
    result = run(f"--miio-retries={wrong}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--miio-retries is *"])


# --- live ------------------------------------------------------------------------------------------------------------

TALK = f"""
    def test_it(miio_bench):
        miio_bench.device.read(2, 1)
        try:
            miio_bench.device.configure_wifi("home", "{PASSWORD}")
        except Exception:
            pass
        miio_bench.uart.wait_for("down none")
"""


def test_both_wires_live(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(TALK)
    result = run("--log-cli-level=INFO")
    result.assert_outcomes(passed=1)
    shown = result.stdout.str()
    for wire, text in (
        ("lan", "→ get_properties 2.1"),
        ("uart", "→ down get_properties 2 1"),
        ("uart", "← result 2 1 0 true"),
        ("uart", "→ ok"),
        ("lan", "← 2.1=true"),
        ("lan", "→ miIO.config_router"),
    ):
        assert re.search(rf"INFO +miio_lan\.wire\.{wire}:\S+ {HOUR} {re.escape(text)}", shown), text
    assert PASSWORD not in shown
    assert "(hidden)" in shown
    assert "get_down" not in shown  # polls would hide all else


def test_polls_are_told_at_debug(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(TALK)
    result = run("--log-cli-level=DEBUG")
    result.stdout.re_match_lines(
        [r"DEBUG +miio_lan\.wire\.uart:\S+ \S+ ← get_down", r"DEBUG .*→ down none"], consecutive=False
    )


def test_a_log_file(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(TALK)
    run("--log-file=wires.log", "--log-file-level=INFO").assert_outcomes(passed=1)
    text = (pytester.path / "wires.log").read_text(encoding="utf-8")
    assert "→ down get_properties 2 1" in text
    assert PASSWORD not in text


def test_nothing_is_logged_where_nobody_wants_it(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(TALK + "        assert False\n")
    assert "miio_lan.wire" not in run().stdout.str()


def test_a_test_may_look_at_the_log(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
        import logging
        def test_it(caplog, miio_bench):
            caplog.set_level(logging.INFO, "miio_lan.wire.uart")
            miio_bench.device.read(2, 1)
            assert "→ down get_properties 2 1" in caplog.text
            assert {each.name for each in caplog.records} == {"miio_lan.wire.uart"}
    """)
    run().assert_outcomes(passed=1)


def test_a_handler_that_fails_ends_no_wire(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
        import logging
        def test_it(miio_bench):
            class Broken(logging.Handler):
                def emit(self, record): raise OSError("disk full")
            logger = logging.getLogger("miio_lan.wire")
            handler = Broken()
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
            try:
                assert miio_bench.device.read(2, 1) is True
            finally:
                logger.removeHandler(handler)
                logger.setLevel(logging.NOTSET)
    """)
    run().assert_outcomes(passed=1)


# --- text logs -------------------------------------------------------------------------------------------------------

TWO = f"""
    def test_passes(miio_device):
        miio_device.read(2, 1)
        try:
            miio_device.configure_wifi("home", "{PASSWORD}")
        except Exception:
            pass
    def test_fails(miio_device, miio_uart):
        poll = miio_uart.wait_for("get_down")
        miio_uart.wait_for("down none", since=poll)
        miio_device.read(2, 2)
        assert False
    def test_without(): pass
"""


def test_each_test_has_a_text_log(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=TWO)
    result = run("--miio-logs=logs", "--junitxml=out/report.xml")
    result.assert_outcomes(passed=2, failed=1)
    logs = pytester.path / "logs"
    assert {path.name for path in logs.iterdir()} == {
        "test_it.py--test_passes.log",
        "test_it.py--test_fails.log",
    }
    failed = (logs / "test_it.py--test_fails.log").read_text(encoding="utf-8")
    assert failed.startswith("test_it.py::test_fails: failed\n\nget_properties: went through [")
    assert re.search(rf"^ *{HOUR}  → get_properties 2\.2$", failed, re.MULTILINE)
    assert re.search(rf"^ *{HOUR} +→ down get_properties 2 2$", failed, re.MULTILINE)
    assert re.search(r"^\(\d+ polls that fetched nothing are left out\)$", failed, re.MULTILINE)
    passed = (logs / "test_it.py--test_passes.log").read_text(encoding="utf-8")
    assert passed.startswith("test_it.py::test_passes: passed\n")
    assert "miIO.config_router" in passed
    assert PASSWORD not in passed
    result.stdout.fnmatch_lines([f"{logs / 'test_it.py--test_fails.log'}"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_the_xml_names_files_as_seen_from_itself(
    pytester: pytest.Pytester, run: Run, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile(test_it=TWO)
    run("--miio-logs=out/logs", "--miio-recordings=kept", "--junitxml=out/report.xml", *workers)
    xml = pytester.path / "out" / "report.xml"
    cases = {case.get("name"): case for case in ET.parse(xml).iter("testcase")}
    named = {
        name: {each.get("name"): each.get("value") or "" for each in case.iter("property")}
        for name, case in cases.items()
    }
    assert named == {
        "test_passes": {"miio_log": "logs/test_it.py--test_passes.log"},
        "test_fails": {
            "miio_recording": "../kept/test_it.py--test_fails.jsonl",
            "miio_log": "logs/test_it.py--test_fails.log",
        },
        "test_without": {},
    }
    assert all((xml.parent / path).is_file() for each in named.values() for path in each.values())


def test_no_place_for_text_logs(pytester: pytest.Pytester, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    result = run(f"--miio-logs={file}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--miio-logs names a folder for logs, and {file} is not a folder"])


def test_without_the_option_there_is_none(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=TWO)
    run("--miio-keep=all")
    assert not list(pytester.path.rglob("*.log"))
