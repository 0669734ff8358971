"""Build the catalogue: raw tables and hand-made tables in, merged and checked catalogue out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mineralid.minerals.catalogue import Catalogue
from mineralid.minerals.errors import CatalogueError
from mineralid.minerals.importer.authored import Authored, read_authored
from mineralid.minerals.importer.merge import Merged, Statement, merge
from mineralid.minerals.importer.names import CanonicalNames
from mineralid.minerals.importer.rendering import render
from mineralid.minerals.importer.tables import TABLES, Note, SourceFacts, TableResult, read_table
from mineralid.minerals.loading import assemble
from mineralid.minerals.lookup import fold_name
from mineralid.minerals.mineral import FACTS

# A kind that the hierarchy does not state, from the name.
_GROUP_ENDINGS = (" group", " subgroup", " supergroup", " series")


@dataclass(frozen=True, slots=True)
class Conflict:
    """A cell whose sources disagree, and what was kept."""

    name: str
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class BuildResult:
    """A catalogue with the account of how it was made.

    texts: the generated tables by file name. tables: each raw table as read. problems: rows of the
    hand-made tables that were left out. core: name -> lists that it must be in.
    """

    catalogue: Catalogue
    texts: Mapping[str, str]
    tables: Mapping[str, TableResult]
    conflicts: tuple[Conflict, ...]
    problems: tuple[CatalogueError, ...]
    core: Mapping[str, str]

    @property
    def rejected(self) -> tuple[Note, ...]:
        """Every cell of the raw tables that could not be read, with its reason."""
        return tuple(note for table in self.tables.values() for note in table.rejected)

    @property
    def skipped(self) -> tuple[Note, ...]:
        """Every row of the raw tables that was left out, with its reason."""
        return tuple(note for table in self.tables.values() for note in table.skipped)


def build(facts: Path, exclude: frozenset[str] = frozenset()) -> BuildResult:
    """Build the catalogue in memory from the folder of raw tables.

    exclude names sources whose facts are not used: ids of raw or hand-made tables, or `authored`
    for all facts of the hand-made ones. The list of minerals, their names and hierarchy stay the
    same, so that row m is the same mineral whatever is excluded. Raises CatalogueError where the
    result is not a valid catalogue, OSError where a raw table is missing.
    """
    authored = read_authored()
    unknown = exclude - authored.sources.keys() - {"authored"}
    if unknown:
        raise ValueError(
            f"unknown sources {', '.join(sorted(unknown))}; known: authored, "
            f"{', '.join(authored.sources)}"
        )
    names = _canonical_names(authored)
    tables = {s: read_table(table, facts, names, authored) for s, table in TABLES.items()}
    statements = _collect(tables.values(), authored, names, exclude)
    problems = list(authored.problems)
    rows, conflicts = _merge_rows(tables.values(), authored, names, statements, problems)
    other_names = _other_names(rows, authored, tables.values(), problems)
    texts = render(rows, other_names, authored.sources)
    return BuildResult(
        assemble(texts), texts, tables, tuple(conflicts), tuple(problems), authored.core
    )


def source_ids() -> tuple[str, ...]:
    """The ids of all sources: what `build` can leave out."""
    return tuple(read_authored().sources)


def read_source(facts: Path, source: str) -> dict[str, SourceFacts]:
    """What one raw table says alone, by canonical name. source: a key of TABLES."""
    if source not in TABLES:
        raise ValueError(f"unknown source {source!r}; known: {', '.join(TABLES)}")
    authored = read_authored()
    names = _canonical_names(authored)
    # In the order of build, so that a name gets the same spelling there and here.
    tables = {s: read_table(table, facts, names, authored) for s, table in TABLES.items()}
    return tables[source].facts


def _canonical_names(authored: Authored) -> CanonicalNames:
    synonyms = {row["name"]: row["mineral"] for row in authored.names}
    return CanonicalNames([*authored.core, *authored.hierarchy], synonyms, authored.renames)


def _collect(
    tables: Iterable[TableResult],
    authored: Authored,
    names: CanonicalNames,
    exclude: frozenset[str],
) -> dict[tuple[str, str], list[Statement]]:
    """Statements by (name, column)."""
    statements: dict[tuple[str, str], list[Statement]] = defaultdict(list)
    for table in tables:
        if table.source in exclude:
            continue
        for name, facts in table.facts.items():
            for column in FACTS:
                value = facts.value(column)
                if value:
                    statements[name, column].append(Statement(table.source, value))
    if "authored" in exclude:
        return statements
    for fact in authored.facts:
        if fact.source not in exclude and fact.value:
            key = names.resolve(fact.mineral), fact.column
            statements[key].append(Statement(fact.source, fact.value))
    return statements


def _merge_rows(
    tables: Iterable[TableResult],
    authored: Authored,
    canonical: CanonicalNames,
    statements: Mapping[tuple[str, str], list[Statement]],
    problems: list[CatalogueError],
) -> tuple[list[dict[str, Any]], list[Conflict]]:
    """One row a mineral in alphabetical order: cells by column, sources by `<column>_source`."""
    names = {name for table in tables for name in table.facts} | set(authored.hierarchy)
    reported: set[str] = set()
    for fact in authored.facts:
        if canonical.resolve(fact.mineral) not in names and fact.mineral not in reported:
            reported.add(fact.mineral)
            problems.append(
                CatalogueError(
                    f"{fact.mineral!r} is in no raw table and not in hierarchy.csv",
                    file="authored/facts.csv",
                    line=fact.line,
                    column="mineral",
                )
            )
    rows, conflicts = [], []
    for name in sorted(names, key=lambda n: (fold_name(n), n)):
        row: dict[str, Any] = {"name": name}
        place = authored.hierarchy.get(name)
        row["kind"] = place["kind"] if place else _kind_of(name)
        row["parent"] = place["parent"] if place else ""
        row["parent_source"] = tuple(place["source"].split("|")) if row["parent"] and place else ()
        for column in (*FACTS, "commonness"):
            merged = _merge_cell(name, column, statements)
            row[column] = merged.value if merged else None
            row[f"{column}_source"] = merged.sources if merged else ()
            if merged and merged.conflict:
                conflicts.append(Conflict(name, column, merged.conflict))
        rows.append(row)
    return rows, conflicts


def _merge_cell(
    name: str, column: str, statements: Mapping[tuple[str, str], list[Statement]]
) -> Merged | None:
    return merge(column, statements.get((name, column), ()))


def _kind_of(name: str) -> str:
    return "group" if name.lower().endswith(_GROUP_ENDINGS) else "species"


def _other_names(
    rows: list[dict[str, Any]],
    authored: Authored,
    tables: Iterable[TableResult],
    problems: list[CatalogueError],
) -> list[dict[str, str]]:
    """Rows of names.csv: the hand-made names, then spellings of raw tables that differ."""
    owner = {fold_name(row["name"]): row["name"] for row in rows}
    canonical = set(owner.values())
    found: list[dict[str, str]] = []
    seen: set[tuple[str, str, str]] = set()
    for row in authored.names:
        mineral, language, name = row["mineral"], row["language"], row["name"]
        reason, column = "", "name"
        if mineral not in canonical:
            reason, column = f"{mineral!r} is no mineral of the catalogue", "mineral"
        elif owner.setdefault(fold_name(name), mineral) != mineral:
            reason = f"{name!r} means {owner[fold_name(name)]!r} already, not {mineral!r}"
        elif (mineral, language, name) in seen:
            reason = f"{name!r} stands twice"
        if reason:
            line = int(row["line"])
            problems.append(
                CatalogueError(reason, file="authored/names.csv", line=line, column=column)
            )
            continue
        seen.add((mineral, language, name))
        entry = {"mineral": mineral, "language": language, "name": name, "source": row["source"]}
        found.append(entry)
    for table in tables:
        for facts in table.facts.values():
            given = facts.given_name.strip()
            key = fold_name(given)
            if key not in owner and "(" not in given.replace("-(", ""):
                owner[key] = facts.name
                shown = given[:1].upper() + given[1:]
                found.append(
                    {"mineral": facts.name, "language": "en", "name": shown, "source": table.source}
                )
    return sorted(found, key=lambda r: (fold_name(r["mineral"]), r["language"]))
