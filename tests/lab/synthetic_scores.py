"""Scores, features and photographs that were never taken, with properties planted in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mineralid.evidence import EvidenceModel
from mineralid.lab.data.manifest import Manifest, Photograph
from mineralid.lab.evaluation.out_of_fold import OutOfFold
from mineralid.lab.evaluation.prototypes import class_prototypes
from mineralid.lab.evaluation.scoring import Scores
from mineralid.lab.evaluation.simulated import COLUMNS, ReadingSource
from mineralid.minerals import load_catalogue

SPECIES = ("Quartz", "Pyrite", "Calcite", "Malachite", "Hematite", "Galena")
COLLECTIONS = ("c04", "c21", "c30")


def evidence() -> EvidenceModel:
    """The evidence over SPECIES."""
    catalogue = load_catalogue()
    return EvidenceModel(tuple(catalogue.find(name) for name in SPECIES))


def own_source() -> ReadingSource:
    """Readings drawn from the catalogue itself; of Quartz, said to be from another table."""
    catalogue = load_catalogue()
    cells = {
        name: {test: catalogue.find(name).value(column) for test, column in COLUMNS.items()}
        for name in SPECIES
    }
    independent = {name: dict.fromkeys(COLUMNS, name == "Quartz") for name in SPECIES}
    return ReadingSource(cells, independent)  # type: ignore[arg-type]


def held_out(
    kind: str = "collection", each: int = 20, beyond: int = 60, width: int = 8, seed: int = 0
) -> OutOfFold:
    """Features around a direction per class; of other species, short ones anywhere.

    Scores are the features' likeness to the classes' directions. Folds are the collections.
    """
    rng = np.random.default_rng(seed)
    count = len(SPECIES)
    directions = np.eye(count, width) * 4.0
    labels = np.repeat(np.arange(count), each)
    feature = directions[labels] + rng.normal(0, 0.8, (len(labels), width))
    strange = rng.normal(0, 0.8, (beyond, width)) + 0.3
    photographs = tuple(
        Photograph(f"p{i}", Path(f"p{i}.jpg"), SPECIES[c], COLLECTIONS[i % 3], f"s{i // 2}")
        for i, c in enumerate(labels)
    )
    fold = np.array([i % 3 for i in range(len(labels))])

    def scored(x: np.ndarray) -> Scores:
        return Scores((x @ directions.T / 4).astype(np.float32), x.astype(np.float32))

    return OutOfFold(
        kind=kind,
        folds=("A", "B", "C"),
        manifest=Manifest(photographs, SPECIES),
        labels=labels,
        fold=fold,
        scores=scored(feature),
        beyond=scored(strange),
        beyond_fold=np.arange(beyond) % 3,
        beyond_collections=tuple(COLLECTIONS[i % 3] for i in range(beyond)),
        prototypes=tuple(
            class_prototypes(
                feature[fold != n].astype(np.float32),
                labels[fold != n],
                [p.collection for p, f in zip(photographs, fold, strict=True) if f != n],
                count,
            ).arrays()
            for n in range(3)
        ),
    )
