"""Build the catalogue's tables from raw tables of mineral facts and the hand-made ones.

Run as `python -m mineralid.minerals.importer --facts ../shared/facts`; nothing at run time of the
field wing imports it.
"""

from mineralid.minerals.importer.building import (
    BuildResult,
    Conflict,
    build,
    read_source,
    source_ids,
)
from mineralid.minerals.importer.merge import lineage
from mineralid.minerals.importer.tables import Note, SourceFacts

__all__ = [
    "BuildResult",
    "Conflict",
    "Note",
    "SourceFacts",
    "build",
    "lineage",
    "read_source",
    "source_ids",
]
