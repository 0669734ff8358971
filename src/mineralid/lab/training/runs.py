"""Train the network of one named split: `all`, `specimen0`…`specimen4`, or a left-out fold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mineralid.lab.data.manifest import Manifest, read_manifest
from mineralid.lab.data.other_species import others_to_train_on
from mineralid.lab.data.property_targets import property_targets
from mineralid.lab.data.splits import LEFT_OUT_FOLDS, LeftOut, named_split
from mineralid.lab.network.lite import LiteNetwork
from mineralid.lab.training.finished import check_earlier_runs, load_network
from mineralid.lab.training.fit import ONE_PROCESS, Compute, use_threads
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.record import RunRecord, is_finished
from mineralid.lab.training.train import OtherPhotographs, train
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


@dataclass(frozen=True)
class SplitPhotographs:
    """What one split trains on: photographs of the classes, and of other species."""

    split: str
    core: Manifest
    others: Manifest

    def record(self, recipe: Recipe) -> RunRecord:
        """Return the record of a training on them."""
        return RunRecord.of_manifest(recipe, self.split, self.core, self.others)


def photographs_of(
    manifest: Manifest, split_name: str, recipe: Recipe, left_out: LeftOut = LEFT_OUT_FOLDS
) -> SplitPhotographs:
    """Return what a split trains on under a recipe; manifest: with the photographs of all species.

    Other species take part where the recipe has a share of them and the catalogue knows something
    of them. Raises ValueError for an unknown or empty split, and where there are none to share.
    """
    core = manifest.of_classes()
    chosen = core.subset(named_split(core, split_name, left_out).train)
    if not recipe.other_share:
        return SplitPhotographs(split_name, chosen, core.subset(()))
    others = others_to_train_on(manifest, split_name, left_out)
    known = property_targets([p.species for p in others.photographs]).known.any(1)
    others = others.subset(int(i) for i in np.flatnonzero(known))
    if not others:
        raise ValueError(
            f"other_share is {recipe.other_share:g}, but the split {split_name} has no photograph of "
            "another species that the catalogue knows; allowed: 0"
        )
    return SplitPhotographs(split_name, chosen, others)


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
    chosen = photographs_of(read_manifest(photos), split_name, recipe, left_out)
    core, others = chosen.core, chosen.others
    # Refused before the photographs are decoded, which takes a minute.
    record = chosen.record(recipe)
    if is_finished(run, record):
        return load_network(run)
    check_earlier_runs(recipe, record)
    use_threads(threads)
    return train(
        decode_all(core),
        core.labels(),
        core.classes,
        recipe,
        run,
        split=split_name,
        image_ids=[p.image_id for p in core.photographs],
        collections=[p.collection for p in core.photographs],
        others=OtherPhotographs(
            decode_all(others),
            [p.species for p in others.photographs],
            [p.image_id for p in others.photographs],
        ),
        compute=compute,
    )
