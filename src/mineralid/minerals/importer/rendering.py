"""Write the merged catalogue as the text of its three tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from mineralid.minerals.loading import COLUMNS, MINERALS_FILE, NAMES_FILE, SOURCES_FILE
from mineralid.minerals.mineral import COMMONNESS, INTERVALS


def render(
    minerals: Iterable[Mapping[str, Any]],
    names: Iterable[Mapping[str, str]],
    sources: Mapping[str, Mapping[str, str]],
) -> dict[str, str]:
    """The texts of minerals.csv, names.csv and sources.csv, by file name.

    Only sources that some cell or name cites are written.
    """
    rows = [{c: _cell(c, row.get(c)) for c in COLUMNS[MINERALS_FILE]} for row in minerals]
    name_rows = list(names)
    cited = {row["source"] for row in name_rows}
    for row in rows:
        for column, cell in row.items():
            if column.endswith("_source"):
                cited.update(cell.split("|"))
    return {
        MINERALS_FILE: _write(MINERALS_FILE, rows),
        NAMES_FILE: _write(NAMES_FILE, name_rows),
        SOURCES_FILE: _write(SOURCES_FILE, (row for key, row in sources.items() if key in cited)),
    }


def _write(file: str, rows: Iterable[Mapping[str, str]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS[file], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _cell(column: str, value: Any) -> str:
    if column in INTERVALS and value:
        low, high = (f"{round(bound, 4):g}" for bound in value)
        return low if low == high else f"{low}-{high}"
    if column == "commonness":
        return str(value or COMMONNESS[0])
    if isinstance(value, tuple):
        return "|".join(value)
    return value or ""
