"""Fit temperature, ε, set thresholds and the unknown detector on scores held out of training."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence import EvidenceModel
from mineralid.identify import conformal, posterior, unknown
from mineralid.lab.evaluation.metrics import groups_alike
from mineralid.lab.evaluation.out_of_fold import OutOfFold
from mineralid.lab.evaluation.simulated import (
    TESTS,
    ReadingSource,
    draw_outcomes,
    log_likelihoods,
    other_species,
)
from mineralid.vision.bundle_spec import CalibrationSpec, UnknownSpec

Array = NDArray[np.float64]
# Which photographs of core species [N] and of other species [O] are wanted.
Keep = tuple[NDArray[np.bool_], NDArray[np.bool_]]

# A tenth apart: coarser steps above 2 made a difference of 0.02 in the calibration error.
TEMPERATURES = (
    0.6, 0.66, 0.73, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.45, 1.6, 1.75, 1.9, 2.1, 2.3, 2.5, 2.75, 3.0,
    3.3, 3.6, 4.0,
)  # fmt: skip
RATES = (0.01, 0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.18, 0.21, 0.25)
# The share of records that are taken to belong to another stone when ε and T are fitted: people
# mix up stones and slips of paper. A choice, not a measurement: docs/decisions 003 and 014.
ASSUMED_WRONG_RECORDS = 0.15
CONFIDENCES = tuple(round(c / 100, 2) for c in range(50, 100))
SET_PENALTY, SET_FREE_RANK = 0.005, 5
SPECIES_PRECISION, GROUP_THRESHOLD = 0.8, 0.7
UNKNOWN_PRIOR = 0.1
# The kind of folds on which sets, levels and what tells no mineral are fitted: a user's photographs
# are of a collection that the network has not seen.
UNSEEN = "collection"
# Of unknown.STATISTICS those that the detector weighs: all four, which say much the same, got
# weights of either sign and told less on collections left out (docs/log.md).
WEIGHED = ("energy", "similarity")
# How often a user's photograph is of a collection that the network knows: a judgement. Fitted on
# both kinds alike, answers on collections never seen are surer than they should be (docs/log.md).
KNOWN_SHARE = 0.2
KIND_WEIGHTS = {"specimen": KNOWN_SHARE, UNSEEN: 1 - KNOWN_SHARE}


@dataclass(frozen=True)
class Cases:
    """N photographs with simulated readings: log p(reading | class) by test [N, C].

    `wrong` are the same from a record of which a share belongs to other species. weight: of these
    photographs among others that dials are fitted on. fold: whose network scored each [N]; None: one
    for all.
    """

    scores: NDArray[np.float32]
    labels: NDArray[np.int_]
    right: dict[str, Array]
    wrong: dict[str, Array]
    weight: float = 1.0
    fold: NDArray[np.int_] | None = None

    def rows(self, chosen: NDArray[np.bool_]) -> Cases:
        """Return some of the cases."""
        return Cases(
            self.scores[chosen],
            self.labels[chosen],
            {t: v[chosen] for t, v in self.right.items()},
            {t: v[chosen] for t, v in self.wrong.items()},
            self.weight,
            None if self.fold is None else self.fold[chosen],
        )


def simulate_cases(
    held_out: OutOfFold,
    model: EvidenceModel,
    source: ReadingSource,
    *,
    wrong_share: float = ASSUMED_WRONG_RECORDS,
    seed: int = 0,
) -> Cases:
    """Give every photograph one simulated record of three readings."""
    rng = np.random.default_rng(seed)
    names = np.array(held_out.manifest.classes)
    labels = held_out.labels
    right = log_likelihoods(draw_outcomes(source, list(names[labels]), model, rng), model)
    swapped = rng.random(len(labels)) < wrong_share
    recorded = np.where(swapped, other_species(labels, len(names), rng), labels)
    replaced = log_likelihoods(draw_outcomes(source, list(names[recorded]), model, rng), model)
    wrong = {t: np.where(swapped[:, None], replaced[t], right[t]) for t in TESTS}
    weight = KIND_WEIGHTS[held_out.kind]
    return Cases(held_out.scores.scores, labels, right, wrong, weight, held_out.fold)


def class_posterior(
    scores: NDArray[np.float32] | None,
    readings: Sequence[Array],
    temperature: float,
    wrong_record_rate: float,
) -> Array:
    """Return the posterior over the classes [N, C], as the field computes it.

    scores None: the readings alone, under a uniform prior over the classes.
    """
    base: Array = np.zeros((1, 1))
    if scores is not None:
        base = posterior.log_photo_posterior(scores.astype(np.float64), temperature)
    if not readings:
        return np.exp(base)
    log_right = np.sum(readings, axis=0)
    uniform = np.full(log_right.shape[1], -np.log(log_right.shape[1]))
    record = posterior.mix_wrong_record(
        log_right, posterior.log_mean(log_right, uniform), wrong_record_rate
    )
    result: Array = np.exp(posterior.log_softmax(base + record))
    return result


def subsets(tests: int) -> list[tuple[str, ...]]:
    """Return every choice of that many of the three tests."""
    return list(itertools.combinations(TESTS, tests))


def negative_log_likelihood(probabilities: Array, labels: NDArray[np.int_]) -> float:
    """Return the mean of −log p(truth), in nats."""
    picked = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(picked, 1e-12)).mean())


@dataclass(frozen=True)
class Dials:
    """Temperature and ε by number of tests done."""

    temperature: tuple[float, ...]
    wrong_record_rate: tuple[float, ...]


def fit_dials(cases: Sequence[Cases]) -> Dials:
    """Minimise the weighted mean over `cases` of −log p(truth), per number of tests done.

    Temperature and ε are sought in turn on their grids until neither moves.
    """
    temperature, rate = [], []
    for tests in range(len(TESTS) + 1):
        loss = functools.cache(functools.partial(mean_loss, cases, tests))
        t, e = 1.0, (ASSUMED_WRONG_RECORDS if tests else 0.0)
        moved = True
        while moved:
            before = t, e
            t = min(TEMPERATURES, key=lambda x: loss(x, e))
            if tests:
                e = min(RATES, key=lambda x: loss(t, x))
            moved = before != (t, e)
        temperature.append(t)
        rate.append(e)
    return Dials(tuple(temperature), tuple(rate))


def mean_loss(
    cases: Sequence[Cases], tests: int, temperature: float, rate: float, *, wrong: bool = True
) -> float:
    """Return the weighted mean over `cases` of −log p(truth), all choices of that many tests.

    wrong: whether a share of the records is wrong; else all are right.
    """
    losses = [
        negative_log_likelihood(
            class_posterior(c.scores, [record[name] for name in chosen], temperature, rate),
            c.labels,
        )
        for c in cases
        for record in [c.wrong if wrong else c.right]
        for chosen in subsets(tests)
    ]
    weights = [c.weight for c in cases for _ in subsets(tests)]
    return float(np.average(losses, weights=weights))


def pooled_posteriors(
    cases: Cases, dials: Dials, tests: int, *, wrong: bool
) -> tuple[Array, NDArray[np.int_]]:
    """Return the posteriors of every choice of that many tests, stacked, and their labels."""
    readings = cases.wrong if wrong else cases.right
    rows = [
        class_posterior(
            cases.scores,
            [readings[name] for name in chosen],
            dials.temperature[tests],
            dials.wrong_record_rate[tests],
        )
        for chosen in subsets(tests)
    ]
    return np.concatenate(rows), np.tile(cases.labels, len(rows))


def set_thresholds(
    cases: Cases, dials: Dials, tests: int, confidences: Sequence[float]
) -> tuple[float, ...]:
    """Return the thresholds of the sets at `confidences`, all choices of that many tests.

    Every fold counts alike, whatever the number of its photographs: a user's collection is as much
    like the one fold as like the other. inf where there are too few photographs.
    """
    p, labels = pooled_posteriors(cases, dials, tests, wrong=True)
    scores = conformal.true_class_scores(p, labels, SET_PENALTY, SET_FREE_RANK)
    weights = None
    if cases.fold is not None:
        weights = np.tile(groups_alike(cases.fold), len(scores) // len(cases.fold))
    return tuple(conformal.conformal_threshold(scores, c, weights) for c in confidences)


def fit_calibration(fitted_on: Sequence[Cases], unseen: Cases, note: str) -> CalibrationSpec:
    """Fit the whole calibration: dials on `fitted_on`, sets and levels on the unseen collections."""
    dials = fit_dials(fitted_on)
    thresholds, species = [], []
    for tests in range(len(TESTS) + 1):
        p, labels = pooled_posteriors(unseen, dials, tests, wrong=True)
        found = set_thresholds(unseen, dials, tests, CONFIDENCES)
        thresholds.append(tuple(min(threshold, 1e3) for threshold in found))
        species.append(precision_threshold(p.max(1), p.argmax(1) == labels, SPECIES_PRECISION))
    return CalibrationSpec(
        temperature=dials.temperature,
        wrong_record_rate=dials.wrong_record_rate,
        set_confidences=CONFIDENCES,
        set_thresholds=tuple(thresholds),
        set_penalty=SET_PENALTY,
        set_free_rank=SET_FREE_RANK,
        species_thresholds=tuple(species),
        group_threshold=GROUP_THRESHOLD,
        unknown_threshold=0.5,
        note=note,
    )


def precision_threshold(probability: Array, right: NDArray[np.bool_], precision: float) -> float:
    """Return the lowest probability from which on leaders are right at least `precision` often.

    Rounded up to a hundredth and kept within 0.3..0.95.
    """
    order = np.argsort(-probability, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share >= precision)
    lowest = probability[order][enough[-1]] if len(enough) else 1.0
    return float(np.clip(np.ceil(lowest * 100) / 100, 0.3, 0.95))


def detector_table(
    held_out: OutOfFold, keep: Keep | None = None
) -> tuple[Array, NDArray[np.bool_], list[str]]:
    """Return statistics [N + O, S], which rows are of other species, and their collections.

    Rows come fold by fold, in each the core species first. keep: which photographs of core and of
    other species are wanted (default: all).
    """
    parts, truth, collections = [], [], []
    for number in range(len(held_out.folds)):
        own = held_out.fold == number
        other = held_out.beyond_fold == number
        if keep is not None:
            own, other = own & keep[0], other & keep[1]
        for scores, chosen, is_unknown, where in (
            (held_out.scores, own, False, [p.collection for p in held_out.manifest.photographs]),
            (held_out.beyond, other, True, list(held_out.beyond_collections)),
        ):
            found = unknown.unknown_statistics(
                scores.scores[chosen], scores.feature[chosen], held_out.prototypes[number]
            )
            parts.append(np.stack([found[name] for name in unknown.STATISTICS], axis=1))
            truth += [is_unknown] * int(chosen.sum())
            collections += [where[i] for i in np.flatnonzero(chosen)]
    return np.concatenate(parts), np.array(truth), collections


def collection_weights(truth: NDArray[np.bool_], collections: Sequence[str]) -> Array:
    """Weigh both kinds alike within each collection that has both; others get nothing.

    Otherwise the detector would learn backdrops: some collections hold few core species.
    """
    where = np.array(collections)
    weights = np.zeros(len(truth))
    for name in np.unique(where):
        here = where == name
        n_unknown, n_known = (here & truth).sum(), (here & ~truth).sum()
        if min(n_unknown, n_known) >= 5:
            total = np.sqrt(n_unknown * n_known)
            weights[here & truth] = total / n_unknown
            weights[here & ~truth] = total / n_known
    return weights


def fit_unknown(held_out: Sequence[OutOfFold], note: str, keep: Keep | None = None) -> UnknownSpec:
    """Fit the logistic regression of unknown.py on one or more sets of held-out scores."""
    from sklearn.linear_model import LogisticRegression

    tables = [detector_table(h, keep) for h in held_out]
    columns = [unknown.STATISTICS.index(name) for name in WEIGHED]
    x = np.concatenate([t[0] for t in tables])[:, columns]
    truth = np.concatenate([t[1] for t in tables])
    weights = np.concatenate([collection_weights(t[1], t[2]) for t in tables])
    chosen = weights > 0
    center, spread = x[chosen].mean(0), x[chosen].std(0)
    model = LogisticRegression(C=1.0).fit(
        (x[chosen] - center) / spread, truth[chosen], sample_weight=weights[chosen]
    )
    slope = model.coef_[0] / spread
    return UnknownSpec(
        prior=UNKNOWN_PRIOR,
        weights={n: float(w) for n, w in zip(WEIGHED, slope, strict=True)},
        bias=float(model.intercept_[0] - slope @ center),
        note=note,
    )
