"""What a bench knows at one moment: records and commands that belong together, to be shown and kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from miio_lan import record as recording
from miio_lan.bench.trace import account, trace
from miio_lan.pairing.exchange import Exchange
from miio_lan.record import Record
from miio_lan.record.recording import create_for_owner
from miio_lan.record.redact.veil import Veil

BOTH = frozenset({"up", "down"})
"""Both directions of the line: what the MCU says, and what the module says."""

_UNSEEN = {
    (): "the UART was not observed: no down, result or acknowledgement is known",
    ("up",): "of the UART only the MCU was heard, not the module: no down or acknowledgement is known",
    ("down",): "of the UART only the module was heard, not the MCU: no result or acknowledgement is known",
}


@dataclass(frozen=True)
class Snapshot:
    """Both wires at one moment.

    :param records: what crossed them in this test, in the order of time
    :param exchanges: the commands these make, in order
    :param hears: which directions of the line were heard
    """

    records: Sequence[Record]
    exchanges: Sequence[Exchange]
    hears: Collection[str] = BOTH

    @property
    def unseen(self) -> str:
        """Say which wire was not observed; empty where both were."""
        return unseen(self.hears)

    def accounts(self) -> list[str]:
        """Say what became of each command; secrets are hidden."""
        veil = self._veil()
        return [veil.text(account(each)) for each in self.exchanges]

    def account(self, exchange: Exchange) -> str:
        """Say what became of one command; secrets are hidden."""
        return self._veil().text(account(exchange))

    def veiled(self, text: str) -> str:
        """Hide the secrets that crossed the wires in a text about them."""
        return self._veil().text(text)

    def _veil(self) -> Veil:
        veil = Veil()
        for each in self.exchanges:
            for record in (each.request, each.reply, *each.records):
                veil.maybe(record)
        return veil

    def commands(self) -> str:
        """Say what became of each command, and which wire was not observed; secrets are hidden."""
        said = self.accounts() or ["none"]
        return "\n".join([*said, *([f"({self.unseen})"] if self.unseen else [])])

    def trace(self) -> str:
        """Show both wires side by side."""
        return trace(self.records)

    def save(self, path: Path) -> None:
        """Write the records to a file, as JSON Lines.

        :raises OSError: if that cannot be done
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        create_for_owner(path)
        with path.open("w", encoding="ascii") as file:
            recording.write(file, self.records)

    def save_text(self, path: Path, title: str) -> None:
        """Write what people want to read: both wires by the time of day, and the commands; secrets are hidden.

        :param title: the first line
        :raises OSError: if that cannot be done
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        wires = trace(self.records, wall=True, longest=None)
        text = f"{title}\n\n{self.commands()}\n\n{wires}\n"
        path.write_text(text, encoding="utf-8", errors="backslashreplace")


def beginning(exchange: Exchange) -> Record:
    """Give the record a command is known by: its request, or the line that was handed out where nobody asked.

    What else belongs to it may be joined anew with each record that is told.
    """
    if exchange.request is not None:
        return exchange.request
    return exchange.down or exchange.records[0]


def unseen(hears: Collection[str]) -> str:
    """Say which wire is not observed; empty where both are."""
    return _UNSEEN.get(tuple(hears), "") if len(hears) < len(BOTH) else ""


def may_grow(exchange: Exchange, hears: Collection[str], *, behind: bool) -> bool:
    """Tell whether lines of a command may still be heard, or others in place of those at hand.

    :param hears: which directions of the line are heard: what goes the other way is not waited for
    :param behind: whether lines of before the reply may still be told
    """
    if not exchange.open or not hears:
        return False
    if len(hears) == len(BOTH) and exchange.reply is None:
        return True
    return (behind and exchange.reply is not None) or _is_incomplete(exchange, hears)


def _is_incomplete(exchange: Exchange, hears: Collection[str]) -> bool:
    """Tell whether a line that is heard is missing. What the module says to an answer is known where both are heard."""
    heard: list[Record | None] = []
    for part in exchange.parts:
        heard += [part.result] if "up" in hears else [part.down]
        heard += [part.acknowledgement] if len(hears) == len(BOTH) else []
    return not heard or None in heard
