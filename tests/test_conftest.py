"""The guards of conftest.py catch what they are there for: each is shown a test that does wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from textwrap import dedent, indent

import hypothesis
import pytest
from support import process_state

CONFTEST = Path(__file__).with_name("conftest.py")


@pytest.fixture
def outcome_of(pytester: pytest.Pytester):
    """Run test bodies under the guards, in one process of their own."""

    def run(*bodies: str) -> pytest.RunResult:
        # The default patience is of no use for what stays on purpose.
        impatient = re.sub(r"(LEAVE|CLOSE)_TIME = [0-9.]+", r"\1_TIME = 0.05", CONFTEST.read_text())
        pytester.makeconftest(impatient)
        pytester.makeini(f"[pytest]\nfilterwarnings = error\npythonpath = {CONFTEST.parent}\n")
        text = "import os, pty, socket, sys, threading\nimport pytest\nkept = []\n"
        for number, body in enumerate(bodies):
            text += f"def test_{number}():\n{indent(dedent(body).strip(), '    ')}\n"
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider")

    return run


def test_a_tidy_test_passes(outcome_of):
    result = outcome_of(
        """
        one = threading.Thread(target=len, args=("",))
        one.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"a", server.getsockname())
                client.sendto(b"b", 0, server.getsockname())
                client.connect(("localhost", server.getsockname()[1]))
                client.sendmsg([b"c"])
                assert [server.recv(9) for _ in range(3)] == [b"a", b"b", b"c"]
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("lamp.invalid", 80)
        """
    )
    result.assert_outcomes(passed=1)


def test_reaching_out_fails_even_when_swallowed(outcome_of):
    reaching = [
        "s.connect(('192.0.2.1', 9))",
        "s.connect_ex(('192.0.2.1', 9))",
        "s.sendto(b'x', ('255.255.255.255', 9))",
        "s.sendto(b'x', 0, ('192.0.2.1', 9))",
        "s.sendmsg([b'x'], [], 0, ('192.0.2.1', 9))",
        "s.sendto(b'x', ('somewhere.example', 9))",
        "socket.getaddrinfo('somewhere.example', 9)",
    ]
    result = outcome_of(
        *(
            "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n"
            f"    try: {reach}\n"
            "    except AssertionError: pass"
            for reach in reaching
        )
    )
    result.assert_outcomes(passed=len(reaching), errors=len(reaching))
    result.stdout.fnmatch_lines(["tried to reach 192.0.2.1", "tried to reach 255.255.255.255"])


def test_a_thread_left_running_fails(outcome_of):
    result = outcome_of(
        "threading.Thread(target=threading.Event().wait, name='left-behind', daemon=True).start()"
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*threads still running: left-behind*"])


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not list open descriptors")
def test_what_is_left_open_fails(outcome_of):
    opening = ("socket.socket()", "pty.openpty()", "os.pipe()", "open(os.devnull)")
    result = outcome_of(*(f"kept.append({call})" for call in opening))
    result.assert_outcomes(passed=4, errors=4)
    result.stdout.fnmatch_lines(
        ["left open: socket:*", "left open: /dev/pt*", "left open: pipe:*", "left open: /dev/null*"]
    )


@pytest.mark.skipif(not process_state.TELLS_CHILDREN, reason="this system does not list child processes")
def test_a_process_that_is_not_waited_for_fails(outcome_of):
    result = outcome_of(
        """
        if (child := os.fork()) == 0:
            os._exit(0)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["processes nobody waited for: [0-9]*"])


CHANGES = {
    "handlers of signals": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "environment variables": "os.environ['LAMP'] = 'on'",
    "the current folder": "os.chdir('/')",
    "the umask": "os.umask(0o123)",
    "loggers": "import logging; logging.getLogger('miio_lan.wire').disabled = True",
    "what logging is disabled for": "import logging; logging.disable()",
    "sys.path": "sys.path.append('/nowhere')",
    "hooks of the interpreter": "sys.excepthook = print",
    "what traces": "sys.settrace(lambda *_: None)",
    "settings of the interpreter": "import gc; gc.disable()",
    "time zone or language": """
        import time
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", "XYZ-3")
            time.tzset()
    """,
    "timers or blocked signals": "import signal; signal.setitimer(signal.ITIMER_VIRTUAL, 1000)",
    "limits of the process": "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (100, 100))",
    "the default timeout of sockets": "socket.setdefaulttimeout(5)",
    "the running event loop": "import asyncio; asyncio._set_running_loop(kept)",
    "modules lost or loaded anew": "del sys.modules['ipaddress']",
}


@pytest.mark.skipif(sys.platform == "win32", reason="not all of it is there")
def test_what_is_left_changed_fails(outcome_of):
    assert CHANGES.keys() >= process_state.STATE.keys()
    result = outcome_of(*CHANGES.values())
    result.assert_outcomes(passed=len(CHANGES), errors=len(CHANGES))
    result.stdout.fnmatch_lines([f"{name}: *" for name in CHANGES])


def test_a_socket_left_to_the_garbage_collector_fails(outcome_of):
    result = outcome_of("socket.socket()")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*ResourceWarning*unclosed*"])


def test_a_developers_own_device_is_out_of_reach(outcome_of, monkeypatch):
    monkeypatch.setenv("MIIO_LAN_IP", "192.0.2.1")
    outcome_of("assert 'MIIO_LAN_IP' not in os.environ").assert_outcomes(passed=1)


@pytest.mark.parametrize("profile", ["steady", "explore", "traced"])
def test_no_example_is_too_slow(profile):
    settings = hypothesis.settings.get_profile(profile)
    assert settings.deadline is None
    assert hypothesis.HealthCheck.too_slow in settings.suppress_health_check


def test_nor_where_other_checks_are_suppressed():
    lists = [
        found
        for file in CONFTEST.parent.rglob("*.py")
        for found in re.findall(r"suppress_health_check=\[([^]]*)", file.read_text())
    ]
    assert len(lists) > 1
    assert [each for each in lists if "too_slow" not in each] == []
