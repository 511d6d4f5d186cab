"""What reads files: recordings, descriptions of products, logs of other programs; and recordings, mutated as such."""

from __future__ import annotations

import io
import random
from dataclasses import replace

from support.fuzzing.material import scenes
from support.fuzzing.mutating import MOST, Mutate, Tokens, noisy

from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.report import formats
from miio_lan.bench.trace import account, trace
from miio_lan.cli.uart.decode import as_text
from miio_lan.device.description.spec import Spec
from miio_lan.pairing.pairing import Pairer
from miio_lan.record import Record, as_line
from miio_lan.record.recording import read_recording
from miio_lan.uart.logs.textlog import read_text_log
from miio_lan.virtual.mcu.mcu import Mcu

_WIRES = ("uart", "uart", "uart", "lan")
_NOTES = ("", "noise", "gap", "outage", "echo", "dropped", "xmodem", "late start", "\x1b[2J")


class Recordings:
    """Mutates recordings of both wires.

    Most stay whole, and tell something else: lines are said otherwise, earlier, by the other end, twice, not at all.
    Of some the text is damaged.

    :param lines: gives a mutated line of the wire
    :param records: mutates the text of a record by its number
    """

    def __init__(self, lines: Mutate, words: tuple[bytes, ...], values: tuple[bytes, ...]) -> None:
        self._scenes = scenes()
        self._lines = lines
        self._texts = [[as_line(record).encode() for record in scene] for scene in self._scenes]
        self._first = [0]
        for texts in self._texts:
            self._first.append(self._first[-1] + len(texts))
        self._damaged = Tokens([text for texts in self._texts for text in texts], words, values, noise=0.1)

    def __call__(self, rng: random.Random) -> bytes:
        """Give a mutated recording."""
        number = int(rng.random() * len(self._scenes))
        texts = self._texts[number].copy()
        for _ in range(1 + int(rng.random() * 6)):
            self._change(rng, number, texts)
        if rng.random() < 0.2:
            at = int(rng.random() * len(self._texts[number]))
            changed = self._damaged.of(self._first[number] + at, rng).replace(b"\n", b"") + b"\n"
            texts[min(at, len(texts)) :][:1] = [changed]
            texts.insert(min(at, len(texts)), changed)
        data = b"".join(texts)
        if rng.random() < 0.05:
            data = noisy(rng.random, data)
        return data[: 4 * MOST]

    def _change(self, rng: random.Random, number: int, texts: list[bytes]) -> None:
        at, how = int(rng.random() * len(texts)), int(rng.random() * 8)
        if how < 4:
            scene = self._scenes[number]
            texts[at : at + 1] = [as_line(self._other(rng, scene[min(at, len(scene) - 1)])).encode()]
        elif how == 4:
            texts.insert(int(rng.random() * len(texts)), texts[at])
        elif how == 5:
            del texts[at : at + 1 + int(rng.random() * 4)]
            texts.extend(self._texts[number][-1:])
        elif how == 6:
            other = rng.choice(self._texts)
            begin = int(rng.random() * len(other))
            texts[at:at] = other[begin : begin + 8]
        else:
            texts.insert(int(rng.random() * len(texts)), texts.pop(at))

    def _other(self, rng: random.Random, record: Record) -> Record:
        """Change what a record tells."""
        how = rng.random()
        if how < 0.5:
            return replace(record, wire="uart", raw=self._lines(rng), reading=None)
        if how < 0.65:
            later = record.instant + rng.choice((-3.0, -0.02, 0.02, 1.0, 5.0, 1e9))
            return replace(record, instant=later)
        if how < 0.8:
            return replace(record, direction="up" if record.direction == "down" else "down")
        if how < 0.9:
            return replace(record, note=rng.choice(_NOTES), wire=rng.choice(_WIRES))
        return replace(record, raw=noisy(rng.random, record.raw), peer=rng.choice(("", "10.0.0.9", "b\r")))


def changed_lines(data: bytes) -> int:
    """Count the lines of a mutated recording that stand in none of those it was made of."""
    known = _known()
    return sum(line not in known for line in data.splitlines(keepends=True))


def _known() -> frozenset[bytes]:
    if not _KNOWN:
        _KNOWN.append(frozenset(as_line(record).encode() for scene in scenes() for record in scene))
    return _KNOWN[0]


_KNOWN: list[frozenset[bytes]] = []


class Recording:
    """A recording is read, paired, told and judged, or refused."""

    def __init__(self, rng: random.Random) -> None:
        self._count = 0

    def read(self, data: bytes) -> bool:
        records = list(read_recording(io.StringIO(data.decode("utf-8", "replace"))))
        pairer = Pairer()
        for record in records:
            pairer.feed(record)
        pairer.finish()
        for exchange in pairer.exchanges:
            account(exchange)
        judgement = judgement_of(records)
        self._count += 1
        if self._count % 4 == 0:
            write = (formats.to_json, formats.to_junit, formats.to_html)[self._count // 4 % 3]
            write(judgement)
            trace(records)
            for record in records:
                as_text(record)
        return True

    def end(self) -> None:
        pass


class Description:
    """A description is read, and played, or refused.

    :param read: what reads it
    """

    def __init__(self, rng: random.Random) -> None:
        pass

    def read(self, data: bytes) -> bool:
        spec = self._parsed(data.decode("utf-8", "replace"))
        mcu = Mcu(spec)
        mcu.start(0.0)
        for number, prop in enumerate(spec.readable()):
            if number < 6:
                mcu.receive(f"down get_properties {prop.siid} {prop.piid}\r".encode(), 10.0 + number)
                mcu.tick(10.5 + number)
                mcu.receive(b"ok\r", 10.6 + number)
                mcu.take_output()
        return True

    def _parsed(self, text: str) -> Spec:
        return Spec.from_json(text)

    def end(self) -> None:
        pass


class TomlDescription(Description):
    """The same in TOML."""

    def _parsed(self, text: str) -> Spec:
        return Spec.from_toml(text)


class Log:
    """A log of any shape is read, or refused as a damaged table or recording."""

    def __init__(self, rng: random.Random) -> None:
        pass

    def read(self, data: bytes) -> bool:
        text = data.decode("utf-8-sig", "surrogateescape")
        found = 0
        for record in read_text_log(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
            as_text(record)
            as_line(record)
            found += 1
        return found > 0

    def end(self) -> None:
        pass
