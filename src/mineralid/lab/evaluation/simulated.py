"""Simulated readings: drawn from a table that the evidence under test did not use.

Hardness is uniform in the table's interval, ± 0.5; luster and streak are one listed word each,
replaced by a neighbouring one 10 % of the time. Where the other table lacks a species (varieties
have no row there), the cell is what the other sources of its lineage say, none of which the evidence
uses either; where they say nothing, the evidence's own. That share is stated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence import EvidenceModel
from mineralid.evidence.outcomes import grid
from mineralid.minerals import Catalogue, importer, load_vocabulary
from mineralid.minerals.importer import SourceFacts

TESTS = ("hardness", "luster", "streak")
COLUMNS = {"hardness": "hardness_mohs", "luster": "luster", "streak": "streak"}

# Readings come from the 2023 extraction of Wikipedia; the evidence under test uses neither that
# one, nor the 2024 one, nor any cell that was opened there or curated after it.
READING_SOURCE = "wikipedia2023"
CURATED_AFTER_IT = "curated36"
# Where readings come from that READING_SOURCE has no row for, in words.
RELATIVES = "other sources of its lineage, which the evidence does not use either"

HARDNESS_NOISE = 0.5
NEIGHBOUR_RATE = 0.1


@dataclass(frozen=True)
class ReadingSource:
    """What readings are drawn from: per species its cell, and whether it is another table's."""

    cells: Mapping[str, Mapping[str, tuple[float, float] | tuple[str, ...]]]
    independent: Mapping[str, Mapping[str, bool]]

    def shared_share(self, species: Sequence[str]) -> float:
        """Return the share of cells drawn from the evidence's own table, over `species`."""
        flags = [self.independent[s][t] for s in species for t in TESTS]
        return 1.0 - float(np.mean(flags))


def evidence_catalogue(facts: Path) -> Catalogue:
    """Build the catalogue without the source of the readings and everything of its lineage.

    Nor with anything else that calls itself a wiki.
    """
    return _catalogue_of(facts, lambda s: not of_its_lineage(s) and "wiki" not in s.lower())


def of_its_lineage(source: str) -> bool:
    """Return whether a source is that of the readings, or a relative of it."""
    return source == CURATED_AFTER_IT or importer.lineage(source) == importer.lineage(
        READING_SOURCE
    )


def lineage_catalogue(facts: Path) -> Catalogue:
    """Build the catalogue of the source of the readings and its relatives alone."""
    return _catalogue_of(facts, of_its_lineage)


def _catalogue_of(facts: Path, wanted: Callable[[str], bool]) -> Catalogue:
    out = frozenset(source for source in importer.source_ids() if not wanted(source))
    return importer.build(facts, exclude=out).catalogue


def judge_readings(facts: Path, catalogue: Catalogue, species: Sequence[str]) -> ReadingSource:
    """Take each species' cells from READING_SOURCE, else from its relatives, else from `catalogue`."""
    table = importer.read_source(facts, READING_SOURCE)
    return reading_source(table, catalogue, species, lineage_catalogue(facts))


def reading_source(
    table: Mapping[str, SourceFacts],
    catalogue: Catalogue,
    species: Sequence[str],
    relatives: Catalogue | None = None,
) -> ReadingSource:
    """Take each species' cells from `table`, else from `relatives`, else from `catalogue`.

    Only the last are not independent. ValueError: in none of them.
    """
    cells: dict[str, dict[str, tuple[float, float] | tuple[str, ...]]] = {}
    independent: dict[str, dict[str, bool]] = {}
    for name in species:
        row, own = table.get(name), catalogue.find(name)
        cells[name], independent[name] = {}, {}
        for test, column in COLUMNS.items():
            other = row.value(column) if row is not None else None
            if not other and relatives is not None:
                other = relatives.find(name).value(column)
            independent[name][test] = bool(other)
            value = other or own.value(column)
            if not value:
                raise ValueError(f"{name} has no {test} in any table: no reading can be drawn")
            cells[name][test] = value  # type: ignore[assignment]
    return ReadingSource(cells, independent)


def draw_outcomes(
    source: ReadingSource, truth: Sequence[str], model: EvidenceModel, rng: np.random.Generator
) -> dict[str, NDArray[np.intp]]:
    """Draw one reading of each test for each stone: the index of its outcome [N]."""
    drawn: dict[str, NDArray[np.intp]] = {}
    for test in TESTS:
        observer = model.tests[test].observer
        indices = np.empty(len(truth), dtype=np.intp)
        if test == "hardness":
            centers = grid(observer)
            for i, name in enumerate(truth):
                low, high = (float(v) for v in source.cells[name][test])
                value = rng.uniform(low, high) + rng.uniform(-HARDNESS_NOISE, HARDNESS_NOISE)
                indices[i] = int(np.abs(centers - value).argmin())
        else:
            vocabulary = load_vocabulary(observer.test.vocabulary_name or test)
            for i, name in enumerate(truth):
                token = str(rng.choice(np.array(source.cells[name][test])))
                neighbours = vocabulary.neighbours(token)
                if neighbours and rng.random() < NEIGHBOUR_RATE:
                    token = str(rng.choice(np.array(neighbours)))
                indices[i] = vocabulary.index(token)
        drawn[test] = indices
    return drawn


def other_species(
    labels: NDArray[np.int_], classes: int, rng: np.random.Generator
) -> NDArray[np.int_]:
    """Draw for each stone a species uniformly among the others: whose record it gets if wrong."""
    shift = rng.integers(1, classes, size=len(labels))
    result: NDArray[np.int_] = (labels + shift) % classes
    return result


def log_likelihoods(
    drawn: Mapping[str, NDArray[np.intp]], model: EvidenceModel
) -> dict[str, NDArray[np.float64]]:
    """Return log p(reading | mineral) of each test for N stones: float64 [N, M]."""
    return {test: np.log(model.tests[test].outcome[:, k]).T for test, k in drawn.items()}
