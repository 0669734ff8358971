"""The lab measures what the field computes: the same scores and readings, the same posterior."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from field_cases import STONES, outcome
from synthetic_scores import own_source

from mineralid.evidence.outcomes import grid
from mineralid.identify import Identifier, conformal
from mineralid.identify.hypotheses import Hypotheses
from mineralid.lab.data.manifest import Manifest
from mineralid.lab.evaluation.calibrate import Cases, class_posterior, fit_calibration
from mineralid.lab.evaluation.robustness.grid import SUBSETS
from mineralid.lab.evaluation.simulated import TESTS, draw_outcomes, log_likelihoods
from mineralid.lab.export import release
from mineralid.minerals import load_catalogue, load_vocabulary
from mineralid.observation import Observation
from mineralid.vision import load_bundle
from mineralid.vision.stream import ItemScores


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
        assert report.unknown is not None
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


def as_reading(identifier: Identifier, test: str, outcome: int) -> str:
    """What a person writes to give that outcome."""
    if test == "hardness":
        observer = identifier.hypotheses.class_evidence.tests[test].observer
        return f"{grid(observer)[outcome]:.1f}"
    return load_vocabulary(test).tokens[outcome]


@pytest.mark.parametrize("tests", [0, 3])
def test_sets_of_the_answer_hold_the_truth_as_the_fitted_thresholds_promise(
    identifier: Identifier, tests: int
) -> None:
    rng, count = np.random.default_rng(1), 150
    names, chosen = identifier.bundle.classes, TESTS[:tests]
    scores = rng.normal(0, 1.5, (count, len(names))).astype(np.float32)
    labels = (scores + rng.gumbel(0, 1, scores.shape)).argmax(1)
    model = identifier.hypotheses.class_evidence
    source = own_source()
    drawn = draw_outcomes(source, [names[c] for c in labels], model, rng)
    readings = log_likelihoods(drawn, model)
    cases = Cases(scores, labels, readings, readings)
    fitted = fit_calibration([cases], cases, "planted")
    spec = identifier.bundle.spec.model_copy(update={"calibration": fitted})
    field = Identifier(replace(identifier.bundle, spec=spec), threads=1)

    p = class_posterior(
        scores,
        [readings[t] for t in chosen],
        fitted.temperature[tests],
        fitted.wrong_record_rate[tests],
    )
    threshold = fitted.set_thresholds[tests][fitted.set_confidences.index(0.9)]
    held, sizes = 0, []
    for row in range(count):
        given = {t: as_reading(field, t, drawn[t][row]) for t in chosen}
        scored = ItemScores(scores[row : row + 1], np.ones((1, 8), dtype=np.float32))
        found = field.decide(Observation.of((), **given), scored, confidence=0.9).prediction_set
        expected = conformal.prediction_set(
            p[row], threshold, fitted.set_penalty, fitted.set_free_rank
        )
        assert found == [names[c] for c in expected]
        held += names[labels[row]] in found
        sizes.append(len(found))
    assert held >= 0.9 * count  # the very photographs that the thresholds were fitted on
    assert np.mean(sizes) < len(names) - 1


class Seen(Exception):
    """Carries what was asked for out of a release."""


def test_the_evidence_of_the_measurement_is_that_of_the_field(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def see(held_out: object, model: object, source: object) -> None:
        raise Seen(model)

    catalogue = load_catalogue()
    classes = ("Quartz", "Pyrite", "Calcite", "Malachite", "Hematite")
    monkeypatch.setattr(release, "evidence_catalogue", lambda facts: catalogue)
    monkeypatch.setattr(release, "judge_readings", lambda *given: None)
    monkeypatch.setattr(release, "out_of_fold", lambda *given: None)
    monkeypatch.setattr(release, "simulate_cases", see)
    with pytest.raises(Seen) as seen:
        release.measure(Manifest((), classes), tmp_path, tmp_path, print)
    measured, field = seen.value.args[0], Hypotheses(catalogue, classes).class_evidence
    assert measured.names == field.names
    for test in TESTS:
        np.testing.assert_allclose(
            measured.tests[test].outcome, field.tests[test].outcome, rtol=1e-9
        )
