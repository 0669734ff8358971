"""Load the catalogue from its tables and refuse a broken one, naming file, row and column."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mineralid.minerals.catalogue import Catalogue, Source
from mineralid.minerals.errors import CatalogueError
from mineralid.minerals.lookup import fold_name
from mineralid.minerals.mineral import (
    COMMONNESS,
    CRYSTAL_SYSTEMS,
    FACTS,
    INTERVALS,
    KINDS,
    WORDS,
    Mineral,
)
from mineralid.minerals.vocabulary import VOCABULARIES, Vocabulary, load_vocabulary

SCHEMA = 1
DATA = Path(__file__).parent / "data"
MINERALS_FILE, NAMES_FILE, SOURCES_FILE = "minerals.csv", "names.csv", "sources.csv"
FILES = (MINERALS_FILE, NAMES_FILE, SOURCES_FILE)
COLUMNS = {
    MINERALS_FILE: (
        "name",
        "kind",
        "parent",
        "parent_source",
        *(c for fact in FACTS for c in (fact, f"{fact}_source")),
        "commonness",
        "commonness_source",
    ),
    NAMES_FILE: ("mineral", "language", "name", "source"),
    SOURCES_FILE: ("id", "title", "terms", "note"),
}
LANGUAGES = ("en", "zh")

Row = tuple[int, dict[str, str]]  # line in the file (1 = header), cells


def load_catalogue(path: Path | str | None = None) -> Catalogue:
    """The catalogue in a folder with minerals.csv, names.csv and sources.csv.

    Without a path the one that ships with the package, read once. Raises CatalogueError.
    """
    return _shipped() if path is None else read_catalogue(Path(path))


@cache
def _shipped() -> Catalogue:
    return read_catalogue(DATA)


def read_catalogue(folder: Path) -> Catalogue:
    """Read and check the three tables of a folder. Raises CatalogueError."""
    texts = {}
    for file in FILES:
        try:
            texts[file] = (folder / file).read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise CatalogueError(f"cannot be read: {error}", file=file) from None
        except UnicodeDecodeError as error:
            raise CatalogueError(f"is not UTF-8: {error}", file=file) from None
    return assemble(texts)


def assemble(texts: Mapping[str, str]) -> Catalogue:
    """A catalogue from the texts of its three tables, by file name. Raises CatalogueError."""
    sources = _read_sources(texts[SOURCES_FILE])
    vocabularies = {name: load_vocabulary(name) for name in WORDS}
    reader = _MineralReader(sources, vocabularies)
    rows = list(_rows(MINERALS_FILE, texts[MINERALS_FILE]))
    names = _read_names(texts[NAMES_FILE], rows, sources)
    minerals = [reader.read(line, row, names.get(row["name"], {})) for line, row in rows]
    _check_hierarchy(rows)
    return Catalogue(minerals, version=_version(texts), sources=sources, vocabularies=vocabularies)


def _version(texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for file in FILES:
        digest.update(texts[file].encode())
    for name in WORDS:
        digest.update((VOCABULARIES / f"{name}.csv").read_bytes())
    return f"{SCHEMA}.{digest.hexdigest()[:12]}"


def _rows(file: str, text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    expected = COLUMNS[file]
    missing = [c for c in expected if c not in header]
    unknown = [c for c in header if c not in expected]
    if missing or unknown:
        raise CatalogueError(
            f"columns missing: {', '.join(missing) or 'none'}; unknown: "
            f"{', '.join(unknown) or 'none'}; allowed: {', '.join(expected)}",
            file=file,
            line=1,
        )
    for cells in reader:
        if len(cells) != len(header):
            raise CatalogueError(
                f"{len(cells)} cells; the header has {len(header)}", file=file, line=reader.line_num
            )
        yield reader.line_num, dict(zip(header, cells, strict=True))


def _read_sources(text: str) -> dict[str, Source]:
    sources: dict[str, Source] = {}
    for line, row in _rows(SOURCES_FILE, text):
        if not row["id"] or row["id"] in sources:
            reason = f"{row['id']!r} is blank or there already; ids must be unique"
            raise CatalogueError(reason, file=SOURCES_FILE, line=line, column="id")
        sources[row["id"]] = Source(**row)
    return sources


def _read_names(
    text: str, minerals: list[Row], sources: Mapping[str, Source]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Mineral -> language -> other names, checked against clashes."""
    owner: dict[str, str] = {}
    for line, row in minerals:
        key = fold_name(row["name"])
        if not key or key in owner:
            reason = (
                f"{row['name']!r} is there already as {owner[key]!r}" if key else "name is blank"
            )
            raise CatalogueError(reason, file=MINERALS_FILE, line=line, column="name")
        owner[key] = row["name"]
    known = set(owner.values())
    names: dict[str, dict[str, tuple[str, ...]]] = {}
    for line, row in _rows(NAMES_FILE, text):

        def fail(column: str, reason: str, line: int = line) -> CatalogueError:
            return CatalogueError(reason, file=NAMES_FILE, line=line, column=column)

        mineral, language, name = row["mineral"], row["language"], row["name"]
        if mineral not in known:
            raise fail("mineral", f"{mineral!r} is no mineral of {MINERALS_FILE}")
        if language not in LANGUAGES:
            raise fail("language", f"{language!r} is not one of {', '.join(LANGUAGES)}")
        if row["source"] not in sources:
            raise fail("source", f"{row['source']!r} is not an id of {SOURCES_FILE}")
        key = fold_name(name)
        if not key:
            raise fail("name", f"{name!r} has no letters")
        if owner.setdefault(key, mineral) != mineral:
            raise fail("name", f"{name!r} means {owner[key]!r} already, not {mineral!r}")
        of_mineral = names.setdefault(mineral, {})
        of_mineral[language] = (*of_mineral.get(language, ()), name)
    return names


class _MineralReader:
    """Turns rows of minerals.csv into minerals, checking every cell."""

    def __init__(
        self, sources: Mapping[str, Source], vocabularies: Mapping[str, Vocabulary]
    ) -> None:
        self._sources = sources
        self._tokens = {column: frozenset(v.tokens) for column, v in vocabularies.items()}
        self._lists: dict[str, tuple[str, ...]] = {}  # few distinct cells, split once

    def read(self, line: int, row: dict[str, str], names: Mapping[str, tuple[str, ...]]) -> Mineral:
        values: dict[str, Any] = {}
        sources: dict[str, tuple[str, ...]] = {}
        try:
            for column in FACTS:
                cell, ids = row[column], row[f"{column}_source"]
                if cell or ids:
                    sources[column] = self._read_ids(column, cell, ids)
                    values[column] = self._read_value(column, cell)
            if row["parent"] or row["parent_source"]:
                sources["parent"] = self._read_ids("parent", row["parent"], row["parent_source"])
            if row["commonness_source"]:
                ids = row["commonness_source"]
                sources["commonness"] = self._read_ids("commonness", row["commonness"], ids)
            if row["kind"] not in KINDS:
                raise _Bad("kind", f"{row['kind']!r} is not one of {', '.join(KINDS)}")
            commonness = self._read_commonness(row["commonness"])
        except _Bad as bad:
            raise CatalogueError(
                bad.reason, file=MINERALS_FILE, line=line, column=bad.column
            ) from None
        return Mineral(
            name=row["name"],
            kind=row["kind"],
            parent=row["parent"] or None,
            commonness=commonness,
            names=names,
            sources=sources,
            **values,
        )

    def _split(self, cell: str) -> tuple[str, ...]:
        found = self._lists.get(cell)
        if found is None:
            found = self._lists[cell] = tuple(cell.split("|"))
        return found

    def _read_ids(self, column: str, cell: str, ids: str) -> tuple[str, ...]:
        if not ids:
            raise _Bad(f"{column}_source", f"no source for the value {cell!r}")
        if not cell:
            raise _Bad(column, f"blank, but {column}_source is {ids!r}")
        found = self._split(ids)
        for source in found:
            if source not in self._sources:
                raise _Bad(f"{column}_source", f"{source!r} is not an id of {SOURCES_FILE}")
        return found

    def _read_value(self, column: str, cell: str) -> object:
        if column in INTERVALS:
            return _read_interval(column, cell)
        if column in self._tokens:
            tokens = self._split(cell)
            allowed = self._tokens[column]
            for token in tokens:
                if token not in allowed:
                    known = ", ".join(load_vocabulary(column).tokens)
                    raise _Bad(column, f"{token!r} is not one of {known}")
            if len(set(tokens)) != len(tokens):
                raise _Bad(column, f"{cell!r} names a word twice")
            return tokens
        if column == "crystal_system" and cell not in CRYSTAL_SYSTEMS:
            raise _Bad(column, f"{cell!r} is not one of {', '.join(CRYSTAL_SYSTEMS)}")
        return cell

    @staticmethod
    def _read_commonness(cell: str) -> int:
        low, high = COMMONNESS
        if not (cell.isascii() and cell.isdigit() and low <= int(cell) <= high):
            raise _Bad("commonness", f"{cell!r} is not a whole number in {low}..{high}")
        return int(cell)


class _Bad(Exception):
    """A cell that cannot be used, before it is known in which row it stands."""

    def __init__(self, column: str, reason: str) -> None:
        self.column, self.reason = column, reason
        super().__init__(reason)


def _read_interval(column: str, cell: str) -> tuple[float, float]:
    """`6-6.5` or `7` as a closed interval."""
    first, dash, second = cell.partition("-")
    try:
        low = float(first)
        high = float(second) if dash else low
    except ValueError:
        raise _Bad(column, f"{cell!r} is not a number or low-high") from None
    least, most = INTERVALS[column]
    if not (least <= low <= most and least <= high <= most):
        raise _Bad(column, f"{cell!r} is outside {least:g}..{most:g}")
    if low > high:
        raise _Bad(column, f"{cell!r} is upside down; write low-high")
    return low, high


def _check_hierarchy(rows: list[Row]) -> None:
    """Every parent exists, is at least as wide in kind, and no mineral is its own ancestor."""
    by_name = {row["name"]: row for _, row in rows}
    for line, row in rows:

        def fail(reason: str, line: int = line) -> CatalogueError:
            return CatalogueError(reason, file=MINERALS_FILE, line=line, column="parent")

        parent = row["parent"]
        if not parent:
            continue
        if parent not in by_name:
            raise fail(f"{parent!r} is no mineral of this table")
        kind, above = row["kind"], by_name[parent]["kind"]
        if KINDS.index(above) < KINDS.index(kind) or above == kind == "species":
            raise fail(f"{parent!r} is a {above}, which cannot hold a {kind}")
        seen = [row["name"]]
        while parent:
            if parent in seen:
                raise fail(f"a circle: {' -> '.join([*seen, parent])}")
            seen.append(parent)
            if parent not in by_name:
                break  # reported at the row that names it
            parent = by_name[parent]["parent"]
