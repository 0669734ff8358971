"""Read `specimens.csv`: which photographs show one stone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mineralid.lab.data.manifest import Manifest, ManifestError, utf8_text

SPECIMENS_FILE = "specimens.csv"
COLUMNS = ("image_id", "specimen")


@dataclass
class Specimens:
    """What the table says, and what is wrong with it.

    of: specimen by image id as given; line_of: where each was given; problems: with file and line;
    there: whether the file exists.
    """

    there: bool
    of: dict[str, str] = field(default_factory=dict)
    line_of: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def covered(self, image_ids: Iterable[str]) -> int:
        """Return how many of the photographs the table has."""
        return sum(identity in self.of for identity in image_ids)


def read_specimens(folder: Path) -> Specimens:
    """Read `folder/specimens.csv` (image_id,specimen; other columns are passed over).

    An absent file is no problem; a missing column, an empty cell, a photograph listed twice and a
    file that is not UTF-8 are, all listed in `problems`.
    """
    path = folder / SPECIMENS_FILE
    if not path.exists():
        return Specimens(there=False)
    found = Specimens(there=True)
    try:
        _read_rows(utf8_text(path.read_bytes(), SPECIMENS_FILE), found)
    except ManifestError as error:
        found.problems.append(str(error))
    except OSError as error:
        found.problems.append(f"{SPECIMENS_FILE}: {error.strerror}")
    except csv.Error as error:
        found.problems.append(f"{SPECIMENS_FILE} can't be read as a table: {error}")
    return found


def _read_rows(text: str, found: Specimens) -> None:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    missing = [c for c in COLUMNS if c not in reader.fieldnames]
    if missing:
        found.problems.append(
            f"{SPECIMENS_FILE} line 1: column(s) {', '.join(missing)} missing; "
            f"needed: {', '.join(COLUMNS)}"
        )
        return
    for row in reader:
        line = f"{SPECIMENS_FILE} line {reader.line_num}"
        identity, specimen = ((row[c] or "").strip() for c in COLUMNS)
        empty = [c for c, cell in zip(COLUMNS, (identity, specimen), strict=True) if not cell]
        if empty:
            found.problems.append(f"{line}: {', '.join(empty)} is empty")
        elif identity in found.of:
            # Under two specimens one photograph could be on both sides of a split.
            before = found.line_of[identity]
            found.problems.append(f"{line}: image_id {identity} was in line {before} already")
        else:
            found.of[identity] = specimen
            found.line_of[identity] = reader.line_num


def specimens_known(manifest: Manifest) -> bool:
    """Return whether any photograph has another specimen than itself.

    Where none has, a split by specimen is a split at random and may flatter.
    """
    return any(p.specimen != p.image_id for p in manifest.photographs)
