"""Find every photograph below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mineralid.identify.table_errors import TableError
from mineralid.identify.table_rows import StoneRow

SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".mpo",
    ".avif", ".heic", ".heif", ".hif",
)  # fmt: skip


def find_photographs(folder: str | os.PathLike[str]) -> list[str]:
    """Return the paths of all photographs below a folder, relative to it, sorted.

    By their suffix, whatever its case. Hidden files and folders are passed over, links to folders
    not followed. TableError: no such folder, one that cannot be read, or no photograph at all.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "it is a file" if root.exists() else "there is no such folder"
        raise TableError(f"folder {root}: {what}; give a folder of photographs")
    found = []
    for here, folders, files in os.walk(root, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(here).relative_to(root)
        found += [
            (below / name).as_posix()
            for name in files
            if not name.startswith(".") and name.lower().endswith(SUFFIXES)
        ]
    if not found:
        raise TableError(f"folder {root}: it holds no photograph; looked for {' '.join(SUFFIXES)}")
    return sorted(found)


def folder_rows(
    folder: str | os.PathLike[str], photographs: Sequence[str], skip: int = 0
) -> Iterator[StoneRow]:
    """Give each photograph as a stone, after the first `skip`."""
    for row, name in enumerate(photographs[skip:], start=skip + 1):
        # A name that is no UTF-8 on the disk is shown with its odd bytes spelt out.
        shown = os.fsencode(name).decode("utf-8", "backslashreplace")
        yield StoneRow(row, (shown,), (os.fspath(Path(folder) / name),))


def _refuse(error: OSError) -> None:
    raise TableError(f"folder {error.filename}: it cannot be read ({error.strerror})") from error
