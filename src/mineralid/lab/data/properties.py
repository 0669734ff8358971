"""Read a table of what is known of one's own classes: hardness, luster, streak and so on."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mineralid.lab.data.class_list import CLASS_COLUMN, did_you_mean
from mineralid.lab.data.class_names import ClassNames
from mineralid.lab.data.manifest import ManifestError, listed, utf8_text
from mineralid.minerals.lookup import fold_name
from mineralid.minerals.tests_table import FieldTest, load_tests
from mineralid.observation import ReadingError
from mineralid.observation.blanks import is_blank
from mineralid.observation.observation import parse_reading
from mineralid.observation.readings import HardnessReading, IntervalReading, WordsReading
from mineralid.vision.bundle_own import OwnMineral


def read_properties(path: Path, classes: ClassNames) -> dict[str, OwnMineral]:
    """Read a CSV with a column `class` and any of the tests; a blank cell is not known.

    Cells are as on the command line: 6-6.5, "vitreous or pearly"; several words the most usual
    first. Returns the facts of the rows' classes. Raises ManifestError that lists every bad cell
    with its line: a column that is no test, a class that is none or that the catalogue knows
    (whose facts hold), a class twice, a reading that can't be stated.
    """
    try:
        text = utf8_text(path.read_bytes(), str(path))
    except OSError as error:
        raise ManifestError(f"properties {path}: {error.strerror}") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
        problems = _column_problems(reader.fieldnames)
        found = {} if problems else _read_rows(reader, classes, problems)
    except csv.Error as error:
        raise ManifestError(f"properties {path} can't be read as a table: {error}") from None
    if problems:
        raise ManifestError(listed(f"properties {path}: {len(problems)} problem(s)", problems))
    return found


def _column_problems(columns: list[str]) -> list[str]:
    allowed = [CLASS_COLUMN, *load_tests()]
    problems = [
        f"line 1: column {name!r}{did_you_mean(name, allowed)}; allowed: {', '.join(allowed)}"
        for name in dict.fromkeys(columns)
        if name not in allowed
    ]
    problems += [
        f"line 1: column {name!r} {columns.count(name)} times; allowed: once"
        for name in dict.fromkeys(columns)
        if columns.count(name) > 1
    ]
    if CLASS_COLUMN not in columns:
        problems.append(f"line 1: no column {CLASS_COLUMN}; needed: {', '.join(allowed)}")
    return problems


def _read_rows(
    reader: csv.DictReader[str], classes: ClassNames, problems: list[str]
) -> dict[str, OwnMineral]:
    name_of = {fold_name(name): name for name in classes.names}
    name_of |= {
        fold_name(given): name for given, name in zip(classes.given, classes.names, strict=True)
    }
    found: dict[str, OwnMineral] = {}
    line_of: dict[str, int] = {}
    width = len(reader.fieldnames or ())
    for row in reader:
        line = f"line {reader.line_num}"
        if None in row or None in row.values():
            problems.append(f"{line}: not {width} cells; quote a cell that holds a comma")
            continue
        given = row.pop(CLASS_COLUMN).strip()
        name = name_of.get(fold_name(given))
        if name is None:
            hint = did_you_mean(given, classes.given)
            problems.append(f"{line}: {given!r} is none of the classes{hint}")
            continue
        before = line_of.setdefault(name, reader.line_num)
        if before != reader.line_num:
            problems.append(f"{line}: class {given!r} was in line {before} already")
            continue
        facts: dict[str, Any] = {}
        for test, cell in row.items():
            if is_blank(cell):
                continue
            try:
                facts[load_tests()[test].column] = _fact(load_tests()[test], cell)
            except ReadingError as error:
                problems.append(f"{line}, column {test}: {error}")
        if facts and name not in classes.own:
            problems.append(
                f"{line}: {name} is in the catalogue, whose facts hold; leave its cells blank"
            )
        found[name] = OwnMineral(**facts)
    return {name: facts for name, facts in found.items() if name in classes.own}


def _fact(test: FieldTest, cell: str) -> Any:
    """Return a cell as `OwnMineral` has it. Raises ReadingError."""
    reading = parse_reading(cell, test.name)
    if isinstance(reading, WordsReading):
        return _most_usual_first(test, cell, reading.tokens)
    assert isinstance(reading, (HardnessReading, IntervalReading))
    if isinstance(reading, IntervalReading):
        value = (reading.low, reading.high)
    elif reading.low_mohs is None or reading.high_mohs is None or reading.above_mohs:
        value = None
    else:
        value = None if reading.below_mohs else (reading.low_mohs, reading.high_mohs)
    if value is None:
        raise ReadingError(
            test.name,
            cell,
            f"{test.name} {cell!r} is a comparison; allowed as a fact: a number or low-high",
        )
    try:
        OwnMineral(**{test.column: value})
    except ValidationError as error:
        message = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise ReadingError(test.name, cell, f"{test.name} {cell!r}: {message}") from None
    return value


def _most_usual_first(test: FieldTest, cell: str, tokens: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tokens in the order of the cell; the vocabulary's where that can't be told."""
    ordered: dict[str, None] = {}
    for part in re.split(r"[|;,/]|\bor\b|\band\b", cell):
        try:
            reading = parse_reading(part, test.name)
        except ReadingError:
            return tokens
        if isinstance(reading, WordsReading):
            ordered |= dict.fromkeys(reading.tokens)
    return tuple(ordered) if set(ordered) == set(tokens) else tokens
