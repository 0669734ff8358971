"""The outcomes that a test can have, and the weight of each under a reading.

An outcome is a bin of a grid (a measured number) or a token (a word). A reading, whether one
number, an interval or several words, is a weight 0..1 for each of the K outcomes, so that
p(reading | mineral) = L @ w for every kind of test. Comparisons with tools are weights too, of what
the stone is rather than of a number that was read: they don't pass through its error.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence.observer import Observer
from mineralid.observation.readings import (
    HardnessReading,
    IntervalReading,
    Reading,
    WordsReading,
)

Weights = NDArray[np.float64]


def normal_cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard normal distribution function, elementwise."""
    return 0.5 * (1.0 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2.0)))


@cache
def grid(observer: Observer) -> NDArray[np.float64]:
    """Return the centres of the K bins of an interval test, in its unit, ascending."""
    low, high = observer.test.low, observer.test.high
    assert low is not None and high is not None, f"{observer.test.name} has no range"
    if observer.scale == "log":
        count = math.ceil(math.log(high / low) / observer.step) + 1
        centers = low * np.exp(observer.step * np.arange(count))
    else:
        count = round((high - low) / observer.step) + 1
        centers = low + observer.step * np.arange(count)
    return _fixed(centers)


def entropy_bits(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the entropy over the last axis, in bits; 0·log 0 = 0."""
    return -(p * np.log2(np.maximum(p, 1e-300))).sum(-1)


def reading_weights(observer: Observer, reading: Reading) -> Weights | None:
    """Return the weight 0..1 of each outcome under a reading: float64 [K]; None: only compared."""
    if isinstance(reading, WordsReading):
        weights = np.zeros(len(observer.test.vocabulary.tokens))
        weights[[observer.test.vocabulary.index(token) for token in reading.tokens]] = 1.0
        return weights
    if isinstance(reading, IntervalReading):
        return _inside(observer, reading.low, reading.high)
    assert isinstance(reading, HardnessReading)
    if reading.low_mohs is None or reading.high_mohs is None:
        return None
    return _inside(observer, reading.low_mohs, reading.high_mohs)


def comparison_weights(observer: Observer, reading: Reading) -> Weights | None:
    """Return p(the comparisons went as they went | true value) at each bin: float64 [K], or None."""
    if not isinstance(reading, HardnessReading) or observer.comparison is None:
        return None
    if not reading.above_mohs and not reading.below_mohs:
        return None
    centers = grid(observer)
    weights = np.ones(len(centers))
    for mohs in reading.above_mohs:
        weights = weights * normal_cdf((centers - mohs) / observer.comparison)
    for mohs in reading.below_mohs:
        weights = weights * normal_cdf((mohs - centers) / observer.comparison)
    return weights


def _inside(observer: Observer, low: float, high: float) -> Weights:
    centers = grid(observer)
    weights = ((centers >= low - 1e-9) & (centers <= high + 1e-9)).astype(float)
    for value in (low, high):  # a number between two bins belongs to the nearest
        weights[int(np.abs(centers - value).argmin())] = 1.0
    return weights


@cache
def coarse_outcomes(observer: Observer) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return what a person would tell apart: wordings, and p(wording | outcome) [outcomes, K].

    Where the test has comparisons, the cuts are tools and K runs over true values.
    """
    test = observer.test
    if test.kind == "words":
        tokens = test.vocabulary.tokens
        return tuple(test.vocabulary.label(token) for token in tokens), _fixed(np.eye(len(tokens)))
    if observer.comparison is not None:
        centers = grid(observer)
        above = [normal_cdf((centers - cut) / observer.comparison) for cut in observer.cuts]
        passed = np.array([np.ones(len(centers)), *above, np.zeros(len(centers))])
        return observer.outcomes, _fixed(passed[:-1] - passed[1:])
    bins = np.searchsorted(np.array(observer.cuts), grid(observer), side="right")
    return observer.outcomes, _fixed(np.eye(len(observer.cuts) + 1)[:, bins])


def _fixed(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Forbid writing: what is cached is shared."""
    array.flags.writeable = False
    return array
