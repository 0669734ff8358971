"""Which photographs of species outside the classes may join a training, so that none is judged on.

The rule is the mirror of `lab.evaluation.out_of_fold.judges`: what the network of a split is to
judge as a stone that is no class has no part in its training. A fold that leaves collections out
leaves them out here too, and the fold of all others every collection that no fold names.
"""

from __future__ import annotations

import zlib

from mineralid.lab.data.manifest import Manifest
from mineralid.lab.data.splits import (
    EVERYTHING,
    LEFT_OUT_FOLDS,
    SPECIMEN_FOLDS,
    LeftOut,
    left_out_folds,
    named_split,
)


def others_to_train_on(
    manifest: Manifest, split_name: str, left_out: LeftOut = LEFT_OUT_FOLDS
) -> Manifest:
    """Return the photographs of other species that a split may train on, none of its test side.

    manifest: with the photographs of all species. Raises ValueError for an unknown split.
    """
    core, others = manifest.of_classes(), manifest.of_other_species()
    split = named_split(core, split_name, left_out)
    stones = {core.photographs[i].specimen for i in split.test}
    if split_name == EVERYTHING:
        judged: set[str] = set()
    elif split_name in SPECIMEN_FOLDS:
        number = SPECIMEN_FOLDS.index(split_name)
        everyone = {p.specimen for p in others.photographs}
        judged = {s for s in everyone if zlib.crc32(s.encode()) % len(SPECIMEN_FOLDS) == number}
    else:
        sides = left_out_folds(core, left_out)
        elsewhere = {c for name, side in sides.items() if name != split_name for c in side}
        # The last fold judges the collections without a photograph of a class as well.
        last = split_name == list(sides)[-1]
        judged = {
            p.specimen
            for p in others.photographs
            if (p.collection not in elsewhere if last else p.collection in sides[split_name])
        }
    kept = [i for i, p in enumerate(others.photographs) if p.specimen not in judged | stones]
    return others.subset(kept)
