"""The two measurements: steps of the SSF stage, and epochs of the DMIB stage, in pairs."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback

from mineralid.lab.original.batches import FixedFeatures, loader
from mineralid.lab.original.codes import Codes
from mineralid.lab.original.features import FeatureStore, decode_photographs
from mineralid.lab.original.recipe import OriginalRecipe
from mineralid.lab.training.fit import fit
from training.sides import DmibSides, Networks, Shape, SsfSides, normalised
from training.views import LiveViews, Photographs, first_views, global_batches

CHECKED_STEPS, TOLERANCE = 20, 1e-4
FIT_BATCHES = 4  # of which norms of random weights take their statistics
FEATURE_DIM = 64  # of a teacher whose features are given


@dataclass(frozen=True)
class Pair:
    """Seconds of the same work, one after the other."""

    plain: float
    ours: float

    @property
    def ratio(self) -> float:
        """Straightforward over mineralid."""
        return self.plain / self.ours


@dataclass(frozen=True)
class Result:
    """One comparison. what: a sentence; apart: the greatest difference of the losses of 20 steps;
    caching: seconds of computing the features, None where there are none."""

    what: str
    pairs: list[Pair]
    apart: float
    least: float | None
    caching: float | None = None

    @property
    def ratio(self) -> float:
        """Median over the pairs."""
        return statistics.median(pair.ratio for pair in self.pairs)


def apart(plain: Sequence[float], ours: Sequence[float], what: str) -> float:
    """Return the greatest difference of two rows of losses; SystemExit where it is too great."""
    worst = max(abs(a - b) for a, b in zip(plain, ours, strict=True))
    if not worst <= TOLERANCE:  # so written that NaN is too great
        raise SystemExit(
            f"{what}: the losses of {len(plain)} steps differ by {worst:g}; allowed: {TOLERANCE:g}"
        )
    return worst


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def networks(shape: Shape, recipe: OriginalRecipe, codes: Codes, views: Sequence[Any]) -> Networks:
    """Return both networks of a shape, norms of random weights fitted to the first views."""
    first = [batch.image for batch in views[:FIT_BATCHES]]
    some = tuple(torch.cat(part) for part in zip(*first, strict=True))
    torch.manual_seed(recipe.seed)
    return Networks(recipe, shape, len(codes.classes), some)


def ssf_steps(
    what: str,
    shape: Shape,
    recipe: OriginalRecipe,
    codes: Codes,
    given: Photographs,
    *,
    teacher: str | None,
    pairs: int,
    steps: int,
    least: float | None,
) -> Result:
    """Compare steps of the SSF stage; both sides go on from the steps that were compared."""
    views = first_views(recipe, codes, given, CHECKED_STEPS)
    sides = SsfSides(networks(shape, recipe, codes, views), codes, teacher, pretrained=True)
    features = [torch.randn(len(v.labels), FEATURE_DIM) for v in views]
    images = [normalised(shape.name, v.image) for v in views]

    def ours(numbers: Sequence[int]) -> list[float]:
        return [sides.ours(views[i], features[i]) for i in numbers]

    def plain(numbers: Sequence[int]) -> list[float]:
        return [sides.plain(views[i], images[i], features[i]) for i in numbers]

    everything = range(CHECKED_STEPS)
    worst = apart(plain(everything), ours(everything), what)
    turns = itertools.cycle(everything)
    found = []
    for _ in range(pairs):
        numbers = list(itertools.islice(turns, steps))
        before = _timed(lambda numbers=numbers: plain(numbers))  # type: ignore[misc]
        after = _timed(lambda numbers=numbers: ours(numbers))  # type: ignore[misc]
        found.append(Pair(before / steps, after / steps))
    return Result(what, found, worst, least)


class _Clock(Callback):
    """Seconds from the start of each epoch to the start of the next: checkpoints are within."""

    def __init__(self) -> None:
        self.starts: list[float] = []

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self.starts.append(time.perf_counter())

    @property
    def epoch(self) -> float:
        """Median of the epochs but the first, in which all is new, and the last."""
        lengths = [b - a for a, b in itertools.pairwise(self.starts)]
        return statistics.median(lengths[1:])


def dmib_epochs(
    what: str,
    shape: Shape,
    recipe: OriginalRecipe,
    codes: Codes,
    given: Photographs,
    scratch: Path,
    *,
    pairs: int,
    least: float | None,
) -> Result:
    """Compare epochs of the DMIB stage: on cached features by Lightning, on live views plainly."""
    both = networks(shape, recipe, codes, first_views(recipe, codes, given, FIT_BATCHES))
    store = FeatureStore(both.ours.backbone, scratch / "cache")
    start = time.perf_counter()
    features = store.of_views(
        given.manifest,
        lambda: decode_photographs(given.manifest),
        views=recipe.dmib.views,
        image_size=recipe.image_size,
        options=recipe.augmentation,
        seed=recipe.seed,
    )
    caching = time.perf_counter() - start
    cached = loader(
        FixedFeatures(torch.from_numpy(features), given.labels, seed=recipe.seed),
        global_batches(recipe, codes, given),
    )
    live, sides = LiveViews(recipe, codes, given), DmibSides(both)
    losses: list[tuple[float, float]] = []
    for epoch in itertools.count():
        cached.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
        for batch, (same, pixels) in zip(cached, live.epoch(epoch), strict=True):
            plain = sides.plain(same, normalised(shape.name, pixels))
            losses.append((plain, sides.ours(batch)))
            if len(losses) == CHECKED_STEPS:
                break
        if len(losses) == CHECKED_STEPS:
            break
    worst = apart(*zip(*losses, strict=True), what)  # type: ignore[arg-type]

    def plain_epoch(number: int) -> None:
        for batch, pixels in live.epoch(number):
            sides.plain(batch, normalised(shape.name, pixels))

    found = []
    for number in range(pairs):
        before = _timed(lambda number=number: plain_epoch(number))  # type: ignore[misc]
        clock = _Clock()
        fit(
            sides.stage,
            cached,
            scratch / f"fit-{number}",
            epochs=recipe.dmib.epochs,
            seed=recipe.seed,
            callbacks=[clock],
        )
        found.append(Pair(before, clock.epoch))
    return Result(what, found, worst, least, caching)
