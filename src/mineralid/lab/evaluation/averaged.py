"""Figures that are averaged over draws, such as of which readings are wrong, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.evaluation.metrics import bootstrap_interval, macro

Array = NDArray[np.float64]
BOOTSTRAP_DRAWS = 1000


class Interval(NamedTuple):
    """A share in 0..1 with its 95 % interval over specimens."""

    value: float
    low: float
    high: float


def micro_share(hit: Array, specimens: Sequence[str], seed: int = 0) -> Interval:
    """Return the mean of `hit` [N], each in 0..1: the share of draws in which it was right."""
    low, high = bootstrap_interval(hit, specimens, draws=BOOTSTRAP_DRAWS, seed=seed)
    return Interval(float(hit.mean()), low, high)


def macro_share(
    hit: Array, labels: NDArray[np.int64], specimens: Sequence[str], seed: int = 0
) -> Interval:
    """Return the mean over the classes present of each class's share, as `micro_share`.

    Specimens are drawn with replacement within each class, so that every draw has the classes that
    are there; a class of one specimen adds no width.
    """
    _, stone = np.unique(np.asarray(specimens), return_inverse=True)
    rng = np.random.default_rng(seed)
    means = np.zeros(BOOTSTRAP_DRAWS)
    present = np.unique(labels)
    for name in present:
        chosen = labels == name
        _, place = np.unique(stone[chosen], return_inverse=True)
        right, total = np.bincount(place, weights=hit[chosen]), np.bincount(place)
        count = len(right)
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=BOOTSTRAP_DRAWS)
        means += (drawn @ right) / (drawn @ total) / len(present)
    low, high = (float(np.quantile(means, q)) for q in (0.025, 0.975))
    return Interval(macro(hit, labels), low, high)
