"""Wrong tests: exactly so many rows, never what was recorded, every other candidate alike."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mineralid.lab.original.codes import CASES, NO_TESTS, NOT_TESTED, Case, Codes, published_codes
from mineralid.lab.original.corruption import corrupt, wrong_rows

CODES = published_codes()
cases = st.sampled_from(CASES)


def recorded(case: Case, rows: int, seed: int = 0) -> np.ndarray:
    """Codes of rows of random classes."""
    labels = np.random.default_rng(seed).integers(36, size=rows)
    return CODES.of(labels, case)


@given(cases, st.integers(0, 70), st.integers(0, 100), st.integers(0, 2**32 - 1))
def test_exactly_so_many_rows_are_replaced_by_others_of_the_pool(
    case: Case, rows: int, percent: int, seed: int
) -> None:
    clean = recorded(case, rows, seed)
    before = clean.copy()
    found = corrupt(clean, CODES.pools[case], percent / 100, np.random.default_rng(seed))
    assert np.array_equal(clean, before)  # the recorded ones are not touched
    assert found.shape == clean.shape
    assert found.dtype == np.int64
    changed = (found != clean).any(1)
    # The floor of the exact product: a rate is a decimal fraction to whoever gives it.
    assert changed.sum() == Fraction(percent, 100) * rows // 1
    assert {tuple(row) for row in found[changed].tolist()} <= set(CODES.pools[case])


@given(st.integers(0, 4096), st.integers(0, 1000))
def test_the_floor_is_that_of_the_exact_product(count: int, per_mille: int) -> None:
    assert wrong_rows(count, per_mille / 1000) == count * per_mille // 1000


@pytest.mark.parametrize(
    ("count", "rate", "wrong"),
    [
        (10, 0.3, 3),
        (5, 0.6, 3),
        (30, 0.1, 3),
        (50, 0.58, 29),  # 28.999999999999996 in binary fractions
        (3, 1 / 3, 1),
        (64, 0.3, 19),
        (64, 0.6, 38),
        (1, 0.99, 0),
        (0, 1.0, 0),
    ],
)
def test_floors_that_binary_fractions_would_miss(count: int, rate: float, wrong: int) -> None:
    assert wrong_rows(count, rate) == wrong


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rate_0_changes_nothing_and_rate_1_every_row(case: Case) -> None:
    clean = recorded(case, 200)
    draw = np.random.default_rng(1)
    assert np.array_equal(corrupt(clean, CODES.pools[case], 0.0, draw), clean)
    assert (corrupt(clean, CODES.pools[case], 1.0, draw) != clean).any(1).all()


def test_the_photograph_alone_is_given_tests_that_nobody_made() -> None:
    """As published: its pool is the singles', and its head reads no tests."""
    found = corrupt(recorded(NO_TESTS, 50), CODES.pools[NO_TESTS], 1.0, np.random.default_rng(0))
    assert (found != NOT_TESTED).any(1).all()


def test_the_same_draw_gives_the_same_rows_and_another_draw_others() -> None:
    clean, pool = recorded(CASES[0], 64), CODES.pools[CASES[0]]
    one, two, three = (corrupt(clean, pool, 0.3, np.random.default_rng(s)) for s in (5, 5, 6))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, three)


@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[5]], ids=str)
def test_rows_and_candidates_are_all_equally_likely(case: Case) -> None:
    clean, pool = recorded(case, 10), CODES.pools[case]
    draw, rounds = np.random.default_rng(0), 3000
    rows = np.zeros(10)
    candidates = dict.fromkeys(pool, 0)
    for _ in range(rounds):
        found = corrupt(clean, pool, 0.3, draw)
        changed = (found != clean).any(1)
        rows += changed
        for row in np.flatnonzero(changed):
            if tuple(clean[row]) == tuple(clean[0]):
                candidates[tuple(found[row].tolist())] += 1
    spread = np.sqrt(rounds * 0.3 * 0.7)
    assert np.abs(rows - 0.3 * rounds).max() < 5 * spread
    assert candidates.pop(tuple(clean[0].tolist())) == 0
    counts = np.array(list(candidates.values()))
    expected = counts.sum() / len(counts)
    chi2 = ((counts - expected) ** 2 / expected).sum()
    free = len(counts) - 1
    assert chi2 < free + 5 * np.sqrt(2 * free)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"error_rate is .*; allowed: 0 to 1"):
        wrong_rows(4, rate)


def test_classes_that_all_share_one_triple_have_no_wrong_tests() -> None:
    alike = Codes(("A", "B"), ((3, 1, 0), (3, 1, 0)))
    clean = alike.of(np.array([0, 1]), CASES[0])
    with pytest.raises(ValueError, match=r"no candidate differs from \(3, 1, 0\)"):
        corrupt(clean, alike.pools[CASES[0]], 0.5, np.random.default_rng(0))
    assert np.array_equal(
        corrupt(clean, alike.pools[CASES[0]], 0.3, np.random.default_rng(0)), clean
    )
