"""Accuracy, micro and macro, with intervals over specimens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Accuracy:
    """Shares in 0..1 of n photographs; macro runs over the classes present (`classes`)."""

    n: int
    classes: int
    top1: float
    top5: float
    macro_top1: float
    macro_top5: float

    def to_json(self) -> dict[str, float]:
        """Return plain values."""
        return asdict(self)


def hits(
    probabilities: NDArray[np.floating], labels: NDArray[np.int_], k: int
) -> NDArray[np.float64]:
    """Return for each row [N, C] whether the label is among its k best; ties by class order."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    result: NDArray[np.float64] = (order == labels[:, None]).any(1).astype(float)
    return result


def macro(hit: NDArray[np.float64], labels: NDArray[np.int_]) -> float:
    """Return the mean over the classes present of each class's share."""
    return float(np.mean([hit[labels == c].mean() for c in np.unique(labels)]))


def accuracy(probabilities: NDArray[np.floating], labels: NDArray[np.int_]) -> Accuracy:
    """Return micro and macro top-1 and top-5 of probabilities (or scores) [N, C]."""
    if not len(labels):
        raise ValueError("no photographs: accuracy needs one or more")
    first, five = hits(probabilities, labels, 1), hits(probabilities, labels, 5)
    return Accuracy(
        len(labels),
        len(np.unique(labels)),
        float(first.mean()),
        float(five.mean()),
        macro(first, labels),
        macro(five, labels),
    )


def mean_of_folds(accuracies: Sequence[Accuracy]) -> Accuracy:
    """Return the mean over folds; n is their sum, classes the largest."""
    values = {
        field: float(np.mean([getattr(a, field) for a in accuracies]))
        for field in ("top1", "top5", "macro_top1", "macro_top5")
    }
    return Accuracy(sum(a.n for a in accuracies), max(a.classes for a in accuracies), **values)


def bootstrap_interval(
    hit: NDArray[np.float64], groups: Sequence[str], *, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the mean of `hit` [N] (or of a paired difference).

    Whole groups (specimens) are drawn with replacement: photographs of one stone are not new
    evidence.
    """
    return _interval(_drawn_means(hit, groups, draws, np.random.default_rng(seed)))


def mean_of_folds_interval(
    hit: NDArray[np.float64],
    groups: Sequence[str],
    folds: NDArray[np.int_],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % interval of the mean over `folds` [N] of each fold's mean of `hit` [N].

    Groups are drawn as by `bootstrap_interval` within each fold, and the folds' means averaged.
    """
    rng = np.random.default_rng(seed)
    names = np.asarray(groups)
    means = [
        _drawn_means(hit[folds == fold], names[folds == fold], draws, rng)
        for fold in np.unique(folds)
    ]
    return _interval(np.mean(means, axis=0))


def _drawn_means(
    hit: NDArray[np.float64],
    groups: Sequence[str] | NDArray[np.str_],
    draws: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    _, inverse = np.unique(np.asarray(groups), return_inverse=True)
    totals = np.bincount(inverse, weights=hit)
    sizes = np.bincount(inverse).astype(float)
    chosen = rng.integers(0, len(totals), size=(draws, len(totals)))
    means: NDArray[np.float64] = totals[chosen].sum(1) / sizes[chosen].sum(1)
    return means


def _interval(means: NDArray[np.float64]) -> tuple[float, float]:
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def expected_calibration_error(
    probability: NDArray[np.floating], hit: NDArray[np.float64], bins: int = 10
) -> float:
    """Return the expected calibration error over equal-mass bins of the leading probability [N]."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(probability[p].mean() - hit[p].mean()) * len(p) for p in parts]
    return float(sum(gaps) / len(order))


def groups_alike(groups: NDArray[Any]) -> NDArray[np.float64]:
    """Return one over the number of rows of each row's group [N]: so weighed, groups count alike."""
    _, place, count = np.unique(groups, return_inverse=True, return_counts=True)
    result: NDArray[np.float64] = 1.0 / count[place]
    return result
