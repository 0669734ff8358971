"""The coarse test codes of the published system, its 36 classes, its eight cases.

Hardness 1 soft, 2 medium, 3 hard; luster 0 metallic, 1 non-metallic; streak 0 white, 1 coloured.
A test that was not made is NOT_TESTED: the published system's sentinel, which lives in this folder
alone.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TESTS = ("hardness", "luster", "streak")
ALLOWED = {"hardness": (1, 2, 3), "luster": (0, 1), "streak": (0, 1)}
NOT_TESTED = -1

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Case:
    """Which of the three tests were made; `name` is the published script's."""

    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return 3mo, 2mo_12, 2mo_13, 2mo_23, 1mo_1, 1mo_2, 1mo_3 or 0mo."""
        numbers = "".join(str(TESTS.index(test) + 1) for test in self.tests)
        return f"{len(self.tests)}mo" + (f"_{numbers}" if len(self.tests) in (1, 2) else "")

    @property
    def folder(self) -> str:
        """Return the name of its folder in a run, such as `hardness-luster`."""
        return "-".join(self.tests) or "none"

    @property
    def tested(self) -> tuple[bool, ...]:
        """Return for each of TESTS whether it was made."""
        return tuple(test in self.tests for test in TESTS)

    def __str__(self) -> str:
        return ",".join(self.tests) or "none"


# In the published order: all three, the pairs, the singles, the photograph alone.
CASES = tuple(
    Case(tests)
    for count in range(len(TESTS), -1, -1)
    for tests in itertools.combinations(TESTS, count)
)
ALL_TESTS, NO_TESTS = CASES[0], CASES[-1]


def parse_case(text: str) -> Case:
    """Read `hardness,streak`, `none`, or the published name of a case (`2mo_13`).

    Raises ValueError, which lists what is allowed.
    """
    for case in CASES:
        if text.strip() == case.name:
            return case
    given = [part.strip().lower() for part in text.replace("+", ",").split(",")]
    if given == ["none"]:
        return NO_TESTS
    unknown = [part for part in given if part not in TESTS]
    if unknown or len(set(given)) < len(given):
        near = get_close_matches(unknown[0], TESTS, n=1) if unknown else []
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ValueError(
            f"tests are {text!r}.{hint} Allowed: any of {', '.join(TESTS)}, each once, with commas "
            f"between; none; or {', '.join(case.name for case in CASES)}"
        )
    return Case(tuple(test for test in TESTS if test in given))


@dataclass(frozen=True)
class Codes:
    """The codes of a list of classes: of each its (hardness, luster, streak)."""

    classes: tuple[str, ...]
    triples: tuple[Triple, ...]

    @cached_property
    def array(self) -> NDArray[np.int64]:
        """Return the codes as int64 [C, F]."""
        return np.array(self.triples, dtype=np.int64)

    @cached_property
    def distinct(self) -> tuple[Triple, ...]:
        """Return the triples that occur, each once, in the order of their first class."""
        return tuple(dict.fromkeys(self.triples))

    def of(self, labels: NDArray[np.int64], case: Case) -> NDArray[np.int64]:
        """Return the recorded codes int64 [B, F] of class indices [B], masked for the case."""
        return mask(self.array[labels], case)

    @cached_property
    def pools(self) -> Mapping[Case, tuple[Triple, ...]]:
        """Return the published candidate pools: each case's adds to those of the cases before it.

        Of the 36 classes 9, 15, 21, 24, and 31 for the singles and the photograph alone.
        """
        pools: dict[Case, tuple[Triple, ...]] = {}
        grown = dict.fromkeys(self.distinct)
        for case in CASES:
            if case == NO_TESTS:
                pools[case] = tuple(grown)
                continue
            if len(case.tests) == 1:
                # The published singles all draw from one pool, that of the three together.
                for single in (c for c in CASES if len(c.tests) == 1):
                    grown.update(dict.fromkeys(_masked(self.distinct, single)))
            grown.update(dict.fromkeys(_masked(self.distinct, case)))
            pools[case] = tuple(grown)
        return pools

    def same_pattern(self, case: Case) -> tuple[Triple, ...]:
        """Return the candidates that were tested as the case says: readings of other classes."""
        return tuple(dict.fromkeys(_masked(self.distinct, case)))


def mask(codes: NDArray[np.int64], case: Case) -> NDArray[np.int64]:
    """Return codes int64 [B, F] with NOT_TESTED for every test that the case has not."""
    return np.where(np.array(case.tested), codes, NOT_TESTED)


def _masked(triples: Sequence[Triple], case: Case) -> list[Triple]:
    return [tuple(map(int, row)) for row in mask(np.array(triples), case)]  # type: ignore[misc]


def published_codes() -> Codes:
    """Return the codes of the published system's 36 classes."""
    table = files("mineralid.lab.original") / "data" / "species.csv"
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return codes_of_rows({row["class"]: row for row in rows}, str(table))


def codes_of_rows(rows: Mapping[str, Mapping[str, str]], source: str | Path) -> Codes:
    """Return the codes of a table with the columns hardness, luster and streak.

    rows: of each class its cells by column. Raises ValueError, which lists every bad cell.
    """
    problems: list[str] = []
    triples: list[Triple] = []
    for name, cells in rows.items():
        values = []
        for test in TESTS:
            cell = (cells.get(test) or "").strip()
            if cell not in {str(value) for value in ALLOWED[test]}:
                allowed = ", ".join(map(str, ALLOWED[test]))
                problems.append(f"{name}: {test} is {cell!r}; allowed: {allowed}")
                continue
            values.append(int(cell))
        if len(values) == len(TESTS):
            triples.append((values[0], values[1], values[2]))
    if problems:
        raise ValueError(f"{source}: {len(problems)} bad cell(s):\n  " + "\n  ".join(problems[:50]))
    return Codes(tuple(rows), tuple(triples))
