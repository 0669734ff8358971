"""Batches of both sides from the same photographs: the same views, tests and labels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mineralid.lab.data.manifest import Manifest, Photograph
from mineralid.lab.original.batches import (
    AugmentedViews,
    Batch,
    FixedFeatures,
    GlobalBatches,
    augmented,
    loader,
)
from mineralid.lab.original.codes import Codes, parse_case
from mineralid.lab.original.features import decode_photographs
from mineralid.lab.original.recipe import OriginalRecipe
from mineralid.vision.decode import decode


@dataclass(frozen=True)
class Photographs:
    """Photographs with classes drawn at random: what they show costs no time."""

    manifest: Manifest
    labels: np.ndarray


def photographs(paths: Sequence[Path], codes: Codes) -> Photographs:
    """Return photographs of some files, each with a class of the codes."""
    labels = np.random.default_rng(0).integers(len(codes.classes), size=len(paths))
    listed = tuple(
        Photograph(f"{number}", path, codes.classes[label], "benchmark", f"{number}")
        for number, (path, label) in enumerate(zip(paths, labels, strict=True))
    )
    return Photographs(Manifest(listed, codes.classes), labels)


def global_batches(recipe: OriginalRecipe, codes: Codes, given: Photographs) -> GlobalBatches:
    """Return the draws of a recipe's case, some tests wrong."""
    return GlobalBatches(
        labels=given.labels,
        codes=codes,
        case=parse_case(recipe.tests),
        error_rate=recipe.error_rate,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
    )


def first_views(
    recipe: OriginalRecipe, codes: Codes, given: Photographs, count: int
) -> list[Batch]:
    """Return the first full batches of augmented views, epoch after epoch, in memory."""
    rows = AugmentedViews(
        decode_photographs(given.manifest),
        given.labels,
        size=recipe.image_size,
        options=recipe.augmentation,
        seed=recipe.seed,
    )
    batches = loader(rows, global_batches(recipe, codes, given))
    full = (batch for batch in _epochs(batches) if batch.size == recipe.batch_size)
    return list(itertools.islice(full, count))


def _epochs(batches: Any) -> Iterator[Batch]:
    for epoch in itertools.count():
        batches.batch_sampler.set_epoch(epoch)
        yield from batches


class LiveViews:
    """The views of an epoch computed as it goes, from the files: those whose features are cached.

    Which view of each photograph is drawn is what `FixedFeatures` draws.
    """

    def __init__(self, recipe: OriginalRecipe, codes: Codes, given: Photographs) -> None:
        self.recipe, self.given = recipe, given
        numbers = torch.arange(recipe.dmib.views * len(given.labels), dtype=torch.float32)
        rows = FixedFeatures(numbers.view(recipe.dmib.views, -1, 1), given.labels, seed=recipe.seed)
        self.batches = loader(rows, global_batches(recipe, codes, given))

    def epoch(self, number: int) -> Iterator[tuple[Batch, tuple[torch.Tensor, ...]]]:
        """Yield each batch and its pixels."""
        recipe, sampler = self.recipe, self.batches.batch_sampler
        sampler.set_epoch(number)  # type: ignore[union-attr]
        for batch in self.batches:
            drawn = []
            for place in batch.image[0][:, 0].long().tolist():
                view, photograph = divmod(place, len(self.given.labels))
                pixels = decode(self.given.manifest.photographs[photograph].photo)
                options = recipe.augmentation
                drawn.append(
                    augmented(pixels, recipe.image_size, options, recipe.seed, view, photograph)
                )
            image = tuple(torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))
            yield batch, image
