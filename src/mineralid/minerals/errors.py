"""The errors of the catalogue: a table that cannot be used, a name that is not in it."""

from __future__ import annotations

from collections.abc import Iterable


class CatalogueError(ValueError):
    """A table of the catalogue is broken; the message names file, line and column.

    Attributes: file (name), line (1 = header, None where the whole file is meant), column (or None).
    """

    def __init__(
        self, reason: str, *, file: str, line: int | None = None, column: str | None = None
    ) -> None:
        self.file, self.line, self.column, self.reason = file, line, column, reason
        place = file
        if line is not None:
            place += f", row {line}"
        if column is not None:
            place += f", column {column}"
        super().__init__(f"{place}: {reason}")


class UnknownMineral(KeyError):
    """No mineral of the catalogue has this name; holds the nearest names that it has.

    Attributes: name (as received), nearest (canonical names, best first), reason ("" or why it is
    none, said instead of the nearest names).
    """

    def __init__(self, name: str, nearest: Iterable[str], reason: str = "") -> None:
        self.name, self.nearest, self.reason = name, tuple(nearest), reason
        super().__init__(name)

    def __str__(self) -> str:
        if self.reason:
            return f"unknown mineral {self.name!r}: {self.reason}"
        guess = f"; did you mean {', '.join(self.nearest)}?" if self.nearest else ""
        return f"unknown mineral {self.name!r}{guess}"
