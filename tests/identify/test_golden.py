"""The whole decision against the independent reference (tests/evidence/reference.py).

The evidence itself is compared in tests/evidence/test_golden.py and taken as given here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from evidence import reference as ref
from identify.stones import scored
from mineralid.evidence.outcomes import comparison_weights, reading_weights
from mineralid.identify import Candidate, Identifier
from mineralid.minerals import Mineral
from mineralid.observation import Observation
from mineralid.vision import Bundle

RECORDS: tuple[dict[str, object], ...] = (
    {},
    {"hardness": "6.5"},
    {"luster": "metallic", "streak": "greenish black"},
    {"hardness": "6-6.5", "luster": "metallic", "streak": "greenish black"},
    {
        "hardness": ">coin,<knife",
        "luster": "glassy",
        "streak": "white",
        "density": 2.7,
        "magnetism": "none",
        "acid": "fizzes",
    },
)
TRUSTS = (None, 0.0, 0.7, 1.0)


def _shares(minerals: Sequence[Mineral]) -> list[float]:
    names = [m.name for m in minerals]
    parents = [m.parent if m.kind == "variety" and m.parent in names else None for m in minerals]
    return ref.commonness([m.commonness for m in minerals], parents, names)


def _likelihoods(identifier: Identifier, observation: Observation) -> list[list[float]]:
    model = identifier.hypotheses.evidence
    return [np.exp(model.log_likelihood(r)).tolist() for r in observation.readings.values()]


def _even(identifier: Identifier, observation: Observation) -> float:
    tests = identifier.hypotheses.evidence.tests
    weights = [
        weigh(tests[n].observer, r)
        for n, r in observation.readings.items()
        for weigh in (reading_weights, comparison_weights)
    ]
    return float(np.prod([sum(w) / len(w) for w in weights if w is not None]))


def _compare(
    candidates: Sequence[Candidate], names: Sequence[str], expected: Sequence[float], rtol: float
) -> None:
    found = {c.name: c.probability for c in candidates}
    assert len(candidates) == len(names) and set(found) == set(names)
    np.testing.assert_allclose([found[name] for name in names], expected, rtol=rtol, atol=1e-14)
    ordered = [c.probability for c in candidates]
    assert ordered == sorted(ordered, reverse=True)


@pytest.mark.parametrize("record", RECORDS[1:], ids=len)
@pytest.mark.parametrize("prior", ["commonness", "uniform"])
@pytest.mark.parametrize("trust", TRUSTS)
def test_readings_alone(
    bundle: Bundle,
    full_identifier: Identifier,
    record: dict[str, object],
    prior: str,
    trust: float | None,
) -> None:
    observation = Observation.of(**record)
    report = full_identifier.decide(observation, None, prior=prior, trust=trust, top=None)
    minerals = full_identifier.hypotheses.minerals
    shares = [1 / len(minerals)] * len(minerals) if prior == "uniform" else _shares(minerals)
    rates = bundle.spec.calibration.wrong_record_rate
    wrong = rates[min(len(record), len(rates) - 1)] if trust is None else 1 - trust
    mixed, mean = ref.record(_likelihoods(full_identifier, observation), shares, wrong)
    beyond = (1 - wrong) * _even(full_identifier, observation) + wrong * mean
    expected, unknown = ref.decided(shares, mixed, beyond, 0.02)
    _compare(report.candidates, [m.name for m in minerals], expected, 1e-10)
    assert report.unknown == pytest.approx(unknown, rel=1e-10)
    expected_wrong = (1 - unknown) * ref.wrong_record(shares, mixed, mean, wrong)
    expected_wrong += unknown * wrong * mean / beyond
    assert report.wrong_record == pytest.approx(expected_wrong, rel=1e-10, abs=1e-14)
    assert report.trust == pytest.approx(1 - wrong)


@pytest.mark.parametrize("record", RECORDS, ids=len)
@pytest.mark.parametrize("trust", TRUSTS)
def test_photographs_and_readings(
    bundle: Bundle, full_identifier: Identifier, record: dict[str, object], trust: float | None
) -> None:
    item = scored(seed=11, photographs=2)
    observation = Observation.of(**record)
    report = full_identifier.decide(observation, item, trust=trust, top=None)
    spec, hypotheses = bundle.spec, full_identifier.hypotheses
    scores = item.scores.tolist()
    base = ref.photo_posterior(scores, spec.calibration.temperature[min(len(record), 3)])
    wrong = spec.calibration.wrong_record_rate[min(len(record), 3)] if trust is None else 1 - trust
    per_test = _likelihoods(full_identifier, observation)
    inside = [[row[i] for i in hypotheses.class_rows] for row in per_test]
    mixed, mean = ref.record(inside, [0.2] * 5, wrong)
    outside = [hypotheses.minerals[i] for i in hypotheses.outside_rows]
    beyond_rows = [[row[i] for i in hypotheses.outside_rows] for row in per_test]
    _, beyond = ref.record(beyond_rows, _shares(outside), wrong)
    # The tiny bundle's detector: log-odds = bias + weight x energy of the mean scores.
    energy = float(np.log(np.sum(np.exp(item.scores.mean(0).astype(float)))))
    odds = float(np.exp(spec.unknown.bias + spec.unknown.weights["energy"] * energy))
    beyond = ((1 - wrong) * beyond + wrong * mean) * odds
    expected, unknown = ref.decided(base, mixed, beyond, spec.unknown.prior)
    _compare(report.candidates, bundle.classes, expected, 1e-10)
    assert report.unknown == pytest.approx(unknown, rel=1e-10)
    if record:
        # Of a stone that is none of them the record may be another's as well.
        expected_wrong = (1 - unknown) * ref.wrong_record(base, mixed, mean, wrong)
        expected_wrong += unknown * wrong * mean * odds / beyond
        assert report.wrong_record == pytest.approx(expected_wrong, rel=1e-10, abs=1e-14)
    else:
        assert report.wrong_record is None and report.trust is None
