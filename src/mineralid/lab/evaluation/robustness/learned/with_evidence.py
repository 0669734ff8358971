"""Learned fusion with the evidence, alone and with a network, on scores out of fold alone."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.evaluation.calibrate import ASSUMED_WRONG_RECORDS
from mineralid.lab.evaluation.robustness.data import Bench, SplitData
from mineralid.lab.evaluation.robustness.evidence_methods import TUNING_SEED
from mineralid.lab.evaluation.robustness.learned import fusion, one_network
from mineralid.lab.evaluation.robustness.learned.method import FittedNetworks, LearnedMethod
from mineralid.lab.evaluation.robustness.learned.recipe import Recipe
from mineralid.lab.evaluation.robustness.learned.scores import with_scores_as_features
from mineralid.lab.evaluation.robustness.learned.training import choose, fit_stage
from mineralid.lab.evaluation.robustness.learned.views import CASES, Case
from mineralid.lab.evaluation.robustness.readings import Corruption, Readings

Array = NDArray[np.float64]

DRAWS = 2  # records of each photograph that the weights are fitted on
FOLDS = 3  # of the network whose answers are mixed in


@dataclass(frozen=True, eq=False)
class FittedFusion:
    """Photograph and evidence by weights, and with them a network's answers where there is one."""

    data: SplitData
    bench: Bench
    weights: dict[Case, fusion.Weights]
    network: FittedNetworks | None
    notes: dict[str, Any]

    def posterior(
        self, rows: NDArray[np.intp], readings: Readings, *, wrong_share: float | None = None
    ) -> Array:
        """Return p(class) [n, C]; ε is what was learned."""
        return fusion.fused_posterior(
            self.weights,
            self.data.scores[rows],
            self.bench.log_likelihoods(readings),
            readings.tested,
            None if self.network is None else self.network.log_posterior(rows, readings),
        )


def on_scores(recipe: Recipe) -> Recipe:
    """Return the recipe for scores out of fold: as doubtful as they should be, so not spoiled."""
    return replace(recipe, dropout=0.0, blurred=0.0)


def scores_network(recipe: Recipe, data: SplitData, bench: Bench, seed: int) -> FittedNetworks:
    """The network with test dropout and a tenth wrong, its photograph the scores out of fold."""
    own, scored = on_scores(recipe), with_scores_as_features(data)
    first = one_network.clean_stage(own)
    second = one_network.mask_dropout_stage(own, one_network.A_TENTH)
    runs = {stage.name: fit_stage(stage, scored, bench, seed) for stage in (first, second)}
    return one_network.answering(scored, bench, own, runs, runs[second.name])


def _groups(names: NDArray[np.str_], seed: int) -> NDArray[np.int_]:
    """Put rows [n] into FOLDS folds of about the same size, those with one name into one."""
    found, count = np.unique(names, return_counts=True)
    size, fold = np.zeros(FOLDS), {}
    # The largest first; among equals in an order that the seed draws.
    shuffled = np.random.default_rng([seed, 4]).permutation(len(found))
    for place in shuffled[np.argsort(-count[shuffled], kind="stable")]:
        fold[found[place]] = int(size.argmin())
        size[fold[found[place]]] += count[place]
    return np.array([fold[name] for name in names])


def _out_of_fold_answers(
    recipe: Recipe, data: SplitData, bench: Bench, seed: int, records: Sequence[Readings]
) -> list[Array]:
    """Return log p(class) of the training side's photographs by networks that have not seen them.

    For each case one array: the records one after another, and for each the scores of every kind.
    Scores of kind "collection" are answered by a network without the photograph's whole collection,
    else it would know the collection by them, and which minerals it has.
    """
    own, scored = on_scores(recipe), with_scores_as_features(data)
    stages = (
        one_network.clean_stage(own),
        one_network.mask_dropout_stage(own, one_network.A_TENTH),
    )
    early, late = (replace(own, grid=(choose(stage, scored, bench),)) for stage in stages)
    last = one_network.mask_dropout_stage(late, one_network.A_TENTH, one_network.clean_stage(early))
    count, classes = len(data.train), len(bench.classes)
    answers = np.empty((len(CASES), len(records), len(data.tune), count, classes))
    specimens, collections = data.specimens[data.train], data.collections[data.train]
    for kind, name in enumerate(data.tune):
        fold = _groups(collections if name == "collection" else specimens, seed)
        first = len(data.labels) + kind * count
        for number in range(FOLDS):
            out = np.flatnonzero(fold == number)
            if not len(out):
                continue
            # No other photograph of a stone either, under scores of no kind.
            kept = ~np.isin(scored.specimens[scored.train], specimens[out])
            kept &= np.tile(fold != number, len(data.tune))
            part = replace(scored, train=scored.train[kept])
            run = fit_stage(last, part, bench, seed)
            network = one_network.answering(part, bench, own, {}, run)
            for place, (case, record) in enumerate(itertools.product(CASES, range(len(records)))):
                outcome = records[record].outcome[out]
                made = Readings(outcome, np.tile(np.array(case), (len(out), 1)))
                answers[place // len(records), record, kind, out] = network.log_posterior(
                    first + out, made
                )
    return [np.concatenate(np.concatenate(of_case)) for of_case in answers]


def tuning_readings(data: SplitData, bench: Bench) -> list[Readings]:
    """Return records of the training side, the assumed share of them wrong, DRAWS times over."""
    labels = data.labels[data.train]
    return [
        Corruption.drawn(bench.judge, labels, TUNING_SEED + 1 + number).readings(
            rate=ASSUMED_WRONG_RECORDS
        )
        for number in range(DRAWS)
    ]


def _fit(
    recipe: Recipe, data: SplitData, bench: Bench, seed: int, *, with_network: bool
) -> FittedFusion:
    kinds = list(data.tune.values())
    records = tuning_readings(data, bench)
    scores = np.concatenate([scores[data.train] for _ in records for scores in kinds])
    labels = np.tile(data.labels[data.train], len(records) * len(kinds))
    # The same record with the scores of each kind.
    tables = [bench.log_likelihoods(record) for record in records for _ in kinds]
    log_likelihoods = [np.concatenate(table) for table in zip(*tables, strict=True)]
    network: FittedNetworks | None = None
    answers: Sequence[Array | None] = [None] * len(CASES)
    if with_network:
        network = scores_network(recipe, data, bench, seed)
        answers = _out_of_fold_answers(recipe, data, bench, seed, records)
    weights, losses = {}, []
    for case, of_network in zip(CASES, answers, strict=True):
        weights[case], loss = fusion.fit_weights(case, scores, log_likelihoods, labels, of_network)
        losses.append(round(loss, 4))
    notes: dict[str, Any] = {"weights": fusion.described(weights), "losses": losses}
    if network is not None:
        notes["network"] = network.notes
    return FittedFusion(data, bench, weights, network, notes)


OWN = "weights by subset of tests, fitted by likelihood (our own)"

METHODS = (
    LearnedMethod(
        "mask-dropout-scores",
        "one network on scores out of fold, a tenth wrong in training",
        one_network.MISSING,
        scores_network,
    ),
    LearnedMethod(
        "fusion-evidence",
        "evidence, learned weights",
        OWN,
        functools.partial(_fit, with_network=False),
        seeded=False,
        assumed_wrong=ASSUMED_WRONG_RECORDS,
    ),
    LearnedMethod(
        "fusion-evidence+network",
        "evidence, learned weights, and a network",
        f"{OWN}; {one_network.MISSING}",
        functools.partial(_fit, with_network=True),
        assumed_wrong=ASSUMED_WRONG_RECORDS,
    ),
)
