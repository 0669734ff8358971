"""Train the network of one named split: `all`, `specimen0`…`specimen4`, or a left-out fold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mineralid.lab.data.manifest import Manifest, read_manifest
from mineralid.lab.data.splits import LEFT_OUT_FOLDS, LeftOut, named_split
from mineralid.lab.network.lite import LiteNetwork
from mineralid.lab.training.fit import ONE_PROCESS, Compute, use_threads
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.record import RunRecord, is_finished
from mineralid.lab.training.train import train
from mineralid.vision.decode import decode

# Training crops at least half of a side, so pixels beyond this are not needed at 192-260 px.
TRAINING_MIN_SIDE = 288


def decode_all(manifest: Manifest, min_side: int = TRAINING_MIN_SIDE) -> list[np.ndarray]:
    """Decode every photograph: uint8 [H, W, 3], the shorter side at least min_side where it was."""
    images = []
    for photograph in manifest.photographs:
        with photograph.named_in_errors():
            images.append(decode(photograph.photo, min_side=min_side))
    return images


def train_split(
    photos: Path,
    split_name: str,
    recipe: Recipe,
    run: Path,
    threads: int | None = None,
    left_out: LeftOut = LEFT_OUT_FOLDS,
    compute: Compute = ONE_PROCESS,
) -> LiteNetwork:
    """Train one split's network into the folder `run`; resumes.

    Raises ValueError for an unknown or empty split, and where `run` holds another run.
    """
    manifest = read_manifest(photos).of_classes()
    chosen = manifest.subset(named_split(manifest, split_name, left_out).train)
    # Refused before the photographs are decoded, which takes a minute.
    finished = is_finished(run, RunRecord.of_manifest(recipe, split_name, chosen))
    use_threads(threads)
    images: Sequence[np.ndarray] = [] if finished else decode_all(chosen)
    return train(
        images,
        chosen.labels(),
        chosen.classes,
        recipe,
        run,
        split=split_name,
        image_ids=[p.image_id for p in chosen.photographs],
        collections=[p.collection for p in chosen.photographs],
        compute=compute,
    )
