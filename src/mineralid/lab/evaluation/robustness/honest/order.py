"""How many tests until the right name leads: in the advised order, a fixed one, a random one.

A stone that never gets there counts one test more than there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence.next_test import DESTRUCTIVE_FACTOR
from mineralid.evidence.outcomes import entropy_bits
from mineralid.lab.evaluation.metrics import bootstrap_interval
from mineralid.lab.evaluation.robustness.honest.field import Field, Weighing
from mineralid.lab.evaluation.robustness.honest.judged import Judged, of_specimens
from mineralid.lab.evaluation.robustness.readings import Corruption
from mineralid.lab.evaluation.simulated import TESTS

Array = NDArray[np.float64]
Orders = NDArray[np.intp]

# The order in which the tests stand in books and in the original system.
FIXED = (0, 1, 2)
NEVER = len(TESTS) + 1


@dataclass(frozen=True, eq=False)
class Walks:
    """Everything that can happen to n stones, for every set of tests made (places in TESTS).

    weighed: the field's posterior. right: whether the right class leads [n].
    """

    weighed: Mapping[frozenset[int], Weighing]
    right: Mapping[frozenset[int], NDArray[np.bool_]]


def walk(judged: Judged, field: Field, draw: Corruption) -> Walks:
    """Weigh every stone with every choice of its readings."""
    held = judged.held_out
    ratio = field.log_photo_ratio(held.scores, held.fold)
    weighed, right = {}, {}
    for size in range(len(TESTS) + 1):
        for made in itertools.combinations(range(len(TESTS)), size):
            readings = draw.readings([TESTS[j] for j in made])
            found = field.weigh(held.scores, held.fold, ratio, readings, size)
            weighed[frozenset(made)] = found
            right[frozenset(made)] = found.known.argmax(1) == held.labels
    return Walks(weighed, right)


def expected_bits(weighed: Weighing, field: Field) -> Array:
    """Return the expected information of each of TESTS for n stones [n, F], as evidence.next_tests."""
    h = field.hypotheses
    bits = []
    for name in TESTS:
        inside, outside = h.class_evidence.tests[name], h.outside_evidence.tests[name]
        mixture = weighed.known @ inside.coarse + weighed.beyond @ outside.coarse
        noise = weighed.known @ inside.coarse_entropy_bits
        noise = noise + weighed.beyond @ outside.coarse_entropy_bits
        bits.append(np.maximum(0.0, entropy_bits(mixture) - noise))
    return np.stack(bits, axis=1)


def advised_order(walks: Walks, field: Field, *, eased: bool = True) -> Orders:
    """Return the order in which the field advises the tests of n stones [n, F].

    eased: by its score, information times ease; else by information alone.
    """
    observers = [field.hypotheses.class_evidence.tests[name].observer for name in TESTS]
    ease = np.array(
        [
            o.ease * (DESTRUCTIVE_FACTOR if o.destructive else 1.0) if eased else 1.0
            for o in observers
        ]
    )
    count = len(next(iter(walks.right.values())))
    order = np.full((count, len(TESTS)), -1, dtype=np.intp)
    for step in range(len(TESTS)):
        for made, rows in _by_tests_made(order[:, :step]):
            score = expected_bits(walks.weighed[made], field)[rows] * ease
            score[:, list(made)] = -np.inf
            order[rows, step] = score.argmax(1)
    return order


def needed_tests(walks: Walks, order: Orders) -> NDArray[np.int_]:
    """Return the number of tests after which the right class leads for the first time [n]."""
    needed = np.full(len(order), NEVER)
    for step in range(len(TESTS) + 1):
        for made, rows in _by_tests_made(order[:, :step]):
            reached = walks.right[made][rows] & (needed[rows] == NEVER)
            needed[rows[reached]] = step
    return needed


def _by_tests_made(order: Orders) -> list[tuple[frozenset[int], NDArray[np.intp]]]:
    """Return the sets of tests made so far, and the stones that made them."""
    flags = np.zeros((len(order), len(TESTS)), dtype=bool)
    for step in range(order.shape[1]):
        flags[np.arange(len(order)), order[:, step]] = True
    kinds, place = np.unique(flags, axis=0, return_inverse=True)
    return [
        (frozenset(int(j) for j in np.flatnonzero(kind)), np.flatnonzero(place.ravel() == number))
        for number, kind in enumerate(kinds)
    ]


def orders_compared(judged: Judged, field: Field) -> dict[str, Any]:
    """Return the mean number of tests in each order, and its difference from the fixed order.

    Stones weighted by specimen; means over draws; 95 % intervals over specimens, paired.
    """
    needed: dict[str, list[Array]] = {}
    first: list[Array] = []
    for draw in judged.draws:
        walks = walk(judged, field, draw)
        advised = advised_order(walks, field)
        count = len(advised)
        all_orders = {
            places: needed_tests(walks, np.tile(np.array(places), (count, 1))).astype(float)
            for places in itertools.permutations(range(len(TESTS)))
        }
        by_name = {
            "advised": needed_tests(walks, advised),
            "by information alone": needed_tests(walks, advised_order(walks, field, eased=False)),
            "fixed": all_orders[FIXED],
            "random": np.mean(list(all_orders.values()), axis=0),
            "best possible": np.min(list(all_orders.values()), axis=0),
        }
        for name, values in by_name.items():
            needed.setdefault(name, []).append(values.astype(float))
        for places, values in all_orders.items():
            needed.setdefault("-".join(TESTS[j] for j in places), []).append(values)
        first.append(np.bincount(advised[:, 0], minlength=len(TESTS)) / count)
    means = {name: np.mean(values, axis=0) for name, values in needed.items()}
    return {
        "orders": {
            name: {
                "tests": _mean(value, judged.weight),
                "interval": _interval(value, judged),
                "minus_fixed": _mean(value - means["fixed"], judged.weight),
                "minus_fixed_interval": _interval(value - means["fixed"], judged),
                "minus_random": _mean(value - means["random"], judged.weight),
                "minus_random_interval": _interval(value - means["random"], judged),
                "never": _mean(np.mean([v >= NEVER for v in needed[name]], axis=0), judged.weight),
            }
            for name, value in means.items()
        },
        "reached_by": {
            name: [
                _mean(np.mean([v <= step for v in needed[name]], axis=0), judged.weight)
                for step in range(len(TESTS) + 1)
            ]
            for name in ("advised", "by information alone", "fixed")
        },
        "first_advised": dict(zip(TESTS, np.mean(first, axis=0).tolist(), strict=True)),
    }


def _mean(value: Array, weight: Array) -> float:
    return float((value * weight).sum() / weight.sum())


def _interval(value: Array, judged: Judged) -> list[float]:
    """Return the 95 % interval of the mean over specimens, each counted once."""
    own = of_specimens(value, judged.specimens, judged.weight)
    return list(bootstrap_interval(own, list(np.unique(judged.specimens))))
