"""Readings of N stones from the judge's table: drawn, left out, and wrong in four ways.

Every random number of a stone is drawn once, so that all methods, subsets of tests and rates meet
the same readings: a stone that is wrong at rate 0.3 is wrong in the same way at 0.6.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence import EvidenceModel
from mineralid.evidence.outcomes import grid
from mineralid.lab.evaluation.simulated import (
    HARDNESS_NOISE,
    NEIGHBOUR_RATE,
    TESTS,
    ReadingSource,
)

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

# record: all readings of the stone are those of another species, uniform over the others. one: one
# tested reading is. similar: as record, of one of the species whose readings are most alike.
# unskilled: hardness one Mohs off, luster a neighbouring word, streak as it was.
ERROR_KINDS = ("record", "one", "similar", "unskilled")
VOCABULARIES = ("full", "coarse")
SIMILAR_SPECIES = 5
# A record that reads the same is no wrong one: another is drawn, at most this often. The pool of
# similar species doubles every so many draws that came out the same.
REDRAWS, REDRAWS_TO_DOUBLE = 64, 8
SOFT_MOHS, HARD_MOHS = 2.5, 5.5
DARK_LUSTERS = ("metallic", "submetallic")
PALE_STREAKS = ("white", "none")


@dataclass(frozen=True)
class Readings:
    """n stones, F tests in the order of TESTS: index of the outcome, and whether it was tested.

    outcome: index into the outcomes of the evidence model's test [n, F], also where the vocabulary
    is coarse; under an untested one it means nothing. tested: bool [n, F].
    """

    outcome: Indices
    tested: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.outcome)

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Readings:
        """Return some of the stones."""
        return Readings(self.outcome[chosen], self.tested[chosen])

    def only(self, tests: Collection[str]) -> Readings:
        """Return what is left where no other tests were made. ValueError: unknown test."""
        if unknown := sorted(set(tests) - set(TESTS)):
            raise ValueError(f"tests {', '.join(unknown)}; allowed: {', '.join(TESTS)}")
        return replace(self, tested=self.tested & np.array([t in tests for t in TESTS]))


def codes_of(model: EvidenceModel, vocabulary: str) -> tuple[Indices, ...]:
    """Return what is read of each outcome of each test [K]: itself, or its coarse code.

    Coarse: hardness 0 soft (a nail scratches it), 1 medium, 2 hard (a knife does not); luster
    0 metallic, 1 not; streak 0 white or none, 1 coloured. Raises ValueError.
    """
    if vocabulary not in VOCABULARIES:
        raise ValueError(f"vocabulary is {vocabulary!r}; allowed: {', '.join(VOCABULARIES)}")
    codes = []
    for name in TESTS:
        observer = model.tests[name].observer
        count = model.tests[name].outcome.shape[1]
        if vocabulary == "full":
            codes.append(np.arange(count))
        elif name == "hardness":
            mohs = np.round(grid(observer), 6)
            codes.append((mohs > SOFT_MOHS).astype(np.intp) + (mohs >= HARD_MOHS))
        else:
            zero = DARK_LUSTERS if name == "luster" else PALE_STREAKS
            tokens = observer.test.vocabulary.tokens
            codes.append(np.array([int(t not in zero) for t in tokens], dtype=np.intp))
    return tuple(codes)


def chances(
    source: ReadingSource, model: EvidenceModel, classes: Sequence[str]
) -> tuple[Array, ...]:
    """Return p(outcome | species) of each test [C, K] as `simulated.draw_outcomes` draws them."""
    tables = []
    for name in TESTS:
        observer = model.tests[name].observer
        cells = [source.cells[species][name] for species in classes]
        if name == "hardness":
            rows = [_trapezoid(grid(observer), *(float(v) for v in cell)) for cell in cells]
        else:
            vocabulary = observer.test.vocabulary
            confused = np.eye(len(vocabulary.tokens))
            for token in vocabulary.tokens:
                if near := [vocabulary.index(n) for n in vocabulary.neighbours(token)]:
                    row = confused[vocabulary.index(token)]
                    row *= 1 - NEIGHBOUR_RATE
                    row[near] += NEIGHBOUR_RATE / len(near)
            rows = [confused[[vocabulary.index(str(t)) for t in cell]].mean(0) for cell in cells]
        tables.append(np.array(rows))
    return tuple(tables)


def _trapezoid(centers: Array, low: float, high: float) -> Array:
    """Chance of each bin [K] for a value uniform in low..high, read ± HARDNESS_NOISE evenly."""

    def area(x: Array) -> Array:  # of clip(x, 0, 1) up to x
        return np.where(x > 1, x - 0.5, np.maximum(x, 0) ** 2 / 2)

    edges, width = (centers[1:] + centers[:-1]) / 2, 2 * HARDNESS_NOISE
    above, below = (edges - low) / width + 0.5, (edges - high) / width + 0.5
    if high > low:
        below_edge = (area(above) - area(below)) * width / (high - low)
    else:
        below_edge = np.clip(above, 0, 1)
    return np.diff(np.concatenate([[0.0], below_edge, [1.0]])).clip(min=0)


@dataclass(frozen=True, eq=False)
class Judge:
    """What readings are drawn from, for C species.

    chance: p(outcome | species) of each test [C, K]. codes: what is read of each outcome [K].
    near: neighbouring outcomes of each outcome, words only. bins_per_mohs: of hardness.
    """

    chance: tuple[Array, ...]
    codes: tuple[Indices, ...]
    near: Mapping[str, tuple[tuple[int, ...], ...]]
    bins_per_mohs: int

    @staticmethod
    def of(
        source: ReadingSource, model: EvidenceModel, classes: Sequence[str], vocabulary: str
    ) -> Judge:
        """Build it from the judge's cells; the model gives the outcomes of each test."""
        near = {}
        for name in TESTS[1:]:
            words = model.tests[name].observer.test.vocabulary
            near[name] = tuple(
                tuple(words.index(n) for n in words.neighbours(token)) for token in words.tokens
            )
        step = model.tests["hardness"].observer.step
        return Judge(
            chances(source, model, classes), codes_of(model, vocabulary), near, round(1 / step)
        )

    @cached_property
    def _cumulated(self) -> tuple[Array, ...]:
        sums = [np.cumsum(table, axis=1) for table in self.chance]
        return tuple(total / total[:, -1:] for total in sums)

    def draw(self, labels: NDArray[np.int_], rng: np.random.Generator) -> Readings:
        """Draw every reading of stones of classes `labels` [n]."""
        uniform = rng.random((len(labels), len(TESTS)))
        outcome = [
            (total[labels] <= uniform[:, j, None]).sum(1) for j, total in enumerate(self._cumulated)
        ]
        return Readings(np.stack(outcome, axis=1), np.ones((len(labels), len(TESTS)), dtype=bool))

    def read(self, outcome: Indices) -> Indices:
        """Return what is read of outcomes [n, F]."""
        return np.stack([code[outcome[:, j]] for j, code in enumerate(self.codes)], axis=1)

    @cached_property
    def alike(self) -> Indices:
        """The other species of each, those with the most alike readings first [C, C - 1].

        Likeness is the product over tests of the overlap Σ_o sqrt(p(o | s) p(o | s')).
        """
        total = np.sum(
            [np.log(np.sqrt(p) @ np.sqrt(p).T + 1e-6) for p in self.chance], axis=0
        ).round(9)
        np.fill_diagonal(total, np.inf)
        return np.argsort(-total, axis=1, kind="stable")[:, 1:]


class Corruption:
    """All that can go wrong with the readings of n stones, drawn from one seed.

    labels: class of each stone [n]. right: their readings. What was drawn does not depend on which
    tests are made, nor on the rate.
    """

    def __init__(self, judge: Judge, labels: NDArray[np.int_], right: Readings, seed: int) -> None:
        self._judge, self._labels, self.right, self._seed = judge, labels, right, seed
        rng = np.random.default_rng([seed, 0])
        shape = right.outcome.shape
        self._rank = rng.permutation(len(labels))
        self._lost = rng.random(shape)
        self._order = rng.random(shape)
        self._choice = rng.random(shape)
        self._drawn: dict[tuple[str, int], Indices] = {}

    @staticmethod
    def drawn(judge: Judge, labels: NDArray[np.int_], seed: int) -> Corruption:
        """Draw the right readings as well."""
        right = judge.draw(labels, np.random.default_rng([seed, 1]))
        return Corruption(judge, labels, right, seed)

    def wrong(self, rate: float) -> NDArray[np.bool_]:
        """Return which stones are wrong at a rate [n]: as many as it says, rounded down."""
        if not 0 <= rate <= 1:
            raise ValueError(f"error rate is {rate}; allowed: 0 to 1")
        return self._rank < np.floor(rate * len(self._rank) + 1e-9)

    def readings(
        self,
        tests: Collection[str] = TESTS,
        *,
        missing_rate: float = 0.0,
        kind: str = "record",
        rate: float = 0.0,
    ) -> Readings:
        """Return the readings where those tests are made, some are lost and some stones wrong.

        Each tested reading is lost with probability missing_rate; then the share `rate` of the
        stones is made wrong in what they have left. ValueError: unknown kind, rates outside 0..1.
        """
        if kind not in ERROR_KINDS:
            raise ValueError(f"error kind is {kind!r}; allowed: {', '.join(ERROR_KINDS)}")
        if not 0 <= missing_rate <= 1:
            raise ValueError(f"missing rate is {missing_rate}; allowed: 0 to 1")
        made = self.right.only(tests).tested & (self._lost >= missing_rate)
        outcome = self.right.outcome.copy()
        rows = np.flatnonzero(self.wrong(rate) & made.any(1))
        if kind == "unskilled":
            self._misread(outcome, rows)
        elif len(rows):
            target = self._first(made) if kind == "one" else made
            self._replace(outcome, rows, target, kind)
        return Readings(outcome, made)

    def _first(self, made: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the one test of each stone that goes wrong, among those made [n, F]."""
        place = np.where(made, self._order, np.inf)
        return made & (place == place.min(1, keepdims=True))

    def _replace(
        self, outcome: Indices, rows: Indices, target: NDArray[np.bool_], kind: str
    ) -> None:
        """Put readings of another species under `target`, at least one of them read differently."""
        judge, right = self._judge, self.right.outcome
        now = judge.read(right)
        for number in range(REDRAWS):
            if not len(rows):
                return
            other = self._other("similar" if kind == "similar" else "any", number)[rows]
            differs = ((judge.read(other) != now[rows]) & target[rows]).any(1)
            done = rows[differs]
            outcome[done] = np.where(target[done], other[differs], right[done])
            rows = rows[~differs]
        for row in rows:  # no other species reads differently: any other value
            test = int(np.where(target[row], self._order[row], np.inf).argmin())
            values = np.flatnonzero(judge.codes[test] != now[row, test])
            outcome[row, test] = values[int(self._choice[row, test] * len(values))]

    def _other(self, pool: str, number: int) -> Indices:
        """Return the readings of the number-th other species drawn for each stone [n, F]."""
        if (pool, number) not in self._drawn:
            alike = self._judge.alike
            rng = np.random.default_rng([self._seed, 2 + (pool == "similar"), number])
            size = alike.shape[1]
            if pool == "similar":
                size = min(size, SIMILAR_SPECIES << number // REDRAWS_TO_DOUBLE)
            species = alike[self._labels, rng.integers(0, size, len(self._labels))]
            self._drawn[pool, number] = self._judge.draw(species, rng).outcome
        return self._drawn[pool, number]

    def _misread(self, outcome: Indices, rows: Indices) -> None:
        hardness, luster = TESTS.index("hardness"), TESTS.index("luster")
        bins, last = self._judge.bins_per_mohs, len(self._judge.codes[hardness]) - 1
        value = outcome[rows, hardness]
        step = np.where(self._choice[rows, hardness] < 0.5, -bins, bins)
        inside = (value + step >= 0) & (value + step <= last)
        outcome[rows, hardness] = np.where(inside, value + step, value - step)
        near = self._judge.near["luster"]
        for row in rows:
            if words := near[outcome[row, luster]]:
                outcome[row, luster] = words[int(self._choice[row, luster] * len(words))]
