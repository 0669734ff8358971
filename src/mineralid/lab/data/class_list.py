"""Read a class list: one class a line, or a CSV whose column `class` has others beside it."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mineralid.lab.data.manifest import ManifestError, listed, utf8_text

CLASS_COLUMN = "class"


@dataclass(frozen=True)
class ClassList:
    """Class names in file order; `rows` has the other cells of each class by column name.

    A plain list has no other columns: every row is then empty. An empty cell is "".
    """

    names: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]


def read_class_list(path: Path) -> ClassList:
    """Read a class list; whatever is wrong with it is said at once, with line numbers.

    A first line with a cell `class` (whatever its case) makes it a CSV; else every line is a
    class. Blank lines are passed over. Raises ManifestError: an empty or repeated name (repeated
    whatever its case), a row of more or fewer cells than the header, a file that is not there or
    not UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"class list {path}: {error.strerror}") from None
    text = utf8_text(data, str(path))
    first = next((line for line in text.splitlines() if line.strip()), "")
    header = [cell.strip().lower() for cell in first.split(",")]
    if CLASS_COLUMN in (cell.strip('"') for cell in header):
        found, problems = _read_table(text, path)
    else:
        found, problems = _read_lines(text)
    problems += _repeated(found)
    if not found and not problems:
        problems = ["it names no class; needed: one a line, or a CSV with a column class"]
    if problems:
        heading = f"class list {path}: {len(problems)} problem(s)"
        raise ManifestError(listed(heading, [text for _, text in sorted(_numbered(problems))]))
    rows = {name: row for _, name, row in found}
    return ClassList(tuple(rows), rows)


_Found = list[tuple[int, str, dict[str, str]]]  # line, class, other cells


def _read_lines(text: str) -> tuple[_Found, list[str]]:
    found: _Found = []
    problems = []
    for line, given in enumerate(text_lines(text), 1):
        name = given.strip()
        if "," in name:
            problems.append(
                f"line {line}: {name!r} holds a comma; allowed: one class a line, or a CSV whose "
                f"first line has a column {CLASS_COLUMN}"
            )
        elif name:
            found.append((line, name, {}))
    return found, problems


def _read_table(text: str, path: Path) -> tuple[_Found, list[str]]:
    found: _Found = []
    problems = []
    reader = csv.reader(io.StringIO(text, newline=""))
    columns: list[str] = []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if not columns:
                columns = [cell.lower() for cell in cells]
                if twice := sorted({c for c in columns if columns.count(c) > 1}):
                    raise ManifestError(
                        f"class list {path}: line {reader.line_num}: column(s) "
                        f"{', '.join(map(repr, twice))} more than once; allowed: once each"
                    )
                continue
            if len(cells) != len(columns):
                problems.append(
                    f"line {reader.line_num}: {len(cells)} cell(s); expected {len(columns)}: "
                    f"{', '.join(columns)}"
                )
                continue
            row = dict(zip(columns, cells, strict=True))
            name = row.pop(CLASS_COLUMN)
            if name:
                found.append((reader.line_num, name, row))
            else:
                problems.append(f"line {reader.line_num}: its cell {CLASS_COLUMN} is empty")
    except csv.Error as error:
        raise ManifestError(f"class list {path} can't be read as a table: {error}") from None
    return found, problems


def _repeated(found: _Found) -> list[str]:
    problems = []
    first: dict[str, tuple[int, str]] = {}
    for line, name, _ in found:
        before, as_given = first.setdefault(name.casefold(), (line, name))
        if before != line:
            told = "" if as_given == name else f" as {as_given!r}"
            problems.append(f"line {line}: class {name!r} was in line {before} already{told}")
    return problems


def _numbered(problems: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Pair every problem with its line, so that those of two checks come in the file's order."""
    for text in problems:
        number = text.removeprefix("line ").partition(":")[0]
        yield (int(number) if number.isdigit() else 0), text


def text_lines(text: str) -> list[str]:
    """Return the lines of a text that ends its lines as Unix, Windows or old Macs do.

    `str.splitlines` also cuts at rarer characters, and line numbers would differ from editors'.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def checked_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """Return a class list given as values. Raises ManifestError: none, blank or repeated names."""
    if isinstance(classes, str):
        raise ManifestError(f"the class list is {classes!r}; allowed: a sequence of names")
    names = tuple(classes)
    if not names:
        raise ManifestError("the class list is empty; needed: one class or more")
    if any(not name.strip() for name in names):
        raise ManifestError(f"the class list holds an empty name: {', '.join(map(repr, names))}")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ManifestError(f"the class list names {', '.join(twice)} more than once")
    return names


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Return "; did you mean …?" with the nearest allowed names, or "" where none is near."""
    folded = {known.casefold(): known for known in allowed}
    near = difflib.get_close_matches(name.strip().casefold(), folded, n=3)
    return f"; did you mean {', '.join(folded[key] for key in near)}?" if near else ""
