"""Read a table of stones: check it whole, then give its rows one by one."""

from __future__ import annotations

import csv
import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mineralid.identify.identifier import NOTHING_GIVEN
from mineralid.identify.table_errors import TableError
from mineralid.identify.table_memory import TableInMemory
from mineralid.identify.table_text import checked_sha256
from mineralid.minerals.tests_table import load_tests
from mineralid.observation import Reading, ReadingError, parse_reading

PHOTO_COLUMN = "photo"
PHOTO_SEPARATOR = "|"
DELIMITERS = (",", ";", "\t")
# Columns by these names are carried along unread, but not without a word.
OTHER_NAMES = {
    "image": PHOTO_COLUMN, "picture": PHOTO_COLUMN, "photograph": PHOTO_COLUMN,
    "file": PHOTO_COLUMN, "filename": PHOTO_COLUMN, "path": PHOTO_COLUMN,
    "mohs": "hardness", "specific gravity": "density", "sg": "density", "gravity": "density",
    "magnet": "magnetism", "magnetic": "magnetism", "hcl": "acid", "fizz": "acid",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoneRow:
    """One stone of a table or folder.

    row: from 1. photos: as written; paths: where they lie. readings: of the tests made. carried:
    the other columns. error: why it cannot be answered, found before any photograph was read.
    """

    row: int
    photos: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)
    carried: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class Table:
    """A checked CSV table. header: its names, stripped; rows: how many stones; sha256: of its bytes."""

    path: Path | TableInMemory
    delimiter: str
    header: tuple[str, ...]
    rows: int
    sha256: str

    @cached_property
    def known(self) -> dict[str, int]:
        """Known column -> its place."""
        return _known_columns(self.header)

    @cached_property
    def carried(self) -> dict[str, int]:
        """Every other column -> its place; a repeated or blank name is told apart by its place."""
        places: dict[str, int] = {}
        for place, name in enumerate(self.header):
            if place in self.known.values():
                continue
            unique = name or f"column {place + 1}"
            places[unique if unique not in places else f"{unique} (column {place + 1})"] = place
        return places

    @property
    def misspelt(self) -> dict[str, str]:
        """Carried column -> the known column, absent here, that it may have been meant for."""
        absent = [name for name in known_columns() if name not in self.known]
        return _misspelt(self.carried, absent)

    def read(self, skip: int = 0) -> Iterator[StoneRow]:
        """Give the rows after the first `skip`, in order."""
        for row, cells in enumerate(_records(self.path, self.delimiter), start=0):
            if row > skip:
                yield self._stone(row, cells)

    def _stone(self, row: int, cells: list[str]) -> StoneRow:
        carried = {name: cells[at] if at < len(cells) else "" for name, at in self.carried.items()}
        surplus = [cell for cell in cells[len(self.header) :] if cell.strip()]
        if surplus:  # text out of place: the other cells may be as well
            problem = f"the row has {len(cells)} cells, the header names {len(self.header)} columns"
            extra = f"; beyond them: {', '.join(map(repr, surplus))}"
            return StoneRow(row, carried=carried, error=problem + extra)
        cells = cells + [""] * (len(self.header) - len(cells))
        photos: tuple[str, ...] = ()
        readings: dict[str, Reading] = {}
        problems = []
        for name, at in self.known.items():
            if name == PHOTO_COLUMN:
                parts = (part.strip() for part in cells[at].split(PHOTO_SEPARATOR))
                photos = tuple(part for part in parts if part)
                continue
            try:
                reading = parse_reading(cells[at], name)
            except ReadingError as error:
                problems.append(str(error))
            else:
                if reading is not None:
                    readings[name] = reading
        if not photos and not readings and not problems:
            problems.append(NOTHING_GIVEN)
        paths = tuple(os.fspath(self.path.parent / photo) for photo in photos)
        return StoneRow(row, photos, paths, readings, carried, "; ".join(problems) or None)


def known_columns() -> tuple[str, ...]:
    """The columns that are read: the photographs' and one for each field test."""
    return (PHOTO_COLUMN, *load_tests())


def open_table(path: str | os.PathLike[str] | TableInMemory) -> Table:
    """Check a table, a file or in memory, from its first byte to its last and count its rows.

    CSV in UTF-8 with or without a byte order mark; commas, or semicolons or tabs where the header
    shows more known columns by them. Names of columns are matched without regard to case and
    spaces around them. Blank lines are no rows. TableError names the file and what is wrong.
    """
    place = path if isinstance(path, TableInMemory) else Path(path)
    sha256 = checked_sha256(place)
    delimiter, header = _sniffed_header(place)
    known = _known_columns(header)
    for name in known:
        if _lowered(header).count(name) > 1:
            raise TableError(f"table {place}: column {name} appears more than once")
    if not known:
        guesses = _misspelt(header, list(known_columns()))
        hint = "; ".join(f"did you mean {k} by {name!r}?" for name, k in guesses.items())
        shown = ", ".join(name or "(blank)" for name in header)
        raise TableError(
            f"table {place}: no column is known. Found: {shown}. "
            f"Known: {', '.join(known_columns())}. {hint[:1].upper() + hint[1:]}".rstrip()
        )
    rows = sum(1 for _ in _records(place, delimiter)) - 1
    return Table(place, delimiter, header, rows, sha256)


def _lowered(header: tuple[str, ...]) -> list[str]:
    return [name.casefold() for name in header]


def _known_columns(header: tuple[str, ...]) -> dict[str, int]:
    lowered = _lowered(header)
    return {name: lowered.index(name) for name in known_columns() if name in lowered}


def _misspelt(names: Iterable[str], known: list[str]) -> dict[str, str]:
    found = {}
    for name in names:
        word = name.casefold()
        close = difflib.get_close_matches(word, known, n=1, cutoff=0.75)
        within = [k for k in known if k in word]  # "Hardness (Mohs)", "streak colour"
        meant = OTHER_NAMES.get(word) or next(iter([*within, *close]), None)
        if meant in known:
            found[name] = meant
    return found


def _sniffed_header(path: Path | TableInMemory) -> tuple[str, tuple[str, ...]]:
    """Delimiter and header: of those that show the most known columns the first."""
    found: list[tuple[str, tuple[str, ...]]] = []
    problems = []
    for delimiter in DELIMITERS:
        try:
            cells = next(_records(path, delimiter), None)
        except TableError as error:  # quoted for another delimiter
            problems.append(error)
        else:
            if cells is None:
                raise TableError(f"table {path}: it is empty; its first line must name the columns")
            found.append((delimiter, tuple(" ".join(name.split()) for name in cells)))
    if not found:
        raise problems[0]
    return max(found, key=lambda item: len(_known_columns(item[1])))


def _records(path: Path | TableInMemory, delimiter: str) -> Iterator[list[str]]:
    """Header and rows, without blank lines."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        width = 0
        line = 1
        try:
            for cells in reader:
                # In a table of several columns a line of spaces is blank as well.
                blank = not cells or (len(cells) == 1 and width != 1 and not cells[0].strip())
                if not blank:
                    width = width or len(cells)
                    yield cells
                line = reader.line_num + 1
        except csv.Error as error:
            problem = str(error)
            if "unexpected end" in problem:
                problem = "a quotation mark is opened and never closed"
            raise TableError(
                f"table {path}: the row that starts at line {line} cannot be read: {problem}"
            ) from None
