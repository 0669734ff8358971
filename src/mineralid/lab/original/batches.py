"""Batches of the protocol: who is in which, and whose tests are wrong, depends on the seed alone.

One process or several: the batches are drawn as those of all processes together, and each takes
its part, so that the loss is the same however many share the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from mineralid.lab.data.augment import Augmentation, augment
from mineralid.lab.original.codes import Case, Codes
from mineralid.lab.original.corruption import corrupt

Ints = NDArray[np.int64]


class Draws(NamedTuple):
    """The rows of one batch that this process has.

    positions: places in the epoch [B], which decide the views; indices: photographs [B]; clean and
    given: the tests recorded and as given, codes [B, F]; size: rows over all processes.
    """

    epoch: int
    positions: Ints
    indices: Ints
    clean: Ints
    given: Ints
    size: int


class Batch(NamedTuple):
    """What a step reads.

    image: what the photographs are given as: views uint8 [B, H, W, 3] and colour matrices float32
    [B, 3, 4], or features float32 [B, D] alone. labels int64 [B]; clean and given: codes
    float32 [B, F]; share: these rows' part of the batch times the number of processes, with which
    their mean loss counts (1 where the parts are equal); size: rows over all processes.
    """

    image: tuple[torch.Tensor, ...]
    labels: torch.Tensor
    clean: torch.Tensor
    given: torch.Tensor
    share: float
    size: int


@dataclass
class GlobalBatches:
    """Yield the draws of each batch: a fresh shuffle each epoch, the last batch kept.

    labels: class of every photograph. Exactly floor(B · error_rate) rows of each batch of B are
    corrupted. rank and world: this process among all; a last batch with fewer rows than
    processes is left out. Raises ValueError where the processes can't share batches evenly.
    """

    labels: Ints
    codes: Codes
    case: Case
    error_rate: float
    batch_size: int
    seed: int
    rank: int = 0
    world: int = 1
    fixed: bool = False  # every epoch as the first
    epoch: int = 0

    def __post_init__(self) -> None:
        if self.batch_size % self.world:
            raise ValueError(
                f"batch_size is {self.batch_size} over {self.world} processes; allowed: a "
                f"multiple of {self.world}"
            )
        if not 0 <= self.rank < self.world:
            raise ValueError(
                f"this is process {self.rank} of {self.world}; allowed: 0 to {self.world - 1} (say "
                "how many there are with devices and nodes)"
            )
        self.sampler = self  # Lightning tells the epoch to a batch sampler's sampler

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration draws (Lightning calls this)."""
        self.epoch = 0 if self.fixed else epoch

    def _sizes(self) -> list[int]:
        full, rest = divmod(len(self.labels), self.batch_size)
        return [self.batch_size] * full + ([rest] if rest >= self.world else [])

    def __len__(self) -> int:
        return len(self._sizes())

    def __iter__(self) -> Iterator[Draws]:
        order = np.random.default_rng([self.seed, self.epoch, 0]).permutation(len(self.labels))
        start = 0
        for number, size in enumerate(self._sizes()):
            rows = order[start : start + size]
            clean = self.codes.of(self.labels[rows], self.case)
            rng = np.random.default_rng([self.seed, self.epoch, number, 2])
            given = corrupt(clean, self.codes.pools[self.case], self.error_rate, rng)
            mine = np.arange(self.rank, size, self.world)
            yield Draws(self.epoch, start + mine, rows[mine], clean[mine], given[mine], size)
            start += size


class _Rows(Dataset[Batch]):
    """Make whole batches of draws."""

    def __init__(self, labels: Ints, world: int) -> None:
        self.labels, self.world = torch.from_numpy(labels), world

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, draws: Draws) -> tuple[torch.Tensor, ...]:
        """Return what the photographs of some draws are given as."""
        raise NotImplementedError

    def __getitems__(self, draws: Draws) -> Batch:
        return Batch(
            self.image(draws),
            self.labels[torch.from_numpy(draws.indices)],
            torch.from_numpy(draws.clean.astype(np.float32)),
            torch.from_numpy(draws.given.astype(np.float32)),
            len(draws.indices) * self.world / draws.size,
            draws.size,
        )


class AugmentedViews(_Rows):
    """Decoded photographs in memory, one random view a draw: live augmentation."""

    def __init__(
        self,
        images: Sequence[NDArray[np.uint8]],
        labels: Ints,
        *,
        size: int,
        options: Augmentation,
        seed: int,
        world: int = 1,
    ) -> None:
        super().__init__(labels, world)
        self.images, self.size, self.options, self.seed = images, size, options, seed

    def image(self, draws: Draws) -> tuple[torch.Tensor, ...]:
        """Return views uint8 [B, size, size, 3] and colour matrices float32 [B, 3, 4]."""
        drawn = [
            augmented(self.images[index], self.size, self.options, self.seed, draws.epoch, position)
            for position, index in zip(draws.positions, draws.indices, strict=True)
        ]
        return tuple(torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))


def augmented(
    image: NDArray[np.uint8], size: int, options: Augmentation, seed: int, *place: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the view of a photograph that seed and place (epoch, position) decide."""
    return augment(image, size, options, np.random.default_rng([seed, *map(int, place), 1]))


class WholePhotographs(_Rows):
    """Photographs uint8 [N, H, W, 3], as they are."""

    def __init__(self, pixels: NDArray[np.uint8], labels: Ints, world: int = 1) -> None:
        super().__init__(labels, world)
        self.pixels = pixels

    def image(self, draws: Draws) -> tuple[torch.Tensor, ...]:
        """Return views uint8 [B, H, W, 3] and colour matrices that change nothing."""
        plain = np.eye(3, 4, dtype=np.float32)[None].repeat(len(draws.indices), 0)
        return torch.from_numpy(self.pixels[draws.indices]), torch.from_numpy(plain)


class FixedFeatures(_Rows):
    """Features of K views of each photograph, float32 [K, N, D]; one view a draw, at random."""

    def __init__(self, features: torch.Tensor, labels: Ints, *, seed: int, world: int = 1) -> None:
        super().__init__(labels, world)
        self.features, self.seed = features, seed
        self._drawn: tuple[int, Ints] = (-1, np.zeros(0, np.int64))

    def _views(self, epoch: int) -> Ints:
        if self._drawn[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch, 3])
            views, photographs = self.features.shape[:2]
            self._drawn = (epoch, rng.integers(views, size=photographs))
        return self._drawn[1]

    def image(self, draws: Draws) -> tuple[torch.Tensor, ...]:
        """Return features float32 [B, D]."""
        views = torch.from_numpy(self._views(draws.epoch)[draws.positions])
        return (self.features[views, torch.from_numpy(draws.indices)],)


def loader(rows: _Rows, batches: GlobalBatches, workers: int = 0) -> DataLoader[Batch]:
    """Return the loader of whole batches."""
    return DataLoader(
        rows,
        batch_sampler=batches,  # type: ignore[arg-type]  # draws, not lists of indices
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=_as_it_is,
    )


def _as_it_is(batch: Any) -> Any:
    return batch
