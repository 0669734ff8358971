"""Train one network on decoded photographs: resumes, shows rate and time left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mineralid.lab.data.batches import AugmentedPhotographs, training_loader
from mineralid.lab.data.property_targets import property_targets
from mineralid.lab.network.lite import LiteNetwork
from mineralid.lab.training.finished import check_earlier_runs, load_network
from mineralid.lab.training.fit import ONE_PROCESS, Compute, fit, rank
from mineralid.lab.training.module import Training
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.record import (
    CHECKPOINT_FILE,
    NETWORK_FILE,
    RECORD_FILE,
    RunRecord,
    is_finished,
)


@dataclass(frozen=True)
class OtherPhotographs:
    """Photographs of species that are no class: uint8 [H, W, 3] each, of which species, their ids."""

    images: Sequence[np.ndarray]
    species: Sequence[str]
    image_ids: Sequence[str]


NO_OTHERS = OtherPhotographs((), (), ())


def train(
    images: Sequence[np.ndarray],
    labels: Sequence[int],
    classes: Sequence[str],
    recipe: Recipe,
    run: Path,
    *,
    split: str = "all",
    image_ids: Sequence[str] | None = None,
    collections: Sequence[str] | None = None,
    others: OtherPhotographs = NO_OTHERS,
    compute: Compute = ONE_PROCESS,
) -> LiteNetwork:
    """Train and return the averaged network; a finished or interrupted `run` is taken up again.

    images: uint8 [H, W, 3] each; labels: class indices; split and image_ids (default: the places)
    go into the record; collections: of each photograph, for a recipe that balances them; others:
    of other species, for one that trains on them too. Writes `run/recipe.json`, `run/last.ckpt` (each epoch) and, when done,
    `run/network.pt`. Raises ValueError where `run` holds another run or a damaged file,
    and where a run that the recipe builds on does not fit.
    """
    ids = [str(i) for i in range(len(labels))] if image_ids is None else image_ids
    beyond = list(zip(others.image_ids, others.species, strict=True))
    record = RunRecord.of(recipe, classes, split, ids, labels, beyond)
    if is_finished(run, record):
        return load_network(run)
    if bool(recipe.other_share) != bool(beyond):
        raise ValueError(
            f"other_share is {recipe.other_share:g}, with {len(beyond)} photographs of other species; "
            "allowed: 0 without any, more with some"
        )
    check_earlier_runs(recipe, record)
    last, finished = run / CHECKPOINT_FILE, run / NETWORK_FILE
    run.mkdir(parents=True, exist_ok=True)
    if not rank() and not (run / RECORD_FILE).is_file():
        begun = run / f"{RECORD_FILE}.partial"  # another process may read the record meanwhile
        begun.write_text(record.model_dump_json(indent=1), encoding="utf-8")
        begun.replace(run / RECORD_FILE)

    torch.manual_seed(recipe.seed)  # the head is drawn at random
    more = sorted(set(others.species))
    targets = property_targets([*classes, *more]) if recipe.property_weight else None
    module = Training(
        recipe,
        len(classes),
        targets,
        start=load_network(Path(recipe.init_from)) if recipe.init_from else None,
        teachers=[load_network(Path(folder)) for folder in recipe.teachers],
    )
    place = {name: len(classes) + number for number, name in enumerate(more)}
    loader = training_loader(
        AugmentedPhotographs(
            [*images, *others.images],
            [*labels, *(place[name] for name in others.species)],
            size=recipe.image_size,
            options=recipe.augmentation,
            seed=recipe.seed,
        ),
        batch_size=recipe.batch_size,
        balance_power=recipe.balance_power,
        workers=recipe.workers,
        rank=rank(),
        world=compute.world,
        collections=collections,
        collection_power=recipe.collection_power,
        others=len(beyond),
        other_share=recipe.other_share,
    )
    started = time.monotonic()
    fit(module, loader, run, epochs=recipe.epochs, seed=recipe.seed, compute=compute)
    network = module.averaged_network().cpu()
    if rank():  # what follows is the first process's
        return network
    partial = finished.with_suffix(".partial")
    torch.save({"network": network.state_dict(), "seconds": time.monotonic() - started}, partial)
    partial.replace(finished)
    last.unlink(missing_ok=True)
    return network
