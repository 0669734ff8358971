"""The figures of a model card: accuracy per split, with and without readings, calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mineralid.identify import conformal, unknown
from mineralid.lab.evaluation.calibrate import (
    CONFIDENCES,
    SET_FREE_RANK,
    SET_PENALTY,
    Cases,
    Dials,
    class_posterior,
    collection_weights,
    detector_table,
    fit_dials,
    fit_unknown,
    pooled_posteriors,
    set_thresholds,
)
from mineralid.lab.evaluation.metrics import (
    Accuracy,
    accuracy,
    bootstrap_interval,
    expected_calibration_error,
    hits,
    mean_of_folds,
    mean_of_folds_interval,
)
from mineralid.lab.evaluation.out_of_fold import OutOfFold
from mineralid.lab.evaluation.simulated import TESTS

Array = NDArray[np.float64]

METHODS = ("photograph alone", "three readings alone", "photograph and three readings")


@dataclass(frozen=True)
class Measured:
    """Scores held out of training with the simulated cases on them."""

    held_out: OutOfFold
    cases: Cases

    def in_fold(self, number: int) -> NDArray[np.bool_]:
        """Return which photographs are the test side of a fold."""
        return self.held_out.fold == number


def dials_by_fold(measured: Sequence[Measured], target: Measured) -> list[Dials]:
    """Fit temperature and ε for each fold of `target` without the photographs judged there.

    Row i is the same photograph in each of `measured`, so those judged are left out of all.
    """
    return [
        fit_dials([m.cases.rows(~target.in_fold(number)) for m in measured])
        for number in range(len(target.held_out.folds))
    ]


def posteriors(target: Measured, dials_of: Sequence[Dials], *, wrong: bool) -> dict[str, Array]:
    """Return the posteriors [N, C] of every method, each fold under its own dials."""
    count = len(target.held_out.labels)
    width = len(target.held_out.manifest.classes)
    result = {name: np.empty((count, width)) for name in METHODS}
    for number in range(len(target.held_out.folds)):
        chosen = target.in_fold(number)
        dials = dials_of[number]
        cases = target.cases.rows(chosen)
        readings = [(cases.wrong if wrong else cases.right)[t] for t in TESTS]
        t, e = dials.temperature, dials.wrong_record_rate
        result[METHODS[0]][chosen] = class_posterior(cases.scores, [], t[0], e[0])
        result[METHODS[1]][chosen] = class_posterior(None, readings, 1.0, e[-1])
        result[METHODS[2]][chosen] = class_posterior(cases.scores, readings, t[-1], e[-1])
    return result


def accuracies(target: Measured, found: Mapping[str, Array]) -> dict[str, Any]:
    """Return per method the accuracy of each fold and their mean, with intervals over specimens."""
    labels = target.held_out.labels
    specimens = np.array([p.specimen for p in target.held_out.manifest.photographs])
    table: dict[str, Any] = {}
    for method, p in found.items():
        folds: dict[str, Accuracy] = {}
        entry: dict[str, Any] = {}
        for number, name in enumerate(target.held_out.folds):
            chosen = target.in_fold(number)
            folds[name] = accuracy(p[chosen], labels[chosen])
            entry[name] = folds[name].to_json()
            entry[name]["top1_interval"] = bootstrap_interval(
                hits(p[chosen], labels[chosen], 1), list(specimens[chosen])
            )
        mean = mean_of_folds(list(folds.values()))
        entry["mean of folds"] = mean.to_json()
        entry["mean of folds"]["top1_interval"] = mean_of_folds_interval(
            hits(p, labels, 1), list(specimens), target.held_out.fold
        )
        table[method] = entry
    return table


def paired_gains(target: Measured, found: Mapping[str, Array]) -> dict[str, Any]:
    """Return what photograph and readings together gain over either alone, paired, per fold."""
    labels = target.held_out.labels
    specimens = np.array([p.specimen for p in target.held_out.manifest.photographs])
    both = hits(found[METHODS[2]], labels, 1)
    gains: dict[str, Any] = {}
    for method in METHODS[:2]:
        difference = both - hits(found[method], labels, 1)
        for number, name in enumerate(target.held_out.folds):
            chosen = target.in_fold(number)
            gains.setdefault(name, {})[f"over {method}"] = {
                "top1": float(difference[chosen].mean()),
                "interval": bootstrap_interval(difference[chosen], list(specimens[chosen])),
            }
    return gains


def set_figures(target: Measured, dials_of: Sequence[Dials], confidence: float) -> dict[str, Any]:
    """Return coverage and size of prediction sets per number of tests, thresholds from other folds."""
    place = CONFIDENCES.index(confidence)
    coverage: dict[int, list[Array]] = {}
    sizes: dict[int, list[Array]] = {}
    for number in range(len(target.held_out.folds)):
        chosen = target.in_fold(number)
        dials = dials_of[number]
        for tests in range(len(TESTS) + 1):
            others = target.cases.rows(~chosen)
            (threshold,) = set_thresholds(others, dials, tests, [CONFIDENCES[place]])
            p, labels = pooled_posteriors(target.cases.rows(chosen), dials, tests, wrong=True)
            own = conformal.true_class_scores(p, labels, SET_PENALTY, SET_FREE_RANK)
            _, ranked = conformal.rank_scores(p, SET_PENALTY, SET_FREE_RANK)
            coverage.setdefault(tests, []).append((own <= threshold).astype(float))
            sizes.setdefault(tests, []).append(
                np.maximum(1, (ranked <= threshold).sum(1)).astype(float)
            )
    return {
        str(tests): {
            "coverage": float(np.concatenate(coverage[tests]).mean()),
            "mean_size": float(np.concatenate(sizes[tests]).mean()),
            "median_size": float(np.median(np.concatenate(sizes[tests]))),
        }
        for tests in coverage
    }


def calibration_figures(target: Measured, found: Mapping[str, Array]) -> dict[str, Any]:
    """Return the expected calibration error (ten equal-mass bins) of the leading probability."""
    labels = target.held_out.labels
    return {
        method: {
            "ece": expected_calibration_error(p.max(1), hits(p, labels, 1)),
            "mean_confidence": float(p.max(1).mean()),
        }
        for method, p in found.items()
    }


def unknown_figures(target: Measured) -> dict[str, Any]:
    """Return how well other species are told from core ones, within collections that have both.

    The detector is fitted without the fold that it judges.
    """
    from sklearn.metrics import roc_auc_score

    held = target.held_out
    x, truth, collections = detector_table(held)
    order_fold = np.concatenate(
        [
            np.full(int((held.fold == n).sum() + (held.beyond_fold == n).sum()), n)
            for n in range(len(held.folds))
        ]
    )
    odds = np.empty(len(truth))
    for number in range(len(held.folds)):
        spec = fit_unknown([held], "", keep=(held.fold != number, held.beyond_fold != number))
        chosen = order_fold == number
        odds[chosen] = unknown.unknown_log_odds(
            {name: x[chosen, i] for i, name in enumerate(unknown.STATISTICS)},
            spec.weights,
            spec.bias,
        )
    weights = collection_weights(truth, collections)
    where = np.array(collections)
    areas = {
        str(name): float(roc_auc_score(truth[where == name], odds[where == name]))
        for name in np.unique(where)
        if weights[where == name].sum() > 0
    }
    return {"auroc_mean": float(np.mean(list(areas.values()))), "auroc_by_collection": areas}


def wrong_record_curve(
    target: Measured,
    dials_of: Sequence[Dials],
    simulate: Callable[[float], Cases],
    rates: Sequence[float] = (0.0, 0.1, 0.3, 0.6, 1.0),
) -> dict[str, Any]:
    """Return accuracy with three readings as the share of wrong records grows, default trust.

    The mean of the folds, as in the table that the card puts it beside.
    """
    curve: dict[str, Any] = {}
    for rate in rates:
        cases = simulate(rate)
        folds = []
        for number, dials in enumerate(dials_of):
            part = cases.rows(target.in_fold(number))
            p = class_posterior(
                part.scores,
                [part.wrong[t] for t in TESTS],
                dials.temperature[-1],
                dials.wrong_record_rate[-1],
            )
            folds.append(accuracy(p, part.labels))
        curve[f"{rate:g}"] = mean_of_folds(folds).to_json()
    return curve
