"""The package against the independent reference of `reference.py`, to 1e-10."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest

from evidence import reference as ref
from evidence.five import FIVE
from mineralid.evidence import EvidenceModel, load_observers, next_tests
from mineralid.evidence.observer import OBSERVERS_FILE
from mineralid.evidence.outcomes import comparison_weights, reading_weights
from mineralid.identify import posterior
from mineralid.minerals import Mineral, load_catalogue, load_vocabulary
from mineralid.observation import (
    HardnessReading,
    IntervalReading,
    WordsReading,
    parse_reading,
)

RANGES = {"hardness": (0.5, 10.0), "density": (0.5, 25.0)}
COLUMNS = {"hardness": "hardness_mohs", "density": "density_g_cm3"}
WORD_TESTS = ("luster", "streak", "magnetism", "acid")
READINGS: dict[str, tuple[object, ...]] = {
    "hardness": (
        "6.5",
        "6-6.5",
        "2.53",
        0.5,
        10,
        "scratches:coin,scratched-by:knife",
        ">glass",
        "<2.5",
        "5-7, >5.5",
        ">2.5,>3.5,<7,<8",
    ),
    "luster": ("metallic", "glassy or pearly", "dull", "non-metallic"),
    "streak": ("white", "none", "greenish black", "black/brown/none", "red"),
    "density": ("2.65", "2.6-2.7", "5.01", "0.5", "25", "3-8"),
    "magnetism": ("none", "strong", "magnetic"),
    "acid": ("none", "weak", "fizzes", "none or weak"),
}


def _table() -> dict[str, dict[str, str]]:
    with OBSERVERS_FILE.open(encoding="utf-8", newline="") as stream:
        return {row["test"]: row for row in csv.DictReader(stream)}


TABLE = _table()


def _close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13)


def _centers(test: str) -> list[float]:
    row = TABLE[test]
    return ref.bins(*RANGES[test], float(row["step"]), row["scale"])


def _reference_rows(
    test: str,
    minerals: tuple[Mineral, ...],
    population: list[float],
    tolerance: float | None = None,
) -> tuple[list[list[float]], list[float]]:
    row = TABLE[test]
    spread = tolerance or float(row["tolerance"] or 0)
    rows: list[list[float] | None] = []
    if test in RANGES:
        centers = _centers(test)
        for mineral in minerals:
            cell = getattr(mineral, COLUMNS[test])
            rows.append(cell and ref.measured(cell, centers, spread, row["scale"]))
        size = len(centers)
    else:
        vocabulary = load_vocabulary(test)
        tokens = vocabulary.tokens
        neighbours = {token: vocabulary.neighbours(token) for token in tokens}
        for mineral in minerals:
            cell = getattr(mineral, test)
            words = ref.listed(cell, tokens, neighbours, float(row["slip"])) if cell else None
            if words and row["plate_mohs"]:
                plate = float(row["plate_mohs"])
                words = ref.after_the_plate(words, tokens, mineral.hardness_mohs, plate)
            rows.append(words)
        size = len(tokens)
    return ref.with_blanks_and_strays(rows, population, float(row["stray"]), size)


def _reference_weights(test: str, value: object) -> list[float] | None:
    reading = parse_reading(value, test)
    if isinstance(reading, WordsReading):
        return ref.weights_of_words(load_vocabulary(test).tokens, reading.tokens)
    centers = _centers(test)
    if isinstance(reading, IntervalReading):
        return ref.weights_of_number(centers, reading.low, reading.high)
    assert isinstance(reading, HardnessReading)
    if reading.low_mohs is None or reading.high_mohs is None:
        return None
    return ref.weights_of_number(centers, reading.low_mohs, reading.high_mohs)


def _reference_comparisons(test: str, value: object) -> list[float] | None:
    reading = parse_reading(value, test)
    if not isinstance(reading, HardnessReading) or not (reading.above_mohs or reading.below_mohs):
        return None
    return ref.weights_of_comparisons(_centers(test), reading.above_mohs, reading.below_mohs)


def _sample() -> tuple[Mineral, ...]:
    """Every 29th mineral of the catalogue, and those of a rare kind.

    A streak without a hardness is left out: test_no_streak.py has the question of those.
    """
    minerals = [*load_catalogue().minerals[::29]]
    wanted = (
        "Quartz",
        "Pyrite",
        "Emery",
        "Hercynite",
        "Kyanite",
        "Olivine",
        "Gold",
        "Hematite",
        "Amethyst",
    )
    minerals += [load_catalogue().find(name) for name in wanted]
    unique = {m.name: m for m in minerals if m.hardness_mohs or not m.streak}
    return tuple(unique.values())


@pytest.fixture(scope="module", params=["five", "catalogue"])
def minerals(request: pytest.FixtureRequest) -> tuple[Mineral, ...]:
    return FIVE if request.param == "five" else _sample()


def _shares(minerals: tuple[Mineral, ...]) -> list[float]:
    names = [m.name for m in minerals]
    parents = [m.parent if m.kind == "variety" and m.parent in names else None for m in minerals]
    return ref.commonness([m.commonness for m in minerals], parents, names)


def test_the_sample_is_worth_its_name() -> None:
    sample = _sample()
    assert len(sample) >= 50
    for column in (*COLUMNS.values(), *WORD_TESTS):
        known = sum(bool(m.value(column)) for m in sample)
        assert 0 < known < len(sample), column
    assert any("none" in m.streak for m in sample)


def test_the_table_of_observers_has_the_tests_of_the_reference() -> None:
    assert list(TABLE) == list(load_observers())
    assert set(TABLE) == {*RANGES, *WORD_TESTS}


@pytest.mark.parametrize("test", [*RANGES, *WORD_TESTS])
def test_likelihoods(test: str, minerals: tuple[Mineral, ...]) -> None:
    evidence = EvidenceModel(minerals).tests[test]
    rows, marginal = _reference_rows(test, minerals, _shares(minerals))
    _close(evidence.outcome, rows)
    _close(evidence.marginal, marginal)
    _close(evidence.outcome.sum(1), 1.0)


@pytest.mark.parametrize("test", [*RANGES, *WORD_TESTS])
def test_reading_weights(test: str) -> None:
    observer = load_observers()[test]
    for value in READINGS[test]:
        reading = parse_reading(value, test)
        assert reading is not None
        for weights, expected in (
            (reading_weights(observer, reading), _reference_weights(test, value)),
            (comparison_weights(observer, reading), _reference_comparisons(test, value)),
        ):
            assert (weights is None) == (expected is None)
            if weights is not None:
                _close(weights, expected)
                assert 0 < weights.max() <= 1 and weights.min() >= 0


def test_log_likelihood_of_every_reading(minerals: tuple[Mineral, ...]) -> None:
    model = EvidenceModel(minerals)
    for test, values in READINGS.items():
        rows, _ = _reference_rows(test, minerals, _shares(minerals))
        for value in values:
            reading = parse_reading(value, test)
            assert reading is not None
            expected, even = [1.0] * len(minerals), 1.0
            weights, compared = _reference_weights(test, value), _reference_comparisons(test, value)
            if weights is not None:
                expected = [ref.likelihood(row, weights) for row in rows]
                even = sum(weights) / len(weights)
            if compared is not None:
                truths = _reference_rows(test, minerals, _shares(minerals), 0.1)[0]
                expected = [
                    p * ref.likelihood(row, compared)
                    for p, row in zip(expected, truths, strict=True)
                ]
                even *= sum(compared) / len(compared)
            _close(np.exp(model.log_likelihood(reading)), expected)
            assert np.exp(model.log_even({reading.name: reading})) == pytest.approx(even, rel=1e-10)


def test_expected_information(minerals: tuple[Mineral, ...]) -> None:
    model = EvidenceModel(minerals)
    p = np.random.default_rng(7).dirichlet(np.full(len(minerals), 0.3))
    found = {t.test: t for t in next_tests(models=[model], posteriors=[p], done=(), most=99)}
    assert set(found) == set(TABLE)
    for test, row in TABLE.items():
        rows, _ = _reference_rows(test, minerals, _shares(minerals))
        if test in RANGES:
            cuts = [float(cut) for cut in row["cuts"].split("|")]
            if row["comparison"]:
                truths = _reference_rows(test, minerals, _shares(minerals), 0.1)[0]
                rows = [ref.compared(r, _centers(test), cuts) for r in truths]
            else:
                rows = [ref.coarse(r, _centers(test), cuts) for r in rows]
        bits = ref.expected_information(p.tolist(), rows)
        assert found[test].information_bits == pytest.approx(bits, rel=1e-9, abs=1e-10)
        harm = 0.8 if row["destructive"] else 1.0
        expected_score = bits * float(row["ease"]) * harm
        assert found[test].score == pytest.approx(expected_score, rel=1e-9, abs=1e-10)
        for outcome in found[test].outcomes:
            place = model.tests[test].coarse_names.index(outcome.outcome)
            joint = [share * r[place] for share, r in zip(p, rows, strict=True)]
            assert outcome.probability == pytest.approx(sum(joint), rel=1e-9)
            assert outcome.leader == model.names[int(np.argmax(joint))]
            expected_leader = max(joint) / sum(joint)
            assert outcome.leader_probability == pytest.approx(expected_leader, rel=1e-9)


@pytest.mark.parametrize("wrong", [0.0, 0.07, 0.5, 1.0])
def test_wrong_record_and_unknown(wrong: float) -> None:
    random = np.random.default_rng(3)
    per_test = random.uniform(1e-6, 1, (4, 6))
    weights, base = random.dirichlet(np.ones(6)), random.dirichlet(np.ones(6))
    mixed, mean = ref.record(per_test.tolist(), weights.tolist(), wrong)
    log_right = np.log(per_test).sum(0)
    log_other = posterior.log_mean(log_right, np.log(weights))
    assert np.exp(log_other) == pytest.approx(mean, rel=1e-10)
    log_record = posterior.mix_wrong_record(log_right, log_other, wrong)
    _close(np.exp(log_record), mixed)
    for prior_unknown, beyond in ((0.0, 0.4), (0.02, 1e-4), (0.3, 0.4)):
        known, unknown = posterior.with_unknown(
            np.log(base) + log_record, np.log(np.float64(beyond)), prior_unknown
        )
        expected, expected_unknown = ref.decided(base.tolist(), mixed, beyond, prior_unknown)
        _close(known, expected)
        assert float(unknown) == pytest.approx(expected_unknown, rel=1e-10)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 6.0])
@pytest.mark.parametrize("photographs", [1, 3])
def test_photograph(temperature: float, photographs: int) -> None:
    scores = np.random.default_rng(5).normal(0, 4, (photographs, 7)).astype(np.float32)
    log_p = posterior.log_photo_posterior(posterior.combine_photos(scores), temperature)
    plain = [[float(s) for s in row] for row in scores]
    _close(np.exp(log_p), ref.photo_posterior(plain, temperature))
