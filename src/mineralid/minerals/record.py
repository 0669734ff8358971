"""A mineral as JSON values, the same from the command line and over HTTP."""

from __future__ import annotations

from typing import Any

from mineralid.minerals.catalogue import Catalogue
from mineralid.minerals.mineral import FACTS, Mineral


def as_record(catalogue: Catalogue, mineral: Mineral) -> dict[str, Any]:
    """A mineral as JSON values; null or [] is "not known"."""
    record: dict[str, Any] = {
        "name": mineral.name,
        "kind": mineral.kind,
        "ancestors": list(catalogue.ancestors(mineral.name)),
    }
    for column in FACTS:
        value = mineral.value(column)
        record[column] = list(value) if isinstance(value, tuple) else value
    record["commonness"] = mineral.commonness
    record["names"] = {language: list(names) for language, names in mineral.names.items()}
    record["sources"] = {column: list(ids) for column, ids in mineral.sources.items()}
    return record
