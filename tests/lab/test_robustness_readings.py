"""Readings of the benchmark: drawn as the judge's table says, wrong in four ways, or untested."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from robustness_cases import bench
from synthetic_scores import SPECIES, own_source

from mineralid.evidence.outcomes import grid
from mineralid.lab.evaluation.robustness.grid import SUBSETS, cell, full_grid, reduced_grid
from mineralid.lab.evaluation.robustness.readings import (
    ERROR_KINDS,
    VOCABULARIES,
    Corruption,
    Readings,
    codes_of,
)
from mineralid.lab.evaluation.simulated import TESTS, draw_outcomes
from mineralid.minerals import load_vocabulary

LABELS = st.lists(st.integers(0, len(SPECIES) - 1), min_size=1, max_size=40)
SEEDS = st.integers(0, 10_000)
WITH_TESTS = st.sampled_from([tests for tests in SUBSETS if tests])
KINDS, WORDS = st.sampled_from(ERROR_KINDS), st.sampled_from(VOCABULARIES)
MANY = settings(max_examples=60, deadline=None)


def drawn(labels: list[int] | np.ndarray, seed: int, vocabulary: str = "full") -> Corruption:
    return Corruption.drawn(bench(vocabulary).judge, np.array(labels), seed)


def changed(corruption: Corruption, found: Readings, vocabulary: str) -> np.ndarray:
    """Return which tested readings are read differently [n, F]."""
    judge = bench(vocabulary).judge
    differs = judge.read(found.outcome) != judge.read(corruption.right.outcome)
    return differs & found.tested


@MANY
@given(labels=LABELS, seed=SEEDS, tests=WITH_TESTS, kind=KINDS, vocabulary=WORDS)
def test_at_rate_0_every_reading_is_the_right_one(
    labels: list[int], seed: int, tests: tuple[str, ...], kind: str, vocabulary: str
) -> None:
    corruption = drawn(labels, seed, vocabulary)
    found = corruption.readings(tests, kind=kind, rate=0.0)
    assert np.array_equal(found.outcome, corruption.right.outcome)
    assert (found.tested == np.array([t in tests for t in TESTS])).all()


@MANY
@given(
    labels=LABELS,
    seed=SEEDS,
    tests=WITH_TESTS,
    kind=st.sampled_from(["record", "one", "similar"]),
    vocabulary=WORDS,
    missing=st.sampled_from([0.0, 0.4]),
)
def test_at_rate_1_every_stone_with_a_test_is_read_differently(
    labels: list[int],
    seed: int,
    tests: tuple[str, ...],
    kind: str,
    vocabulary: str,
    missing: float,
) -> None:
    corruption = drawn(labels, seed, vocabulary)
    found = corruption.readings(tests, kind=kind, rate=1.0, missing_rate=missing)
    wrong = changed(corruption, found, vocabulary)
    assert np.array_equal(wrong.any(1), found.tested.any(1))
    if kind == "one":
        assert wrong.sum(1).max(initial=0) <= 1
    counts = [len(codes) for codes in bench(vocabulary).judge.codes]
    assert (found.outcome >= 0).all() and (found.outcome < counts).all()


@MANY
@given(labels=LABELS, seed=SEEDS, tests=WITH_TESTS)
def test_an_unskilled_observer_is_one_mohs_off_and_writes_a_neighbouring_luster(
    labels: list[int], seed: int, tests: tuple[str, ...]
) -> None:
    corruption = drawn(labels, seed)
    found = corruption.readings(tests, kind="unskilled", rate=1.0)
    right = corruption.right.outcome
    mohs = grid(bench().model.tests["hardness"].observer)
    np.testing.assert_allclose(abs(mohs[found.outcome[:, 0]] - mohs[right[:, 0]]), 1.0)
    words = load_vocabulary("luster")
    for now, was in zip(found.outcome[:, 1], right[:, 1], strict=True):
        assert words.tokens[now] in words.neighbours(words.tokens[was])
    assert np.array_equal(found.outcome[:, 2], right[:, 2])


@MANY
@given(labels=LABELS, seed=SEEDS, kind=KINDS, vocabulary=WORDS)
def test_a_stone_wrong_at_one_rate_is_wrong_in_the_same_way_at_a_higher_one(
    labels: list[int], seed: int, kind: str, vocabulary: str
) -> None:
    corruption = drawn(labels, seed, vocabulary)
    some, more = (corruption.readings(kind=kind, rate=rate) for rate in (0.3, 0.6))
    wrong = corruption.wrong(0.3)
    assert not (wrong & ~corruption.wrong(0.6)).any()
    assert np.array_equal(some.outcome[wrong], more.outcome[wrong])
    again = drawn(labels, seed, vocabulary).readings(kind=kind, rate=0.6)
    assert np.array_equal(again.outcome, more.outcome)


@given(n=st.integers(1, 300), rate=st.sampled_from([0.0, 0.1, 0.29, 0.3, 0.6, 1.0]))
def test_the_share_of_wrong_stones_is_exact(n: int, rate: float) -> None:
    corruption = drawn(np.zeros(n, dtype=int), 0)
    assert corruption.wrong(rate).sum() == (round(rate * 100) * n) // 100


def test_draws_are_of_the_judges_table() -> None:
    labels = np.repeat(np.arange(len(SPECIES)), 4000)
    names = [SPECIES[c] for c in labels]
    reference = draw_outcomes(own_source(), names, bench().model, np.random.default_rng(1))
    found = bench().draw(labels, np.random.default_rng(2)).outcome
    for j, test in enumerate(TESTS):
        table = bench().judge.chance[j]
        np.testing.assert_allclose(table.sum(1), 1.0)
        for c in range(len(SPECIES)):
            for sample in (reference[test], found[:, j]):
                share = np.bincount(sample[labels == c], minlength=table.shape[1]) / 4000
                assert abs(share - table[c]).sum() / 2 < 0.06
                assert (table[c][share > 0] > 0).all()


def test_a_wrong_record_is_of_another_species_each_as_often() -> None:
    # Each record is shared out among the species that it fits.
    labels = np.zeros(6000, dtype=int)
    judge = bench().judge
    found = drawn(labels, 3).readings(kind="record", rate=1.0)
    by_test = [table[:, found.outcome[:, j]].T for j, table in enumerate(judge.chance)]
    chance = np.prod(by_test, axis=0)
    assert chance.max(1).min() > 0, "a record that no species has"
    weights = chance[:, 1:] / chance.sum(1, keepdims=True)
    np.testing.assert_allclose(weights.mean(0), 1 / (len(SPECIES) - 1), atol=0.05)


def test_similar_species_come_first_and_never_the_species_itself() -> None:
    judge = bench().judge
    assert judge.alike.shape == (len(SPECIES), len(SPECIES) - 1)
    for c, row in enumerate(judge.alike):
        assert sorted([c, *row]) == list(range(len(SPECIES)))
    pyrite = [SPECIES[c] for c in judge.alike[SPECIES.index("Pyrite")]]
    assert pyrite.index("Hematite") < pyrite.index("Calcite")


def test_lost_readings_are_lost_at_their_rate_and_more_at_a_higher_one() -> None:
    corruption = drawn(np.zeros(5000, dtype=int), 1)
    some, more = (corruption.readings(missing_rate=rate).tested for rate in (0.3, 0.6))
    assert some.mean() == pytest.approx(0.7, abs=0.02)
    assert more.mean() == pytest.approx(0.4, abs=0.02)
    assert not (more & ~some).any()
    assert not corruption.readings(missing_rate=1.0).tested.any()


@MANY
@given(labels=LABELS, seed=SEEDS, tests=st.sampled_from(SUBSETS), vocabulary=WORDS)
def test_what_stands_under_an_untested_reading_has_no_influence(
    labels: list[int], seed: int, tests: tuple[str, ...], vocabulary: str
) -> None:
    of, corruption = bench(vocabulary), drawn(labels, seed, vocabulary)
    found = corruption.readings(tests)
    other = drawn(labels, seed + 1, vocabulary).right.outcome
    scrambled = Readings(np.where(found.tested, found.outcome, other), found.tested)
    for one, two in zip(of.log_likelihoods(found), of.log_likelihoods(scrambled), strict=True):
        assert np.array_equal(one, two)
    for one, two in zip(of.encode(found), of.encode(scrambled), strict=True):
        assert np.array_equal(one, two)
    untested = [j for j, t in enumerate(TESTS) if t not in tests]
    assert all(not of.log_likelihoods(found)[j].any() for j in untested)


def test_coarse_codes_are_the_originals() -> None:
    hardness, luster, streak = codes_of(bench().model, "coarse")
    mohs = grid(bench().model.tests["hardness"].observer)
    for value, code in ((2.4, 0), (2.5, 0), (2.6, 1), (5.4, 1), (5.5, 2), (7.0, 2)):
        assert hardness[abs(mohs - value).argmin()] == code
    words = {name: load_vocabulary(name) for name in ("luster", "streak")}
    for token in words["luster"].tokens:
        dark = token in ("metallic", "submetallic")
        assert luster[words["luster"].index(token)] == (0 if dark else 1)
    zero = {words["streak"].tokens[k] for k in np.flatnonzero(streak == 0)}
    assert zero == {"white", "none"}
    assert words["streak"].parse("colourless") in zero


def test_a_coarse_likelihood_adds_up_those_of_its_outcomes() -> None:
    coarse, model = bench("coarse"), bench().model
    for name, table, codes in zip(TESTS, coarse.likelihood, coarse.judge.codes, strict=True):
        np.testing.assert_allclose(table.sum(1), 1.0)
        for code in np.unique(codes):
            total = sum(model.tests[name].outcome[:, k] for k in np.flatnonzero(codes == code))
            np.testing.assert_allclose(table[:, code], total)
    readings = coarse.draw(np.array([1, 3]), np.random.default_rng(0))
    for j, found in enumerate(coarse.log_likelihoods(readings)):
        code = coarse.judge.codes[j][readings.outcome[:, j]]
        np.testing.assert_allclose(np.exp(found), coarse.likelihood[j][:, code].T)


def test_readings_as_numbers() -> None:
    full, coarse = bench(), bench("coarse")
    luster, streak = load_vocabulary("luster"), load_vocabulary("streak")
    mohs = grid(full.model.tests["hardness"].observer)
    outcome = np.array(
        [
            [abs(mohs - 7).argmin(), luster.index("vitreous"), streak.index("none")],
            [abs(mohs - 2).argmin(), luster.index("metallic"), streak.index("red")],
        ]
    )
    readings = Readings(outcome, np.array([[True, True, True], [True, True, False]]))
    values, tested = full.encode(readings)
    assert values.shape == tested.shape == (2, 1 + 10 + 4)
    assert values[:, 0].tolist() == pytest.approx([0.7, 0.2])
    assert values[0, 1:11].argmax() == luster.index("vitreous") and values[0, 1:11].sum() == 1
    assert values[0, 11:].tolist() == [0, 0, 0, 1]
    assert not tested[1, 11:].any() and not values[1, 11:].any()
    both = Readings(outcome, np.ones((2, 3), dtype=bool))
    expected = [*(c / 100 for c in streak.lab["red"]), 0]
    assert full.encode(both)[0][1, 11:].tolist() == pytest.approx(expected)
    assert coarse.encode(both)[0].tolist() == [[3, 1, 0], [1, 0, 1]]


def test_the_grid_is_full_at_missing_rate_0_and_names_no_kind_where_nothing_is_wrong() -> None:
    cells = full_grid()
    assert len(cells) == len(set(cells)) == 126
    for tests in SUBSETS:
        for kind in ERROR_KINDS:
            for rate in (0.0, 0.1, 0.3, 0.6, 1.0):
                assert cell(tests, kind, rate) in cells
    for missing in (0.3, 0.6):
        for rate in (0.0, 0.3, 0.6):
            assert cell(rate=rate, missing_rate=missing) in cells
    assert all((c.error_kind == "none") == (c.error_rate == 0) for c in cells)
    assert set(reduced_grid()) <= set(cells)


def test_what_is_not_allowed_is_refused_by_name() -> None:
    corruption = drawn([0, 1], 0)
    with pytest.raises(ValueError, match=r"'spill'; allowed: record, one, similar, unskilled"):
        corruption.readings(kind="spill", rate=0.3)
    with pytest.raises(ValueError, match=r"1\.2; allowed: 0 to 1"):
        corruption.readings(rate=1.2)
    with pytest.raises(ValueError, match="missing rate is -1"):
        corruption.readings(missing_rate=-1)
    with pytest.raises(ValueError, match="tests magnetism; allowed: hardness"):
        corruption.readings(("magnetism",))
    with pytest.raises(ValueError, match="'terse'; allowed: full, coarse"):
        codes_of(bench().model, "terse")
