"""Read a folder of photographs with one subfolder per class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mineralid.lab.data.class_list import checked_classes, did_you_mean
from mineralid.lab.data.manifest import Manifest, ManifestError, Photograph, listed
from mineralid.lab.data.picture_check import file_problem
from mineralid.lab.data.specimens import SPECIMENS_FILE, Specimens, read_specimens

COLLECTION = "folder"
# What lies beside photographs without being one: notes, tables, what cameras and systems add.
HARMLESS_SUFFIXES = (".txt", ".csv", ".tsv", ".json", ".md", ".xmp", ".aae", ".ini", ".db")
HARMLESS_FOLDERS = ("__MACOSX",)


def class_folders(folder: Path) -> list[Path]:
    """Return the subfolders that stand for a class, by name; hidden ones are passed over."""
    return sorted(
        child
        for child in folder.iterdir()
        if child.is_dir() and not _passed_over(child.name) and child.name not in HARMLESS_FOLDERS
    )


def read_folders(folder: Path, classes: Sequence[str] | None = None) -> Manifest:
    """Read the pictures below each subfolder; the subfolder's name is their class.

    A picture is known by its first bytes, whatever its suffix. `classes` takes only these, in
    this order; without it the classes are every subfolder by name. `image_id` is the path from
    `folder` without the suffix. Specimens are taken from `folder/specimens.csv` where that is,
    whose image_id may have the suffix or not; a photograph without an entry is a specimen of its
    own.

    Raises ManifestError that lists everything wrong at once: a file that is no picture (notes,
    tables and hidden files are passed over), a class without a picture, two pictures of the same
    name, a picture beside the subfolders, a line of specimens.csv that fits no picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ManifestError(f"{folder}: there is no such folder")
    every = {child.name: child for child in class_folders(folder)}
    names = tuple(every) if classes is None else checked_classes(classes)
    problems = [
        f"no folder {name!r} for this class{did_you_mean(name, every)}"
        for name in names
        if name not in every
    ]
    problems += _loose_pictures(folder)
    if not every:
        problems.append("no subfolder; needed: one for each class, named after it")
    # Every class is walked, so that a specimens.csv for all of them fits when some are chosen.
    found = {name: list(_files(child)) for name, child in every.items()}
    photographs: list[Photograph] = []
    specimens = read_specimens(folder)
    stone_of = _stones(specimens, [path for files in found.values() for path in files], folder)
    for name in names:
        if name in found:
            photographs += _photographs(folder, name, found[name], stone_of, problems)
    problems += specimens.problems
    if problems:
        raise ManifestError(listed(f"{folder}: {len(problems)} problem(s)", problems))
    return Manifest(tuple(photographs), names)


def _passed_over(name: str) -> bool:
    return name.startswith(".")


def _harmless(path: Path) -> bool:
    return path.suffix.lower() in HARMLESS_SUFFIXES


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, and the links to folders, which are not followed."""
    for parent, below, names in os.walk(folder):
        kept = [name for name in below if not _passed_over(name) and name not in HARMLESS_FOLDERS]
        below[:] = sorted(kept)
        links = [name for name in kept if (Path(parent) / name).is_symlink()]
        for name in sorted([*names, *links]):
            if not _passed_over(name):
                yield Path(parent) / name


def _loose_pictures(folder: Path) -> list[str]:
    return [
        f"{child.name}: it is a picture outside the folders of the classes; move it into one"
        for child in sorted(folder.iterdir())
        if child.is_file() and not _passed_over(child.name) and file_problem(child) is None
    ]


def _image_id(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _stones(specimens: Specimens, files: Sequence[Path], folder: Path) -> dict[str, str]:
    """Return the specimen by image id; adds lines that fit no file to the table's problems."""
    ids = {_image_id(path, folder) for path in files}
    id_of = {path.relative_to(folder).as_posix(): _image_id(path, folder) for path in files}
    found: dict[str, str] = {}
    for given, stone in specimens.of.items():
        name = given.replace("\\", "/")
        identity = name if name in ids else id_of.get(name)
        line = f"{SPECIMENS_FILE} line {specimens.line_of[given]}"
        if identity is None:
            specimens.problems.append(
                f"{line}: no photograph {given!r}; expected its path from {folder.name}, such as "
                f"{min(ids, default='Quartz/a')}{did_you_mean(name, ids)}"
            )
        elif found.setdefault(identity, stone) != stone:
            specimens.problems.append(
                f"{line}: {given!r} was given as specimen {found[identity]!r} already"
            )
    return found


def _photographs(
    folder: Path,
    name: str,
    files: Sequence[Path],
    stone_of: dict[str, str],
    problems: list[str],
) -> list[Photograph]:
    found: dict[str, Photograph] = {}
    bad = len(problems)
    for path in files:
        shown = path.relative_to(folder).as_posix()
        if path.is_dir():
            problems.append(f"{shown}: it is a link to a folder, which is not followed")
            continue
        problem = file_problem(path)
        if problem is not None:
            if not _harmless(path):
                problems.append(f"{shown}: {problem}")
            continue
        identity = _image_id(path, folder)
        if identity in found:
            # Often one picture saved twice, which would be a leak under two names.
            other = found[identity].path.name
            problems.append(f"{shown}: {other} has the same name; rename or remove one of the two")
            continue
        stone = stone_of.get(identity, identity)
        found[identity] = Photograph(identity, path, name, COLLECTION, stone)
    if not found and len(problems) == bad:
        problems.append(f"{name}: it holds no picture; needed: one or more, or remove the folder")
    return list(found.values())
