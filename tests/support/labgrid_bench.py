"""A coordinator and exporters of labgrid on loopback, as processes that surely end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

PATIENCE = 60.0  # only ever waited for in full when a test fails
COORDINATOR = "from labgrid.remote.coordinator import main; main()"
EXPORTER = "from labgrid.remote.exporter import main; main()"
CLIENT = "from labgrid.remote.client import main; main()"


class Program:
    """A program of labgrid, and what it prints."""

    def __init__(self, code: str, *arguments: str, folder: Path, stdin: int = subprocess.DEVNULL) -> None:
        self.said: list[str] = []
        self._changed = threading.Condition()
        self._over = False
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", code, *arguments],
            cwd=folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.said.append(line.rstrip())
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def wait_for(self, text: str) -> bool:
        """Wait until it has printed a text; False if it ended without."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or any(text in each for each in self.said), PATIENCE)
            return any(text in each for each in self.said)

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Labgrid:
    """A coordinator. A context manager that ends it, and the exporters that were started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ending = ExitStack()
        self.address = ""

    def __enter__(self) -> Self:
        for _ in range(5):  # somebody else may be given the port in between
            self.address = f"127.0.0.1:{free_port()}"
            program = Program(COORDINATOR, "-l", self.address, folder=self.folder)
            self._ending.callback(program.end)
            if program.wait_for("Coordinator ready"):
                return self
        self._ending.close()
        raise AssertionError(f"no coordinator: {program.said}")

    def __exit__(self, *error: object) -> None:
        self._ending.close()

    def export(self, name: str, groups: Mapping[str, Mapping[str, Any]], *options: str) -> Program:
        """Start an exporter, whose resources are at 127.0.0.1."""
        import yaml

        file = self.folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(groups))
        program = Program(
            EXPORTER,
            *("-c", self.address, "-n", name, "--hostname", "127.0.0.1", *options, str(file)),
            folder=self.folder,
        )
        self._ending.callback(program.end)
        assert program.wait_for("Exporter ready"), program.said
        return program

    def client(self, *arguments: str, **environment: str) -> str:
        """Run labgrid-client, and give what it printed, errors too."""
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, "-x", self.address, *arguments],
            env=os.environ | environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout

    def place(self, name: str, match: str) -> None:
        """Make a place of what an exporter has."""
        self.client("-p", name, "create")
        self.client("-p", name, "add-match", match)
        deadline = time.monotonic() + PATIENCE
        while "Matching resource" not in self.client("-p", name, "show"):
            assert time.monotonic() < deadline, self.client("resources")

    def acquired(self, name: str) -> str:
        """Say who has acquired a place."""
        shown = self.client("-p", name, "show")
        return next(
            each.partition(":")[2].strip()
            for each in shown.splitlines()
            if each.strip().startswith("acquired:")
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
