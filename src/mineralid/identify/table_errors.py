"""The error of a run over many stones that cannot start or cannot go on."""

from __future__ import annotations


class TableError(ValueError):
    """A table, folder, output or unfinished run that cannot be used; the message says which and why."""
