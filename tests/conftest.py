"""Guards that hold for every test: nothing leaves this machine, and nothing is left behind.

* A socket may talk to loopback addresses only. An attempt to reach anything else raises, and the test fails even
  when the code under test swallows the exception.
* A thread, a process or a file of any kind (socket, pseudo-terminal, pipe) that a test began or opened is gone when the
  test ends, and what it changed of the state of the whole process is as before (``support/process_state.py``): later
  tests, in whatever order, would find it changed.
* Hypothesis has no deadlines, and takes no test for too slow: how long an example takes is not what a test asserts.
"""

from __future__ import annotations

import contextlib
import gc
import ipaddress
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from support.process_state import left_changed, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LEAVE_TIME = 60.0
"""Seconds a thread may need to end after the test that started it (it is joined, not polled). Waited for in full only
where one stays; a machine may be busy with something else."""

CLOSE_TIME = 1.0
"""Seconds in which a file that is open has to be closed: a thread of a fixture, which stays, may just have one open."""

DESCRIPTORS = Path("/proc/self/fd")

# pytest-xdist's workers have it, whatever the terminal is: programs here write as into a pipe, unless a test says more.
os.environ.pop("COLUMNS", None)
# What a shell starts in the background has Ctrl-C ignored, and so have its children: programs that are to end by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A machine that stops for a second while an example is drawn has no slow test. (Tests that have more checks
# suppressed have to name this one, too.)
at_any_pace = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
# The same examples each time: a failure is about the change. HYPOTHESIS_PROFILE=explore looks for new ones.
hypothesis.settings.register_profile(
    "steady", **at_any_pace, print_blob=True, derandomize=True, database=None
)
hypothesis.settings.register_profile("explore", **at_any_pace, print_blob=True)
# Where every line is traced, an example takes three times as long.
hypothesis.settings.register_profile(
    "traced", parent=hypothesis.settings.get_profile("steady"), max_examples=20
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


class OutsideLoopback(AssertionError):
    """A test tried to reach something that is not this machine."""


attempts: list[str] = []
"""What the running test tried to reach outside of loopback."""


def refuse(what: str) -> OutsideLoopback:
    attempts.append(what)
    return OutsideLoopback(f"tests may use loopback addresses only, not {what}")


def is_loopback(host: object) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(str(host))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def check_address(sock: socket.socket, address: Any) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(address[0]):
        raise refuse(str(address[0]))


def guard_method(name: str, address_position: int, patch: pytest.MonkeyPatch) -> None:
    """Let ``socket.socket.<name>`` look at its address argument (position counted without self) first."""
    original: Callable[..., Any] = getattr(socket.socket, name)

    def guarded(self: socket.socket, *args: Any) -> Any:
        # The address is the last argument of sendto, and may be absent from sendmsg on a connected socket.
        position = len(args) - 1 if address_position < 0 else address_position
        if len(args) > position and args[position] is not None:
            check_address(self, args[position])
        return original(self, *args)

    patch.setattr(socket.socket, name, guarded)


def guard_names(patch: pytest.MonkeyPatch) -> None:
    """Resolve addresses and ``localhost``; names under ``.invalid`` do not exist, and no other name is asked for."""
    original = socket.getaddrinfo

    def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name and not is_loopback(name):
            if str(name).endswith(".invalid"):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            try:
                ipaddress.ip_address(str(name).partition("%")[0])
            except ValueError:
                raise refuse(f"a name server for {name!r}") from None
        return original(host, *args, **kwargs)

    patch.setattr(socket, "getaddrinfo", guarded)


def pytest_configure(config: pytest.Config) -> None:
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    guard_method("connect", 0, patch)
    guard_method("connect_ex", 0, patch)
    guard_method("sendto", -1, patch)
    guard_method("sendmsg", 3, patch)
    guard_names(patch)
    # A developer's own device must not take part in the tests.
    for name in [name for name in os.environ if name.startswith("MIIO_")]:
        patch.delenv(name)
    # Nor do the names that a developer gave to devices.
    patch.setenv("MIIO_LAN_DEVICES", "/nowhere/devices.json")


#: Whole folders whose tests run what the tests of each room run, too: see the mark ``untraced``.
UNTRACED = ("tests/end_to_end/",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(each in item.path.as_posix() for each in UNTRACED):
            item.add_marker("untraced")


def pytest_collection_finish() -> None:
    """Have the garbage collector look no more at what all tests were made into.

    Each full collection went through those hundreds of thousands of objects: some tenths of a second, and on a loaded
    machine more than one, in which no thread of a test runs.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Measure no coverage in a test that is marked as untraced.

    pytest-cov's own mark does not do that where pytest-xdist runs: a worker has two measurements, one inside the other,
    and when the inner one pauses the outer one goes on.
    """
    if item.get_closest_marker("untraced") is None:
        return (yield)
    own, of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(own)
        threading.settrace(of_threads)


def open_files() -> set[tuple[str, str]]:
    """The descriptors this process holds, of files, sockets, terminals and all else, where the system tells."""
    found = set()
    for entry in DESCRIPTORS.iterdir() if DESCRIPTORS.is_dir() else ():
        with contextlib.suppress(OSError):  # closed since the listing; the listing's own descriptor always is
            found.add((entry.name, str(entry.readlink())))
    return found


def leftover_files(before: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Files opened since, and still open when ``CLOSE_TIME`` has passed."""
    until, pause = time.monotonic() + CLOSE_TIME, threading.Event()
    left = open_files() - before
    while left and time.monotonic() < until:
        pause.wait(0.01)
        left &= open_files()
    return left


def leftover_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    """Threads started since, after giving all of them together ``LEAVE_TIME`` to end."""
    until = time.monotonic() + LEAVE_TIME
    started = [thread for thread in threading.enumerate() if thread not in before]
    for thread in started:
        thread.join(max(0.0, until - time.monotonic()))
    return [thread for thread in started if thread.is_alive()]


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Compare what is open and running after a test with what was before it."""
    attempts.clear()
    threads, files, handled, kept = set(threading.enumerate()), open_files(), sys.exception(), state()
    yield
    problems = []
    if sys.exception() is not handled:  # it would be the context of later tests' errors
        problems.append(f"still being handled: {sys.exception()!r}")
    if left := leftover_threads(threads):
        problems.append(f"threads still running: {', '.join(sorted(thread.name for thread in left))}")
    if leaked := leftover_files(files):
        problems.append(f"left open: {', '.join(f'{target} (fd {fd})' for fd, target in sorted(leaked))}")
    problems += left_changed(kept)
    if attempts:
        problems.append(f"tried to reach {', '.join(attempts)}")
    if problems:
        pytest.fail("; ".join(problems), pytrace=False)


@pytest.fixture
def fresh_python(pytester: pytest.Pytester) -> Callable[[str], str]:
    """Run a piece of code in a new interpreter and give what it printed."""

    def run(code: str) -> str:
        result = pytester.run(sys.executable, "-c", code)
        assert result.ret == 0, result.stderr.str()
        return result.stdout.str()

    return run
