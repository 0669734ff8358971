"""Photographs judged by networks and dials that have not seen them, with several draws of readings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.evaluation.calibrate import (
    ASSUMED_WRONG_RECORDS,
    KIND_WEIGHTS,
    Cases,
    Dials,
    class_posterior,
    fit_dials,
    subsets,
)
from mineralid.lab.evaluation.metrics import groups_alike
from mineralid.lab.evaluation.out_of_fold import OutOfFold
from mineralid.lab.evaluation.robustness.data import Bench
from mineralid.lab.evaluation.robustness.evidence_methods import tuning_records
from mineralid.lab.evaluation.robustness.readings import Corruption, Readings
from mineralid.lab.evaluation.simulated import TESTS

Array = NDArray[np.float64]

# Of the readings that judge; those that dials and thresholds are fitted on have another seed.
JUDGING_SEED = 30_000
NUMBERS = tuple(range(len(TESTS) + 1))
# Share of wrong records -> as results name it.
RIGHT, WRONG = "right", f"{ASSUMED_WRONG_RECORDS:.0%} wrong"
RATES = {0.0: RIGHT, ASSUMED_WRONG_RECORDS: WRONG}


@dataclass(frozen=True)
class Pooled:
    """Posteriors of R rows [R, C] over photographs, choices of tests and draws.

    weight: of a row; those of one specimen sum to 1. fold: of the photograph.
    """

    p: Array
    labels: NDArray[np.int_]
    specimens: NDArray[np.str_]
    weight: Array
    fold: NDArray[np.int_]

    @property
    def confidence(self) -> Array:
        """The leading probability [R]."""
        result: Array = self.p.max(1)
        return result

    @property
    def hit(self) -> Array:
        """Whether the leader is right [R]."""
        return (self.p.argmax(1) == self.labels).astype(float)


@dataclass(frozen=True, eq=False)
class Judged:
    """The photographs of one kind of folds.

    dials: of each fold, fitted on other folds. draws: the readings that judge, several times.
    """

    held_out: OutOfFold
    bench: Bench
    dials: tuple[Dials, ...]
    draws: tuple[Corruption, ...]

    @cached_property
    def specimens(self) -> NDArray[np.str_]:
        """Specimen of each photograph [N]."""
        return np.array([p.specimen for p in self.held_out.manifest.photographs])

    @cached_property
    def collections(self) -> NDArray[np.str_]:
        """Collection of each photograph [N]."""
        return np.array([p.collection for p in self.held_out.manifest.photographs])

    @cached_property
    def weight(self) -> Array:
        """One over the number of photographs of the specimen [N]."""
        return groups_alike(self.specimens)

    def posterior(self, readings: Readings, tests: int) -> Array:
        """Return p(class) of all photographs [N, C] with that many readings each."""
        parts = [np.sum(self.bench.log_likelihoods(readings), axis=0)] if tests else []
        result = np.empty((len(self.held_out.labels), len(self.bench.classes)))
        for number, dials in enumerate(self.dials):
            own = self.held_out.fold == number
            result[own] = class_posterior(
                self.held_out.scores.scores[own],
                [part[own] for part in parts],
                dials.temperature[tests],
                dials.wrong_record_rate[tests],
            )
        return result

    def cells(self, tests: int, kind: str = "record", rate: float = 0.0) -> Iterator[Readings]:
        """Go through every choice of that many tests in every draw; one without tests."""
        if not tests:
            yield self.draws[0].readings(())
            return
        for draw in self.draws:
            for chosen in subsets(tests):
                yield draw.readings(chosen, kind=kind, rate=rate)

    def pooled(self, tests: int, rate: float = 0.0) -> Pooled:
        """Pool every choice of that many tests in every draw, a share of the records wrong."""
        found = [self.posterior(readings, tests) for readings in self.cells(tests, rate=rate)]
        times, held = len(found), self.held_out
        return Pooled(
            np.concatenate(found),
            np.tile(held.labels, times),
            np.tile(self.specimens, times),
            np.tile(self.weight / times, times),
            np.tile(held.fold, times),
        )


def of_specimens(value: Array, specimens: NDArray[np.str_], weight: Array) -> Array:
    """Return the weighted mean of each specimen's rows, in the order of their names."""
    _, place = np.unique(specimens, return_inverse=True)
    total = np.bincount(place, weights=value * weight)
    result: Array = total / np.bincount(place, weights=weight)
    return result


def tuning_cases(held_out: OutOfFold, bench: Bench) -> Cases:
    """Return all photographs with the readings that dials and thresholds are fitted on."""
    right, wrong = tuning_records(held_out.labels, bench)
    weight = KIND_WEIGHTS[held_out.kind]
    return Cases(held_out.scores.scores, held_out.labels, right, wrong, weight, held_out.fold)


def judge(target: OutOfFold, tuned_on: Sequence[OutOfFold], bench: Bench, draws: int) -> Judged:
    """Fit the dials of each fold of `target` on the other photographs of `tuned_on`.

    Row i is the same photograph in each, so those judged are left out of all.
    """
    cases = [tuning_cases(one, bench) for one in tuned_on]
    dials = tuple(
        fit_dials([c.rows(target.fold != number) for c in cases])
        for number in range(len(target.folds))
    )
    drawn = tuple(
        Corruption.drawn(bench.judge, target.labels, JUDGING_SEED + number)
        for number in range(draws)
    )
    return Judged(target, bench, dials, drawn)
