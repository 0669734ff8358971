"""Does a set at 90 % hold the truth nine times in ten, and how large is it? Per number of tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from mineralid.identify import conformal
from mineralid.lab.evaluation.calibrate import (
    SET_FREE_RANK,
    SET_PENALTY,
    Cases,
    set_thresholds,
)
from mineralid.lab.evaluation.metrics import bootstrap_interval
from mineralid.lab.evaluation.robustness.honest.judged import (
    NUMBERS,
    RATES,
    Judged,
    of_specimens,
)

CONFIDENCES = (0.8, 0.9, 0.95)


def sets(judged: Judged, fitted_on: Cases) -> dict[str, Any]:
    """Return coverage and size of the sets at each of CONFIDENCES, per number of tests.

    fitted_on: every photograph from the folds that thresholds are fitted on, the assumed share of
    records wrong; the photographs of the fold that is judged are left out.
    """
    found: dict[str, Any] = {}
    for tests in NUMBERS:
        thresholds = [
            set_thresholds(
                fitted_on.rows(judged.held_out.fold != number), dials, tests, CONFIDENCES
            )
            for number, dials in enumerate(judged.dials)
        ]
        for rate, name in RATES.items():
            if rate and not tests:
                continue
            rows = judged.pooled(tests, rate)
            own = conformal.true_class_scores(rows.p, rows.labels, SET_PENALTY, SET_FREE_RANK)
            _, ranked = conformal.rank_scores(rows.p, SET_PENALTY, SET_FREE_RANK)
            for confidence, limits in zip(CONFIDENCES, np.array(thresholds).T, strict=True):
                limit = limits[rows.fold] + 1e-12  # as prediction_set compares
                inside = (own <= limit).astype(float)
                size = np.maximum(1, (ranked <= limit[:, None]).sum(1)).astype(float)
                low, high = bootstrap_interval(
                    of_specimens(inside, rows.specimens, rows.weight),
                    list(np.unique(rows.specimens)),
                )
                entry = found.setdefault(f"{confidence:g}", {}).setdefault(name, {})
                entry[str(tests)] = {
                    "coverage": float(np.average(inside, weights=rows.weight)),
                    "interval": [low, high],
                    "mean_size": float(np.average(size, weights=rows.weight)),
                    "median_size": _weighted_median(size, rows.weight),
                    "by_fold": {
                        fold: float(
                            np.average(
                                inside[rows.fold == number],
                                weights=rows.weight[rows.fold == number],
                            )
                        )
                        for number, fold in enumerate(judged.held_out.folds)
                    },
                }
    return found


def _weighted_median(value: np.ndarray, weight: np.ndarray) -> float:
    order = np.argsort(value, kind="stable")
    cumulated = np.cumsum(weight[order])
    return float(value[order][np.searchsorted(cumulated, cumulated[-1] / 2)])
