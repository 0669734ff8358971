"""Scores of photographs by networks that have not seen them: by specimen, by collection.

The scores are as they ship: prototypes, gallery and colours of the training side added to
the head's.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.data.manifest import Manifest
from mineralid.lab.data.splits import (
    LEFT_OUT_FOLDS,
    LeftOut,
    Split,
    collection_folds,
    left_out_folds,
    specimen_folds,
)
from mineralid.lab.evaluation.networks import Networks
from mineralid.lab.evaluation.readout import make_readout
from mineralid.lab.evaluation.scoring import Scores, color_histograms
from mineralid.vision.prepare import ImageSpec


@dataclass(frozen=True)
class OutOfFold:
    """Scores of every core photograph, and of photographs of other species, by unseen networks.

    fold: index into `folds` for each core photograph [N]. beyond: scores of the photographs of
    other species; beyond_fold: which fold's network gave them [O]; beyond_collections: where they
    come from. prototypes: per fold, the arrays of the unknown detector, from its training side.
    """

    kind: str
    folds: tuple[str, ...]
    manifest: Manifest
    labels: NDArray[np.int_]
    fold: NDArray[np.int_]
    scores: Scores
    beyond: Scores
    beyond_fold: NDArray[np.int_]
    beyond_collections: tuple[str, ...]
    prototypes: tuple[dict[str, NDArray[np.float32]], ...]


def judges(
    kind: str, manifest: Manifest, left_out: LeftOut = LEFT_OUT_FOLDS
) -> tuple[list[Split], NDArray[np.int_]]:
    """Return the splits of `kind` "specimen" or "collection", and which judges what is no class.

    That is for each photograph of another species [O] the place of the split whose network scores
    it.
    """
    core, others = manifest.of_classes(), manifest.of_other_species()
    if kind == "specimen":
        splits = specimen_folds(core)
        # A photograph of another species was in no training: any of the networks will do.
        chosen = [zlib.crc32(p.specimen.encode()) % len(splits) for p in others.photographs]
    elif kind == "collection":
        splits = collection_folds(core, left_out)
        sides = list(left_out_folds(core, left_out).values())
        place = {name: number for number, side in enumerate(sides) for name in side}
        # No network has seen a collection without a photograph of a class.
        chosen = [place.get(p.collection, len(sides) - 1) for p in others.photographs]
    else:
        raise ValueError(f"kind is {kind!r}; allowed: 'specimen', 'collection'")
    return splits, np.array(chosen, dtype=int)


def out_of_fold(
    kind: str,
    manifest: Manifest,
    networks: Networks,
    spec: ImageSpec,
    left_out: LeftOut = LEFT_OUT_FOLDS,
) -> OutOfFold:
    """Gather the scores of `kind` "specimen" (five folds) or "collection" (those left out)."""
    core, others = manifest.of_classes(), manifest.of_other_species()
    splits, beyond_fold = judges(kind, manifest, left_out)
    fold = np.empty(len(core), dtype=int)
    labels = np.array(core.labels())
    collections = np.array([p.collection for p in core.photographs])
    own, other, prototypes = [], [], []
    colors = [color_histograms(part, spec, networks.folder) for part in (core, others)]
    for number, split in enumerate(splits):
        everything = networks.scores(split.name, core, spec)
        train, test = list(split.train), list(split.test)
        readout = make_readout(
            everything.feature[train],
            colors[0][train],
            labels[train],
            collections[train],
            len(core.classes),
        )
        prototypes.append(readout.prototypes.arrays())
        own.append((test, readout.applied(everything.rows(test), colors[0][test])))
        chosen = [int(i) for i in np.flatnonzero(beyond_fold == number)]
        beyond = networks.scores(split.name, others.subset(chosen), spec)
        other.append((chosen, readout.applied(beyond, colors[1][chosen])))
        fold[list(split.test)] = number
    return OutOfFold(
        kind,
        tuple(s.name for s in splits),
        core,
        labels,
        fold,
        merge_scores(own, len(core)),
        merge_scores(other, len(others)),
        beyond_fold,
        tuple(p.collection for p in others.photographs),
        tuple(prototypes),
    )


def merge_scores(parts: list[tuple[list[int], Scores]], size: int) -> Scores:
    """Put the rows of several networks back into one order [size]."""
    width, depth = parts[0][1].scores.shape[1], parts[0][1].feature.shape[1]
    scores = np.empty((size, width), dtype=np.float32)
    feature = np.empty((size, depth), dtype=np.float32)
    for indices, part in parts:
        scores[indices], feature[indices] = part.scores, part.feature
    return Scores(scores, feature)
