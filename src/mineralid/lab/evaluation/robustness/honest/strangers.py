"""Stones of other species: which photographs judge, and the readings that they get."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence import EvidenceModel
from mineralid.lab.data.manifest import Manifest
from mineralid.lab.evaluation.robustness.readings import Judge, Readings
from mineralid.lab.evaluation.simulated import COLUMNS, ReadingSource
from mineralid.minerals import Catalogue
from mineralid.minerals.importer import SourceFacts


@dataclass(frozen=True, eq=False)
class Strangers:
    """S photographs of species that are none of the classes and nothing above or below one.

    rows: into the photographs of other species. names: distinct species; species: of each
    photograph, into names [S]. left_out: how many photographs were left out, and why.
    """

    rows: NDArray[np.intp]
    names: tuple[str, ...]
    species: NDArray[np.intp]
    source: ReadingSource
    left_out: Mapping[str, int]

    def draw(self, model: EvidenceModel, draws: int, seed: int) -> list[Readings]:
        """Draw all readings of every photograph, several times."""
        judge = Judge.of(self.source, model, self.names, "full")
        return [
            judge.draw(self.species, np.random.default_rng([seed, number]))
            for number in range(draws)
        ]


def meets_a_class(name: str, classes: Sequence[str], catalogue: Catalogue) -> bool | None:
    """Whether a name's hierarchy meets a class: the same, above or below one, or of one species.

    None: the catalogue does not know the name, so nobody can say.
    """
    mineral = catalogue.get(name)
    if mineral is None:
        return None
    species = {catalogue.species_of(c) for c in classes}
    return catalogue.species_of(mineral.name) in species or any(
        catalogue.related(mineral.name, c) for c in classes
    )


def choose_strangers(
    others: Manifest,
    catalogue: Catalogue,
    table: Mapping[str, SourceFacts],
    seen: Collection[str] = (),
) -> Strangers:
    """Choose the photographs of other species that judge, and what their readings are drawn from.

    table: the judge's. seen: ids of photographs that the networks or the readout have seen.
    """
    rows, named = [], []
    cells: dict[str, dict[str, tuple[float, float] | tuple[str, ...]]] = {}
    left_out = dict.fromkeys(
        (
            "seen in training",
            "name unknown to the catalogue",
            "name meets a class",
            "a reading is not in the judge's table",
        ),
        0,
    )
    reasons = list(left_out)
    used = set(seen)
    for row, photograph in enumerate(others.photographs):
        name = photograph.species
        meets = meets_a_class(name, others.classes, catalogue)
        if photograph.image_id in used:
            left_out[reasons[0]] += 1
        elif meets is None:
            left_out[reasons[1]] += 1
        elif meets:
            left_out[reasons[2]] += 1
        else:
            facts = table.get(name) or table.get(catalogue.find(name).name)
            values = {t: facts.value(c) if facts else None for t, c in COLUMNS.items()}
            if not all(values.values()):
                left_out[reasons[3]] += 1
                continue
            cells[name] = values  # type: ignore[assignment]
            rows.append(row)
            named.append(name)
    names = tuple(sorted(cells))
    place = {name: number for number, name in enumerate(names)}
    return Strangers(
        np.array(rows, dtype=np.intp),
        names,
        np.array([place[name] for name in named], dtype=np.intp),
        ReadingSource(cells, {}),
        left_out,
    )
