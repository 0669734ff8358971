"""Split photographs by specimen and by collection: the same stone is never on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from mineralid.lab.data.manifest import Manifest

LEFT_OUT_FOLDS: dict[str, frozenset[str] | None] = {
    "A": frozenset({"c04"}),
    "B": frozenset({"c21", "c22"}),
    "C": None,  # every other collection
}


@dataclass(frozen=True)
class Split:
    """Indices into a manifest: `train` and `test` share no specimen."""

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]


def specimen_folds(manifest: Manifest, folds: int = 5, seed: int = 0) -> list[Split]:
    """Split into `folds` parts by specimen, species kept as even as whole specimens allow."""
    labels = np.array(manifest.labels())
    groups = np.array([p.specimen for p in manifest.photographs])
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    return [
        Split(f"specimen{number}", tuple(map(int, train)), tuple(map(int, test)))
        for number, (train, test) in enumerate(splitter.split(labels, labels, groups))
    ]


def collection_folds(
    manifest: Manifest, left_out: dict[str, frozenset[str] | None] | None = None
) -> list[Split]:
    """Split by leaving whole collections out: A = c04, B = c21 + c22, C = the others.

    A specimen photographed in two collections would leak, so training drops every specimen of
    the test side.
    """
    named = left_out or LEFT_OUT_FOLDS
    elsewhere = frozenset().union(*(c for c in named.values() if c is not None))
    splits = []
    for name, collections in named.items():
        test = tuple(
            i
            for i, p in enumerate(manifest.photographs)
            if (p.collection in collections if collections else p.collection not in elsewhere)
        )
        inside = set(test)
        stones = {manifest.photographs[i].specimen for i in test}
        train = tuple(
            i
            for i, p in enumerate(manifest.photographs)
            if i not in inside and p.specimen not in stones
        )
        splits.append(Split(name, train, test))
    return splits
