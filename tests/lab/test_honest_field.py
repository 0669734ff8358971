"""What the honest answers weigh for many stones at once is what the field answers for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from field_cases import STONES, outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from mineralid.identify import Identifier, Report, posterior, unknown
from mineralid.lab.evaluation.calibrate import Dials
from mineralid.lab.evaluation.robustness.grid import SUBSETS
from mineralid.lab.evaluation.robustness.honest.field import Field, wrong_record_probability
from mineralid.lab.evaluation.robustness.honest.order import expected_bits
from mineralid.lab.evaluation.robustness.readings import Readings
from mineralid.lab.evaluation.scoring import Scores
from mineralid.lab.evaluation.simulated import TESTS
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
        "feature_mean": rng.normal(0, 1, 8).astype(np.float32),
        unknown.DIRECTION: rng.normal(0, 3, 8).astype(np.float32),
        unknown.OFFSET: np.array([-1.0], dtype=np.float32),
    }
    weights = {"energy": -0.4, "similarity": -2.0, unknown.NO_MINERAL: 1.0}
    detector = bundle.spec.unknown.model_copy(update={"weights": weights, "bias": 0.3})
    spec = bundle.spec.model_copy(update={"unknown": detector})
    return Identifier(replace(bundle, spec=spec, arrays=arrays), threads=1)


@pytest.fixture(scope="module")
def field(identifier: Identifier) -> Field:
    spec = identifier.bundle.spec
    numbers = range(len(TESTS) + 1)
    dials = Dials(
        tuple(spec.calibration.temperature_for(n) for n in numbers),
        tuple(spec.calibration.wrong_record_rate_for(n) for n in numbers),
    )
    return Field(identifier.hypotheses, (dials,), (spec.unknown,), (identifier.bundle.arrays,))


def readings(identifier: Identifier, chosen: tuple[str, ...]) -> Readings:
    outcomes = np.array([[outcome(identifier, t, stone[t]) for t in TESTS] for stone in STONES])
    tested = np.tile([test in chosen for test in TESTS], (len(STONES), 1))
    return Readings(outcomes, tested)


def answers(
    identifier: Identifier, found: Scores, chosen: tuple[str, ...]
) -> Iterator[tuple[int, Report]]:
    for row, stone in enumerate(STONES):
        item = ItemScores(found.scores[row : row + 1], found.feature[row : row + 1])
        given_ = {test: stone[test] for test in chosen}
        yield row, identifier.decide(Observation.of(**given_), item, top="all")


@pytest.mark.parametrize("chosen", SUBSETS, ids=lambda c: "+".join(c) or "photograph alone")
def test_many_stones_at_once_are_answered_as_each_alone(
    identifier: Identifier, field: Field, chosen: tuple[str, ...]
) -> None:
    rng = np.random.default_rng(len(chosen))
    found = Scores(
        rng.normal(0, 3, (len(STONES), 5)).astype(np.float32),
        rng.normal(0, 2, (len(STONES), 8)).astype(np.float32),
    )
    fold = np.zeros(len(STONES), dtype=int)
    ratio = field.log_photo_ratio(found, fold)
    drawn = readings(identifier, chosen)
    weighed = field.weigh(found, fold, ratio, drawn, len(chosen))
    bits = expected_bits(weighed, field)
    np.testing.assert_allclose(weighed.known.sum(1) + weighed.beyond.sum(1), 1.0, atol=1e-9)
    for row, report in answers(identifier, found, chosen):
        shown = {c.name: c.probability for c in report.candidates}
        expected = [shown[name] for name in identifier.bundle.classes]
        np.testing.assert_allclose(weighed.known[row], expected, atol=1e-9)
        assert weighed.none[row] == pytest.approx(report.unknown, abs=1e-9)
        assert weighed.wrong[row] == pytest.approx(report.wrong_record or 0.0, abs=1e-9)
        for advice in report.next_tests:
            if advice.test in TESTS:
                assert advice.test not in chosen
                own = bits[row, TESTS.index(advice.test)]
                assert own == pytest.approx(advice.information_bits, abs=1e-9)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 9999), rate=st.floats(0.01, 1.0))
def test_wrong_record_probability_of_many_is_that_of_each(seed: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    base, right = rng.normal(0, 3, (2, 4, 6))
    other = rng.normal(0, 2, 4)
    record = posterior.mix_wrong_record(right, other, rate)
    found = wrong_record_probability(base, record, other, rate)
    for row in range(4):
        expected = posterior.wrong_record_probability(
            log_base=base[row],
            log_record=record[row],
            log_other=other[row],
            wrong_record_rate=rate,
        )
        assert found[row] == pytest.approx(expected)
