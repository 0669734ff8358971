"""The stones of a list that was sent: rows of its table, and photographs that no row names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mineralid.identify.table_errors import TableError
from mineralid.identify.table_memory import TableInMemory
from mineralid.identify.table_rows import StoneRow, Table, open_table
from mineralid.web.forms import Upload
from mineralid.web.problems import Problem


@dataclass(frozen=True)
class Stones:
    """carried: columns of the table that are carried along; notes: what a person should know."""

    rows: list[StoneRow]
    carried: tuple[str, ...]
    notes: list[str]


def read_stones(photos: Sequence[Upload], table: Upload | None, most_rows: int) -> Stones:
    """The stones, numbered from 1. `paths` of a stone are names of `photos`, never of files.

    Raises Problem: 422 for a table that cannot be read, photographs of one name, nothing at all;
    413 for too many rows.
    """
    names = [photo.name for photo in photos]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        detail = f"two photographs are named {twice!r}; allowed: a name of its own for each"
        raise Problem(422, "bad-field", detail, "photos")
    rows: list[StoneRow] = []
    carried: tuple[str, ...] = ()
    notes: list[str] = []
    named: set[str] = set()
    if table is not None:
        opened = _opened(table)
        if opened.rows > most_rows:
            detail = f"the table has {opened.rows:,} rows; allowed: up to {most_rows:,}"
            raise Problem(413, "too-large", detail, "table")
        for row, found in _matched(opened, names):
            rows.append(row)
            named.update(found)
        carried = tuple(opened.carried)
        notes = [
            f"column {name!r} is carried along unread; was {known!r} meant?"
            for name, known in opened.misspelt.items()
        ]
    others = [name for name in names if name not in named]
    if table is not None and others:
        notes.append(f"photographs that no row names, each a stone of its own: {len(others)}")
    rows += [StoneRow(len(rows) + n, (name,), (name,)) for n, name in enumerate(others, start=1)]
    if not rows:
        raise Problem(
            422, "nothing-given", "nothing was given; allowed: photos, a table, or both", "photos"
        )
    return Stones(rows, carried, notes)


def _opened(table: Upload) -> Table:
    try:
        return open_table(TableInMemory(table.name, bytes(table.content)))
    except TableError as error:
        raise Problem(422, "bad-table", str(error), "table") from None


def _matched(table: Table, names: Sequence[str]) -> Iterator[tuple[StoneRow, list[str]]]:
    """Rows with `paths` from the names sent: the same name, else the only one of that last part.

    Beside each row what it names of them, so that the photographs of a row that cannot be used are
    no stones of their own.
    """
    last: dict[str, list[str]] = {}
    for name in names:
        last.setdefault(_last_part(name), []).append(name)
    for row in table.read():
        paths, error = [], row.error
        for photo in row.photos:
            found = [photo] if photo in names else last.get(_last_part(photo), [])
            if len(found) == 1:
                paths.append(found[0])
            elif error is None:
                what = "several of that name were sent" if found else "it was not sent"
                error = f"photograph {photo}: {what}; allowed: names of the photographs sent"
        yield replace(row, paths=() if error else tuple(paths), error=error), paths


def _last_part(name: str) -> str:
    return re.split(r"[/\\]", name)[-1].casefold()
