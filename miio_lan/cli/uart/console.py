"""``uart console``: type lines on a serial line, see what comes back."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli.options import DEVICE_OPTIONS, CliSettings, command
from miio_lan.cli.uart.decode import as_json, as_rows
from miio_lan.click_common.numbers import SECONDS, Between
from miio_lan.click_common.output import echo, json_line
from miio_lan.record.redact import redact_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miio_lan.record import Record
    from miio_lan.uart.ports.port import Outage, Port

CONSOLE_PROMPT = "> "


@command("console", without=DEVICE_OPTIONS, unsaid=["miio_lan.uart.ports.port"])
@click.option(
    "--port",
    "name",
    required=True,
    metavar="URL",
    help="/dev/ttyUSB0, socket://HOST:PORT, rfc2217://HOST:PORT, or pty to make one.",
)
@click.option(
    "--as",
    "role",
    type=click.Choice(["mcu", "module"]),
    default="mcu",
    show_default=True,
    help="Whose place the keyboard takes.",
)
@click.option(
    "--wait",
    type=Between(0, SECONDS.most),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a line from a pipe waits for its answer.",
)
def console(settings: CliSettings, name: str, role: str, wait: float) -> None:
    """Type commands on a line and see the replies; the CR is added, history is kept.

    Lines may also come from a pipe. What the document does not allow is sent all the same, and said so. With --json,
    one JSON object per line of the wire. Ctrl-D or Ctrl-C ends it.
    """
    from miio_lan.uart.ports.port import open_port

    typing = sys.stdin is not None and sys.stdin.isatty() and not settings.json
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # every byte can be said on a line
    with open_port(name) as port:
        talk = ConsoleView(
            port, upwards=role == "mcu", as_lines=settings.json, prompt=typing, secrets=settings.show_secrets
        )
        talk.start()
        echo(f"{port.name}, 115200 8N1, as the {role}", err=True)
        with _typing_ahead() if typing else contextlib.nullcontext():
            for line in _typed() if typing else _piped():
                talk.say(line)
                if not typing:
                    talk.wait_for_answer(wait)


def _piped() -> Iterator[str]:
    for line in sys.stdin or ():
        if line.strip():
            yield line.strip()


@contextlib.contextmanager
def _typing_ahead() -> Iterator[None]:
    """Keep what is typed between two prompts for the next one.

    The terminal would edit it as a line of its own meanwhile, and a Ctrl-D would be gone when readline looks.
    """
    try:
        import readline  # noqa: F401 - without it, the terminal's own editing is all there is
        import termios
    except ImportError:
        yield
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    ahead = [
        *before[:3],
        before[3] & ~termios.ICANON,
        *before[4:],
    ]  # with ECHO, or readline would show nothing
    termios.tcsetattr(keyboard, termios.TCSADRAIN, ahead)
    try:
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _typed() -> Iterator[str]:
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - gives input() its history and editing
    with contextlib.suppress(EOFError):
        while True:
            line = input(CONSOLE_PROMPT).strip()
            if line:
                yield line
    echo()


class ConsoleView:
    """A port, what is said on it, and its showing on the terminal.

    :param upwards: whether what is typed goes from the MCU to the module
    :param as_lines: show JSON
    :param prompt: whether a prompt stands on the terminal's last line
    :param secrets: whether secrets are shown
    """

    def __init__(
        self, port: Port, *, upwards: bool, as_lines: bool, prompt: bool, secrets: bool = False
    ) -> None:
        from miio_lan.uart.listening.watch import LineWatch

        self._port = port
        self._upwards = upwards
        self._as_lines = as_lines
        self._prompt = prompt
        self._secrets = secrets
        self._news = threading.Condition()
        self._heard = 0
        self._sending = False
        offset = time.time() - time.monotonic()
        self._watch = LineWatch(self._show, wall=lambda instant: offset + instant)

    def start(self) -> None:
        """Begin to listen."""
        self._port.start(self._take, on_outage=self._outage)

    def say(self, line: str) -> None:
        """Send a line."""
        data = line.encode("utf-8", "surrogateescape") + b"\r"
        with self._news:
            self._heard = 0
            self._sending = True
            self._feed(data, time.monotonic(), upwards=self._upwards)
            self._sending = False
            self._port.write(data)

    def wait_for_answer(self, seconds: float) -> None:
        """Wait until a line came back, at most so long."""
        with self._news:
            self._news.wait_for(lambda: self._heard > 0, seconds)

    def _take(self, data: bytes, instant: float) -> None:
        with self._news:
            self._feed(data, instant, upwards=not self._upwards)
            self._news.notify_all()

    def _feed(self, data: bytes, instant: float, *, upwards: bool) -> None:
        self._watch.feed("up" if upwards else "down", data, instant)

    def _outage(self, outage: Outage) -> None:
        ended = "is back" if outage.ended is not None else f"is gone: {outage.reason}"
        echo(f"{self._port.name} {ended}", err=True)

    def _show(self, record: Record) -> None:
        if not self._sending:
            self._heard += 1
        if self._as_lines:
            echo(json_line(as_json(record, secrets=self._secrets)))
        elif not self._sending:
            if record.raw.strip(b"\r\n ") or record.note:  # ends of lines alone are no row
                self._above_prompt(as_rows(record, secrets=self._secrets))
        elif not self._prompt:
            echo(as_rows(record, secrets=self._secrets))
        else:
            self._warn((record if self._secrets else redact_record(record)).reading or {})
        sys.stdout.flush()

    def _warn(self, reading: Any) -> None:
        if not reading.get("valid", True):
            echo(f"  (sent, but {reading.get('problem')})", fold=True)

    def _above_prompt(self, text: str) -> None:
        if not self._prompt:
            echo(text)
            return
        half_typed = ""
        with contextlib.suppress(ImportError):
            import readline

            half_typed = readline.get_line_buffer()
        sys.stdout.write(f"\r\x1b[K{text}\n{CONSOLE_PROMPT}{half_typed}")
