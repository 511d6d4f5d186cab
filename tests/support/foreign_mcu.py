"""The MCU of a small lamp, as somebody wrote it who has never seen the package: nothing of it is imported here.

Run as a program of its own: ``python foreign_mcu.py PATH [--poll SECONDS] [--steady] [BUG ...]``. It keeps to the
serial document; each bug breaks it in one way. It ends when the line does, or after a minute. The lamp is described
in ``foreign_lamp.toml``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import sys
import termios
import time
import tty

BUGS = {
    "quotes": "strings have no quotes",
    "count": "each result lacks its last parameter",
    "late": "an action that succeeds is answered after 5 s",
    "version-once": "mcu_version is sent once, whatever the module says",
    "no-boot-report": "neither model nor mcu_version is sent before it is asked for",
    "no-version-answer": "MIIO_mcu_version_req is ignored",
    "events": "four events in a second",
    "poll-500": "get_down every 500 ms",
    "poll-20": "get_down every 20 ms",
    "crlf": "lines end with CR LF",
    "error-4003": "-4003 is told by error instead of result",
    "capital": "results are called Result",
    "swapped-ids": "the result of an action has its two ids in the wrong order",
    "mute-unknown": "an unknown method is not answered",
    "no-report": "what a set has changed is not reported",
    "no-effect": "a set is answered by 0 and not applied",
    "event-argument": "the argument of the event is missing",
    "no-out": "the value an action hands back is missing",
    "flood": "a property is reported five times in a second",
}
MODEL, VERSION = "acme.light.one", "0007"
ON, NAME, TEMPERATURE, STEP, LEVEL = (2, 1), (2, 2), (2, 3), (2, 4), (2, 5)
CHANGE = (2, 1)
SERIAL = (1, 5)
RETRY = 0.1
REPLY = 1.0
LIFE = 60.0
WARMER, TURNED = 4, 8
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')


class Wire:
    """The serial line: lines go out, one at a time, and each waits for its reply."""

    def __init__(self, path: str, end: bytes) -> None:
        self.file = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.file, termios.TCSANOW)
        self.end = end
        self.unread = b""

    def ask(self, text: str) -> str:
        """Say a line and give the reply, empty when there is none."""
        os.write(self.file, text.encode() + self.end)
        due = time.monotonic() + REPLY
        while b"\r" not in self.unread:
            ready, _, _ = select.select([self.file], [], [], max(0.0, due - time.monotonic()))
            if not ready:
                return ""
            data = os.read(self.file, 4096)
            if not data:
                raise EOFError
            self.unread += data
        line, self.unread = self.unread.split(b"\r", 1)
        return line.decode().strip()


class Refused(Exception):
    """A downlink that is answered by ``error``."""


class Lamp:
    """What the lamp is, and what it does with a downlink."""

    def __init__(self, bugs: set[str]) -> None:
        self.bugs = bugs
        self.values: dict[tuple[int, int], object] = {
            SERIAL: "ACME/0001",
            ON: True,
            NAME: "Lamp",
            TEMPERATURE: 21.5,
            LEVEL: 60,
        }
        self.changed: list[tuple[int, int]] = []

    def write(self, value: object) -> str:
        if isinstance(value, str) and "quotes" in self.bugs:
            return value
        return json.dumps(value)

    def report(self, *iids: tuple[int, int]) -> str:
        words = [f"{siid} {piid} {self.write(self.values[siid, piid])}" for siid, piid in iids]
        return " ".join(["properties_changed", *words])

    def answer(self, method: str, words: list[str]) -> str:
        """Carry out a downlink and give the line that answers it, empty for none."""
        known = {"get_properties": self.get, "set_properties": self.set, "action": self.act}
        try:
            if method not in known:
                if "mute-unknown" in self.bugs:
                    return ""
                raise Refused('"unknown method" -5000')
            result = known[method](words)
        except Refused as refused:
            return f"error {refused}"
        if "-4003" in result and "error-4003" in self.bugs:
            return 'error "there is no such thing" -4003'
        if "count" in self.bugs:
            result = result[:-1]
        return " ".join(["Result" if "capital" in self.bugs else "result", *result])

    def get(self, words: list[str]) -> list[str]:
        result: list[str] = []
        for siid, piid in self.groups(words, 2):
            iid = int(siid), int(piid)
            if iid in self.values:
                result += [siid, piid, "0", self.write(self.values[iid])]
            else:
                result += [siid, piid, "-4001" if iid == STEP else "-4003"]
        return result

    def set(self, words: list[str]) -> list[str]:
        result: list[str] = []
        for siid, piid, word in self.groups(words, 3):
            result += [siid, piid, str(self.set_one((int(siid), int(piid)), json.loads(word)))]
        return result

    def set_one(self, iid: tuple[int, int], value: object) -> int:
        if iid not in self.values and iid != STEP:
            return -4003
        if iid not in (ON, NAME):
            return -4002
        good = isinstance(value, bool) if iid == ON else isinstance(value, str) and len(value) <= 20
        if not good:
            return -4005
        if "no-effect" not in self.bugs:
            self.put(iid, value)
        return 0

    def put(self, iid: tuple[int, int], value: object) -> None:
        if self.values[iid] != value:
            self.values[iid] = value
            self.changed.append(iid)

    def act(self, words: list[str]) -> list[str]:
        if len(words) < 2 or len(words) % 2:
            raise Refused('"invalid arg" -5001')
        ids = words[:2]
        head = ids[::-1] if "swapped-ids" in self.bugs else ids
        if (int(ids[0]), int(ids[1])) != CHANGE:
            return [*head, "-4003"]
        step = json.loads(words[3]) if len(words) == 4 else None
        if words[2:3] != ["4"] or type(step) is not int or not -10 <= step <= 10:
            return [*head, "-4006"]
        self.put(LEVEL, max(0, min(100, int(str(self.values[LEVEL])) + step)))
        if "late" in self.bugs:
            time.sleep(5.05)
        out = [] if "no-out" in self.bugs else ["5", self.write(self.values[LEVEL])]
        return [*head, "0", *out]

    @staticmethod
    def groups(words: list[str], size: int) -> list[list[str]]:
        if not words or len(words) % size:
            raise Refused('"invalid arg" -5001')
        return [words[start : start + size] for start in range(0, len(words), size)]


class Program:
    """The main loop of the MCU."""

    def __init__(self, wire: Wire, bugs: set[str], poll: float, steady: bool) -> None:
        self.wire = wire
        self.bugs = bugs
        self.poll = poll
        self.steady = steady
        self.lamp = Lamp(bugs)
        self.idle = 0  # polls in a row that brought nothing
        self.later: list[tuple[float, str]] = []  # what happens to the lamp by itself, and when
        self.told_serial = self.warmer = self.turned = False

    def run(self) -> None:
        began = time.monotonic()
        if "no-boot-report" not in self.bugs:
            self.tell(f"model {MODEL}")
            self.tell(f"mcu_version {VERSION}")
        due = time.monotonic()
        while time.monotonic() < began + LIFE:
            self.say_what_is_due()
            now = time.monotonic()
            if now < due:
                time.sleep(min(due - now, *(max(0.0, at - now) for at, _ in self.later), 1.0))
                continue
            due = now + self.poll
            if self.fetch() and not self.steady:
                due = time.monotonic()  # there may be more

    def tell(self, text: str) -> None:
        """Say who we are, until the module has taken it."""
        while self.wire.ask(text) != "ok" and not ("version-once" in self.bugs and "version" in text):
            time.sleep(RETRY)

    def fetch(self) -> bool:
        """Ask for work, and do it."""
        words = TOKEN.findall(self.wire.ask("get_down"))
        if words[:1] != ["down"] or len(words) < 2:
            return False
        method = words[1]
        self.idle = self.idle + 1 if method == "none" else 0
        if method == "none":
            self.live()
            return False
        if method == "MIIO_model_req":
            self.tell(f"model {MODEL}")
        elif method == "MIIO_mcu_version_req":
            if "no-version-answer" not in self.bugs:
                self.tell(f"mcu_version {VERSION}")
        elif method == "MIIO_net_change":
            if words[2:] == ["cloud"] and not self.told_serial:
                self.told_serial = self.wire.ask(self.lamp.report(SERIAL)) == "ok"
        elif answer := self.lamp.answer(method, words[2:]):
            self.wire.ask(answer)
            changed, self.lamp.changed = self.lamp.changed, []
            if changed and not (method == "set_properties" and "no-report" in self.bugs):
                self.wire.ask(self.lamp.report(*changed))
        return True

    def live(self) -> None:
        """Have the lamp get warmer, and somebody turn its knob, once each and when nothing else is going on."""
        now = time.monotonic()
        if self.idle == WARMER and not self.warmer:
            self.warmer = True
            times = 5 if "flood" in self.bugs else 1
            self.later += [(now + 0.15 * number, "warmer") for number in range(times)]
        elif self.idle == TURNED and not self.turned:
            self.turned = True
            times = 4 if "events" in self.bugs else 1
            self.later += [(now + 0.2 * number, "turned") for number in range(times)]

    def say_what_is_due(self) -> None:
        now = time.monotonic()
        for each in [each for each in self.later if each[0] <= now]:
            self.later.remove(each)
            if each[1] == "warmer":
                self.lamp.values[TEMPERATURE] = round(float(str(self.lamp.values[TEMPERATURE])) + 0.1, 1)
                self.wire.ask(self.lamp.report(TEMPERATURE))
            else:
                self.wire.ask(
                    "event_occured 2 1" if "event-argument" in self.bugs else "event_occured 2 1 4 3"
                )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("bugs", nargs="*", choices=[[], *BUGS])
    parser.add_argument("--poll", type=float, default=0.1)
    parser.add_argument("--steady", action="store_true", help="no faster after a downlink than without one")
    given = parser.parse_args()
    bugs = set(given.bugs)
    poll = 0.5 if "poll-500" in bugs else 0.02 if "poll-20" in bugs else given.poll
    wire = Wire(given.path, b"\r\n" if "crlf" in bugs else b"\r")
    try:
        Program(wire, bugs, poll, given.steady).run()
    except (EOFError, OSError):
        sys.exit(0)  # the line is gone, and we with it


if __name__ == "__main__":
    main()
