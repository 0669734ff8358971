"""A table in memory that reads like a file: what was sent over HTTP never touches the disk."""

from __future__ import annotations

import io
from pathlib import PurePosixPath
from typing import IO, Any


class TableInMemory:
    """The bytes of a table under the name that it was given; stands where a `Path` is read."""

    def __init__(self, name: str, content: bytes) -> None:
        self._name, self._content = name, content

    def __str__(self) -> str:
        return self._name

    @property
    def parent(self) -> PurePosixPath:
        """Photographs of such a table are named as they were sent, in no folder."""
        return PurePosixPath()

    def is_dir(self) -> bool:
        """Never."""
        return False

    def exists(self) -> bool:
        """Always."""
        return True

    def is_file(self) -> bool:
        """Always."""
        return True

    def open(
        self, mode: str = "r", *, encoding: str | None = None, newline: str | None = None
    ) -> IO[Any]:
        """Open it for reading, as bytes ("rb") or as text."""
        stream = io.BytesIO(self._content)
        return stream if "b" in mode else io.TextIOWrapper(stream, encoding, newline=newline)
