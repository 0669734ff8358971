"""Read a table of labelled photographs (`photos.csv` beside a folder `photos/`)."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mineralid.vision.photo_error import PhotoError

REQUIRED_COLUMNS = ("image_id", "species", "collection", "specimen")
PROBLEMS_SHOWN = 50


class ManifestError(ValueError):
    """A table of photographs can't be used; the message names file, line and column."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """One labelled photograph: `specimen` is shared by the photographs of one stone.

    data: the bytes of its file where it lies in memory; `path` then only names it in messages.
    """

    image_id: str
    path: Path
    species: str
    collection: str
    specimen: str
    data: bytes | None = field(default=None, repr=False)

    @property
    def photo(self) -> Path | bytes:
        """What `mineralid.vision.decode` takes: the file's path, or its bytes."""
        return self.path if self.data is None else self.data

    @contextlib.contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Put this photograph's path into a PhotoError raised inside, which knows bytes as bytes."""
        try:
            yield
        except PhotoError as error:
            raise PhotoError(str(self.path), error.found, error.allowed) from error


@dataclass(frozen=True)
class Manifest:
    """Photographs in file order, and the class list that they are trained on."""

    photographs: tuple[Photograph, ...]
    classes: tuple[str, ...]

    def of_classes(self) -> Manifest:
        """Return the photographs whose species is one of the classes."""
        known = set(self.classes)
        return Manifest(tuple(p for p in self.photographs if p.species in known), self.classes)

    def of_other_species(self) -> Manifest:
        """Return the photographs of every species that is no class."""
        known = set(self.classes)
        return Manifest(tuple(p for p in self.photographs if p.species not in known), self.classes)

    def labels(self) -> list[int]:
        """Return the class index of every photograph; all must be of a class."""
        index = {name: i for i, name in enumerate(self.classes)}
        return [index[p.species] for p in self.photographs]

    def subset(self, indices: Iterable[int]) -> Manifest:
        """Return the photographs at `indices`, in that order."""
        return Manifest(tuple(self.photographs[i] for i in indices), self.classes)

    def __len__(self) -> int:
        return len(self.photographs)


def present(manifest: Manifest) -> tuple[str, ...]:
    """Return the classes that have a photograph, in the order of the class list."""
    found = {p.species for p in manifest.photographs}
    return tuple(name for name in manifest.classes if name in found)


def read_manifest(folder: Path, classes: Sequence[str] | None = None) -> Manifest:
    """Read `folder/photos.csv`, `folder/photos/<image_id>.jpg` and the class list.

    `classes` defaults to the lines of `folder/core_species.txt`. Raises ManifestError that lists
    every bad line at once: a missing column, an empty cell, a photograph that is not there or was
    listed before; and where a file is not UTF-8.
    """
    table = folder / "photos.csv"
    if not table.is_file():
        raise ManifestError(f"no photos.csv in {folder}: a folder of photographs needs that table")
    if classes is None:
        listing = folder / "core_species.txt"
        if not listing.is_file():
            raise ManifestError(f"no core_species.txt in {folder} and no class list was given")
        classes = _read_classes(listing)
    try:
        photographs, problems = _read_table(table, folder / "photos")
    except UnicodeDecodeError as error:
        raise ManifestError(_not_utf8(table, error)) from None
    except csv.Error as error:
        raise ManifestError(f"{table} can't be read as a table: {error}") from None
    if problems:
        raise ManifestError(listed(f"{table}: {len(problems)} bad line(s)", problems))
    return Manifest(tuple(photographs), tuple(classes))


def _read_classes(listing: Path) -> list[str]:
    """Return the class of each line; a name may be of several words."""
    try:
        text = listing.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifestError(_not_utf8(listing, error)) from None
    classes = [line.strip() for line in text.splitlines() if line.strip()]
    if not classes:
        raise ManifestError(f"{listing} names no class; needed: one a line")
    repeated = sorted({name for name in classes if classes.count(name) > 1})
    if repeated:
        raise ManifestError(f"{listing} names {', '.join(repeated)} more than once")
    return classes


def _read_table(table: Path, pictures: Path) -> tuple[list[Photograph], list[str]]:
    """Return the photographs of the good lines and what is wrong with the bad ones."""
    photographs: list[Photograph] = []
    problems: list[str] = []
    line_of: dict[str, int] = {}
    with table.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        missing = [c for c in REQUIRED_COLUMNS if c not in (reader.fieldnames or ())]
        if missing:
            raise ManifestError(
                f"{table}: column(s) {', '.join(missing)} missing; "
                f"needed: {', '.join(REQUIRED_COLUMNS)}"
            )
        for row in reader:
            line, identity = reader.line_num, row["image_id"]
            empty = [c for c in REQUIRED_COLUMNS if not (row[c] or "").strip()]
            if empty:
                problems.append(f"line {line}: {', '.join(empty)} is empty")
                continue
            # Under two specimens one photograph could be on both sides of a split.
            first = line_of.setdefault(identity, line)
            if first != line:
                problems.append(f"line {line}: image_id {identity} was in line {first} already")
                continue
            path = pictures / f"{identity}.jpg"
            if not path.is_file():
                problems.append(f"line {line}: no photograph {path.name}")
                continue
            photographs.append(
                Photograph(identity, path, row["species"], row["collection"], row["specimen"])
            )
    return photographs, problems


def listed(heading: str, problems: Sequence[str]) -> str:
    """Return a message of the heading, the first problems a line each, and how many more."""
    shown = "\n  ".join(problems[:PROBLEMS_SHOWN])
    beyond = len(problems) - PROBLEMS_SHOWN
    more = f"\n  and {beyond} more" if beyond > 0 else ""
    return f"{heading}:\n  {shown}{more}"


def utf8_text(data: bytes, name: str) -> str:
    """Decode the bytes of a text file, with or without a byte order mark.

    Raises ManifestError that names the file and the line which is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ManifestError(_not_utf8(f"{name} line {line}", error)) from None


def _not_utf8(path: Path | str, error: UnicodeDecodeError) -> str:
    found = error.object[error.start]
    return f"{path} is not UTF-8: byte 0x{found:02x} can't be read; save it as UTF-8"
