"""Is a stone named with 70 % right seven times in ten? Calibration, specimens weighted alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.evaluation.robustness.honest.judged import NUMBERS, RATES, Judged, Pooled

Array = NDArray[np.float64]

BINS = 10
FLOOR_DRAWS = 200


def equal_mass_bins(confidence: Array, weight: Array, bins: int = BINS) -> NDArray[np.intp]:
    """Return the bin of each row [R]: of rising confidence, each of the same weight."""
    order = np.argsort(confidence, kind="stable")
    middle = np.cumsum(weight[order]) - weight[order] / 2
    result = np.empty(len(order), dtype=np.intp)
    result[order] = np.minimum((middle / weight.sum() * bins).astype(int), bins - 1)
    return result


def calibration_error(confidence: Array, hit: Array, weight: Array, bins: int = BINS) -> float:
    """Return the expected calibration error over bins of equal weight."""
    place = equal_mass_bins(confidence, weight, bins)
    gaps = np.bincount(place, weights=weight * (confidence - hit), minlength=bins)
    return float(np.abs(gaps).sum() / weight.sum())


def noise_floor(
    confidence: Array,
    weight: Array,
    groups: NDArray[np.str_],
    draws: int = FLOOR_DRAWS,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the error that a perfectly calibrated model shows with so few rows: mean and 95 %.

    Its hits are drawn with the same confidences; the rows of one group (specimen) share their luck.
    """
    rng = np.random.default_rng(seed)
    _, stone = np.unique(groups, return_inverse=True)
    found = [
        calibration_error(
            confidence, (rng.random(stone.max() + 1)[stone] < confidence).astype(float), weight
        )
        for _ in range(draws)
    ]
    return float(np.mean(found)), float(np.quantile(found, 0.95))


def figures(pooled: Pooled) -> dict[str, Any]:
    """Return every figure of calibration of some rows, as plain values.

    bins: mean confidence, share right and number of rows in each of ten bins of equal weight.
    """
    p, weight = pooled.p, pooled.weight
    rows = np.arange(len(pooled.labels))
    confidence, hit = pooled.confidence, pooled.hit

    def mean(x: Array) -> float:
        return float((weight * x).sum() / weight.sum())

    brier = (p**2).sum(1) - 2 * p[rows, pooled.labels] + 1
    place = equal_mass_bins(confidence, weight)
    bins = []
    for number in range(BINS):
        own = place == number
        if own.any():
            share = weight[own] / weight[own].sum()
            bins.append(
                {
                    "confidence": float(share @ confidence[own]),
                    "right": float(share @ hit[own]),
                    "rows": int(own.sum()),
                }
            )
    floor, floor_high = noise_floor(confidence, weight, pooled.specimens)
    return {
        "ece": calibration_error(confidence, hit, weight),
        "noise_floor": floor,
        "noise_floor_95": floor_high,
        "nll": mean(-np.log(np.maximum(p[rows, pooled.labels], 1e-12))),
        "brier": mean(brier),
        "mean_confidence": mean(confidence),
        "right": mean(hit),
        "bins": bins,
    }


def calibration(judged: Judged) -> dict[str, Any]:
    """Return the figures per number of readings: right ones, and the assumed share wrong."""
    found: dict[str, Any] = {
        "photographs": len(judged.weight),
        "specimens": round(float(judged.weight.sum())),
        "dials": {
            name: {"temperature": list(d.temperature), "rate": list(d.wrong_record_rate)}
            for name, d in zip(judged.held_out.folds, judged.dials, strict=True)
        },
    }
    for rate, name in RATES.items():
        found[name] = {
            str(tests): figures(judged.pooled(tests, rate))
            for tests in NUMBERS
            if tests or not rate
        }
    found["by_fold"] = {
        fold: {
            str(tests): _of_fold(judged.pooled(tests), number)
            for tests in (NUMBERS[0], NUMBERS[-1])
        }
        for number, fold in enumerate(judged.held_out.folds)
    }
    return found


def _of_fold(pooled: Pooled, number: int) -> dict[str, float]:
    own = pooled.fold == number
    share = pooled.weight[own] / pooled.weight[own].sum()
    return {
        "mean_confidence": float(share @ pooled.confidence[own]),
        "right": float(share @ pooled.hit[own]),
    }
