"""What holds of the evidence whatever the readings: blanks, order, wider readings, information."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.five import FIVE
from mineralid.evidence import EvidenceModel, next_tests, prior_weights
from mineralid.evidence.next_test import entropy_bits
from mineralid.minerals import Mineral, load_vocabulary
from mineralid.observation import (
    IntervalReading,
    Reading,
    WordsReading,
    parse_hardness,
    parse_reading,
)

quick = settings(max_examples=30, deadline=None, derandomize=True)
MODEL = EvidenceModel(FIVE)
BLANK = next(i for i, m in enumerate(FIVE) if m.name == "Blankite")
WORD_TESTS = ("luster", "streak", "magnetism", "acid")

mohs = st.integers(5, 100).map(lambda tenths: tenths / 10)
measured = st.tuples(mohs, mohs).map(lambda pair: f"{min(pair)}-{max(pair)}")
compared = st.tuples(mohs, mohs).map(lambda pair: f">{min(pair)},<{max(pair)}")
densities = st.tuples(st.floats(0.5, 25), st.floats(0.5, 25)).map(sorted)


def words(name: str) -> st.SearchStrategy[Reading]:
    tokens = st.sets(st.sampled_from(load_vocabulary(name).tokens), min_size=1)
    return tokens.map(lambda chosen: WordsReading(tuple(sorted(chosen)), name))


readings: st.SearchStrategy[Reading] = st.one_of(
    st.one_of(measured, compared).map(parse_hardness).filter(lambda r: r is not None),
    densities.map(lambda pair: IntervalReading(pair[0], pair[1], "density")),
    *(words(name) for name in WORD_TESTS),
)
records = st.lists(readings, max_size=6, unique_by=lambda r: r.name).map(
    lambda chosen: {r.name: r for r in chosen}
)
posteriors = st.lists(st.floats(0.01, 1), min_size=5, max_size=5).map(
    lambda values: np.array(values) / sum(values)
)


@quick
@given(reading=readings)
def test_no_reading_is_impossible_or_more_than_certain(reading: Reading) -> None:
    log_p = MODEL.log_likelihood(reading)
    assert log_p.shape == (len(FIVE),)
    assert np.all(log_p <= 1e-12) and np.all(log_p > np.log(1e-6))


@quick
@given(record=records)
def test_a_mineral_without_known_cells_keeps_its_prior_odds(record: dict[str, Reading]) -> None:
    """Its likelihood is the population's average: p(record | blank) = Σ p(s) p(reading | s)."""
    for reading in record.values():
        p = np.exp(MODEL.log_likelihood(reading))
        assert p[BLANK] == pytest.approx(MODEL.population @ p, rel=1e-12)
        others = np.arange(len(FIVE)) != BLANK
        share = MODEL.population[others] / MODEL.population[others].sum()
        assert p[BLANK] == pytest.approx(share @ p[others], rel=1e-12)


@quick
@given(reading=readings, population=posteriors)
def test_the_blank_scores_the_average_of_any_population(
    reading: Reading, population: np.ndarray
) -> None:
    model = EvidenceModel(FIVE, population=population)
    p = np.exp(model.log_likelihood(reading))
    assert p[BLANK] == pytest.approx(population @ p, rel=1e-12)
    scaled = EvidenceModel(FIVE, population=3 * population)
    np.testing.assert_allclose(scaled.log_likelihood(reading), np.log(p), atol=1e-12)


def test_where_no_cell_is_known_a_test_says_nothing() -> None:
    minerals = (Mineral(name="A", kind="species"), Mineral(name="B", kind="species"))
    for test in EvidenceModel(minerals).tests.values():
        np.testing.assert_allclose(test.outcome, 1 / test.outcome.shape[1], rtol=1e-12)
        assert not test.known.any()


@quick
@given(record=records, order=st.randoms(use_true_random=False))
def test_the_order_of_readings_does_not_matter(
    record: dict[str, Reading], order: random.Random
) -> None:
    shuffled = list(record.items())
    order.shuffle(shuffled)
    found = MODEL.log_likelihoods(record)
    assert found.shape == (len(record), len(FIVE))
    np.testing.assert_array_equal(found, MODEL.log_likelihoods(dict(shuffled)))
    for row, name in zip(found, [n for n in MODEL.tests if n in record], strict=True):
        np.testing.assert_array_equal(row, MODEL.log_likelihood(record[name]))


@quick
@given(name=st.sampled_from(WORD_TESTS), data=st.data())
def test_several_words_are_as_likely_as_their_sum(name: str, data: st.DataObject) -> None:
    several = data.draw(words(name))
    assert isinstance(several, WordsReading)
    total = sum(
        np.exp(MODEL.log_likelihood(WordsReading((token,), name))) for token in several.tokens
    )
    np.testing.assert_allclose(np.exp(MODEL.log_likelihood(several)), total, rtol=1e-12)


@quick
@given(low=mohs, high=mohs, more=st.floats(0, 2))
def test_a_wider_interval_is_at_least_as_likely(low: float, high: float, more: float) -> None:
    low, high = min(low, high), max(low, high)
    narrow = parse_hardness((low, high))
    wide = parse_hardness((max(0.5, low - more), min(10.0, high + more)))
    assert narrow is not None and wide is not None
    assert np.all(MODEL.log_likelihood(wide) >= MODEL.log_likelihood(narrow) - 1e-12)


@quick
@given(tool=mohs)
def test_a_scratch_goes_one_way_or_the_other(tool: float) -> None:
    above, below = parse_hardness(f">{tool}"), parse_hardness(f"<{tool}")
    assert above is not None and below is not None
    total = np.exp(MODEL.log_likelihood(above)) + np.exp(MODEL.log_likelihood(below))
    np.testing.assert_allclose(total, 1.0, rtol=1e-12)


def test_what_the_catalogue_says_is_likelier_than_for_the_average_stone() -> None:
    said = {
        "Pyrite": {"hardness": "6-6.5", "luster": "metallic", "streak": "greenish-black"},
        "Calcite": {"hardness": "3", "acid": "strong", "density": "2.71"},
        "Magnetite": {"hardness": "6", "magnetism": "strong", "streak": "black"},
    }
    for name, record in said.items():
        own = [m.name for m in FIVE].index(name)
        for test, value in record.items():
            reading = parse_reading(value, test)
            assert reading is not None
            p = np.exp(MODEL.log_likelihood(reading))
            assert p[own] > 1.5 * p[BLANK], (name, test)


@quick
@given(reading=readings, rows=st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True))
def test_a_subset_keeps_its_rows_and_the_blanks_of_the_whole(
    reading: Reading, rows: list[int]
) -> None:
    part = MODEL.subset(np.array(rows))
    assert part.names == tuple(FIVE[i].name for i in rows)
    assert part.population.sum() == pytest.approx(1.0)
    whole = MODEL.log_likelihood(reading)[rows]
    np.testing.assert_allclose(part.log_likelihood(reading), whole, rtol=1e-12, atol=1e-12)


def test_evidence_of_no_minerals_is_refused() -> None:
    with pytest.raises(ValueError, match="no minerals: the evidence needs one or more"):
        EvidenceModel(())


# Which test to make next


@quick
@given(p=posteriors)
def test_information_is_between_nothing_and_all_that_is_left_to_know(p: np.ndarray) -> None:
    for test in next_tests(models=[MODEL], posteriors=[p], done=(), most=99):
        assert 0 <= test.information_bits <= entropy_bits(p) + 1e-9
        assert test.score <= test.information_bits
        assert sum(o.probability for o in test.outcomes) <= 1 + 1e-9
        assert all(o.leader in MODEL.names for o in test.outcomes)
        assert all(0 < o.leader_probability <= 1 + 1e-9 for o in test.outcomes)


@quick
@given(p=posteriors, done=st.sets(st.sampled_from(list(MODEL.tests))))
def test_tests_not_made_come_best_first(p: np.ndarray, done: set[str]) -> None:
    found = next_tests(models=[MODEL], posteriors=[p], done=done, most=99)
    assert {t.test for t in found} == set(MODEL.tests) - done
    scores = [t.score for t in found]
    assert scores == sorted(scores, reverse=True)
    assert next_tests(models=[MODEL], posteriors=[p], done=done, most=1) == found[:1]


def test_a_test_that_reads_the_same_for_all_tells_nothing() -> None:
    alike = tuple(
        Mineral(name=name, kind="species", luster=("dull",), hardness_mohs=(3.0, 4.0))
        for name in ("A", "B", "C")
    )
    p = np.array([0.5, 0.3, 0.2])
    for test in next_tests(models=[EvidenceModel(alike)], posteriors=[p], done=(), most=99):
        assert test.information_bits == pytest.approx(0.0, abs=1e-12)


def test_a_decided_stone_needs_no_test() -> None:
    p = np.array([0.0, 1.0, 0.0, 0.0, 0.0])
    for test in next_tests(models=[MODEL], posteriors=[p], done=(), most=99):
        assert test.information_bits == pytest.approx(0.0, abs=1e-12)


@quick
@given(p=posteriors, cut=st.integers(1, 4))
def test_information_does_not_depend_on_how_the_minerals_are_grouped(
    p: np.ndarray, cut: int
) -> None:
    parts = [np.arange(cut), np.arange(cut, 5)]
    whole = next_tests(models=[MODEL], posteriors=[p], done=(), most=99)
    grouped = next_tests(
        models=[MODEL.subset(rows) for rows in parts],
        posteriors=[p[rows] for rows in parts],
        done=(),
        most=99,
    )
    for one, other in zip(whole, grouped, strict=True):
        assert one.test == other.test
        assert one.information_bits == pytest.approx(other.information_bits, abs=1e-12)


# The prior


def test_priors() -> None:
    uniform = prior_weights(FIVE, "uniform")
    np.testing.assert_allclose(uniform, 0.2)
    common = prior_weights(FIVE)
    assert common.sum() == pytest.approx(1.0)
    grades = [m.commonness for m in FIVE]
    for i, j in np.ndindex(5, 5):
        assert (common[i] > common[j]) == (grades[i] > grades[j])
    amethyst = Mineral(name="Amethyst", kind="variety", parent="Quartz", commonness=5)
    with_a_variety = prior_weights((*FIVE, amethyst))
    assert with_a_variety[-1] == pytest.approx(with_a_variety[0] / 5)
    with pytest.raises(ValueError, match=r"prior is 'common'; allowed: commonness, uniform"):
        prior_weights(FIVE, "common")
