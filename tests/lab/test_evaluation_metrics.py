"""Metrics: limits that need no golden number."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineralid.lab.evaluation.metrics import (
    Accuracy,
    accuracy,
    bootstrap_interval,
    expected_calibration_error,
    hits,
    mean_of_folds,
    mean_of_folds_interval,
)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 30), classes=st.integers(2, 9), seed=st.integers(0, 999))
def test_shares_rise_with_k_and_reach_one(rows: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, labels = rng.random((rows, classes)), rng.integers(0, classes, rows)
    by_k = [hits(p, labels, k) for k in range(1, classes + 2)]
    for fewer, more in itertools.pairwise(by_k):
        assert (more >= fewer).all()
    assert by_k[-1].all()
    assert np.array_equal(by_k[0], (p.argmax(1) == labels).astype(float))


@settings(max_examples=40, deadline=None)
@given(classes=st.integers(2, 6), each=st.integers(1, 5), seed=st.integers(0, 999))
def test_macro_is_micro_where_classes_are_equal(classes: int, each: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(classes), each))
    found = accuracy(rng.random((len(labels), classes)), labels)
    assert found.macro_top1 == pytest.approx(found.top1)
    assert found.macro_top5 == pytest.approx(found.top5)


def test_equal_probabilities_rank_in_class_order() -> None:
    tied = np.full((3, 4), 0.25)
    assert hits(tied, np.array([0, 1, 3]), 1).tolist() == [1, 0, 0]
    assert hits(tied, np.array([0, 1, 3]), 2).tolist() == [1, 1, 0]


def test_no_photographs_are_an_error() -> None:
    with pytest.raises(ValueError, match="no photographs"):
        accuracy(np.zeros((0, 3)), np.zeros(0, dtype=int))


def test_mean_of_folds_weighs_folds_alike() -> None:
    small = Accuracy(10, 3, 0.2, 0.4, 0.1, 0.3)
    large = Accuracy(1000, 5, 0.6, 0.8, 0.5, 0.7)
    found = mean_of_folds([small, large])
    assert (found.n, found.classes) == (1010, 5)
    assert [found.top1, found.top5, found.macro_top1, found.macro_top5] == pytest.approx(
        [0.4, 0.6, 0.3, 0.5]
    )


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_interval_of_what_never_varies_is_a_point(value: float) -> None:
    stones = [f"s{i // 3}" for i in range(30)]
    assert bootstrap_interval(np.full(30, value), stones) == (value, value)


def test_one_stone_gives_no_spread_whatever_its_photographs() -> None:
    assert bootstrap_interval(np.array([1.0, 0.0, 1.0, 0.0]), ["s"] * 4) == (0.5, 0.5)


def test_intervals_are_those_of_the_binomial_and_widen_with_stones_of_many_photographs() -> None:
    rng = np.random.default_rng(1)
    by_stone = (rng.random(200) < 0.6).astype(float)
    single = bootstrap_interval(by_stone, [f"s{i}" for i in range(200)])
    half = 1.96 * np.sqrt(by_stone.mean() * (1 - by_stone.mean()) / 200)
    assert single[0] == pytest.approx(by_stone.mean() - half, abs=0.015)
    assert single[1] == pytest.approx(by_stone.mean() + half, abs=0.015)
    # Four copies of each photograph are no new evidence.
    stones = [f"s{i}" for i in np.repeat(np.arange(200), 4)]
    copied = bootstrap_interval(np.repeat(by_stone, 4), stones)
    assert copied == pytest.approx(single, abs=0.005)
    assert bootstrap_interval(by_stone, [f"s{i}" for i in range(200)]) == single


def test_the_interval_of_a_mean_of_folds_weighs_folds_alike() -> None:
    rng = np.random.default_rng(2)
    sizes = (200, 50)
    folds = np.repeat([0, 1], sizes)
    hit = np.concatenate(
        [rng.random(n) < share for n, share in zip(sizes, (0.3, 0.8), strict=True)]
    )
    stones = [f"s{i}" for i in range(250)]
    low, high = mean_of_folds_interval(hit.astype(float), stones, folds)
    shares = np.array([hit[folds == fold].mean() for fold in (0, 1)])
    spread = 1.96 * np.sqrt((shares * (1 - shares) / sizes).sum()) / 2
    assert low == pytest.approx(shares.mean() - spread, abs=0.015)
    assert high == pytest.approx(shares.mean() + spread, abs=0.015)


def test_the_interval_of_one_fold_is_that_of_its_photographs() -> None:
    hit = (np.random.default_rng(0).random(60) < 0.6).astype(float)
    stones = [f"s{i // 3}" for i in range(60)]
    one = mean_of_folds_interval(hit, stones, np.full(60, 4))
    assert one == bootstrap_interval(hit, stones)


def test_calibration_error_of_a_constant_is_its_gap() -> None:
    right = np.array([1.0] * 30 + [0.0] * 70)
    np.random.default_rng(0).shuffle(right)
    one_bin = expected_calibration_error(np.full(100, 0.8), right, bins=1)
    assert one_bin == pytest.approx(0.5)
    # Bins of equal mass: with every probability equal, gaps of one sign add up to the same.
    assert expected_calibration_error(np.full(100, 1.0), right) == pytest.approx(0.7)


def test_calibration_error_of_what_is_as_likely_as_it_says_is_small() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.2, 1.0, 20_000)
    honest = (rng.random(20_000) < p).astype(float)
    assert expected_calibration_error(p, honest) < 0.015
    overconfident = (rng.random(20_000) < p - 0.2).astype(float)
    assert expected_calibration_error(p, overconfident) == pytest.approx(0.2, abs=0.015)


def test_calibration_error_of_exact_groups_is_zero() -> None:
    p = np.repeat([0.25, 0.5, 0.75, 1.0], 4)
    right = np.concatenate([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]).astype(float)
    assert expected_calibration_error(p, right, bins=4) == pytest.approx(0.0, abs=1e-12)
