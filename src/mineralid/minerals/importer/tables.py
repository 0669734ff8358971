"""Read the four raw tables into facts by canonical name, with every rejected cell."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mineralid.minerals.importer.authored import Authored
from mineralid.minerals.importer.chemistry import read_crystal_system, read_formula
from mineralid.minerals.importer.names import CanonicalNames
from mineralid.minerals.importer.numbers import Unreadable, read_density, read_hardness
from mineralid.minerals.importer.phrases import Words, read_words
from mineralid.minerals.importer.remarks import (
    read_acid,
    read_magnetism,
    read_radioactivity,
    read_toxicity,
)
from mineralid.minerals.lookup import fold_name
from mineralid.minerals.mineral import FACTS, Value


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What one source says of one mineral; None or () where it says nothing."""

    name: str  # canonical
    source: str
    given_name: str
    line: int  # in the raw table, 1 = header
    formula: str | None = None
    crystal_system: str | None = None
    hardness_mohs: tuple[float, float] | None = None
    luster: tuple[str, ...] = ()
    streak: tuple[str, ...] = ()
    density_g_cm3: tuple[float, float] | None = None
    magnetism: tuple[str, ...] = ()
    acid: tuple[str, ...] = ()
    toxicity: str | None = None
    radioactivity: str | None = None

    def value(self, column: str) -> Value:
        """The value of a fact column; None or () where the source does not give it."""
        if column not in FACTS:
            raise KeyError(f"unknown column {column!r}; known: {', '.join(FACTS)}")
        value: Value = getattr(self, column)
        return value


@dataclass(frozen=True, slots=True)
class Note:
    """A cell (or, with a blank column, a row) that was not taken as it stands, with the reason."""

    source: str
    line: int
    name: str
    column: str
    cell: str
    reason: str


@dataclass(slots=True)
class TableResult:
    """One raw table, read. filled and parsed count cells by fact column."""

    source: str
    file: str
    rows: int = 0
    facts: dict[str, SourceFacts] = field(default_factory=dict)
    filled: Counter[str] = field(default_factory=Counter)
    parsed: Counter[str] = field(default_factory=Counter)
    rejected: list[Note] = field(default_factory=list)
    read_in_part: list[Note] = field(default_factory=list)
    skipped: list[Note] = field(default_factory=list)


Reader = Callable[[str], Any]
Cell = Callable[[Mapping[str, str]], str]


@dataclass(frozen=True, slots=True)
class RawTable:
    """Where a raw table keeps what. cells: (fact column, cell of a row, reader), best first."""

    source: str
    file: str
    name_column: str
    cells: tuple[tuple[str, Cell, Reader], ...]
    skip: Callable[[Mapping[str, str]], str] = lambda row: ""


def _column(name: str) -> Cell:
    return lambda row: (row[name] or "").strip()


def _span(low: str, high: str) -> Cell:
    """Two columns as `low-high`; one of them blank is shown as such, so that it is rejected."""

    def cell(row: Mapping[str, str]) -> str:
        first, second = (row[low] or "").strip(), (row[high] or "").strip()
        if bool(first) != bool(second):
            return f"{first or '?'}..{second or '?'}"
        return f"{first}-{second}" if first else ""

    return cell


def _strict(reader: Reader) -> Reader:
    def read(cell: str) -> Any:
        if ".." in cell:
            raise Unreadable("one end of the interval is blank")
        return reader(cell)

    return read


def _words(column: str) -> Reader:
    return lambda cell: read_words(column, cell)


def _not_natural(row: Mapping[str, str]) -> str:
    origin = (row["origin"] or "").strip()
    return "" if origin == "natural" else f"{origin}, not a natural mineral"


TABLES = {
    table.source: table
    for table in (
        RawTable(
            "curated36",
            "curated_36.csv",
            "species",
            (
                ("formula", _column("formula"), read_formula),
                ("crystal_system", _column("crystal_system"), read_crystal_system),
                ("hardness_mohs", _span("hardness_min", "hardness_max"), _strict(read_hardness)),
                ("luster", _column("lusters"), _words("luster")),
                ("streak", _column("streaks"), _words("streak")),
                ("density_g_cm3", _span("density_min", "density_max"), _strict(read_density)),
            ),
        ),
        RawTable(
            "gemmology",
            "gemmology_families_159.csv",
            "name",
            (
                ("formula", _column("chemistry"), read_formula),
                ("crystal_system", _column("crystal_system"), read_crystal_system),
                ("hardness_mohs", _span("hardness_min", "hardness_max"), _strict(read_hardness)),
                ("luster", _column("lustre"), _words("luster")),
                ("density_g_cm3", _span("sg_min", "sg_max"), _strict(read_density)),
            ),
            _not_natural,
        ),
        RawTable(
            "wikipedia2024",
            "wikipedia_minerals_1457.csv",
            "name",
            (
                ("formula", _column("Formula"), read_formula),
                ("crystal_system", _column("Crystal system"), read_crystal_system),
                ("hardness_mohs", _column("Mohs scale"), read_hardness),
                ("luster", _column("Luster"), _words("luster")),
                ("streak", _column("Streak"), _words("streak")),
                ("density_g_cm3", _column("Specific gravity"), read_density),
                ("density_g_cm3", _column("Density"), read_density),
                ("magnetism", _column("Other characteristics"), read_magnetism),
                ("acid", _column("Solubility"), read_acid),
                ("toxicity", _column("Other characteristics"), read_toxicity),
                ("radioactivity", _column("Other characteristics"), read_radioactivity),
            ),
        ),
        RawTable(
            "wikipedia2023",
            "wikipedia_minerals_1427.csv",
            "name",
            (
                ("formula", _column("chemistry"), read_formula),
                ("crystal_system", _column("crystal system"), read_crystal_system),
                ("hardness_mohs", _column("mohs"), read_hardness),
                ("luster", _column("luster"), _words("luster")),
                ("streak", _column("streak"), _words("streak")),
                ("density_g_cm3", _column("gravity"), read_density),
            ),
        ),
    )
}
# Cells of prose, where most say nothing of the test: no parse rate is counted for them.
PROSE = frozenset({"magnetism", "acid", "toxicity", "radioactivity"})


def read_table(
    table: RawTable, folder: Path, names: CanonicalNames, authored: Authored
) -> TableResult:
    """Read one raw table of the folder. Raises OSError where it is not there."""
    result = TableResult(table.source, table.file)
    with (folder / table.file).open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        rows = [(reader.line_num, row) for row in reader]
    result.rows = len(rows)
    own = {fold_name(row[table.name_column]) for _, row in rows}
    for line, row in rows:
        given = row[table.name_column].strip()
        reason = authored.skips.get((table.source, given)) or table.skip(row)
        name = "" if reason else names.resolve(given)
        if not reason and name in result.facts:
            reason = f"a second row of {name}"
        elif not reason and fold_name(name) in own - {fold_name(given)}:
            reason = f"another name of {name}, which has its own row"
        if reason:
            result.skipped.append(Note(table.source, line, given, "", "", reason))
            continue
        values = _read_row(table, row, line, name, result, authored)
        result.facts[name] = SourceFacts(name, table.source, given, line, **values)
    return result


def _read_row(
    table: RawTable,
    row: Mapping[str, str],
    line: int,
    name: str,
    result: TableResult,
    authored: Authored,
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column, cell_of, reader in table.cells:
        cell = cell_of(row)
        if not cell:
            continue
        counted = column not in PROSE
        note = Note(table.source, line, name, column, cell, "")
        try:
            refused = authored.rejects.get((table.source, name, column))
            if refused:
                raise Unreadable(refused)
            value = reader(cell)
        except Unreadable as error:
            result.filled[column] += 1
            result.rejected.append(_because(note, str(error)))
            continue
        if value is None or value == ():
            continue  # says "not known", or prose about something else
        if counted:
            result.filled[column] += 1
            result.parsed[column] += 1
        if isinstance(value, Words):
            if value.unread:
                left = "; ".join(value.unread)
                result.read_in_part.append(_because(note, f"left out: {left}"))
            value = value.tokens
        values.setdefault(column, value)
    return values


def _because(note: Note, reason: str) -> Note:
    return Note(note.source, note.line, note.name, note.column, note.cell, reason)
