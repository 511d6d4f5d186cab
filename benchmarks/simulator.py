"""The process that plays the simulated devices, as seen from the benchmarks."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.device import attempts
from benchmarks.results import NotMeasured

ROOT = Path(__file__).resolve().parent.parent


def loopback_address() -> str:
    """Give a loopback address drawn at random, so that two runs do not meet; where the system has one only, that."""
    parts = [random.randrange(1, 255) for _ in range(3)] if sys.platform == "linux" else [0, 0, 1]
    return ".".join(map(str, [127, *parts]))


class Simulator:
    """Simulated devices in one process of their own; a context manager."""

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.device"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Its stdin ends, and with it the process.
        self._process.communicate()

    def open(self, *, loss: float = 0.0, seed: int = 0, memory: str = "normal") -> str:
        """Start a device and give its address. Its port is the one python-miio insists on.

        Each device has a loopback address of its own, drawn at random so that two runs do not meet.

        :raises NotMeasured: if there is no free address
        """
        answer: dict[str, Any] = {}
        for _ in attempts():
            host = loopback_address()
            answer = self._ask(do="open", host=host, loss=loss, seed=seed, memory=memory)
            if "error" not in answer:
                return host
        raise NotMeasured(f"no address for a simulated device: {answer['error']}")

    def skip(self, host: str, seconds: float) -> None:
        """Let a device's clock jump ahead."""
        self._ask(do="skip", host=host, seconds=seconds)

    def restart(self, host: str) -> None:
        """Let a device begin anew: its clock counts from 0, and it knows no ids."""
        self._ask(do="restart", host=host)

    def counts(self, host: str) -> dict[str, Any]:
        """Ask a device what happened: presses carried out, carried out twice, datagrams dropped."""
        return self._ask(do="count", host=host)

    def _ask(self, **order: object) -> dict[str, Any]:
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            try:
                self._process.stdin.write(json.dumps(order) + "\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            except OSError:
                line = ""
        if not line:
            raise NotMeasured("the process of the simulated devices ended")
        answer: dict[str, Any] = json.loads(line)
        return answer
