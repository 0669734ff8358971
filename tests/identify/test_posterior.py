"""The decision's pure functions: shapes, limits, and what must not depend on the batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mineralid.identify import conformal, posterior, unknown

quick = settings(max_examples=30, deadline=None, derandomize=True)
seeds = st.integers(0, 10_000)
rates = st.sampled_from((0.0, 1e-9, 0.05, 0.5, 1.0))


def _random(seed: int, *shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 5, shape)


@quick
@given(seed=seeds, shift=st.floats(-1e4, 1e4))
def test_log_softmax_is_a_distribution_whatever_the_level(seed: int, shift: float) -> None:
    x = _random(seed, 3, 6)
    np.testing.assert_allclose(np.exp(posterior.log_softmax(x)).sum(-1), 1.0, rtol=1e-12)
    shifted = posterior.log_softmax(x + shift)
    np.testing.assert_allclose(shifted, posterior.log_softmax(x), atol=1e-8)


@quick
@given(seed=seeds, n=st.integers(1, 6))
def test_equal_photographs_count_once(seed: int, n: int) -> None:
    one = _random(seed, 1, 7).astype(np.float32)
    together = posterior.combine_photos(np.repeat(one, n, axis=0))
    np.testing.assert_allclose(together, posterior.combine_photos(one), atol=1e-12)


@quick
@given(seed=seeds, n=st.integers(2, 5))
def test_neither_the_order_of_photographs_nor_a_constant_matters(seed: int, n: int) -> None:
    scores = _random(seed, n, 7).astype(np.float32)
    found = posterior.combine_photos(scores)
    np.testing.assert_allclose(posterior.combine_photos(scores[::-1]), found, atol=1e-12)
    shifted = scores + np.arange(n, dtype=np.float32)[:, None]
    np.testing.assert_allclose(posterior.combine_photos(shifted), found, atol=1e-4)


@pytest.mark.parametrize("shape", [(5,), (0, 5), (1, 2, 5)])
def test_scores_of_no_photographs_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"scores have shape .*; allowed: \[n, C\] with n >= 1"):
        posterior.combine_photos(np.zeros(shape, dtype=np.float32))


@quick
@given(seed=seeds, temperature=st.floats(0.1, 20))
def test_temperature_keeps_the_ranking_and_evens_the_rest(seed: int, temperature: float) -> None:
    x = posterior.log_softmax(_random(seed, 6))
    warm = posterior.log_photo_posterior(x, temperature)
    assert np.exp(warm).sum() == pytest.approx(1.0)
    np.testing.assert_array_equal(np.argsort(-warm, kind="stable"), np.argsort(-x, kind="stable"))
    np.testing.assert_allclose(posterior.log_photo_posterior(x, 1.0), x, atol=1e-12)
    hotter = posterior.log_photo_posterior(x, 2 * temperature)
    assert hotter.max() <= warm.max() + 1e-12


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_none(temperature: float) -> None:
    with pytest.raises(ValueError, match=rf"temperature is {temperature}; allowed: above 0"):
        posterior.log_photo_posterior(np.zeros(3), temperature)


@quick
@given(seed=seeds, rate=rates)
def test_a_wrong_record_lies_between_the_record_and_its_average(seed: int, rate: float) -> None:
    right = _random(seed, 4, 6)
    weights = posterior.log_softmax(_random(seed + 1, 6))
    other = posterior.log_mean(right, weights)
    mixed = posterior.mix_wrong_record(right, other, rate)
    low = np.minimum(right, other[:, None]) - 1e-9
    assert np.all(mixed >= low) and np.all(mixed <= np.maximum(right, other[:, None]) + 1e-9)
    # What the average stone would say is unchanged by how often records are swapped.
    np.testing.assert_allclose(posterior.log_mean(mixed, weights), other, atol=1e-9)


def test_the_limits_of_a_wrong_record() -> None:
    right, other = _random(1, 6), np.float64(-2.0)
    np.testing.assert_array_equal(posterior.mix_wrong_record(right, other, 0.0), right)
    np.testing.assert_array_equal(posterior.mix_wrong_record(right, other, 1.0), np.full(6, -2.0))
    for rate in (-0.1, 1.1, float("nan")):
        message = rf"wrong_record_rate is {rate}; allowed: 0 to 1"
        with pytest.raises(ValueError, match=message):
            posterior.mix_wrong_record(right, other, rate)


@quick
@given(seed=seeds, prior=st.floats(0, 0.999), beyond=st.floats(-700, 700))
def test_known_and_unknown_sum_to_one(seed: int, prior: float, beyond: float) -> None:
    log_known = _random(seed, 3, 6)
    known, none_of_them = posterior.with_unknown(log_known, np.full(3, beyond), prior)
    assert known.shape == (3, 6) and none_of_them.shape == (3,)
    np.testing.assert_allclose(known.sum(-1) + none_of_them, 1.0, rtol=1e-12)
    assert np.all(known >= 0) and np.all(none_of_them >= 0)
    if prior == 0:
        assert np.all(none_of_them == 0)


def test_a_detector_that_is_certain_beforehand() -> None:
    """A prior of 1 would make every answer "none of these": it is refused."""
    with pytest.raises(ValueError, match=r"unknown_prior is 1.0; allowed: 0 to below 1"):
        posterior.with_unknown(np.zeros(3), np.float64(0.0), 1.0)


Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]
FUNCTIONS: dict[str, Function] = {
    "log_softmax": posterior.log_softmax,
    "log_photo_posterior": lambda x: posterior.log_photo_posterior(x, 1.7),
    "log_mean": lambda x: posterior.log_mean(x, np.full(x.shape[-1], -np.log(x.shape[-1]))),
    "mix_wrong_record": lambda x: posterior.mix_wrong_record(x, x.mean(-1), 0.1),
    "with_unknown, known": lambda x: posterior.with_unknown(x, x.min(-1), 0.1)[0],
    "with_unknown, unknown": lambda x: posterior.with_unknown(x, x.min(-1), 0.1)[1],
    "rank_scores": lambda x: conformal.rank_scores(np.exp(posterior.log_softmax(x)), 0.01, 2)[1],
    "energy": lambda x: _statistics(x)["energy"],
    "log_max_probability": lambda x: _statistics(x)["log_max_probability"],
    "similarity": lambda x: _statistics(x)["similarity"],
    "log_feature_norm": lambda x: _statistics(x)["log_feature_norm"],
    "no_mineral": lambda x: _statistics(x)["no_mineral"],
}


def _statistics(x: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    arrays = {
        "class_means": _random(3, 6, 6).astype(np.float32),
        "feature_mean": _random(4, 6).astype(np.float32),
        unknown.DIRECTION: _random(5, 6).astype(np.float32),
        unknown.OFFSET: np.array([0.5], dtype=np.float32),
    }
    return unknown.unknown_statistics(x, x, arrays)


@pytest.mark.parametrize("name", FUNCTIONS)
@quick
@given(seed=seeds, batch=st.integers(1, 5))
def test_a_batch_of_one_equals_a_row_of_a_batch(name: str, seed: int, batch: int) -> None:
    x, function = _random(seed, batch, 6), FUNCTIONS[name]
    together = function(x)
    for row in range(batch):
        np.testing.assert_allclose(function(x[row : row + 1])[0], together[row], atol=1e-12)
        np.testing.assert_allclose(function(x[row]), together[row], atol=1e-12)


# The unknown detector


def test_the_statistics_in_closed_form() -> None:
    arrays = {
        "class_means": np.array([[2, 0], [1, 2]], dtype=np.float32),
        "feature_mean": np.array([1, 0], dtype=np.float32),
    }
    scores = np.log(np.array([3.0, 1.0]))
    found = unknown.unknown_statistics(scores, np.array([1.0, 5.0]), arrays)
    assert float(found["energy"]) == pytest.approx(np.log(4))
    assert float(found["log_max_probability"]) == pytest.approx(np.log(0.75))
    assert float(found["log_feature_norm"]) == pytest.approx(np.log(5))
    assert set(found) == set(unknown.STATISTICS)


def test_similarity_is_the_greatest_cosine_to_a_class_mean() -> None:
    """Class means are stored less the mean of all, as the feature is compared."""
    arrays = {
        "class_means": np.array([[2, 0], [0, 2]], dtype=np.float32),
        "feature_mean": np.array([1, 0], dtype=np.float32),
    }
    for feature, cosine in (([1, 5], 1.0), ([2, 1], np.sqrt(0.5)), ([0, -3], -np.sqrt(0.1))):
        found = unknown.unknown_statistics(np.zeros(2), np.array(feature, dtype=float), arrays)
        assert float(found["similarity"]) == pytest.approx(cosine)
    at_the_mean = unknown.unknown_statistics(np.zeros(2), np.array([1.0, 0.0]), arrays)
    assert all(np.isfinite(value) for value in at_the_mean.values())


def test_a_picture_without_a_mineral_adds_to_the_odds() -> None:
    """p(picture | none of the classes) / p(picture | another mineral) = (1 − q) + q·r."""
    arrays = {
        "class_means": np.eye(2, dtype=np.float32),
        "feature_mean": np.zeros(2, dtype=np.float32),
        unknown.DIRECTION: np.array([3, 4], dtype=np.float32),
        unknown.OFFSET: np.array([1], dtype=np.float32),
    }
    for scale in (0.5, 40.0):  # its direction alone counts
        feature = scale * np.array([0.6, 0.8])
        found = unknown.unknown_statistics(np.zeros(2), feature, arrays)
        ratio, q = np.exp(5 + 1), unknown.NO_MINERAL_SHARE
        assert float(found["no_mineral"]) == pytest.approx(np.log(1 - q + q * ratio))
    assert set(found) == {*unknown.STATISTICS, unknown.NO_MINERAL}


@quick
@given(seed=seeds)
def test_what_no_mineral_adds_is_bounded_and_rises(seed: int) -> None:
    ratios = np.sort(np.random.default_rng(seed).normal(0, 20, 50))
    added = unknown.no_mineral(ratios)
    assert (np.diff(added) >= 0).all()
    q, most = unknown.NO_MINERAL_SHARE, np.exp(unknown.MOST_LOG_RATIO)
    assert added.min() >= np.log(1 - q) - 1e-9 and added.max() <= np.log(1 - q + q * most) + 1e-9
    # A picture as likely either way says nothing.
    assert float(unknown.no_mineral(np.zeros(1))[0]) == pytest.approx(0.0)


def test_log_odds_are_linear_in_the_statistics() -> None:
    statistics = {"energy": np.array([1.0, 2.0]), "similarity": np.array([0.5, 0.0])}
    found = unknown.unknown_log_odds(statistics, {"energy": -0.5, "similarity": 2.0}, 0.25)
    np.testing.assert_allclose(found, [0.75, -0.75])
    np.testing.assert_allclose(unknown.unknown_log_odds(statistics, {}, -2.0), -2.0)
    with pytest.raises(ValueError, match="unknown detector wants depth; known: energy, similarity"):
        unknown.unknown_log_odds(statistics, {"depth": 1.0}, 0.0)
