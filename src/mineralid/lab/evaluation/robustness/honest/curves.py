"""How well a score tells one kind from another: area under the curve, false alarms, precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def auroc(negative: Array, positive: Array) -> float:
    """Return P(a positive scores above a negative), ties counted half; NaN where one is empty."""
    if not len(negative) or not len(positive):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    not_above = np.searchsorted(ordered, positive, side="right")
    return float((below + not_above).mean() / 2 / len(negative))


def false_alarms(negative: Array, positive: Array, found: float = 0.95) -> float:
    """Return the share of negatives at or above the score that `found` of the positives reach."""
    if not len(negative) or not len(positive):
        return float("nan")
    rank = int(np.floor((1 - found) * len(positive) + 1e-9))
    return float((negative >= np.sort(positive)[rank]).mean())


def recall_at(negative: Array, positive: Array, alarms: float = 0.05) -> float:
    """Return the share of positives above the score that `alarms` of the negatives exceed."""
    if not len(negative) or not len(positive):
        return float("nan")
    allowed = int(np.floor(alarms * len(negative) + 1e-9))
    return float((positive > np.sort(negative)[len(negative) - 1 - allowed]).mean())


def average_precision(truth: NDArray[np.bool_], score: Array) -> float:
    """Return the mean precision over the positives, each at its own score; NaN without any."""
    if not truth.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    ranked, value = truth[order].astype(float), score[order]
    last = np.searchsorted(-value, -value, side="right") - 1  # ties are found together
    precision = np.cumsum(ranked)[last] / (last + 1)
    return float((precision * ranked).sum() / ranked.sum())


def at_threshold(truth: NDArray[np.bool_], score: Array, threshold: float) -> dict[str, float]:
    """Return precision, recall and the share of negatives at or above a threshold."""
    said = score >= threshold
    return {
        "precision": float(truth[said].mean()) if said.any() else float("nan"),
        "recall": float(said[truth].mean()) if truth.any() else float("nan"),
        "false_alarms": float(said[~truth].mean()) if (~truth).any() else float("nan"),
    }
