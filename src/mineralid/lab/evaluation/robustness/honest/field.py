"""The field's answer for many stones at once: `identify.frames.weigh` over rows of arrays.

tests/lab/test_honest_field.py holds the two equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mineralid.identify import posterior, unknown
from mineralid.identify.hypotheses import Hypotheses
from mineralid.lab.evaluation.calibrate import Dials
from mineralid.lab.evaluation.robustness.readings import Readings
from mineralid.lab.evaluation.scoring import Scores
from mineralid.lab.evaluation.simulated import TESTS
from mineralid.vision.bundle_spec import UnknownSpec

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Weighing:
    """The posterior of n stones, as identify.frames.Weighed has it of one.

    known: of each class [n, C]; none: of none of them [n]; beyond: of each mineral outside [n, B];
    wrong: P(the record belongs to another stone) [n], 0 without readings.
    """

    known: Array
    none: Array
    beyond: Array
    wrong: Array


def weigh_many(
    *,
    log_photo: Array,
    log_readings: Array,
    log_readings_beyond: Array,
    log_beyond_prior: Array,
    log_photo_ratio: Array,
    unknown_prior: float,
    wrong_record_rate: float,
    tests: int,
) -> Weighing:
    """Weigh n stones with a photograph and the same number of readings, uniform prior.

    log_photo: log p_photo(s)^(1/T), normalised [n, C]. log_readings, log_readings_beyond: sums over
    the tests of log p(reading | mineral) [n, C], [n, B]. log_photo_ratio: of the detector [n].
    """
    classes = log_readings.shape[1]
    uniform = np.full(classes, -np.log(classes))
    log_other = posterior.log_mean(log_readings, uniform)
    log_record = posterior.mix_wrong_record(log_readings, log_other, wrong_record_rate)
    log_beyond = posterior.mix_wrong_record(
        posterior.log_mean(log_readings_beyond, log_beyond_prior)[:, None],
        log_other,
        wrong_record_rate,
    )[:, 0]
    known, none = posterior.with_unknown(
        log_photo + log_record, log_beyond + log_photo_ratio, unknown_prior
    )
    by_mineral = log_beyond_prior + posterior.mix_wrong_record(
        log_readings_beyond, log_other, wrong_record_rate
    )
    beyond = none[:, None] * np.exp(posterior.log_softmax(by_mineral))
    wrong = np.zeros(len(log_photo))
    if tests and wrong_record_rate > 0:
        own = wrong_record_probability(log_photo, log_record, log_other, wrong_record_rate)
        strange = np.exp(np.minimum(0.0, np.log(wrong_record_rate) + log_other - log_beyond))
        wrong = (1 - none) * own + none * strange
    return Weighing(known, none, beyond, wrong)


def wrong_record_probability(
    log_base: Array, log_record: Array, log_other: Array, wrong_record_rate: float
) -> Array:
    """Return identify.posterior.wrong_record_probability of n stones [n], for a rate above 0."""
    share = np.log(wrong_record_rate) + log_other[:, None] - log_record
    weights = posterior.log_softmax(log_base + log_record)
    result: Array = np.exp(np.minimum(0.0, posterior.log_mean(share, weights)))
    return result


@dataclass(frozen=True, eq=False)
class Field:
    """The field's decision with the dials and the detector of each fold of some held-out scores.

    detectors: of each fold. arrays: what each fold's bundle would hold for its detector.
    """

    hypotheses: Hypotheses
    dials: tuple[Dials, ...]
    detectors: tuple[UnknownSpec, ...]
    arrays: tuple[Mapping[str, NDArray[np.float32]], ...]

    @cached_property
    def _log_outcomes(self) -> tuple[Array, ...]:
        tests = self.hypotheses.evidence.tests
        return tuple(np.log(np.maximum(tests[name].outcome, 1e-300)).T for name in TESTS)

    def log_readings(self, readings: Readings) -> Array:
        """Return log p(readings | mineral) over all minerals that can be ranked [n, M]."""
        total = np.zeros((len(readings), len(self.hypotheses.minerals)))
        for j, table in enumerate(self._log_outcomes):
            made = readings.tested[:, j]
            total[made] += table[readings.outcome[made, j]]
        return total

    def log_photo_ratio(self, found: Scores, fold: NDArray[np.int_]) -> Array:
        """Return the detector's log ratio of photographs that each fold's network scored [n]."""
        ratio = np.zeros(len(fold))
        for number, (spec, arrays) in enumerate(zip(self.detectors, self.arrays, strict=True)):
            own = fold == number
            if own.any():
                statistics = unknown.unknown_statistics(
                    found.scores[own], found.feature[own], arrays
                )
                ratio[own] = unknown.unknown_log_odds(statistics, spec.weights, spec.bias)
        return ratio

    def weigh(
        self, found: Scores, fold: NDArray[np.int_], ratio: Array, readings: Readings, tests: int
    ) -> Weighing:
        """Weigh n stones of several folds with that many readings each."""
        h = self.hypotheses
        log_readings = self.log_readings(readings)
        prior = h.log_prior("commonness", "outside")
        parts: list[tuple[NDArray[np.intp], Weighing]] = []
        for number, dials in enumerate(self.dials):
            own = np.flatnonzero(fold == number)
            rate = dials.wrong_record_rate[tests]
            weighed = weigh_many(
                log_photo=posterior.log_photo_posterior(
                    found.scores[own].astype(np.float64), dials.temperature[tests]
                ),
                log_readings=log_readings[np.ix_(own, h.class_rows)],
                log_readings_beyond=log_readings[np.ix_(own, h.outside_rows)],
                log_beyond_prior=prior,
                log_photo_ratio=ratio[own],
                unknown_prior=self.detectors[number].prior,
                wrong_record_rate=rate,
                tests=tests,
            )
            parts.append((own, weighed))
        return _merged(parts, len(fold))


def _merged(parts: list[tuple[NDArray[np.intp], Weighing]], size: int) -> Weighing:
    values = {}
    for name in ("known", "none", "beyond", "wrong"):
        shape = getattr(parts[0][1], name).shape[1:]
        values[name] = np.empty((size, *shape))
        for rows, weighed in parts:
            values[name][rows] = getattr(weighed, name)
    return Weighing(**values)
