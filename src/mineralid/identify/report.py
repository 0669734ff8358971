"""The Report: one answer, the same from Python, the command line and HTTP."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Candidate(_Value):
    """A mineral and its probability (0..1), calibrated where a photograph was given."""

    name: str
    probability: float


class OutsideMineral(_Value):
    """A mineral of the catalogue that the photograph's model does not know.

    probability: its share of `unknown`. log_likelihood_ratio: how much better than the leading
    candidate it fits the readings, in nats.
    """

    name: str
    probability: float
    log_likelihood_ratio: float


class Support(_Value):
    """What one reading says of one candidate, in nats against the average of all."""

    name: str
    log_likelihood_ratio: float


class ReadingFinding(_Value):
    """What became of one reading: `given` as it came, `value` as it was read.

    status: `used`; `doubted` where everything else makes it unlikely; `contradicted` where
    everything else makes it very unlikely; a reading that no mineral still in question explains is
    doubted too. consistency: log of the reading's probability given everything else (minerals
    outside included) over its probability for any stone, in nats: negative is against.
    log_likelihood_ratio: of the leading candidate against the average of all, in nats.
    """

    test: str
    given: str
    value: str = ""
    status: Literal["used", "doubted", "contradicted"]
    log_likelihood_ratio: float
    consistency: float
    speaks_for: list[Support] = []
    speaks_against: list[Support] = []


class OutcomeAdvice(_Value):
    """One outcome of a test not yet made, and the candidate that would lead then."""

    outcome: str
    probability: float
    leader: str
    leader_probability: float


class NextTestAdvice(_Value):
    """A test worth making: its expected information in bits, and what each outcome would mean."""

    test: str
    information_bits: float
    ease: float
    destructive: str
    advice: str
    outcomes: list[OutcomeAdvice]


class Versions(_Value):
    """What made the answer."""

    mineralid: str
    bundle: str
    catalogue: str


class Report(_Value):
    """One answer.

    candidates: best first; with `unknown` they sum to 1 where all are listed. With a photograph
    they are the bundle's classes and `unknown` is P(none of them); without one they are the
    catalogue's minerals and `unknown` is P(a stone that the catalogue does not describe).
    prediction_set: names that hold the truth with probability `confidence`: `calibrated` on
    collections that the network had not seen, on photographs `held out` of its own training, or by
    the `model` alone (readings without a photograph); `assumed`: thresholds of another bundle. level: `species`, `group` (the species is not decided, its group is) or
    `unknown`; answer: the name at that level, or None; answer_probability: how likely that is.
    why_unknown: at level `unknown`, whether the stone is probably `none of these` or the answer is
    `not decided` among them. leading_species: the likeliest species, its varieties counted in.
    wrong_record: probability that the readings as a whole belong to another stone.
    own_minerals: those of candidates and prediction_set that are the bundle's own classes, not the
    catalogue's, with the tests of which the bundle states facts; readings of the others say nothing
    of them. An own class is answered at level `species`.
    outside: the catalogue's minerals beyond the classes that fit the readings better; none where
    the readings say nothing of the leading candidate, unless the answer is `none of these`.
    error: None, or why there is no answer (then the lists are empty and the rest is None).
    row and carried: of answers to a table; else None and {}.
    """

    row: int | None = None
    photos: list[str] = []
    level: Literal["species", "group", "unknown"] | None = None
    answer: str | None = None
    answer_probability: float | None = None
    why_unknown: Literal["none of these", "not decided"] | None = None
    leading_species: Candidate | None = None
    candidates: list[Candidate] = []
    unknown: float | None = None
    prediction_set: list[str] = []
    confidence: float | None = Field(None, gt=0, lt=1)
    set_basis: Literal["calibrated", "held out", "assumed", "model"] | None = None
    own_minerals: dict[str, list[str]] = {}
    outside: list[OutsideMineral] = []
    readings: list[ReadingFinding] = []
    wrong_record: float | None = None
    next_tests: list[NextTestAdvice] = []
    safety: list[str] = []
    prior: str | None = None
    trust: float | None = None
    error: str | None = None
    carried: dict[str, str] = {}
    versions: Versions

    @property
    def best(self) -> Candidate | None:
        """The leading candidate, or None where there is no answer."""
        return self.candidates[0] if self.candidates else None

    def __str__(self) -> str:
        """One line: what the stone is, how sure, and what else it may be."""
        if self.error is not None or self.best is None:
            return f"no answer: {self.error}"
        if self.answer is not None and self.answer_probability is not None:
            level = "own class" if self.answer in self.own_minerals else self.level
            said = f"{self.answer} ({level}, {_percent(self.answer_probability)})"
        else:
            said = f"unknown, {self.why_unknown}"
        led = ", ".join(f"{c.name} {_percent(c.probability)}" for c in self.candidates[:3])
        return f"{said}; leading: {led}; none of these: {_percent(self.unknown or 0.0)}"

    def to_json(self) -> str:
        """One line of JSON."""
        return self.model_dump_json()


def _percent(p: float) -> str:
    """Whole per cent, never 0 or 100 for what is neither."""
    if 0 < p < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= p < 1 else f"{p:.0%}"
