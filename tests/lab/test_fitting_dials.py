"""Fitting: a planted temperature and rate come back, clusters part, levels keep their promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_scores import evidence, held_out, own_source

from mineralid.identify import conformal, unknown
from mineralid.lab.evaluation.calibrate import (
    RATES,
    SET_FREE_RANK,
    SET_PENALTY,
    TEMPERATURES,
    Cases,
    Dials,
    class_posterior,
    collection_weights,
    detector_table,
    fit_calibration,
    fit_dials,
    fit_unknown,
    negative_log_likelihood,
    pooled_posteriors,
    precision_threshold,
    set_thresholds,
    simulate_cases,
    subsets,
)
from mineralid.lab.evaluation.out_of_fold import merge_scores
from mineralid.lab.evaluation.scoring import Scores
from mineralid.lab.evaluation.simulated import TESTS


def planted(temperature: float, rate: float, count: int = 3000, seed: int = 0) -> Cases:
    """Cases drawn from the model itself: labels from softmax(scores / T), records wrong at a rate."""
    rng = np.random.default_rng(seed)
    classes, outcomes = 8, 6
    scores = rng.normal(0, 3, (count, classes))
    p = np.exp(scores / temperature)
    p /= p.sum(1, keepdims=True)
    labels = (p.cumsum(1) < rng.random((count, 1))).sum(1)
    tables = rng.dirichlet(np.full(outcomes, 0.4), (len(TESTS), classes)) * 0.94 + 0.01
    swapped = rng.random(count) < rate
    recorded = np.where(swapped, rng.integers(0, classes, count), labels)

    def read(who: np.ndarray) -> dict[str, np.ndarray]:
        found = {}
        for test, table in zip(TESTS, tables, strict=True):
            k = (table[who].cumsum(1) < rng.random((count, 1))).sum(1).clip(0, outcomes - 1)
            found[test] = np.log(table[:, k]).T
        return found

    return Cases(scores.astype(np.float32), labels, read(labels), read(recorded))


def steps_apart(grid: tuple[float, ...], found: float, true: float) -> int:
    return abs(grid.index(found) - int(np.abs(np.array(grid) - true).argmin()))


@pytest.mark.parametrize(("temperature", "rate"), [(1.5, 0.12), (0.8, 0.05), (3.0, 0.25)])
def test_planted_temperature_and_rate_come_back(temperature: float, rate: float) -> None:
    dials = fit_dials([planted(temperature, rate)])
    for tests in range(len(TESTS) + 1):
        assert steps_apart(TEMPERATURES, dials.temperature[tests], temperature) <= 1
    assert dials.wrong_record_rate[0] == 0.0
    # One reading hardly tells a wrong record from a slip; three do.
    assert steps_apart(RATES, dials.wrong_record_rate[-1], rate) <= 1


def test_fitted_dials_are_the_best_of_the_grid() -> None:
    cases = planted(1.5, 0.1, count=300)
    dials = fit_dials([cases])
    readings = [cases.wrong[test] for test in TESTS]

    def loss(t: float, e: float) -> float:
        return negative_log_likelihood(class_posterior(cases.scores, readings, t, e), cases.labels)

    best = loss(dials.temperature[-1], dials.wrong_record_rate[-1])
    assert all(best <= loss(t, e) + 1e-12 for t in TEMPERATURES for e in RATES)


def test_subsets_are_every_choice_of_tests() -> None:
    assert [len(subsets(n)) for n in range(4)] == [1, 3, 3, 1]
    assert subsets(0) == [()]
    assert subsets(3) == [TESTS]


def test_pooled_posteriors_stack_the_choices_with_their_labels() -> None:
    cases = planted(1.5, 0.1, count=50)
    dials = Dials((1.5,) * 4, (0.0, 0.1, 0.1, 0.1))
    p, labels = pooled_posteriors(cases, dials, 1, wrong=False)
    assert p.shape == (150, 8)
    assert np.array_equal(labels, np.tile(cases.labels, 3))
    alone = class_posterior(cases.scores, [cases.right["luster"]], 1.5, 0.1)
    np.testing.assert_array_equal(p[50:100], alone)


def test_prediction_sets_hold_the_truth_as_often_as_asked_on_new_cases() -> None:
    cases = planted(1.5, 0.1, count=6000)
    half = np.arange(6000) < 3000
    fitted, new = cases.rows(half), cases.rows(~half)
    dials = Dials((1.5,) * 4, (0.0, 0.1, 0.1, 0.1))
    for tests in (0, 3):
        p, labels = pooled_posteriors(fitted, dials, tests, wrong=True)
        known = conformal.true_class_scores(p, labels, SET_PENALTY, SET_FREE_RANK)
        p, labels = pooled_posteriors(new, dials, tests, wrong=True)
        own = conformal.true_class_scores(p, labels, SET_PENALTY, SET_FREE_RANK)
        for confidence in (0.6, 0.9):
            threshold = conformal.conformal_threshold(known, confidence)
            # The leader scores 0 and is in every set: leaders alone may be right more often.
            expected = max(confidence, float(np.mean(p.argmax(1) == labels)))
            assert np.mean(own <= threshold) == pytest.approx(expected, abs=0.03)
            held = [
                label in conformal.prediction_set(row, threshold, SET_PENALTY, SET_FREE_RANK)
                for row, label in zip(p, labels, strict=True)
            ]
            assert np.mean(held) == pytest.approx(expected, abs=0.03)


def test_every_fold_counts_alike_in_the_sets_thresholds() -> None:
    cases = planted(1.5, 0.1, count=3000)
    dials = Dials((1.5,) * 4, (0.0, 0.1, 0.1, 0.1))
    rng = np.random.default_rng(3)
    # Fold 1 is named at random, and a tenth as large.
    fold = (np.arange(3000) % 11 == 0).astype(int)
    bad = np.where((fold == 1)[:, None], rng.permuted(cases.scores, axis=1), cases.scores)
    folded = replace(cases, scores=bad, fold=fold)
    few = np.flatnonzero(fold == 1)
    alike = np.sort(np.concatenate([np.flatnonzero(fold == 0), np.repeat(few, 10)]))
    repeated = replace(folded, fold=None).rows(alike)
    for tests in (0, 2):
        (found,) = set_thresholds(folded, dials, tests, [0.9])
        (expected,) = set_thresholds(repeated, dials, tests, [0.9])
        (pooled,) = set_thresholds(replace(folded, fold=None), dials, tests, [0.9])
        assert found == pytest.approx(expected, abs=0.01)
        assert found > pooled + 0.02
        part = folded.rows(fold == 0)
        assert set_thresholds(part, dials, tests, [0.9]) == set_thresholds(
            replace(part, fold=None), dials, tests, [0.9]
        )


def test_leaders_above_the_threshold_are_right_as_often_as_asked() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 1, 5000)
    right = rng.random(5000) < p
    threshold = precision_threshold(p, right, 0.8)
    assert threshold == pytest.approx(0.6, abs=0.05)  # the mean of U(t, 1) is 0.8 at t = 0.6
    assert right[p >= threshold].mean() >= 0.79
    assert precision_threshold(p, np.ones(5000, dtype=bool), 0.8) == 0.3
    assert precision_threshold(p, np.zeros(5000, dtype=bool), 0.8) == 0.95


def test_the_whole_calibration_is_valid_and_rises() -> None:
    target = held_out()
    cases = simulate_cases(target, evidence(), own_source())
    found = fit_calibration([cases], cases, "a note")
    assert len(found.temperature) == len(found.wrong_record_rate) == len(found.set_thresholds) == 4
    assert all(list(row) == sorted(row) for row in found.set_thresholds)
    assert 0.9 in found.set_confidences
    assert found.note == "a note"
    assert len(found.species_thresholds) == 4
    assert all(0.3 <= threshold <= 0.95 for threshold in found.species_thresholds)


def test_clusters_of_other_species_are_told_from_the_classes() -> None:
    target = held_out()
    spec = fit_unknown([target], "planted")
    x, truth, collections = detector_table(target)
    assert x.shape == (len(truth), len(unknown.STATISTICS)) == (180, 4)
    assert truth.sum() == 60
    assert len(collections) == 180
    statistics = {name: x[:, i] for i, name in enumerate(unknown.STATISTICS)}
    odds = unknown.unknown_log_odds(statistics, spec.weights, spec.bias)
    assert ((odds > 0) == truth).mean() > 0.95
    new = held_out(seed=9)
    x, truth, _ = detector_table(new)
    statistics = {name: x[:, i] for i, name in enumerate(unknown.STATISTICS)}
    odds = unknown.unknown_log_odds(statistics, spec.weights, spec.bias)
    assert ((odds > 0) == truth).mean() > 0.95


def test_the_detector_can_leave_a_fold_out() -> None:
    target = held_out()
    without = (target.fold != 1, target.beyond_fold != 1)
    x, truth, collections = detector_table(target, keep=without)
    assert len(x) == len(truth) == len(collections) == 120
    assert "c21" not in collections
    # What the left-out fold holds does not matter.
    spoiled = replace(
        target,
        scores=Scores(
            np.where((target.fold == 1)[:, None], -target.scores.scores, target.scores.scores),
            target.scores.feature,
        ),
    )
    assert fit_unknown([target], "", without) == fit_unknown([spoiled], "", without)
    assert fit_unknown([target], "") != fit_unknown([spoiled], "")


def test_collections_weigh_both_kinds_alike_or_not_at_all() -> None:
    truth = np.array([True] * 6 + [False] * 24 + [True] * 4 + [False] * 50)
    where = ["mixed"] * 30 + ["nearly pure"] * 54
    weights = collection_weights(truth, where)
    assert weights[:6].sum() == pytest.approx(weights[6:30].sum())
    assert weights[:30].sum() == pytest.approx(2 * np.sqrt(6 * 24))
    assert (weights[30:] == 0).all()


def test_merged_scores_come_back_in_order() -> None:
    scores = np.arange(12, dtype=np.float32).reshape(4, 3)
    feature = np.arange(8, dtype=np.float32).reshape(4, 2)
    whole = Scores(scores, feature)
    parts = [([2, 0], whole.rows([2, 0])), ([3, 1], whole.rows([3, 1]))]
    merged = merge_scores(parts, 4)
    assert np.array_equal(merged.scores, scores)
    assert np.array_equal(merged.feature, feature)
