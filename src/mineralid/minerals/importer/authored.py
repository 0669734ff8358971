"""Read the hand-made tables in data/authored: hierarchy, facts, names, sources, row decisions.

A row that cannot be used is left out and becomes a problem with file, row and column.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mineralid.minerals.errors import CatalogueError
from mineralid.minerals.importer.numbers import Unreadable, read_density, read_hardness
from mineralid.minerals.loading import DATA, LANGUAGES
from mineralid.minerals.mineral import COMMONNESS, CRYSTAL_SYSTEMS, FACTS, KINDS, WORDS, Value
from mineralid.minerals.vocabulary import UnknownWord, load_vocabulary

AUTHORED = DATA / "authored"
COLUMNS = {
    "sources.csv": ("id", "title", "terms", "note"),
    "hierarchy.csv": ("name", "kind", "parent", "source"),
    "facts.csv": ("mineral", "column", "value", "source", "note"),
    "names.csv": ("mineral", "language", "name", "source"),
    "rows.csv": ("source", "name", "column", "action", "canonical", "reason"),
    "core.csv": ("name", "list"),
}
ACTIONS = ("skip", "rename", "reject")


@dataclass(frozen=True, slots=True)
class AuthoredFact:
    """One cell of facts.csv, read."""

    mineral: str
    column: str
    value: Value | int
    source: str
    line: int


@dataclass(slots=True)
class Authored:
    """The hand-made tables, read. Rows are dicts of cells; problems are the rows left out."""

    sources: dict[str, dict[str, str]] = field(default_factory=dict)
    hierarchy: dict[str, dict[str, str]] = field(default_factory=dict)
    facts: list[AuthoredFact] = field(default_factory=list)
    names: list[dict[str, str]] = field(default_factory=list)
    skips: dict[tuple[str, str], str] = field(default_factory=dict)
    renames: dict[str, str] = field(default_factory=dict)
    rejects: dict[tuple[str, str, str], str] = field(default_factory=dict)
    core: dict[str, str] = field(default_factory=dict)
    problems: list[CatalogueError] = field(default_factory=list)


def read_authored(folder: Path = AUTHORED) -> Authored:
    """Read every table of the folder; one that is not there counts as empty."""
    authored = Authored()
    for line, row in _rows(folder, "sources.csv", authored):
        if not row["id"] or row["id"] in authored.sources:
            reason = f"{row['id']!r} is blank or there already"
            _problem(authored, "sources.csv", line, "id", reason)
        else:
            authored.sources[row["id"]] = row
    for _, row in _rows(folder, "core.csv", authored):
        authored.core[row["name"]] = row["list"]
    for line, row in _rows(folder, "rows.csv", authored):
        _read_decision(authored, line, row)
    for line, row in _rows(folder, "hierarchy.csv", authored):
        _read_hierarchy(authored, line, row)
    for line, row in _rows(folder, "names.csv", authored):
        if row["language"] not in LANGUAGES:
            reason = f"{row['language']!r} is not one of {', '.join(LANGUAGES)}"
            _problem(authored, "names.csv", line, "language", reason)
        elif _known_source(authored, "names.csv", line, row):
            authored.names.append({**row, "line": str(line)})
    for line, row in _rows(folder, "facts.csv", authored):
        _read_fact(authored, line, row)
    return authored


def _rows(folder: Path, file: str, authored: Authored) -> Iterator[tuple[int, dict[str, str]]]:
    path = folder / file
    if not path.exists():
        return
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = [c for c in COLUMNS[file] if c not in (reader.fieldnames or ())]
        if missing:
            _problem(authored, file, 1, None, f"columns missing: {', '.join(missing)}")
            return
        for row in reader:
            if None in row or None in row.values():
                reason = f"not {len(reader.fieldnames or ())} cells"
                _problem(authored, file, reader.line_num, None, reason)
                continue
            yield reader.line_num, {k: v.strip() for k, v in row.items()}


def _problem(authored: Authored, file: str, line: int, column: str | None, reason: str) -> None:
    authored.problems.append(
        CatalogueError(reason, file=f"authored/{file}", line=line, column=column)
    )


def _known_source(authored: Authored, file: str, line: int, row: dict[str, str]) -> bool:
    for source in row["source"].split("|"):
        if source not in authored.sources:
            _problem(authored, file, line, "source", f"{source!r} is not an id of sources.csv")
            return False
    return True


def _read_decision(authored: Authored, line: int, row: dict[str, str]) -> None:
    if row["action"] not in ACTIONS:
        reason = f"{row['action']!r} is not one of {', '.join(ACTIONS)}"
        _problem(authored, "rows.csv", line, "action", reason)
    elif row["action"] == "rename":
        authored.renames[row["name"]] = row["canonical"]
    elif row["action"] == "skip":
        authored.skips[row["source"], row["name"]] = row["reason"]
    else:
        authored.rejects[row["source"], row["name"], row["column"]] = row["reason"]


def _read_hierarchy(authored: Authored, line: int, row: dict[str, str]) -> None:
    if row["kind"] not in KINDS:
        reason = f"{row['kind']!r} is not one of {', '.join(KINDS)}"
        _problem(authored, "hierarchy.csv", line, "kind", reason)
    elif row["name"] in authored.hierarchy:
        _problem(authored, "hierarchy.csv", line, "name", f"{row['name']!r} stands twice")
    elif _known_source(authored, "hierarchy.csv", line, row):
        authored.hierarchy[row["name"]] = row


def _read_fact(authored: Authored, line: int, row: dict[str, str]) -> None:
    column = row["column"]
    allowed = (*FACTS, "commonness")
    if column not in allowed:
        reason = f"{column!r} is not one of {', '.join(allowed)}"
        _problem(authored, "facts.csv", line, "column", reason)
        return
    if not _known_source(authored, "facts.csv", line, row):
        return
    try:
        value = _read_value(column, row["value"])
    except (Unreadable, UnknownWord, ValueError) as error:
        _problem(authored, "facts.csv", line, "value", f"{row['mineral']}, {column}: {error}")
        return
    for source in row["source"].split("|"):
        authored.facts.append(AuthoredFact(row["mineral"], column, value, source, line))


def _read_value(column: str, cell: str) -> Value | int:
    if not cell:
        raise Unreadable("blank")
    if column == "hardness_mohs":
        return read_hardness(cell)
    if column == "density_g_cm3":
        return read_density(cell)
    if column in WORDS:
        vocabulary = load_vocabulary(column)
        return tuple(dict.fromkeys(vocabulary.parse(word) for word in cell.split("|")))
    if column == "commonness":
        low, high = COMMONNESS
        if not cell.isdigit() or not low <= int(cell) <= high:
            raise Unreadable(f"{cell!r} is not a whole number in {low}..{high}")
        return int(cell)
    if column == "crystal_system" and cell not in CRYSTAL_SYSTEMS:
        raise Unreadable(f"{cell!r} is not one of {', '.join(CRYSTAL_SYSTEMS)}")
    return cell
