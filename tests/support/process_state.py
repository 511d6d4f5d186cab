"""State of the whole process that a test may change, and has to put back: what all later tests would find changed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import locale
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import resource
except ImportError:  # not on every system
    LIMITS = []
else:
    LIMITS = [resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE]

CHILDREN = "/proc/self/task/{}/children"


def signal_handlers() -> dict[int, Any]:
    return {number.name: signal.getsignal(number) for number in _SIGNALS}


def environment() -> dict[str, str]:
    found = dict(os.environ)
    found.pop("PYTEST_CURRENT_TEST", None)  # pytest's own, says setup, call or teardown
    return found


def folder() -> str | None:
    with contextlib.suppress(FileNotFoundError):  # somebody removed it
        return str(Path.cwd())
    return None


def umask() -> int:
    """Python can only ask for it by setting it."""
    found = os.umask(0o077)
    os.umask(found)
    return found


def loggers() -> dict[str, tuple[object, ...]]:
    """What is set at the root and at loggers of the package; one that nobody changed is as one that there is not.

    The package gives its own logger a handler that does nothing, whenever it is that it is first asked for something.
    """
    named = logging.root.manager.loggerDict
    ours = {name: each for name, each in list(named.items()) if name.startswith("miio_lan")}
    kept = {
        name: (each.level, each.disabled, each.propagate, *_handlers(each), *each.filters)
        for name, each in {"root": logging.root, **ours}.items()
        if isinstance(each, logging.Logger)
    }
    return {name: each for name, each in kept.items() if each != (logging.NOTSET, False, True)}


def _handlers(logger: logging.Logger) -> list[logging.Handler]:
    return [each for each in logger.handlers if type(each) is not logging.NullHandler]


def hooks() -> tuple[object, ...]:
    errors: object = sys.excepthook
    if getattr(errors, "__module__", "").startswith("labgrid."):  # sets one of its own when it is imported
        errors = sys.__excepthook__
    return errors, sys.displayhook, sys.getprofile(), threading.getprofile()


def interpreter() -> tuple[object, ...]:
    return sys.getswitchinterval(), sys.getrecursionlimit(), gc.isenabled(), gc.get_threshold()


def zone_and_language() -> tuple[object, ...]:
    return time.tzname, time.timezone, locale.setlocale(locale.LC_ALL)


def timers() -> tuple[object, ...]:
    if sys.platform == "win32":
        return ()
    kinds = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
    return *(signal.getitimer(kind)[0] > 0 for kind in kinds), signal.pthread_sigmask(signal.SIG_BLOCK, ())


def limits() -> tuple[object, ...]:
    return tuple(resource.getrlimit(kind) for kind in LIMITS)


def children() -> set[str]:
    """The processes that were started here and are not waited for yet, where the system tells."""
    if not TELLS_CHILDREN or not has_children():
        return set()
    found = set()
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # that thread has ended
            found |= set(Path(CHILDREN.format(thread.name)).read_text().split())
    return found


def has_children() -> bool:
    """Ask the system, which is cheaper than to read who they are."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


#: Those that programs handle: to ask for one takes some microseconds.
_SIGNALS = [
    signal.Signals[name]
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGCHLD", "SIGALRM", "SIGVTALRM", "SIGWINCH")
    if name in signal.Signals.__members__  # not each system has each
]
TELLS_CHILDREN = Path(CHILDREN.format(threading.get_native_id())).exists()

#: What it is, as a failure names it -> what gives it.
STATE: dict[str, Callable[[], object]] = {
    "handlers of signals": signal_handlers,
    "environment variables": environment,
    "the current folder": folder,
    "the umask": umask,
    "loggers": loggers,
    "what logging is disabled for": lambda: logging.root.manager.disable,
    "sys.path": lambda: list(sys.path),
    "hooks of the interpreter": hooks,
    "what traces": lambda: (sys.gettrace(), threading.gettrace()),
    "settings of the interpreter": interpreter,
    "time zone or language": zone_and_language,
    "timers or blocked signals": timers,
    "limits of the process": limits,
    "the default timeout of sockets": socket.getdefaulttimeout,
    "the running event loop": asyncio._get_running_loop,
}


def state() -> dict[str, Any]:
    """Give all of it."""
    return {
        **{name: look() for name, look in STATE.items()},
        "modules": dict(sys.modules),
        "children": children(),
    }


def left_changed(before: dict[str, Any]) -> list[str]:
    """Say what is not as it was: something of it changed, a module was lost or loaded anew, or a child is left."""
    problems = []
    for name, look in STATE.items():
        if (now := look()) != before[name]:
            problems.append(f"{name}: {told(before[name], now)}")
    # One that is loaded anew has its classes twice.
    if not before["modules"].items() <= sys.modules.items():
        lost = [name for name, each in before["modules"].items() if sys.modules.get(name) is not each]
        problems.append(f"modules lost or loaded anew: {', '.join(lost)}")
    if left := children() - before["children"]:
        problems.append(f"processes nobody waited for: {', '.join(sorted(left))}")
    return problems


def told(before: object, now: object) -> str:
    """Name the difference of two values, of dictionaries only what differs."""
    if isinstance(before, dict) and isinstance(now, dict):
        changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        before, now = ({key: each.get(key) for key in changed} for each in (before, now))
    return f"{before!r}, now {now!r}"
