"""How people err in each field test, and what a test costs: the table data/observers.csv.

With minerals/data/tests.csv this is all that the evidence knows of a test: a new test of a known
kind is a row in each, not a new code path.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from mineralid.minerals.tests_table import FieldTest, load_tests

OBSERVERS_FILE = Path(__file__).parent / "data" / "observers.csv"
SCALES = ("linear", "log")
_COLUMNS = (
    "test",
    "slip",
    "stray",
    "tolerance",
    "comparison",
    "scale",
    "step",
    "cuts",
    "plate_mohs",
    "ease",
    "destructive",
    "advice",
    "outcomes",
)


class ObserverTableError(ValueError):
    """The table of observers cannot be used; says file, row and column."""


@dataclass(frozen=True, slots=True)
class Observer:
    """How one test is read.

    slip: probability (0..1) that a neighbouring word is written instead. stray: probability that
    the reading has nothing to do with the stone. tolerance: standard deviation of a measured
    number, in the test's unit (linear) or as a share of the value (log). comparison: the same of a
    comparison with a tool, None where the test has none. step: width of a bin of
    the outcome grid, in the same measure. cuts: where coarse outcomes part, in the test's unit.
    plate_mohs: hardness of the streak plate, above which a stone leaves no streak. ease: 0 (hard
    to make) .. 1 (at once). destructive: what it does to the stone, "" for nothing. advice: how
    to make it. outcomes: wording of the len(cuts) + 1 coarse outcomes.
    """

    test: FieldTest
    slip: float
    stray: float
    tolerance: float
    comparison: float | None
    scale: str
    step: float
    cuts: tuple[float, ...]
    plate_mohs: float | None
    ease: float
    destructive: str
    advice: str
    outcomes: tuple[str, ...]


@cache
def load_observers() -> Mapping[str, Observer]:
    """Return the observer of every test, in the order of the table of tests (cached)."""
    return read_observers(OBSERVERS_FILE, load_tests())


def read_observers(path: Path, tests: Mapping[str, FieldTest]) -> Mapping[str, Observer]:
    """Read and check a table of observers. ObserverTableError says file, row and column."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, restval="")
        absent = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
        if absent:
            raise ObserverTableError(f"{path.name}: columns missing: {', '.join(absent)}")
        rows: dict[str, tuple[int, dict[str, str]]] = {}
        for line, row in enumerate(reader, 2):
            if row["test"] in rows:
                raise ObserverTableError(
                    f"{path.name}, row {line}, column test: {row['test']!r} twice"
                )
            rows[row["test"]] = line, row
    unknown = sorted(rows.keys() - tests.keys())
    missing = sorted(tests.keys() - rows.keys())
    if unknown or missing:
        raise ObserverTableError(
            f"{path.name}, column test: unknown: {', '.join(unknown) or 'none'}; "
            f"without a row: {', '.join(missing) or 'none'}; tests: {', '.join(tests)}"
        )
    return MappingProxyType(
        {name: _read_row(*rows[name], test, path) for name, test in tests.items()}
    )


def _read_row(line: int, row: dict[str, str], test: FieldTest, path: Path) -> Observer:
    def number(column: str, low: float, high: float, default: float | None = None) -> float:
        text = row[column] or ("" if default is None else str(default))
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ObserverTableError(
                f"{path.name}, row {line}, column {column}: {row[column]!r}; "
                f"allowed: a number from {low:g} to {high:g}"
            )
        return value

    interval = test.kind == "interval"
    scale = row["scale"] or "linear"
    if scale not in SCALES:
        raise ObserverTableError(
            f"{path.name}, row {line}, column scale: {scale!r}; allowed: {', '.join(SCALES)}"
        )
    cuts = _read_cuts(line, row["cuts"], test, path)
    outcomes = tuple(word for word in row["outcomes"].split("|") if word)
    if interval and len(outcomes) != len(cuts) + 1:
        raise ObserverTableError(
            f"{path.name}, row {line}, column outcomes: {len(outcomes)} wordings for {len(cuts)} "
            f"cuts; allowed: {len(cuts) + 1}, joined by |"
        )
    return Observer(
        test=test,
        slip=number("slip", 0, 0.5, 0),
        stray=number("stray", 0, 0.5, 0),
        tolerance=number("tolerance", 1e-6, 5) if interval else 0.0,
        comparison=number("comparison", 1e-6, 5) if row["comparison"] else None,
        scale=scale,
        step=number("step", 1e-3, 1) if interval else 0.0,
        cuts=cuts,
        plate_mohs=number("plate_mohs", 1, 10) if row["plate_mohs"] else None,
        ease=number("ease", 0, 1),
        destructive=row["destructive"],
        advice=row["advice"],
        outcomes=outcomes,
    )


def _read_cuts(line: int, text: str, test: FieldTest, path: Path) -> tuple[float, ...]:
    try:
        cuts = tuple(float(cut) for cut in text.split("|") if cut)
    except ValueError:
        cuts = (float("nan"),)
    bounds = (test.low or 0.0, *cuts, test.high or 0.0)
    if cuts and not all(low < high for low, high in itertools.pairwise(bounds)):
        raise ObserverTableError(
            f"{path.name}, row {line}, column cuts: {text!r}; allowed: rising numbers joined by |, "
            f"between {bounds[0]:g} and {bounds[-1]:g}"
        )
    return cuts
