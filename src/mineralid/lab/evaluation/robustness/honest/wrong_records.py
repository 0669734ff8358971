"""Is a record that belongs to another stone found out? Per kind of error."""

from __future__ import annotations

from typing import Any

import numpy as np

from mineralid.lab.evaluation.robustness.honest.curves import (
    at_threshold,
    auroc,
    average_precision,
    recall_at,
)
from mineralid.lab.evaluation.robustness.honest.field import Field
from mineralid.lab.evaluation.robustness.honest.judged import NUMBERS, Judged
from mineralid.lab.evaluation.robustness.readings import ERROR_KINDS

# Shares of the records that are wrong: precision depends on it, the area under the curve does not.
SHARES = (0.1, 0.3)
SUSPECTED = 0.5
BOOTSTRAP_DRAWS = 200


def wrong_records(judged: Judged, field: Field) -> dict[str, Any]:
    """Return how well P(the record belongs to another stone) finds the wrong ones.

    kind of error -> number of readings -> area under the curve with its interval over specimens,
    the share that is found where 5 % of the right records are suspected too, and per share of wrong
    records precision and recall from SUSPECTED on and average precision.
    """
    held = judged.held_out
    ratio = field.log_photo_ratio(held.scores, held.fold)
    found: dict[str, Any] = {}
    for kind in ERROR_KINDS:
        found[kind] = {}
        for tests in NUMBERS[1:]:
            scores = {}
            for rate in (0.0, 1.0):
                scores[rate] = np.array(
                    [
                        field.weigh(held.scores, held.fold, ratio, readings, tests).wrong
                        for readings in judged.cells(tests, kind, rate)
                    ]
                )
            right, wrong = scores[0.0], scores[1.0]
            pairs = list(zip(right, wrong, strict=True))
            entry: dict[str, Any] = {
                "auroc": float(np.mean([auroc(a, b) for a, b in pairs])),
                "auroc_interval": _interval(right, wrong, judged.specimens),
                "recall_at_5_percent_false": float(np.mean([recall_at(a, b) for a, b in pairs])),
            }
            for share in SHARES:
                entry[f"{share:g}"] = _at_share(right, wrong, share)
            found[kind][str(tests)] = entry
    return found


def _at_share(right: np.ndarray, wrong: np.ndarray, share: float) -> dict[str, float]:
    """Make the same share of every draw wrong, each stone once in turn; mean over the draws."""
    rng = np.random.default_rng(0)
    rows = []
    for a, b in zip(right, wrong, strict=True):
        truth = rng.permutation(len(a)) < round(share * len(a))
        score = np.where(truth, b, a)
        rows.append(
            {**at_threshold(truth, score, SUSPECTED), "ap": average_precision(truth, score)}
        )
    return {
        name: float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
        for name in rows[0]
        for values in [np.array([row[name] for row in rows])]
    }


def _interval(right: np.ndarray, wrong: np.ndarray, specimens: np.ndarray) -> list[float]:
    _, stone = np.unique(specimens, return_inverse=True)
    order = np.argsort(stone, kind="stable")
    starts = np.searchsorted(stone[order], np.arange(stone.max() + 2))
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(BOOTSTRAP_DRAWS):
        picked = rng.integers(0, stone.max() + 1, stone.max() + 1)
        rows = np.concatenate([order[starts[i] : starts[i + 1]] for i in picked])
        drawn.append(np.mean([auroc(a[rows], b[rows]) for a, b in zip(right, wrong, strict=True)]))
    return [float(np.quantile(drawn, q)) for q in (0.025, 0.975)]
