"""Open a folder of labelled photographs in whichever layout it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mineralid.lab.data.folders import class_folders, read_folders
from mineralid.lab.data.manifest import Manifest, ManifestError, read_manifest
from mineralid.lab.data.original_layout import LINE_FORM, TEST_FILE, TRAIN_FILE

TABLE, CLASSES = "photos.csv", "core_species.txt"
NAMES_SHOWN = 5
LAYOUTS = (
    f"Allowed are: (1) a table {TABLE} beside a folder photos/; (2) a subfolder of pictures for "
    f"each class, named after it; (3) the layout of the original system, with lists {TRAIN_FILE} "
    f"and {TEST_FILE} of {LINE_FORM}, which is given as --img-root and --meta-root."
)


def open_data(folder: Path, classes: Sequence[str] | None = None) -> Manifest:
    """Read `folder/photos.csv` where that is, else a subfolder per class.

    The classes of a table are, where not given, those of core_species.txt, and without such a
    file every species in it by name. Raises ManifestError; where the folder is of neither layout
    it says what was found there and what is allowed.
    """
    folder = Path(folder)
    if folder.is_file():
        raise ManifestError(f"{folder} is a file; needed: a folder of photographs. {LAYOUTS}")
    if not folder.is_dir():
        raise ManifestError(f"{folder}: there is no such folder. {LAYOUTS}")
    if (folder / TABLE).is_file():
        if classes is not None or (folder / CLASSES).is_file():
            return read_manifest(folder, classes)
        photographs = read_manifest(folder, ()).photographs
        if not photographs:
            raise ManifestError(f"{folder / TABLE} lists no photograph")
        return Manifest(photographs, tuple(sorted({p.species for p in photographs})))
    lists = [name for name in (TRAIN_FILE, TEST_FILE) if (folder / name).is_file()]
    lists += [
        f"meta/{name}" for name in (TRAIN_FILE, TEST_FILE) if (folder / "meta" / name).is_file()
    ]
    if lists or not class_folders(folder):
        raise ManifestError(
            f"{folder} holds {_found(folder)}: it has no {TABLE}"
            + (f", and {', '.join(lists)} as the original system has" if lists else "")
            + f", so it can't be read as one. {LAYOUTS}"
        )
    return read_folders(folder, classes)


def _found(folder: Path) -> str:
    """Return what lies in a folder: how many of what, and the first names."""
    told = []
    children = sorted(c for c in folder.iterdir() if not c.name.startswith("."))
    for kind, names in (
        ("file(s)", [c.name for c in children if not c.is_dir()]),
        ("folder(s)", [f"{c.name}/" for c in children if c.is_dir()]),
    ):
        if names:
            more = ", …" if len(names) > NAMES_SHOWN else ""
            told.append(f"{len(names)} {kind} ({', '.join(names[:NAMES_SHOWN])}{more})")
    return " and ".join(told) or "nothing"
