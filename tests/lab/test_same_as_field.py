"""The lab measures what the field computes: the same scores and readings, the same posterior."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mineralid.evidence.outcomes import grid
from mineralid.identify import Identifier
from mineralid.lab.evaluation.calibrate import class_posterior
from mineralid.lab.evaluation.simulated import TESTS, log_likelihoods
from mineralid.minerals import load_vocabulary
from mineralid.observation import Observation
from mineralid.vision import load_bundle
from mineralid.vision.stream import ItemScores

STONES = (
    {"hardness": "6.5", "luster": "metallic", "streak": "greenish-black"},
    {"hardness": "3", "luster": "vitreous", "streak": "white"},
    {"hardness": "9.3", "luster": "silky", "streak": "none"},
)
SUBSETS = [c for n in range(len(TESTS) + 1) for c in itertools.combinations(TESTS, n)]


@pytest.fixture(scope="module")
def identifier(tiny_bundle: Path) -> Identifier:
    bundle = load_bundle(tiny_bundle)
    rng = np.random.default_rng(0)
    arrays = {
        **bundle.arrays,
        "class_means": rng.normal(0, 1, (5, 8)).astype(np.float32),
        "feature_mean": np.zeros(8, dtype=np.float32),
    }
    return Identifier(replace(bundle, arrays=arrays), threads=1)


def outcome(identifier: Identifier, test: str, given: str) -> int:
    """The index of a reading among the outcomes of its test, as the lab draws it."""
    observer = identifier.hypotheses.class_evidence.tests[test].observer
    if test == "hardness":
        return int(np.abs(grid(observer) - float(given)).argmin())
    return load_vocabulary(test).index(given)


@pytest.mark.parametrize("chosen", SUBSETS, ids=lambda c: "+".join(c) or "photograph alone")
def test_posterior_is_that_of_the_answer(identifier: Identifier, chosen: tuple[str, ...]) -> None:
    rng = np.random.default_rng(len(chosen))
    scores = rng.normal(0, 3, (len(STONES), 5)).astype(np.float32)
    model = identifier.hypotheses.class_evidence
    drawn = {
        test: np.array([outcome(identifier, test, stone[test]) for stone in STONES])
        for test in TESTS
    }
    readings = log_likelihoods(drawn, model)
    calibration = identifier.bundle.spec.calibration
    found = class_posterior(
        scores,
        [readings[test] for test in chosen],
        calibration.temperature_for(len(chosen)),
        calibration.wrong_record_rate_for(len(chosen)),
    )
    assert found.shape == (len(STONES), 5)
    np.testing.assert_allclose(found.sum(1), 1.0, atol=1e-12)
    for row, stone in enumerate(STONES):
        scored = ItemScores(scores[row : row + 1], np.ones((1, 8), dtype=np.float32))
        observation = Observation.of((), **{test: stone[test] for test in chosen})
        report = identifier.decide(observation, scored, top=None)
        by_name = {c.name: c.probability for c in report.candidates}
        answer = np.array([by_name[name] for name in identifier.bundle.classes])
        assert 0 < report.unknown < 1
        np.testing.assert_allclose(found[row], answer / (1 - report.unknown), atol=1e-9)


def test_dropping_every_reading_leaves_the_photograph(identifier: Identifier) -> None:
    scores = np.array([[2.0, 1.0, 0.0, -1.0, 0.5]], dtype=np.float32)
    expected = np.exp(scores[0].astype(float) / 2)
    found = class_posterior(scores, [], 2.0, 0.3)
    np.testing.assert_allclose(found[0], expected / expected.sum(), rtol=1e-12)


def test_a_record_that_is_surely_wrong_says_nothing() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 2, (4, 5)).astype(np.float32)
    readings = [np.log(rng.random((4, 5)))]
    ignored = class_posterior(scores, readings, 1.5, 1.0)
    np.testing.assert_allclose(ignored, class_posterior(scores, [], 1.5, 1.0), rtol=1e-12)
