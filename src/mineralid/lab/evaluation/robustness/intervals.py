"""Intervals of figures from stored answers: specimens drawn with replacement within each fold."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DRAWS, SEED, LEVEL = 1000, 0, 0.95


class Interval(NamedTuple):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Fold:
    """The n photographs that one split judges, and the draws of their specimens."""

    def __init__(
        self,
        labels: NDArray[np.int_],
        specimens: NDArray[np.str_],
        draws: int = DRAWS,
        seed: int = SEED,
    ) -> None:
        names, self._stone = np.unique(specimens, return_inverse=True)
        self.labels, self._count = labels, len(names)
        rng = np.random.default_rng(seed)
        # How often each specimen is in each draw: [draws, specimens].
        self._drawn = rng.multinomial(
            self._count, np.full(self._count, 1 / self._count), size=draws
        ).astype(np.float64)

    def micro(self, values: Array) -> tuple[float, Array]:
        """Return the mean of values [n] and that of each draw [draws]."""
        totals = np.bincount(self._stone, weights=values, minlength=self._count)
        means: Array = self._drawn @ totals / self._photographs
        return float(values.mean()), means

    def macro(self, values: Array) -> tuple[float, Array]:
        """Return the mean over the classes present of each class's mean, and that of each draw."""
        by_class = np.zeros((self._count, self.labels.max() + 1))
        np.add.at(by_class, (self._stone, self.labels), values)
        here = self._photographs_by_class.sum(0) > 0
        found = by_class.sum(0)[here] / self._photographs_by_class.sum(0)[here]
        totals, counts = self._drawn @ by_class[:, here], self._drawn_by_class[:, here]
        shares = np.divide(totals, counts, out=np.zeros_like(totals), where=counts > 0)
        return float(found.mean()), shares.sum(1) / (counts > 0).sum(1)

    @cached_property
    def _photographs(self) -> Array:
        sizes: Array = self._drawn @ np.bincount(self._stone, minlength=self._count)
        return sizes

    @cached_property
    def _photographs_by_class(self) -> Array:
        counts = np.zeros((self._count, self.labels.max() + 1))
        np.add.at(counts, (self._stone, self.labels), 1)
        return counts

    @cached_property
    def _drawn_by_class(self) -> Array:
        counts: Array = self._drawn @ self._photographs_by_class
        return counts


def mean_of_folds(
    folds: Sequence[Fold], values: Sequence[Array], *, macro: bool = False
) -> Interval:
    """Return the mean over folds of each fold's mean of values [n], or of a paired difference.

    macro: each fold's mean over the classes present in it, in each draw those that were drawn.
    """
    if not folds or len(folds) != len(values):
        raise ValueError(f"{len(values)} folds' values for {len(folds)} folds; needed: one each")
    pairs = [
        fold.macro(v) if macro else fold.micro(v) for fold, v in zip(folds, values, strict=True)
    ]
    drawn = np.mean([means for _, means in pairs], axis=0)
    low, high = (float(np.quantile(drawn, q)) for q in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(float(np.mean([value for value, _ in pairs])), low, high)
