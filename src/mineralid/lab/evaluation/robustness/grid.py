"""The cells of the grid: which tests were made, how many readings are lost, and what is wrong."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from mineralid.lab.evaluation.robustness.readings import ERROR_KINDS
from mineralid.lab.evaluation.simulated import TESTS

ERROR_RATES = (0.0, 0.1, 0.3, 0.6, 1.0)
MISSING_RATES = (0.3, 0.6)
# Readings are both lost and wrong at these rates.
ERROR_RATES_MISSING = (0.0, 0.3, 0.6)
NO_ERROR = "none"
SUBSETS: tuple[tuple[str, ...], ...] = tuple(
    subset for size in range(len(TESTS) + 1) for subset in itertools.combinations(TESTS, size)
)


@dataclass(frozen=True)
class Cell:
    """One condition. error_kind is "none" where nothing is wrong."""

    tests: tuple[str, ...] = TESTS
    missing_rate: float = 0.0
    error_kind: str = NO_ERROR
    error_rate: float = 0.0

    @property
    def key(self) -> tuple[str, float, str, float]:
        """Columns of the results: tests, missing_rate, error_kind, error_rate."""
        return tests_named(self.tests), self.missing_rate, self.error_kind, self.error_rate


def tests_named(tests: tuple[str, ...]) -> str:
    """Return a subset of the tests as results name it: "hardness+luster"; "none" without any."""
    return "+".join(tests) or "none"


def cell(
    tests: tuple[str, ...] = TESTS,
    kind: str = "record",
    rate: float = 0.0,
    missing_rate: float = 0.0,
) -> Cell:
    """Return the cell as the grid has it: where nothing can be wrong, no kind of error."""
    if not tests:
        return Cell(())
    return Cell(tests, missing_rate, kind if rate else NO_ERROR, rate)


def full_grid() -> tuple[Cell, ...]:
    """Return every subset × kind × rate, and lost readings of all three tests."""
    made = [
        cell(tests, kind, rate) for tests in SUBSETS for kind in ERROR_KINDS for rate in ERROR_RATES
    ]
    made += [
        cell(rate=rate, missing_rate=missing)
        for missing in MISSING_RATES
        for rate in ERROR_RATES_MISSING
    ]
    return tuple(dict.fromkeys(made))


def reduced_grid() -> tuple[Cell, ...]:
    """Return a handful of cells that go through every code path, for a trial run."""
    made = [cell(tests, rate=rate) for tests in SUBSETS for rate in (0.0, 0.6)]
    made += [cell(kind=kind, rate=0.6) for kind in ERROR_KINDS]
    made += [cell(rate=1.0), cell(missing_rate=0.3), cell(rate=0.3, missing_rate=0.6)]
    return tuple(dict.fromkeys(made))


GRIDS = {"full": full_grid, "reduced": reduced_grid}
