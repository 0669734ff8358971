"""Prediction sets that hold the truth as often as they say (RAPS, arXiv 2009.14193).

The conformity score of a class is the probability of all that rank above it, plus a penalty for
every rank beyond the first few; a set holds the classes whose score stays below a threshold, which
was fitted on collections held out of training. A class's own probability is not part of its score:
else sure and right answers would lift the threshold, and every other set would grow with it.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def rank_scores(
    probabilities: Array, penalty: float, free_rank: int
) -> tuple[NDArray[np.intp], Array]:
    """Return the order of the classes, best first [..., C], and their scores in that order."""
    order = np.argsort(-probabilities, axis=-1, kind="stable")
    ranked = np.take_along_axis(probabilities, order, -1)
    above = np.cumsum(ranked, axis=-1) - ranked
    ranks = np.arange(1, probabilities.shape[-1] + 1)
    return order, above + penalty * np.maximum(0, ranks - free_rank)


def true_class_scores(
    probabilities: Array, truth: NDArray[np.int_], penalty: float, free_rank: int
) -> Array:
    """Return the score of the true class of each of N rows of probabilities [N, C]."""
    order, scores = rank_scores(probabilities, penalty, free_rank)
    place = (order == truth[:, None]).argmax(-1)
    result: Array = np.take_along_axis(scores, place[:, None], -1)[:, 0]
    return result


def conformal_threshold(scores: Array, confidence: float, weights: Array | None = None) -> float:
    """Return the ⌈(n + 1)·confidence⌉-th smallest of n true-class scores; inf where n is too small.

    weights: how much each counts, above 0 [n], the new one as much as their mean (arXiv 1904.06019);
    None: all alike.
    """
    if not len(scores):
        return float("inf")
    order = np.argsort(scores, kind="stable")
    counted = np.ones(len(scores)) if weights is None else weights[order] / np.mean(weights)
    reached = np.cumsum(counted) >= (len(scores) + 1) * confidence - 1e-9
    return float(scores[order][reached.argmax()]) if reached[-1] else float("inf")


def prediction_set(
    probabilities: Array, threshold: float, penalty: float, free_rank: int
) -> list[int]:
    """Return the indices of the set of one row [C], best first; never empty."""
    order, scores = rank_scores(probabilities, penalty, free_rank)
    size = max(1, int((scores <= threshold + 1e-12).sum()))
    return [int(i) for i in order[:size]]


def threshold_at(confidence: float, grid: Sequence[float], thresholds: Sequence[float]) -> float:
    """Return the threshold of the first grid point not below `confidence`; inf beyond the grid."""
    place = bisect.bisect_left(grid, confidence - 1e-9)
    return thresholds[place] if place < len(grid) else float("inf")


def mass_set(
    probabilities: Array, confidence: float, order: NDArray[np.intp] | None = None
) -> list[int]:
    """Return the first indices of `order` (default: best first) that hold `confidence` of it all."""
    if order is None:
        order = np.argsort(-probabilities, kind="stable")
    size = int(np.searchsorted(np.cumsum(probabilities[order]), confidence - 1e-12)) + 1
    return [int(i) for i in order[:size]]
