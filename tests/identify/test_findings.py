"""A reading that the rest contradicts is named; the others stay in use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identify.stones import scored_for
from mineralid.identify import Identifier
from mineralid.identify.findings import CONTRADICTED, DOUBTED, reading_findings
from mineralid.observation import Observation, WordsReading

quick = settings(max_examples=30, deadline=None, derandomize=True)

CALCITE = {
    "hardness": "3",
    "luster": "vitreous",
    "streak": "white",
    "density": "2.71",
    "magnetism": "none",
    "acid": "strong",
}


def _statuses(identifier: Identifier, record: dict[str, str], **options: object) -> dict[str, str]:
    report = identifier.decide(Observation.of(**record), None, **options)  # type: ignore[arg-type]
    assert report.best is not None and report.best.name == "Calcite"
    return {finding.test: finding.status for finding in report.readings}


def test_a_true_record_is_used(identifier: Identifier, full_identifier: Identifier) -> None:
    for one in (identifier, full_identifier):
        assert set(_statuses(one, CALCITE).values()) == {"used"}


@pytest.mark.parametrize(
    ("test", "wrong"),
    [
        ("streak", "greenish black"),
        ("luster", "metallic"),
        ("hardness", "6"),
        ("density", "8"),
        ("magnetism", "strong"),
    ],
)
def test_a_planted_reading_is_contradicted_and_the_others_are_used(
    identifier: Identifier, test: str, wrong: str
) -> None:
    statuses = _statuses(identifier, {**CALCITE, test: wrong})
    assert statuses.pop(test) in ("doubted", "contradicted")
    assert set(statuses.values()) == {"used"}


def test_a_planted_streak_in_the_whole_catalogue(full_identifier: Identifier) -> None:
    record = {**CALCITE, "streak": "greenish black"}
    statuses = _statuses(full_identifier, record)
    assert statuses.pop("streak") in ("doubted", "contradicted")
    assert set(statuses.values()) == {"used"}
    report = full_identifier.decide(Observation.of(**record), None)
    streak = next(finding for finding in report.readings if finding.test == "streak")
    assert streak.given == "greenish black"
    assert streak.consistency < DOUBTED and streak.log_likelihood_ratio < 0
    assert "Calcite" in {support.name for support in streak.speaks_against}


def test_a_photograph_counts_among_the_rest(identifier: Identifier) -> None:
    item = scored_for("Pyrite", 20.0)
    # Books differ about words: one alone casts a doubt, no more.
    report = identifier.decide(Observation.of(streak="white"), item)
    assert report.readings[0].status == "doubted"
    assert {s.name for s in report.readings[0].speaks_against} >= {"Pyrite"}
    fits = identifier.decide(Observation.of(streak="greenish black"), item)
    assert fits.readings[0].status == "used" and fits.readings[0].consistency > 0
    assert [s.name for s in fits.readings[0].speaks_for] == ["Pyrite"]


def test_a_lone_reading_cannot_be_doubted(full_identifier: Identifier) -> None:
    for record in ({"hardness": "1"}, {"streak": "blue"}, {"density": "19.3"}):
        report = full_identifier.decide(Observation.of(**record), None)
        assert report.readings[0].status == "used"
        assert report.readings[0].consistency == pytest.approx(0.0, abs=1e-9)


@quick
@given(seed=st.integers(0, 999), tests=st.integers(1, 4))
def test_the_ratios_and_the_consistency_in_closed_form(seed: int, tests: int) -> None:
    random = np.random.default_rng(seed)
    p = random.uniform(0.001, 1, (tests, 5))
    base, weights = random.dirichlet(np.ones(5)), random.dirichlet(np.ones(5))
    names = ["a", "b", "c", "d", "e"]
    findings = reading_findings(
        readings={f"test{i}": WordsReading(("dull",)) for i in range(tests)},
        log_likelihoods=np.log(p),
        log_even=np.full(tests, np.log(1e-9)),
        log_base=np.log(base),
        log_weights=np.log(weights),
        names=names,
        leaders=[3, 0],
    )
    for i, finding in enumerate(findings):
        average = weights @ p[i]
        assert finding.log_likelihood_ratio == pytest.approx(np.log(p[i, 3] / average))
        rest = base * np.prod(np.delete(p, i, axis=0), axis=0)
        consistency = np.log((rest / rest.sum()) @ p[i] / average)
        assert finding.consistency == pytest.approx(consistency)
        assert (finding.status == "contradicted") == (consistency < CONTRADICTED)
        assert (finding.status == "used") == (consistency >= DOUBTED)
        told = [*finding.speaks_for, *finding.speaks_against]
        assert {s.name for s in told} <= {"d", "a"}
        assert all(s.log_likelihood_ratio > 0.25 for s in finding.speaks_for)
        assert all(s.log_likelihood_ratio < -0.25 for s in finding.speaks_against)
        assert finding.test == f"test{i}" and finding.given == "dull"
