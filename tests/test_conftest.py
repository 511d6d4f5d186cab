"""The guards of conftest.py catch what they are there for: each is shown a test that does wrong."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")


@pytest.fixture
def outcome_of(pytester: pytest.Pytester):
    """Run test bodies under the guards, in one process of their own."""

    def run(*bodies: str) -> pytest.RunResult:
        # The default patience with threads is of no use for a thread that stays on purpose.
        pytester.makeconftest(CONFTEST.read_text().replace("LEAVE_TIME = 5.0", "LEAVE_TIME = 0.05"))
        pytester.makeini("[pytest]\nfilterwarnings = error\n")
        text = "import os, pty, socket, threading\nimport pytest\nkept = []\n"
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
def test_a_line_left_open_fails(outcome_of):
    result = outcome_of(*(f"kept.append({call})" for call in ("socket.socket()", "pty.openpty()")))
    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(["left open: socket:*", "left open: /dev/pt*"])


def test_a_socket_left_to_the_garbage_collector_fails(outcome_of):
    result = outcome_of("socket.socket()")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*ResourceWarning*unclosed*"])


def test_a_developers_own_device_is_out_of_reach(outcome_of, monkeypatch):
    monkeypatch.setenv("MIIO_LAN_IP", "192.0.2.1")
    outcome_of("assert 'MIIO_LAN_IP' not in os.environ").assert_outcomes(passed=1)
