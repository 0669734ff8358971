"""The methods that need no training: photograph alone, tests alone, and the evidence."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.evaluation.calibrate import (
    ASSUMED_WRONG_RECORDS,
    KIND_WEIGHTS,
    RATES,
    TEMPERATURES,
    Cases,
    Dials,
    class_posterior,
    fit_dials,
    mean_loss,
)
from mineralid.lab.evaluation.robustness.data import Bench, SplitData
from mineralid.lab.evaluation.robustness.method import OWN_TABLE
from mineralid.lab.evaluation.robustness.readings import Corruption, Readings
from mineralid.lab.evaluation.simulated import TESTS

Array = NDArray[np.float64]

# Of the readings that the dials are fitted on; those that judge have seeds of their own.
TUNING_SEED = 20_000


def tuning_records(
    labels: NDArray[np.int_], bench: Bench
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return log p(reading | class) by test [n, C] of stones of classes `labels` [n], as drawn.

    All records right; and the assumed share of them wrong.
    """
    drawn = Corruption.drawn(bench.judge, labels, TUNING_SEED)
    right, wrong = (
        dict(zip(TESTS, bench.log_likelihoods(drawn.readings(rate=rate)), strict=True))
        for rate in (0.0, ASSUMED_WRONG_RECORDS)
    )
    return right, wrong


def tuning_cases(data: SplitData, bench: Bench) -> list[Cases]:
    """Return the photographs that the split does not judge, with simulated records.

    One for each kind of `data.tune`; every photograph has the same readings in all of them.
    """
    rows = data.others
    labels = data.labels[rows]
    right, wrong = tuning_records(labels, bench)
    return [
        Cases(scores[rows], labels, right, wrong, KIND_WEIGHTS[kind])
        for kind, scores in data.tune.items()
    ]


def trusting_temperatures(cases: Sequence[Cases]) -> tuple[float, ...]:
    """Return per number of tests the temperature that is best where every record is right."""
    return tuple(
        min(
            TEMPERATURES,
            key=functools.partial(mean_loss, cases, tests, rate=0.0, wrong=False),
        )
        for tests in range(len(TESTS) + 1)
    )


_kept: dict[tuple[str, str, str], Dials] = {}


def fitted_dials(data: SplitData, bench: Bench) -> Dials:
    """Fit temperature and ε per number of tests on what the split does not judge (kept)."""
    return _once("fitted", data, bench, fit_dials)


def trusting_dials(data: SplitData, bench: Bench) -> Dials:
    """Fit the temperature per number of tests, ε being 0 (kept)."""
    nothing_wrong = (0.0,) * (len(TESTS) + 1)
    return _once(
        "trusting", data, bench, lambda cases: Dials(trusting_temperatures(cases), nothing_wrong)
    )


def _once(
    name: str, data: SplitData, bench: Bench, fit: Callable[[Sequence[Cases]], Dials]
) -> Dials:
    key = name, data.sha256, bench.sha256
    if key not in _kept:
        _kept[key] = fit(tuning_cases(data, bench))
    return _kept[key]


def plain_dials(data: SplitData, bench: Bench) -> Dials:
    """Return temperature 1 and ε 0."""
    return Dials((1.0,) * (len(TESTS) + 1), (0.0,) * (len(TESTS) + 1))


@dataclass(frozen=True)
class FittedEvidence:
    """The evidence with one split's dials; what it does not use, photograph or tests, it ignores."""

    data: SplitData
    bench: Bench
    dials: Dials
    photograph: bool
    tests: bool

    @property
    def notes(self) -> dict[str, Any]:
        """What was fitted."""
        return {
            "temperature": list(self.dials.temperature),
            "wrong_record_rate": list(self.dials.wrong_record_rate),
        }

    def posterior(
        self, rows: NDArray[np.intp], readings: Readings, *, wrong_share: float | None = None
    ) -> Array:
        """Return p(class) [n, C]; wrong_share: ε in place of the fitted one."""
        scores = self.data.scores[rows] if self.photograph else None
        tested = readings.tested if self.tests else np.zeros_like(readings.tested)
        count = tested.sum(1)
        log_record = np.sum(self.bench.log_likelihoods(readings), axis=0)
        result = np.full(log_record.shape, 1 / log_record.shape[1])
        for tests in np.unique(count):
            chosen = count == tests
            if not tests and scores is None:
                continue
            rate = self.dials.wrong_record_rate[tests] if wrong_share is None else wrong_share
            result[chosen] = class_posterior(
                None if scores is None else scores[chosen],
                [log_record[chosen]] if tests else [],
                self.dials.temperature[tests],
                rate,
            )
        return result


@dataclass(frozen=True)
class EvidenceMethod:
    """Photograph and evidence by the formula of identify/posterior.py.

    learned_from: "judge": its catalogue has the judge's cells, as a network has that was trained on
    them; "evidence": its dials too are fitted on readings of its own table; "": on the judge's.
    """

    name: str
    title: str
    dials: Callable[[SplitData, Bench], Dials]
    photograph: bool = True
    tests: bool = True
    matched: bool = False
    learned_from: str = ""
    seeded: bool = False

    @property
    def settings(self) -> Mapping[str, Any]:
        """What its answers depend on beside the data."""
        return {
            "dials": self.dials.__name__,
            "assumed_wrong": ASSUMED_WRONG_RECORDS,
            "weights": KIND_WEIGHTS,
            "tried": {"temperature": TEMPERATURES, "wrong_record_rate": RATES},
            **({"table": self.learned_from} if self.learned_from else {}),
        }

    def fit(self, data: SplitData, bench: Bench, seed: int) -> FittedEvidence:
        """Fit its dials; they do not depend on the seed."""
        known = bench.of_judge_table if self.learned_from == "judge" else bench
        tuned = bench.of_own_table if self.learned_from == "evidence" else known
        return FittedEvidence(data, known, self.dials(data, tuned), self.photograph, self.tests)


METHODS = (
    EvidenceMethod("photograph", "photograph alone", fitted_dials, tests=False),
    EvidenceMethod("tests", "tests alone", fitted_dials, photograph=False),
    EvidenceMethod("naive", "naive product (T = 1, ε = 0)", plain_dials),
    EvidenceMethod("evidence", "evidence, default trust", fitted_dials),
    EvidenceMethod("evidence-matched", "evidence, trust matched", fitted_dials, matched=True),
    EvidenceMethod("evidence-trusting", "evidence, every test trusted", trusting_dials),
    EvidenceMethod(
        f"evidence{OWN_TABLE}",
        "evidence, default trust; the evidence's table",
        fitted_dials,
        learned_from="evidence",
    ),
    EvidenceMethod(
        "evidence-judge",
        "evidence, default trust; the judge's table",
        fitted_dials,
        learned_from="judge",
    ),
)
