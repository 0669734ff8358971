"""Counting tests until the right name leads, in orders advised and fixed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mineralid.lab.evaluation.robustness.honest.field import Weighing
from mineralid.lab.evaluation.robustness.honest.order import (
    FIXED,
    NEVER,
    Walks,
    needed_tests,
)
from mineralid.lab.evaluation.simulated import TESTS

SETS = [
    frozenset(made)
    for size in range(len(TESTS) + 1)
    for made in itertools.combinations(range(len(TESTS)), size)
]


def walks(leads: list[set[frozenset[int]]]) -> Walks:
    """Stones whose right name leads after the sets of tests named."""
    nothing = Weighing(*(np.zeros((len(leads), 0)) for _ in range(4)))
    right = {made: np.array([made in sets for sets in leads]) for made in SETS}
    return Walks(dict.fromkeys(SETS, nothing), right)


def needed(leads: set[frozenset[int]], order: tuple[int, ...]) -> int:
    return int(needed_tests(walks([leads]), np.array([order]))[0])


def test_the_first_time_that_the_right_name_leads_counts() -> None:
    everything = set(SETS)
    assert needed(everything, FIXED) == 0
    assert needed(set(), FIXED) == NEVER == len(TESTS) + 1
    assert needed({frozenset({0})}, FIXED) == 1
    # Lost again by the next reading: it was reached all the same.
    assert needed({frozenset({0}), frozenset({0, 1, 2})}, FIXED) == 1
    assert needed({frozenset({1})}, FIXED) == NEVER
    assert needed({frozenset({1})}, (1, 0, 2)) == 1
    assert needed({frozenset({0, 2})}, (2, 0, 1)) == 2
    assert needed({frozenset({0, 1, 2})}, (2, 1, 0)) == 3


@pytest.mark.parametrize("seed", range(5))
def test_stones_do_not_disturb_each_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    leads = [{made for made in SETS if rng.random() < 0.3} for _ in range(12)]
    orders = np.array([rng.permutation(len(TESTS)) for _ in leads])
    together = needed_tests(walks(leads), orders)
    alone = [needed(sets, tuple(order)) for sets, order in zip(leads, orders, strict=True)]
    assert together.tolist() == alone
