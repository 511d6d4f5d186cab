"""The plugin as its users meet it: options, fixtures, failures, recordings, the JUnit XML, pytest-xdist."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import steering
from support.patient import patient
from support.spec_server import MODEL, published

import miio_lan
from miio_lan import record as recording
from miio_lan.cli.virtual.taps import Taps
from miio_lan.pairing.pairing import pair
from miio_lan.pytest_plugin.reports import file_name
from miio_lan.record.recording import read_recording
from miio_lan.virtual.product import VirtualProduct

SAMPLE = Path(__file__).parents[2] / "docs" / "samples" / "test_lamp.py"
TOKEN = "00112233445566778899aabbccddeeff"

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    def run(*args: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider", *args)

    return run


def test_a_model_for_a_description(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MIIO_LAN_CACHE", str(tmp_path))
    (tmp_path / "descriptions").mkdir()
    document = json.dumps({**published(), "model": MODEL})
    (tmp_path / "descriptions" / f"{MODEL}.json").write_text(document, encoding="utf-8")
    pytester.makepyfile("""
        def test_it(miio_bench):
            with miio_bench.expect("set_properties", property="light:brightness", value=25) as exchange:
                miio_bench.device.write("light:brightness", 25)
            assert exchange.stopped_at is None
            assert miio_bench.device.read("light:brightness") == 25
    """)
    run("--miio-virtual", "--miio-spec", MODEL).assert_outcomes(passed=1)
    result = run("--miio-virtual", "--miio-spec", "other.light.demo2")
    result.stdout.fnmatch_lines("*'miio-lan spec fetch other.light.demo2'*")


# --- the sample suite ----------------------------------------------------------------------------------------------


def test_the_sample_suite_passes(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_lamp=patient(SAMPLE.read_text(encoding="utf-8")))
    result = run("--miio-virtual")
    result.assert_outcomes(passed=14)
    result.stdout.fnmatch_lines("miio: virtual product")


def test_the_sample_suite_has_twelve_tests() -> None:
    assert len(re.findall(r"^def test_", SAMPLE.read_text(encoding="utf-8"), re.MULTILINE)) == 12


def test_the_sample_suite_passes_on_two_workers(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_lamp=patient(SAMPLE.read_text(encoding="utf-8")))
    run("--miio-virtual", "-n", "2").assert_outcomes(passed=14)


class OnTheBench:
    """A product that looks like hardware: an address, and two receivers at its line that are serial devices."""

    def __init__(self) -> None:
        self._opened = contextlib.ExitStack()
        taps = self._opened.enter_context(Taps())
        self.down, self.up = taps.down, taps.up
        self.product = VirtualProduct(token=TOKEN, observer=taps.observe, mcu_options={"poll_interval": 0.02})
        self.product.start()

    @property
    def lan(self) -> tuple[str, ...]:
        return (
            "--miio-host",
            self.product.host,
            "--miio-port",
            str(self.product.port),
            "--miio-token",
            TOKEN,
        )

    @property
    def line(self) -> tuple[str, ...]:
        return (f"--miio-uart={self.down}", f"--miio-uart-up={self.up}")

    def close(self) -> None:
        self.product.close()
        self._opened.close()


@pytest.fixture
def bench() -> Iterator[OnTheBench]:
    bench = OnTheBench()
    yield bench
    bench.close()


def test_the_same_tests_run_on_the_bench(pytester: pytest.Pytester, run: Run, bench: OnTheBench) -> None:
    pytester.makepyfile(test_lamp=patient(SAMPLE.read_text(encoding="utf-8")))
    # A machine that is busy reads a line late, and the bench says that it is in doubt: it is asked again then.
    for _ in range(3):
        result = run(*bench.lan, *bench.line, "-rs")
        if "(ambiguous)" not in result.stdout.str():
            break
    # What needs the virtual product itself is skipped.
    result.assert_outcomes(passed=11, skipped=3)
    result.stdout.fnmatch_lines([f"miio: 127.0.0.1, UART {bench.down} and {bench.up}"])
    result.stdout.fnmatch_lines(["*needs the virtual product*"])
    assert TOKEN not in result.stdout.str()


@pytest.mark.parametrize("wrong", [TOKEN[:-1], TOKEN[:-1] + "x", "hunter sesame"])
@pytest.mark.parametrize("options", [[], ["-l", "--full-trace", "-vv"]])
def test_a_mistyped_token_is_shown_nowhere(pytester: pytest.Pytester, wrong: str, options: list[str]) -> None:
    pytester.makepyfile("def test_it(miio_device): pass")
    pytester.makeini(f"[pytest]\nmiio_host = 127.0.0.1\nmiio_token = {wrong}\n")
    for arguments in ([f"--miio-token={wrong}", "--miio-host=127.0.0.1"], ["--miio-token", wrong], []):
        result = pytester.runpytest_subprocess(*options, *arguments)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert "hexadecimal digits" in result.stderr.str()
        assert wrong not in result.stdout.str() + result.stderr.str()


def test_variables_of_a_failed_test_show_no_secret(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os

        import pytest
        from miio_lan import MiotDevice

        def given():
            return os.environ["WRONG"]

        def test_token():
            MiotDevice("127.0.0.1", given())

        def test_wifi(miio_virtual, miio_device):
            miio_device.retry_count = 0
            miio_device.timeout = 0.2
            miio_virtual.close()
            miio_device.configure_wifi(given()[::-1], given())

        def test_bench(miio_bench):
            with miio_bench.expect("miIO.config_router"):
                miio_bench.device.configure_wifi("home", given())
            miio_bench.device.send("unknown", [])
        """
    )
    wrong = f"hunter-{TOKEN[:12]}"
    pytester._monkeypatch.setenv("WRONG", wrong)
    result = pytester.runpytest_subprocess(
        "-l", "-vv", "--miio-virtual", "--miio-keep=all", "--junit-xml=r.xml"
    )
    shown = result.stdout.str() + result.stderr.str() + (pytester.path / "r.xml").read_text()
    result.assert_outcomes(failed=3)
    assert wrong not in shown
    assert wrong[::-1] not in shown
    recordings = list((pytester.path / "miio-recordings").glob("*.jsonl"))
    assert recordings
    assert {path.stat().st_mode & 0o777 for path in recordings} == {0o600}


def test_a_token_may_come_from_the_environment(
    pytester: pytest.Pytester, run: Run, bench: OnTheBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIIO_LAN_TOKEN", TOKEN)
    pytester.makepyfile("def test_it(miio_device): assert miio_device.info().mcu_firmware_version == '0001'")
    run(*bench.lan[:4]).assert_outcomes(passed=1)


def test_a_device_without_a_line(pytester: pytest.Pytester, run: Run, bench: OnTheBench) -> None:
    pytester.makepyfile("""
        def test_device(miio_bench):
            with miio_bench.expect("get_properties", siid=2, piid=1) as exchange:
                miio_bench.device.read(2, 1)
            assert exchange.reply
            assert exchange.ambiguous
            assert not exchange.down
        def test_line(miio_uart): pass
    """)
    result = run(*bench.lan)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["no line to listen to: give --miio-uart*"])


def test_a_line_without_a_device(pytester: pytest.Pytester, run: Run, bench: OnTheBench) -> None:
    pytester.makepyfile("""
        def test_line(miio_uart): assert miio_uart.wait_for("get_down").direction == "up"
        def test_device(miio_device): pass
    """)
    result = run(f"--miio-uart={bench.up}")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["no device to speak to: give --miio-host and --miio-token"])


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--miio-uart=/dev/no-such-port",), "the product cannot be opened: *no-such-port*"),
        (
            ("--miio-spec", "toaster"),
            "the product cannot be opened: no shipped description is called 'toaster'*",
        ),
    ],
)
def test_what_cannot_be_opened(pytester: pytest.Pytester, run: Run, more: tuple[str, ...], told: str) -> None:
    pytester.makepyfile("def test_it(miio_bench): pass")
    result = run("--miio-host", "127.0.0.1", "--miio-token", TOKEN, *more)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([told])


def test_a_failure_without_a_line_says_so(pytester: pytest.Pytester, run: Run, bench: OnTheBench) -> None:
    pytester.makepyfile("""
        def test_it(miio_bench):
            with miio_bench.expect("get_properties") as exchange:
                miio_bench.device.read(2, 1)
            assert exchange.down.raw == b"down get_properties 2 1\\r"
    """)
    none = "*the UART was not observed: no down, result or acknowledgement is known)"
    one = "*of the UART only the MCU was heard, not the module: no down or acknowledgement is known)"
    for line, told in ((), none), ((f"--miio-uart={bench.up}",), one):
        result = run(*bench.lan, *line)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                "E *ExpectationFailed: there is no down (the module was not heard); it was asked for .raw",
                "get_properties: went through (ambiguous) [[]in all * ms]",
                "  - *",
                told,
                "(--miio-uart and --miio-uart-up name receivers at the module's and at the MCU's TX)",
            ]
        )


def test_receivers_that_are_swapped(pytester: pytest.Pytester, run: Run, bench: OnTheBench) -> None:
    pytester.makepyfile("""
        import pytest
        @pytest.mark.parametrize("_", range(2))
        def test_it(miio_uart, _):
            for _ in range(4): miio_uart.wait_for()
        def test_fails(miio_uart): assert False
    """)
    result = run(f"--miio-uart={bench.up}", f"--miio-uart-up={bench.down}", "-W", "default")
    result.assert_outcomes(passed=2, failed=1, warnings=1)
    told = "the receivers are swapped: --miio-uart hears the MCU, and --miio-uart-up the module.*"
    result.stdout.fnmatch_lines([f"({told}", f"*PytestWarning: {told}"])
    result = run(*bench.line)
    result.assert_outcomes(passed=2, failed=1)
    assert "the receivers are swapped" not in result.stdout.str()


WORKERS = [("-n", "2"), ("--dist", "each", "--tx", "3*popen"), ("--dist=load", "--tx=popen", "--tx=popen")]


@pytest.mark.parametrize("workers", WORKERS, ids=" ".join)
def test_one_product_and_several_workers(
    pytester: pytest.Pytester, run: Run, bench: OnTheBench, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile("def test_it(miio_device): miio_device.info()")
    for line in (), bench.line:
        result = run(*bench.lan, *line, *workers)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        number = 3 if "each" in workers else 2
        result.stderr.fnmatch_lines([f"ERROR: -n {number}: there is one product on the bench*or give -n 0"])


@pytest.mark.parametrize("workers", ["0", "1"])
def test_one_product_and_one_worker(
    pytester: pytest.Pytester, run: Run, bench: OnTheBench, workers: str
) -> None:
    pytester.makepyfile("def test_it(miio_device): miio_device.info()")
    run(*bench.lan, *bench.line, "-n", workers).assert_outcomes(passed=1)


def test_what_a_product_on_the_bench_still_reports(
    pytester: pytest.Pytester, run: Run, bench: OnTheBench
) -> None:
    pytester.makepyfile("""
        import pytest
        @pytest.mark.parametrize("number", range(20))
        def test_it(miio_bench, number):
            miio_bench.uart.wait_for("get_down")
            assert not [line for line in miio_bench.uart.lines() if line.startswith("properties_changed")]
            miio_bench.device.write(2, 2, 11 + number)
    """)
    run(*bench.lan, *bench.line).assert_outcomes(passed=20)


def test_a_second_port_that_cannot_be_opened(pytester: pytest.Pytester, run: Run, bench: OnTheBench) -> None:
    pytester.makepyfile("def test_it(miio_uart): pass")
    result = run(f"--miio-uart={bench.down}", "--miio-uart-up=/dev/no-such-port")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the product cannot be opened: *no-such-port*"])


# --- which product -------------------------------------------------------------------------------------------------


def test_nothing_said_and_the_virtual_product_asked_for(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
        def test_it(miio_virtual, miio_device):
            assert miio_device.info().model == miio_virtual.mcu.model
        def test_other(miio_device): pass
    """)
    result = run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["no product to test: give --miio-host and --miio-token*or --miio-virtual"])


def test_settings_in_a_file(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeini(
        "[pytest]\nmiio_virtual = true\nmiio_spec = purifier\nmiio_recordings = kept\nmiio_keep = all\n"
    )
    pytester.makepyfile("""
        def test_it(miio_bench):
            assert miio_bench.device.info().model == miio_bench.spec.model
            assert "purifier" in miio_bench.spec.type or "purifier" in miio_bench.spec.description.lower()
    """)
    run().assert_outcomes(passed=1)
    (path,) = (pytester.path / "kept").iterdir()
    assert path.name == "test_settings_in_a_file.py--test_it.jsonl"
    with path.open() as file:
        assert [each.method for each in pair(recording.read(file))] == ["miIO.info"]


def test_a_setting_for_the_bench_and_an_option_for_the_virtual_product(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makeini(
        f"[pytest]\nmiio_host = 192.0.2.1\nmiio_token = {TOKEN}\nmiio_uart = /dev/no-such-port\n"
    )
    pytester.makepyfile("def test_it(miio_device): assert miio_device.ip == '127.0.0.1'")
    run("--miio-virtual").assert_outcomes(passed=1)


def test_an_option_for_the_bench_goes_before_a_setting_for_the_virtual_product(
    pytester: pytest.Pytester, run: Run, bench: OnTheBench
) -> None:
    pytester.makeini("[pytest]\nmiio_virtual = true\n")
    pytester.makepyfile("def test_it(miio_virtual): pass")
    run(*bench.lan).assert_outcomes(skipped=1)


def test_a_description_of_ones_own(pytester: pytest.Pytester, run: Run) -> None:
    text = (Path(miio_lan.__file__).parent / "virtual" / "specs" / "lamp.json").read_text(encoding="utf-8")
    (pytester.path / "mine.json").write_text(text.replace("miiolan.light.demo1", "my.light.one"))
    pytester.makepyfile("""
        def test_it(miio_bench):
            assert miio_bench.spec is not None
            miio_bench.device.set_property("light:brightness", 33)
            with miio_bench.expect(piid=2) as exchange:
                assert miio_bench.device.read(2, 2) == 33
            assert exchange.method == "get_properties"
    """)
    run("--miio-virtual", "--miio-spec", "mine.json").assert_outcomes(passed=1)


BAD = [
    (("--miio-uart", "/dev/null"), "write --miio-uart=/dev/null, with an equals sign: pytest takes*"),
    (("--miio-host", "192.0.2.1"), "--miio-host needs the token of the product: give --miio-token*"),
    (("--miio-token", TOKEN), "--miio-token without --miio-host: whose token is it?"),
    (
        ("--miio-host", "192.0.2.1", "--miio-token", TOKEN[:-1]),
        "--miio-token: a token has 32 hexadecimal digits, this one has 31 characters",
    ),
    (("--miio-host", "192.0.2.1", "--miio-virtual"), "--miio-virtual and --miio-host are two products*"),
    (("--miio-uart=/dev/ttyUSB0", "--miio-virtual"), "--miio-virtual and --miio-uart are two products*"),
    (("--miio-uart-up=/dev/ttyUSB1",), "--miio-uart-up is the second of two receivers*"),
    (("--miio-uart", " "), "--miio-uart is empty"),
    (
        ("--miio-host", "192.0.2.1", "--miio-token", TOKEN, "--miio-port", "70000"),
        "--miio-port is a whole number from 1 to 65535, not '70000'",
    ),
    (("--miio-uart=/dev/x", "--miio-port", "x"), "--miio-port is a whole number from 1 to 65535, not 'x'"),
    (
        ("--miio-virtual", "--miio-token", TOKEN),
        "--miio-token is of a real product, and --miio-virtual starts*",
    ),
    (("--miio-virtual", "--miio-uart-up=/dev/x"), "--miio-uart-up is of a real product*"),
    (("--miio-virtual", "--miio-port", "1"), "--miio-port is of a real product*"),
    (("--miio-virtual", "--miio-poll-interval", "0"), "--miio-poll-interval is a number from 0.001 to 60*"),
    (("--miio-virtual", "--miio-spec", "none.json"), "--miio-spec: there is no file *none.json"),
    (
        ("--miio-virtual", "--miio-spec", "x" * 300 + ".json"),
        "--miio-spec: *cannot be read: File name too long",
    ),
    (("--miio-virtual", "--miio-keep", "some"), "--miio-keep is one of failed, all, none, not 'some'"),
]


@pytest.mark.parametrize(
    ("args", "told"), BAD, ids=lambda each: " ".join(each) if isinstance(each, tuple) else ""
)
def test_bad_options(pytester: pytest.Pytester, run: Run, args: tuple[str, ...], told: str) -> None:
    pytester.makepyfile("def test_it(): pass")
    result = run(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {told}"])
    assert TOKEN[:-1] not in result.stderr.str()


# --- one virtual product per worker --------------------------------------------------------------------------------

SEES = """
    import pathlib, pytest
    @pytest.mark.parametrize("number", range(6))
    def test_it(miio_bench, miio_rig, request, number):
        worker = getattr(request.config, "workerinput", {}).get("workerid", "alone")
        pathlib.Path(r"%s", f"{worker}-{number}").write_text(f"{miio_rig.product.port} {miio_rig.product.device_id}")
        assert miio_bench.device.read(2, 2) == 60
        miio_bench.device.write(2, 2, 11 + number)
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_worker_has_one_product_and_tests_find_it_as_new(
    pytester: pytest.Pytester, run: Run, workers: int
) -> None:
    seen = pytester.mkdir("seen")
    pytester.makepyfile(SEES % seen)
    run("--miio-virtual", "-n", str(workers)).assert_outcomes(passed=6)
    products: dict[str, set[str]] = {}
    for path in seen.iterdir():
        products.setdefault(path.name.partition("-")[0], set()).add(path.read_text())
    assert all(len(each) == 1 for each in products.values())
    assert len(set.union(*products.values())) == len(products) <= max(workers, 1)


def test_what_a_test_did_to_the_product_does_not_outlive_it(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
        import pytest
        def test_breaks(miio_virtual):
            miio_virtual.call(lambda now: miio_virtual.mcu.misbehave.add("silent"))
            global address
            address = miio_virtual.port, miio_virtual.token
        def test_finds_it_whole(miio_virtual, miio_device):
            assert (miio_virtual.port, miio_virtual.token) == address
            assert miio_device.read(2, 1) is True
            miio_virtual.close()
        def test_even_closed(miio_device):
            assert miio_device.read(2, 1) is True
    """)
    run("--miio-virtual").assert_outcomes(passed=3)


AS_NEW = """
    import pytest
    @pytest.mark.parametrize("_", range(3))
    def test_changes(miio_device, miio_bench, _):
        miio_device.write(2, 2, 44)
        miio_bench.uart.wait_for("down set_properties 2 2 44")
        miio_device.update("http://127.0.0.1:9/x.bin", "0" * 32)
        miio_device.configure_wifi("elsewhere", "a password", uid=7)
    @pytest.mark.parametrize("_", range(3))
    def test_finds_it_as_new(miio_device, miio_uart, _):
        lines = miio_uart.lines()
        miio_uart.wait_for("get_down")
        miio_uart.wait_for("get_down")
        told = [line for line in miio_uart.lines() if line not in ("get_down", "down none")]
        assert told == []
        assert miio_device.read(2, 2) == 60
        assert miio_device.update_state().value != "downloading"
        assert miio_device.info().raw["ap"]["ssid"] != "elsewhere"
"""


def test_every_test_finds_the_product_as_new(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(AS_NEW)
    order = [
        f"test_every_test_finds_the_product_as_new.py::test_{name}[{number}]"
        for number in range(3)
        for name in ("changes", "finds_it_as_new")
    ]
    run("--miio-virtual", *order).assert_outcomes(passed=6)


def test_old_lines_mean_nothing_to_a_product_started_anew(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
        import pytest
        from miio_lan import McuTimeout
        def test_leaves_a_line_unanswered(miio_virtual, miio_bench):
            miio_virtual.call(lambda now: miio_virtual.mcu.misbehave.add("silent"))
            miio_virtual.call(lambda now: miio_virtual.module.hand_out("get_properties 2 1", now, lambda *_: None))
            miio_bench.uart.wait_for("down get_properties 2 1")
        def test_is_sure_of_its_own(miio_bench):
            with miio_bench.expect("get_properties") as exchange:
                miio_bench.device.read(2, 1)
            assert (exchange.stopped_at, exchange.ambiguous, exchange.notes) == (None, False, ())
    """)
    run("--miio-virtual").assert_outcomes(passed=2)


def test_a_port_that_somebody_else_took_meanwhile(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
        import socket
        def test_loses_its_port(miio_virtual):
            global port, taken
            port = miio_virtual.port
            miio_virtual.close()
            taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            taken.bind(("127.0.0.1", port))
        def test_has_another(miio_virtual, miio_device):
            taken.close()
            assert miio_virtual.port != port
            assert miio_device.read(2, 1) is True
    """)
    run("--miio-virtual").assert_outcomes(passed=2)


# --- failures ------------------------------------------------------------------------------------------------------

FAILING = """
    import pytest
    def test_fails(miio_bench, miio_device):
        with miio_bench.expect("get_properties", siid=2, piid=1) as exchange:
            miio_device.read(2, 1)
        assert exchange.stopped_at == "somewhere"
    def test_expects_in_vain(miio_bench, miio_device):
        with miio_bench.expect("get_properties", siid=2, piid=9, timeout=0.1):
            miio_device.read(2, 1)
    def test_waits_in_vain(miio_uart):
        miio_uart.wait_for("properties_changed", piid=9, timeout=0.1)
    @pytest.mark.parametrize("name", ["a/b " * 60])
    def test_raises_in_the_block(miio_bench, name):
        with miio_bench.expect("get_properties"):
            raise RuntimeError("of another kind")
    def test_passes(miio_device):
        miio_device.info()
    def test_without_a_product():
        assert False, "by itself"
"""


def test_failures_show_both_wires_and_leave_a_recording(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=FAILING)
    result = run("--miio-virtual", "--junitxml", "report.xml", "-W", "error")
    result.assert_outcomes(passed=1, failed=5)
    out = result.stdout
    out.fnmatch_lines(
        ["*seconds  LAN: client*UART: module*", "*→ get_properties 2.1*", "*← result 2 1 0 true*"]
    )
    out.fnmatch_lines(
        [
            "E * get_properties with siid 2, piid 9 did not happen; what did:*",
            "E * get_properties: went through [[]fetched after * ms, MCU * ms, in all * ms]",
            "E *→ down get_properties 2 1",
            "E *polls that fetched nothing are left out)",
        ]
    )
    out.fnmatch_lines(["E * no line like 'properties_changed' piid=9 came within 0.1 s"])
    out.fnmatch_lines(["*RuntimeError: of another kind"])
    # Where the test fails, not where the library looks for it.
    assert "expectation.py" not in out.str()
    kept = sorted(path.name for path in (pytester.path / "miio-recordings").iterdir())
    assert [name[:24] for name in kept] == [
        "test_it.py--test_expects",
        "test_it.py--test_fails.j",
        "test_it.py--test_raises_",
        "test_it.py--test_waits_i",
    ]
    assert max(map(len, kept)) < 130
    with (pytester.path / "miio-recordings" / "test_it.py--test_fails.jsonl").open() as file:
        (exchange,) = pair(recording.read(file))
    assert (exchange.method, exchange.stopped_at) == ("get_properties", None)
    check_xml(ET.parse(pytester.path / "report.xml"), pytester.path)


def check_xml(tree: ET.ElementTree, path: Path) -> None:
    cases = {case.get("name"): case for case in tree.iter("testcase")}
    said = {
        name: "".join(each.text or "" for each in case.iter("system-out")) for name, case in cases.items()
    }
    assert "get_properties: went through" in said["test_fails"]
    assert "down get_properties 2 1" in said["test_fails"]
    assert "miIO.info: went through" in said["test_passes"]
    assert "LAN: client" not in said["test_passes"]
    assert said["test_without_a_product"] == ""
    kept = {each.get("name"): each.get("value") for each in cases["test_fails"].iter("property")}
    assert kept == {"miio_recording": "miio-recordings/test_it.py--test_fails.jsonl"}
    assert (path / kept["miio_recording"]).is_file()
    assert not list(cases["test_passes"].iter("property"))


def test_the_xml_of_several_workers(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=FAILING)
    run("--miio-virtual", "--junitxml", "report.xml", "-n", "2").assert_outcomes(passed=1, failed=5)
    check_xml(ET.parse(pytester.path / "report.xml"), pytester.path)


def test_a_recording_stays_until_its_own_test_writes_another(pytester: pytest.Pytester, run: Run) -> None:
    test = "def test_it(miio_device):\n    miio_device.info()\n"
    pytester.makepyfile(test_it=test + "    assert False")
    run("--miio-virtual", "--miio-keep", "none").assert_outcomes(failed=1)
    assert not (pytester.path / "miio-recordings").exists()
    run("--miio-virtual").assert_outcomes(failed=1)
    kept = pytester.path / "miio-recordings" / "test_it.py--test_it.jsonl"
    first = kept.read_bytes()
    run("--miio-virtual", "--miio-keep", "none").assert_outcomes(failed=1)
    (pytester.path / "test_it.py").write_text(test)
    run("--miio-virtual").assert_outcomes(passed=1)
    assert kept.read_bytes() == first
    (pytester.path / "test_it.py").write_text(test + "    miio_device.read(2, 1)\n    assert False")
    run("--miio-virtual").assert_outcomes(failed=1)
    assert b"get_properties" in kept.read_bytes()


def test_each_test_has_a_recording_of_its_own(pytester: pytest.Pytester, run: Run) -> None:
    test = "def test_y(miio_device):\n    miio_device.info()\n    assert %s\n"
    (pytester.mkdir("a") / "test_x.py").write_text(test % "False")
    pytester.makepyfile(a_test_x=test % "True")
    run("--miio-virtual", "a/test_x.py", "a_test_x.py").assert_outcomes(failed=1, passed=1)
    (kept,) = (pytester.path / "miio-recordings").iterdir()
    assert kept.name == "a-test_x.py--test_y.jsonl"


NAMES = [
    "a/t.py::b",
    "a_t.py::b",
    "a-t.py::b",
    "t.py::a_b",
    "t.py::a::b",
    "t.py::A_b",
    "t.py::a[b]",
    "t.py::a[b ]",
]


@given(st.one_of(st.sampled_from(NAMES), st.text("aAé/-_:[] .py", min_size=1, max_size=200)))
def test_names_of_recordings(name: str) -> None:
    found = file_name(name)
    assert re.fullmatch(r"[\w.-]{1,120}", found, re.ASCII)
    others = {file_name(each).lower() for each in NAMES if each != name}
    assert found.lower() not in others


@pytest.mark.parametrize("place", ["full", "full/of", "private"])
def test_no_place_for_recordings(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (pytester.path / "full").write_text("a file")
    pytester.mkdir("private")
    # The superuser may write anywhere.
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "private" and allowed(path, mode))
    pytester.makepyfile("def test_it(): pass")
    result = run("--miio-virtual", "--miio-recordings", place)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    problem = "cannot be written to" if place == "private" else "is not a folder"
    told = (
        f"ERROR: --miio-recordings names a folder for recordings, and */{place.partition('/')[0]} {problem}"
    )
    result.stderr.fnmatch_lines([told])
    run("--miio-virtual", "--miio-recordings", place, "--miio-keep", "none").assert_outcomes(passed=1)


def test_a_place_for_recordings_that_cannot_be_looked_at(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists = Path.exists

    def refuse(path: Path, **options: bool) -> bool:
        if path.name == "inside":
            raise PermissionError(13, "Permission denied")
        return exists(path, **options)

    monkeypatch.setattr(Path, "exists", refuse)
    pytester.makepyfile("def test_it(): pass")
    result = run("--miio-virtual", "--miio-recordings", "locked/inside")
    result.stderr.fnmatch_lines(["ERROR: --miio-recordings *locked/inside cannot be used: Permission denied"])


def test_recordings_that_cannot_be_written(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
        import pathlib
        def test_it(miio_device):
            pathlib.Path("gone").write_text("a file")
            assert False
    """)
    result = run("--miio-virtual", "--miio-recordings", "gone")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["could not be written: *"])


TWICE = """
    import pytest
    @pytest.fixture
    def early(miio_device):
        miio_device.read(2, 1)
        assert False, "before the test"
    @pytest.fixture
    def late(miio_device):
        yield
        miio_device.read(2, 2)
        assert False, "after the test"
    def test_before(early): pass
    def test_after(late, miio_device): miio_device.info()
    def test_inside_and_after(late): assert False, "within the test"
"""


def test_failures_before_and_after_a_test_are_shown_too(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=TWICE)
    result = run("--miio-virtual", "--junitxml", "report.xml")
    result.assert_outcomes(passed=1, errors=3, failed=1)
    kept = pytester.path / "miio-recordings"
    for name, lines in {
        "before": ["result 2 1 0 true"],
        "after": ["result 2 2 0 60"],
        "inside_and_after": ["result 2 2 0 60"],
    }.items():
        path = kept / f"test_it.py--test_{name}.jsonl"
        assert all(line in path.read_text() for line in lines)
        case = next(
            each for each in ET.parse("report.xml").iter("testcase") if each.get("name") == f"test_{name}"
        )
        said = "".join(each.text or "" for each in case.iter("system-out"))
        assert all(f"← {line}" in said for line in lines)
        assert [each.get("value") for each in case.iter("property")] == [f"miio-recordings/{path.name}"]
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_before*",
            "*miio wires*",
            "*ERROR at teardown of test_after*",
            "*miio wires*",
        ]
    )


def test_an_error_in_a_hook_belongs_to_the_test_that_made_it(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("""
        import threading
        def test_hook(miio_virtual):
            called = threading.Event()
            def fail(now):
                called.set()
                raise ZeroDivisionError("in the hook")
            miio_virtual.call(lambda now: setattr(miio_virtual.mcu, "on_update", fail))
            miio_virtual.call(lambda now: miio_virtual.module.send_firmware(b"x", now, lambda *_: None))
            assert called.wait(100)
        def test_next(miio_device): miio_device.info()
    """)
    result = run("--miio-virtual")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_hook*", "*ZeroDivisionError: in the hook"])


# --- complete, whatever the threads do ---------------------------------------------------------------------------

DELAYED = """
    import queue
    import pytest
    from miio_lan.bench.recorder import Recorder

    @pytest.fixture(scope="module", autouse=True)
    def slow_line():
        # The line is told by a thread that has other things to do: a line each time that somebody waits for one.
        observe, wait = Recorder.observe, Recorder.wait
        held = queue.SimpleQueue()
        def later(self, record):
            if record.wire == "lan" or record.raw.startswith((b"get_down", b"down none")):
                return observe(self, record)
            held.put(record)
        def wait_for(self, look, timeout):
            def look_or_tell():
                found = look()
                # Where nothing is held, a poll of the MCU, which is told at once, has it look again.
                if found is None and not held.empty():
                    observe(self, held.get())
                return found
            return wait(self, look_or_tell, 60)
        with pytest.MonkeyPatch.context() as patch:
            yield lambda: (patch.setattr(Recorder, "observe", later), patch.setattr(Recorder, "wait", wait_for))

    def test_it(miio_rig, slow_line, miio_device):
        slow_line()
        miio_device.read(2, 1)
        assert False
"""


def test_what_is_shown_and_kept_is_complete(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=DELAYED)
    result = run("--miio-virtual")
    result.assert_outcomes(failed=1)
    out = result.stdout.str()
    assert "still open" not in out
    assert "get_properties: went through [" in out
    assert re.search(r"← result 2 1 0 true\s.*?→ ok", out, re.DOTALL)
    with (pytester.path / "miio-recordings" / "test_it.py--test_it.jsonl").open() as file:
        (exchange,) = pair(recording.read(file))
    assert exchange.acknowledgement is not None


# --- when nobody uses it -------------------------------------------------------------------------------------------

LOADED = """
import sys
before = set(sys.modules)
import pytest
import miio_lan.pytest_plugin.hooks, miio_lan.pytest_plugin.fixtures, miio_lan.pytest_plugin.reports
import miio_lan.pytest_plugin.settings
print(",".join(sorted(name for name in set(sys.modules) - before)))
"""


def test_loading_it_loads_nothing_of_the_package(fresh_python: Callable[[str], str]) -> None:
    loaded = set(fresh_python(LOADED).strip().split(","))
    assert {each for each in loaded if each.startswith("miio_lan")} == {
        "miio_lan",
        "miio_lan._version",
        "miio_lan.pytest_plugin",
        *(
            f"miio_lan.pytest_plugin.{each}"
            for each in ("fixtures", "hooks", "labgrid_place", "products", "reports", "settings", "stash")
        ),
    }
    tops = {each.partition(".")[0] for each in loaded}
    assert tops.isdisjoint({"cryptography", "construct", "serial", "click", "rich", "netifaces"})


def test_a_run_without_it_loads_nothing_of_the_package(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import sys
        def test_it():
            assert not {"miio_lan.virtual", "miio_lan.device", "miio_lan.acceptance", "construct"} & set(sys.modules)
    """)
    result = pytester.runpytest_subprocess("-p", "no:randomly")
    result.assert_outcomes(passed=1)
    assert "miio:" not in result.stdout.str()


def test_its_names_begin_with_miio(pytester: pytest.Pytester, run: Run) -> None:
    shown = run("--fixtures", "-q").stdout.str()
    ours = re.findall(r"^(\w+)(?: \[.*?\])? -- .*miio_lan/pytest_plugin", shown, re.MULTILINE)
    names = [
        *("miio_bench", "miio_benches", "miio_device", "miio_power", "miio_product"),
        *("miio_rig", "miio_rigs", "miio_uart", "miio_virtual"),
    ]
    assert sorted(ours) == [*names, "power"]  # a short name, which no suite loses that has its own


# --- what fails inside the plugin ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "name", "attribute"),
    [
        ("pairing.pairing", "Pairer", "feed"),
        ("pairing.window", "Window", "exchanges"),
        ("bench.bench", "Bench", "settle"),
        ("bench.snapshot", "Snapshot", "commands"),
        ("bench.snapshot", "Snapshot", "trace"),
        ("bench.snapshot", "Snapshot", "save"),
    ],
)
def test_an_error_in_observing_fails_the_test_and_not_the_session(
    pytester: pytest.Pytester, module: str, name: str, attribute: str
) -> None:
    code = f"""
        import pytest
        from miio_lan.{module} import {name} as broken

        def fail(*_args, **_more):
            raise TypeError("unhashable type: 'list' \\x1b[2J")

        def test_one(miio_bench):
            miio_bench.device.read(2, 1)
            broken.{attribute} = fail

        def test_two():
            pass

        def test_three(miio_bench):
            assert miio_bench.device.read(2, 1) == "nothing"
    """
    pytester.makepyfile(code)
    result = pytester.runpytest_subprocess(
        "--miio-virtual", "--miio-keep", "all", "-p", "no:randomly", "-p", "no:cacheprovider", "-n", "0"
    )
    text = result.stdout.str()
    assert "INTERNALERROR" not in text
    assert "unhashable type: 'list' \\x1b[2J" in text
    assert steering(text) == []
    showing_only_when_failed = attribute == "trace"
    result.assert_outcomes(
        **({"passed": 2, "failed": 1} if showing_only_when_failed else {"passed": 1, "failed": 2})
    )


def test_tests_of_one_id_in_two_roots_have_a_recording_each(pytester: pytest.Pytester) -> None:
    code = "def test_it(miio_bench):\n    miio_bench.device.read(2, {})\n    assert False\n"
    for number, name in enumerate(("one", "two"), 1):
        root = pytester.mkdir(name)
        (root / "pytest.ini").write_text("[pytest]\n")
        (root / "test_same.py").write_text(code.format(number))
    shared = pytester.path / "shared"
    for name in ("one", "two"):
        pytester.runpytest_subprocess(
            "--miio-virtual",
            f"--miio-recordings={shared}",
            "-p",
            "no:cacheprovider",
            f"--rootdir={name}",
            name,
        ).assert_outcomes(failed=1)
    kept = sorted(shared.iterdir())
    assert len(kept) == 2
    asked = [pair(read_recording(path))[0].params for path in kept]
    assert sorted(each[0]["piid"] for each in asked) == [1, 2]


def test_tests_beside_the_root_have_a_recording_each(pytester: pytest.Pytester) -> None:
    code = "def test_it(miio_bench):\n    miio_bench.device.read(2, 1)\n    assert False\n"
    pytester.mkdir("root")
    for name in ("one", "two"):
        (pytester.mkdir(name) / "test_same.py").write_text(code)
    pytester.runpytest_subprocess(
        "--miio-virtual",
        "--miio-recordings=root/kept",
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
        "--rootdir=root",
        "one",
        "two",
    ).assert_outcomes(failed=2)
    assert len(list((pytester.path / "root" / "kept").iterdir())) == 2


def test_the_place_of_a_test_is_part_of_its_file_where_its_id_does_not_tell() -> None:
    assert file_name("test_a.py::test_it") == "test_a.py--test_it"
    names = {file_name("test_a.py::test_it", place) for place in ("", "/a/test_a.py", "/b/test_a.py")}
    assert len(names) == 3
