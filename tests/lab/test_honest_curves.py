"""Calibration, coverage and curves: by hand, by properties, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineralid.lab.evaluation.metrics import expected_calibration_error
from mineralid.lab.evaluation.robustness.honest.curves import (
    at_threshold,
    auroc,
    average_precision,
    false_alarms,
    recall_at,
)
from mineralid.lab.evaluation.robustness.honest.reliability import (
    BINS,
    calibration_error,
    equal_mass_bins,
    noise_floor,
)

quick = settings(max_examples=30, deadline=None, derandomize=True)
seeds = st.integers(0, 9999)


def rounded(seed: int, count: int, shift: float = 0.0) -> np.ndarray:
    """Scores with ties."""
    return np.round(np.random.default_rng(seed).normal(shift, 1, count), 1)


@quick
@given(seed=seeds, n=st.integers(1, 40), m=st.integers(1, 40))
def test_area_under_the_curve_counts_pairs(seed: int, n: int, m: int) -> None:
    negative, positive = rounded(seed, n), rounded(seed + 1, m, 0.5)
    pairs = positive[:, None] - negative[None]
    expected = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    assert auroc(negative, positive) == pytest.approx(expected)
    assert auroc(positive, negative) == pytest.approx(1 - expected)


@quick
@given(seed=seeds, n=st.integers(1, 60))
def test_average_precision_is_scikit_learn_s(seed: int, n: int) -> None:
    from sklearn.metrics import average_precision_score

    score = rounded(seed, n)
    truth = np.random.default_rng(seed).random(n) < 0.4
    truth[0] = True
    expected = average_precision_score(truth, score)
    assert average_precision(truth, score) == pytest.approx(expected)


@quick
@given(seed=seeds, n=st.integers(20, 200), m=st.integers(20, 200))
def test_false_alarms_and_recall_keep_their_word(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    negative, positive = rng.normal(0, 1, n), rng.normal(1, 1, m)
    alarms = false_alarms(negative, positive)
    # At the lowest score that leaves no more than 5 % of the positives below it.
    limit = np.sort(positive)[int(0.05 * m + 1e-9)]
    assert (positive >= limit).mean() >= 0.95
    assert alarms == pytest.approx((negative >= limit).mean())
    assert 0 <= recall_at(negative, positive, 0.0) <= recall_at(negative, positive, 0.05) <= 1
    assert recall_at(negative, positive, 0.0) == pytest.approx((positive > negative.max()).mean())


def test_at_a_threshold_by_hand() -> None:
    truth = np.array([True, True, False, False])
    found = at_threshold(truth, np.array([0.9, 0.2, 0.6, 0.1]), 0.5)
    assert found == {"precision": 0.5, "recall": 0.5, "false_alarms": 0.5}
    assert np.isnan(at_threshold(truth, np.zeros(4), 0.5)["precision"])
    assert np.isnan(auroc(np.zeros(0), np.ones(2)))


@quick
@given(seed=seeds, n=st.integers(10, 300))
def test_bins_of_equal_mass(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    confidence, weight = rng.random(n), rng.uniform(0.1, 1, n)
    place = equal_mass_bins(confidence, weight)
    mass = np.bincount(place, weights=weight, minlength=BINS)
    assert np.abs(mass - weight.sum() / BINS).max() <= weight.max() + 1e-9
    order = np.argsort(confidence, kind="stable")
    assert (np.diff(place[order]) >= 0).all()


@quick
@given(seed=seeds, n=st.integers(1, 20))
def test_with_equal_weights_the_error_is_the_usual_one(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.random(n * BINS)
    hit = (rng.random(n * BINS) < confidence).astype(float)
    expected = expected_calibration_error(confidence, hit)
    assert calibration_error(confidence, hit, np.ones(n * BINS)) == pytest.approx(expected)


@quick
@given(seed=seeds)
def test_photographs_of_one_specimen_share_its_weight(seed: int) -> None:
    """A stone photographed twice more with a third of the weight each changes nothing."""
    rng = np.random.default_rng(seed)
    confidence = rng.permutation(np.linspace(0.05, 0.95, 50))
    hit = (rng.random(50) < 0.5).astype(float)
    weight = np.ones(50)
    often = np.repeat(np.arange(50), np.where(np.arange(50) == 7, 3, 1))
    shared = np.where(often == 7, 1 / 3, 1.0)
    once = calibration_error(confidence, hit, weight)
    assert calibration_error(confidence[often], hit[often], shared) == pytest.approx(once, abs=0.02)
    assert (shared * hit[often]).sum() == pytest.approx(hit.sum())


def test_the_noise_floor_falls_with_the_number_of_stones() -> None:
    rng = np.random.default_rng(0)
    floors = []
    for count in (100, 1000, 10000):
        confidence = rng.random(count)
        stones = np.arange(count).astype(str)
        mean, high = noise_floor(confidence, np.ones(count), stones, draws=50)
        hit = (rng.random(count) < confidence).astype(float)
        assert calibration_error(confidence, hit, np.ones(count)) < 2 * high
        floors.append(mean)
        assert mean < high
    assert floors[0] > 2 * floors[1] > 4 * floors[2]


def test_rows_of_one_stone_share_their_luck() -> None:
    confidence = np.random.default_rng(0).random(900)
    alone, _ = noise_floor(confidence, np.ones(900), np.arange(900).astype(str), draws=50)
    stones = np.repeat(np.arange(300), 3).astype(str)
    together, _ = noise_floor(np.repeat(confidence[:300], 3), np.ones(900), stones, draws=50)
    assert together > 1.3 * alone


def test_a_sure_and_wrong_model_is_found_out() -> None:
    confidence = np.full(200, 0.9)
    hit = np.tile([1.0, 0.0], 100)
    assert calibration_error(confidence, hit, np.ones(200)) == pytest.approx(0.4)
