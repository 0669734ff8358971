"""Train the network of one named split: `all`, `specimen0`…`specimen4`, or a left-out fold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mineralid.lab.data.manifest import Manifest, read_manifest
from mineralid.lab.data.splits import Split, collection_folds, specimen_folds
from mineralid.lab.network.lite import LiteNetwork
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.train import train
from mineralid.vision.decode import decode

# Training crops at least half of a side, so pixels beyond this are not needed at 192-260 px.
TRAINING_MIN_SIDE = 288


def named_splits(manifest: Manifest) -> dict[str, Split]:
    """Return every split by name; `all` trains on everything and tests on nothing."""
    everything = Split("all", tuple(range(len(manifest))), ())
    return {
        split.name: split
        for split in (everything, *specimen_folds(manifest), *collection_folds(manifest))
    }


def decode_all(manifest: Manifest, min_side: int = TRAINING_MIN_SIDE) -> list[np.ndarray]:
    """Decode every photograph: uint8 [H, W, 3], the shorter side at least min_side where it was."""
    return [decode(photograph.path, min_side=min_side) for photograph in manifest.photographs]


def train_split(
    photos: Path, split_name: str, recipe: Recipe, run: Path, threads: int | None = None
) -> LiteNetwork:
    """Train one split's network into the folder `run`; resumes. ValueError for an unknown split."""
    manifest = read_manifest(photos).of_classes()
    splits = named_splits(manifest)
    if split_name not in splits:
        raise ValueError(f"unknown split {split_name!r}; allowed: {', '.join(splits)}")
    if threads is not None:
        torch.set_num_threads(threads)
    chosen = manifest.subset(splits[split_name].train)
    images: Sequence[np.ndarray] = [] if (run / "network.pt").is_file() else decode_all(chosen)
    return train(images, chosen.labels(), manifest.classes, recipe, run)
