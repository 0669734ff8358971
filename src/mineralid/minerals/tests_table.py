"""The field tests that can be made, as rows of data/tests.csv.

A new word test is a new row here, a vocabulary file and a catalogue column of the same name; no new
code path.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from mineralid.minerals.vocabulary import Vocabulary, load_vocabulary

TESTS_FILE = Path(__file__).parent / "data" / "tests.csv"
TEST_KINDS = ("interval", "words")
_COLUMNS = (
    "name",
    "kind",
    "vocabulary",
    "low",
    "high",
    "unit",
    "column",
    "label_en",
    "label_zh",
    "question",
)


class TestsTableError(ValueError):
    """The table of tests cannot be used; says file, row and column."""

    __test__ = False  # the name starts with Test, yet it is none of pytest's


@dataclass(frozen=True, slots=True)
class FieldTest:
    """One field test.

    name: what options and table columns call it. kind: `interval` (a number or low-high, in `unit`,
    within low..high) or `words` (tokens of the vocabulary). column: the catalogue's column.
    """

    name: str
    kind: str
    vocabulary_name: str | None
    low: float | None
    high: float | None
    unit: str
    column: str
    label_en: str
    label_zh: str
    question: str

    @property
    def vocabulary(self) -> Vocabulary:
        """The accepted words. ValueError for an interval test."""
        if self.vocabulary_name is None:
            raise ValueError(f"{self.name} is an {self.kind} test and has no vocabulary")
        return load_vocabulary(self.vocabulary_name)

    @property
    def by_comparison(self) -> bool:
        """Whether it may also be read by scratching: only Mohs' scale is an order of scratching."""
        return self.unit == "Mohs"

    def label(self, language: str = "en") -> str:
        """The test's name in `en` or `zh`."""
        labels = {"en": self.label_en, "zh": self.label_zh}
        if language not in labels:
            raise ValueError(f"no labels in language {language!r}; languages: {', '.join(labels)}")
        return labels[language]


@cache
def load_tests() -> Mapping[str, FieldTest]:
    """Every test by name, in the table's order (read-only, cached)."""
    return read_tests(TESTS_FILE)


def read_tests(path: Path) -> Mapping[str, FieldTest]:
    """Read and check a table of tests. TestsTableError says file, row and column."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise TestsTableError(f"{path.name}: columns missing: {', '.join(missing)}")
        rows = list(reader)
    tests: dict[str, FieldTest] = {}
    for line, row in enumerate(rows, start=2):
        test = _read_row(row, f"{path.name}, row {line}")
        if test.name in tests:
            raise TestsTableError(f"{path.name}, row {line}, column name: {test.name!r} twice")
        tests[test.name] = test
    return MappingProxyType(tests)


def _read_row(row: dict[str, str], place: str) -> FieldTest:
    if row["kind"] not in TEST_KINDS:
        raise TestsTableError(
            f"{place}, column kind: {row['kind']!r}; allowed: {', '.join(TEST_KINDS)}"
        )
    low = high = None
    if row["kind"] == "interval":
        try:
            low, high = float(row["low"]), float(row["high"])
        except ValueError:
            low = high = 0.0
        if not low < high:
            raise TestsTableError(
                f"{place}, columns low, high: {row['low']!r}, {row['high']!r}; "
                "allowed: two numbers, the lower first"
            )
    elif not row["vocabulary"]:
        raise TestsTableError(f"{place}, column vocabulary: blank; a words test needs one")
    for column in ("name", "column", "label_en", "label_zh", "question"):
        if not row[column]:
            raise TestsTableError(f"{place}, column {column}: blank")
    return FieldTest(
        name=row["name"],
        kind=row["kind"],
        vocabulary_name=row["vocabulary"] or None,
        low=low,
        high=high,
        unit=row["unit"],
        column=row["column"],
        label_en=row["label_en"],
        label_zh=row["label_zh"],
        question=row["question"],
    )
