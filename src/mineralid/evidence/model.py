"""The evidence of all tests over one list of minerals: p(reading | mineral), by one formula."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence.likelihood import likelihoods
from mineralid.evidence.observer import Observer, load_observers
from mineralid.evidence.outcomes import (
    coarse_outcomes,
    comparison_weights,
    entropy_bits,
    reading_weights,
)
from mineralid.evidence.prior import prior_weights
from mineralid.minerals.mineral import Mineral
from mineralid.observation.readings import Reading

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TestEvidence:
    """One test over M minerals.

    outcome: p(outcome | mineral) [M, K]. marginal: p(outcome) over the population [K]. coarse:
    p(what a person would tell apart | mineral) [M, outcomes]; coarse_entropy_bits: of each row
    [M]. known: which cells are not blank [M]. truth: p(true value | mineral) [M, K], which
    comparisons with tools ask of; None where the test has none.
    """

    __test__ = False  # the name starts with Test, yet it is none of pytest's

    observer: Observer
    outcome: Matrix
    marginal: Vector
    coarse: Matrix
    coarse_entropy_bits: Vector
    coarse_names: tuple[str, ...]
    known: NDArray[np.bool_]
    truth: Matrix | None = None


class EvidenceModel:
    """p(reading | mineral) for a list of M minerals and every test of the table.

    `population`: weights [M] over which a blank cell's marginal is taken (default: commonness).
    """

    def __init__(
        self,
        minerals: tuple[Mineral, ...],
        population: Vector | None = None,
        observers: Mapping[str, Observer] | None = None,
    ) -> None:
        if not minerals:
            raise ValueError("no minerals: the evidence needs one or more")
        self.minerals = minerals
        self.names = tuple(m.name for m in minerals)
        self.population = prior_weights(minerals) if population is None else population
        self.tests: dict[str, TestEvidence] = {
            name: self._build(observer)
            for name, observer in (load_observers() if observers is None else observers).items()
        }

    def _build(self, observer: Observer) -> TestEvidence:
        rows, marginal, known = self._rows(observer)
        truth = None
        if observer.comparison is not None:  # as sharp as the grid is
            truth, _, _ = self._rows(observer, observer.step)
        names, coarse = coarse_outcomes(observer)
        told_apart = (rows if truth is None else truth) @ coarse.T
        return TestEvidence(
            observer, rows, marginal, told_apart, entropy_bits(told_apart), names, known, truth
        )

    def _rows(
        self, observer: Observer, tolerance: float | None = None
    ) -> tuple[Matrix, Vector, NDArray[np.bool_]]:
        rows, known = likelihoods(observer, self.minerals, tolerance)
        weight = np.where(known, self.population, 0.0)
        if weight.sum() > 0:
            marginal = weight @ rows / weight.sum()
        else:
            marginal = np.full(rows.shape[1], 1 / rows.shape[1])
        rows = np.where(known[:, None], rows, marginal)
        # A stray reading follows the population, half of it evenly: nothing is impossible.
        even = np.full(rows.shape[1], 1 / rows.shape[1])
        rows = (1 - observer.stray) * rows + observer.stray * (marginal + even) / 2
        marginal = (1 - observer.stray) * marginal + observer.stray * (marginal + even) / 2
        return rows, marginal, known

    def subset(self, rows: NDArray[np.intp]) -> EvidenceModel:
        """Return the same evidence over some of the minerals; blanks keep their marginal."""
        part = object.__new__(EvidenceModel)
        part.minerals = tuple(self.minerals[i] for i in rows)
        part.names = tuple(m.name for m in part.minerals)
        part.population = self.population[rows] / self.population[rows].sum()
        part.tests = {
            name: replace(
                test,
                outcome=test.outcome[rows],
                coarse=test.coarse[rows],
                coarse_entropy_bits=test.coarse_entropy_bits[rows],
                known=test.known[rows],
                truth=None if test.truth is None else test.truth[rows],
            )
            for name, test in self.tests.items()
        }
        return part

    def merged(self, weights: Vector) -> EvidenceModel:
        """Return the evidence of a stone that is one of the minerals with these weights [M]: M = 1.

        It has no name, and no cell of it is known.
        """
        part = object.__new__(EvidenceModel)
        part.minerals, part.names, part.population = (), ("",), np.ones(1)
        part.tests = {
            name: replace(
                test,
                outcome=(weights @ test.outcome)[None],
                coarse=(weights @ test.coarse)[None],
                # The mean of the entropies: what is uncertain within each mineral.
                coarse_entropy_bits=np.array([weights @ test.coarse_entropy_bits]),
                known=np.zeros(1, dtype=bool),
                truth=None if test.truth is None else (weights @ test.truth)[None],
            )
            for name, test in self.tests.items()
        }
        return part

    def log_likelihood(self, reading: Reading, name: str | None = None) -> Vector:
        """Return log p(reading | mineral) in nats, float64 [M]; name: the test, if not its own."""
        test = self.tests[name or reading.name]
        total: Vector = np.zeros(len(self.names))
        for rows, weights in (
            (test.outcome, reading_weights(test.observer, reading)),
            (test.truth, comparison_weights(test.observer, reading)),
        ):
            if rows is not None and weights is not None:
                total = total + np.log(np.maximum(rows @ weights, 1e-300))
        return total

    def log_even(self, readings: Mapping[str, Reading]) -> Vector:
        """Return log p(reading) if each outcome were equally likely, in the table's order: [F]."""
        shares = []
        for name, test in self.tests.items():
            if name in readings:
                stated = reading_weights(test.observer, readings[name])
                compared = comparison_weights(test.observer, readings[name])
                parts = [weights.mean() for weights in (stated, compared) if weights is not None]
                shares.append(np.prod(parts))
        return np.log(np.maximum(np.array(shares, dtype=np.float64), 1e-300))

    def log_likelihoods(self, readings: Mapping[str, Reading]) -> Matrix:
        """Return log p(reading | mineral) of F readings in the table's order: float64 [F, M]."""
        done = [
            self.log_likelihood(readings[name], name) for name in self.tests if name in readings
        ]
        return np.stack(done) if done else np.zeros((0, len(self.names)))
