"""What judging comes to: a rule, the verdict on it, the evidence for that, and the judgement of a whole session.

Pure data, made by the passive and the active checker, shown by the reports.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import Enum

from miio_lan.pairing.pairing import Exchange
from miio_lan.record import Record


class Outcome(Enum):
    """What a rule came to. A rule that nothing was seen of is neither kept nor broken."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    WARNING = "warning"
    NOT_OBSERVED = "not observed"


KINDS: dict[str, str] = {
    "form": "How lines are written",
    "boot": "Power-up",
    "polling": "Asking for downlinks",
    "answers": "Answers to downlinks",
    "values": "Values and codes",
    "reports": "Reports",
    "update": "Firmware update",
    "lan": "What the LAN sees",
    "module": "The module's side",
    "checker": "The check itself",
}
"""The kinds of rules, in the order of a report, with a heading for each."""


SEVERITIES: dict[str, str] = {
    "failure": "what breaks the rule fails the product",
    "warning": "what breaks the rule is pointed out, and fails nothing",
    "failure or warning": "some breaches fail the product, others are pointed out",
    "none": "a breach cannot be told from what was not seen: the rule is kept, or not observed",
}
"""What a breach of a rule can come to."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule a product is held to.

    :param name: in kebab case; stays the same from version to version
    :param title: the rule in one sentence
    :param source: where it is written, e.g. ``"serial document, mcu_version"``
    :param kind: one of :data:`KINDS`
    :param severity: one of :data:`SEVERITIES`
    """

    name: str
    title: str
    source: str
    kind: str
    severity: str = "failure"

    def as_json(self) -> dict[str, object]:
        """Give the rule as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something a verdict rests on.

    :param text: what there is to see, in plain words
    :param record: the line or datagram, where it is one; its ``instant`` is the time
    """

    text: str
    record: Record | None = None

    def as_json(self) -> dict[str, object]:
        """Give the evidence as plain JSON values.

        :raises RecordError: if the record's reading cannot be expressed in JSON
        """
        record = {} if self.record is None else {"record": self.record.as_json()}
        return {"text": self.text, **record}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule came to.

    The counts are of what was judged: lines and datagrams, each once with the worst that was found in it, and findings
    that are about none.

    :param text: why, in plain words
    :param evidence: what it rests on, in the order of time, but what broke the rule before what is worth a warning;
        what is about no line or datagram stands where it was found. Where there is very much, only the beginning of it
    :param kept: how many kept the rule
    :param warned: how many are worth a warning
    :param broken: how many broke it
    :param seconds: from the first to the last of the lines and datagrams it was judged by; 0 where that is one or none
    """

    rule: Rule
    outcome: Outcome
    text: str
    evidence: tuple[Evidence, ...] = ()
    kept: int = 0
    warned: int = 0
    broken: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, object]:
        """Give the verdict as plain JSON values; the rule's own keys are among them.

        :raises RecordError: if a record's reading cannot be expressed in JSON
        """
        judged = {key: getattr(self, key) for key in ("text", "kept", "warned", "broken", "seconds")}
        evidence = [each.as_json() for each in self.evidence]
        return {**self.rule.as_json(), "outcome": self.outcome.value, **judged, "evidence": evidence}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts on one session, and what was seen in it.

    :param title: what was judged, for a heading
    :param model: the product's model, empty when it was not learnt
    :param started: unix time when the session began, seconds
    :param mode: ``"passive"``, ``"module"`` (driven over the UART) or ``"lan"`` (driven over the LAN)
    :param verdicts: one for each rule, in the order of the rules
    :param records: everything both wires carried, in the order of time
    :param exchanges: the LAN calls joined with what the UART carried for them
    :param wanted_refusals: how many of the exchanges a checker sent so that they would be refused, and were
    """

    title: str
    model: str
    started: float
    mode: str
    verdicts: tuple[Verdict, ...]
    records: tuple[Record, ...] = field(default=(), repr=False)
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False)
    wanted_refusals: int = 0

    @property
    def ok(self) -> bool:
        """Whether no rule failed."""
        return not any(verdict.outcome is Outcome.FAIL for verdict in self.verdicts)

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many rules came to each outcome; every outcome is there."""
        return {outcome: sum(verdict.outcome is outcome for verdict in self.verdicts) for outcome in Outcome}

    def as_json(self) -> dict[str, object]:
        """Give verdicts and a summary as plain JSON values, without what was recorded beyond the evidence.

        :raises RecordError: if a record's reading cannot be expressed in JSON
        """
        summary = {key: getattr(self, key) for key in ("title", "model", "started", "mode", "ok")}
        counts = {outcome.value: count for outcome, count in self.counts.items()}
        return {**summary, "counts": counts, "verdicts": [verdict.as_json() for verdict in self.verdicts]}
