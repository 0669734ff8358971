"""Prediction sets: closed form, coverage on exchangeable data, growth with confidence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mineralid.identify import conformal

quick = settings(max_examples=40, deadline=None, derandomize=True)
distributions = st.lists(st.floats(0.001, 1), min_size=2, max_size=9).map(
    lambda values: np.array(values) / sum(values)
)
confidences = st.floats(0.01, 0.99)


def test_the_score_of_a_class_in_closed_form() -> None:
    p = np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]])
    order, scores = conformal.rank_scores(p, penalty=0.25, free_rank=1)
    np.testing.assert_array_equal(order, [[1, 2, 0], [0, 2, 1]])
    np.testing.assert_allclose(scores, [[0.0, 0.85, 1.4], [0.0, 0.75, 1.3]])
    found = conformal.true_class_scores(p, np.array([2, 0]), penalty=0.25, free_rank=1)
    np.testing.assert_allclose(found, [0.85, 0.0])


@quick
@given(
    scores=st.lists(st.floats(0, 3), min_size=1, max_size=60),
    percent=st.integers(1, 99),
)
def test_the_threshold_is_the_stated_order_statistic(scores: list[float], percent: int) -> None:
    rank = -((len(scores) + 1) * percent // -100)  # the ceiling, in whole numbers
    expected = sorted(scores)[rank - 1] if rank <= len(scores) else math.inf
    found = conformal.conformal_threshold(np.array(scores), percent / 100)
    # Cautious by one rank where the product of floats is above the whole number; see below.
    exact = math.ceil((len(scores) + 1) * (percent / 100)) == rank
    assert found == expected if exact else found >= expected


def test_the_threshold_is_not_a_rank_too_high() -> None:
    assert conformal.conformal_threshold(np.arange(1.0, 100.0), 0.07) == 7.0


def test_too_few_scores_promise_nothing() -> None:
    assert conformal.conformal_threshold(np.zeros(8), 0.9) == math.inf
    assert conformal.conformal_threshold(np.zeros(9), 0.9) == 0.0
    assert conformal.conformal_threshold(np.zeros(0), 0.5) == math.inf


def test_a_score_that_counts_twice_is_as_two_of_it() -> None:
    scores, counts = np.array([0.4, 0.1, 0.9, 0.2]), np.array([3, 1, 4, 2])
    twice = np.repeat(scores, counts)
    for percent in range(5, 100, 5):
        # The new one counts as much as their mean, 2.5: then 12.5 in all, of which twice is 10.
        asked = percent / 100 * 12.5 / 11
        if asked < 1:
            expected = conformal.conformal_threshold(twice, asked)
            assert conformal.conformal_threshold(scores, percent / 100, counts / 7) == expected
    assert conformal.conformal_threshold(scores, 0.81, counts) == math.inf


def _sample(random: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
    """Rows of probabilities that are over-confident, and truths drawn from softer ones."""
    logits = random.normal(0, 1, (n, 8))
    soft = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    sharp = np.exp(3 * logits) / np.exp(3 * logits).sum(1, keepdims=True)
    truth = (soft.cumsum(1) > random.uniform(size=(n, 1))).argmax(1)
    return sharp, truth


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize(("penalty", "free_rank"), [(0.0, 0), (0.02, 3)])
def test_coverage_on_exchangeable_data(confidence: float, penalty: float, free_rank: int) -> None:
    """Mean coverage lies in [c, c + 1/(n + 1)] up to five standard errors, fixed seed.

    The scores are ties-free, so both bounds hold.
    """
    random = np.random.default_rng(20)
    calibration, tested, rounds = 99, 200, 60
    covered = []
    for _ in range(rounds):
        p, truth = _sample(random, calibration + tested)
        scores = conformal.true_class_scores(p, truth, penalty, free_rank)
        threshold = conformal.conformal_threshold(scores[:calibration], confidence)
        covered.append(np.mean(scores[calibration:] <= threshold))
    # Given its calibration sample the coverage is Beta distributed; then tests are binomial.
    beta = confidence * (1 - confidence) / (calibration + 2)
    binomial = confidence * (1 - confidence) / tested
    error = 5 * math.sqrt((beta + binomial) / rounds)
    assert confidence - error <= np.mean(covered) <= confidence + 1 / (calibration + 1) + error


@quick
@given(p=distributions, penalty=st.floats(0, 0.2), free_rank=st.integers(0, 4), data=st.data())
def test_a_set_holds_the_leader_and_grows_with_its_threshold(
    p: NDArray[np.float64], penalty: float, free_rank: int, data: st.DataObject
) -> None:
    low, high = sorted((data.draw(st.floats(-1, 2)), data.draw(st.floats(-1, 2))))
    small = conformal.prediction_set(p, low, penalty, free_rank)
    large = conformal.prediction_set(p, high, penalty, free_rank)
    assert small[0] == int(p.argmax()) and large[: len(small)] == small
    assert len(set(large)) == len(large) <= len(p)
    assert sorted(conformal.prediction_set(p, math.inf, penalty, free_rank)) == list(range(len(p)))


@quick
@given(p=distributions, penalty=st.floats(0, 0.2), free_rank=st.integers(0, 4), data=st.data())
def test_the_set_holds_the_truth_exactly_where_its_score_passes(
    p: NDArray[np.float64], penalty: float, free_rank: int, data: st.DataObject
) -> None:
    truth = data.draw(st.integers(0, len(p) - 1))
    score = conformal.true_class_scores(p[None], np.array([truth]), penalty, free_rank)[0]
    assert truth in conformal.prediction_set(p, float(score), penalty, free_rank)
    below = conformal.prediction_set(p, float(score) - 1e-6, penalty, free_rank)
    assert truth not in below or below == [truth]


@quick
@given(p=distributions, first=confidences, second=confidences)
def test_a_mass_set_is_the_smallest_that_holds_the_confidence(
    p: NDArray[np.float64], first: float, second: float
) -> None:
    small, large = (conformal.mass_set(p, c) for c in sorted((first, second)))
    assert large[: len(small)] == small and small[0] == int(p.argmax())
    for chosen, confidence in ((small, min(first, second)), (large, max(first, second))):
        assert p[chosen].sum() >= confidence - 1e-9
        assert p[chosen[:-1]].sum() < confidence


def test_a_mass_set_of_a_certain_answer() -> None:
    assert conformal.mass_set(np.array([0.0, 1.0, 0.0]), 0.999999) == [1]


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [(0.1, 1.0), (0.5, 1.0), (0.50001, 2.0), (0.9, 3.0), (0.91, math.inf), (0.999, math.inf)],
)
def test_a_confidence_between_two_fitted_ones_takes_the_higher(
    confidence: float, expected: float
) -> None:
    assert conformal.threshold_at(confidence, (0.5, 0.8, 0.9), (1.0, 2.0, 3.0)) == expected
