"""Serve augmented batches: every view depends only on (seed, epoch, photograph)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from mineralid.lab.data.augment import Augmentation, augment

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Draw = tuple[int, int, int]  # epoch, position in the epoch, photograph


class BalancedSampler(Sampler[Draw]):
    """Draw photographs with probability ∝ (size of the class)^-power, afresh each epoch.

    power = 0 is the plain shuffle (each photograph once), 0.5 the square-root balance, 1 classes
    evenly. The draw of an epoch depends on (seed, epoch) alone, so a resumed run sees the same.
    Of `world` processes each takes every world-th draw, so that all of them together see the
    batches that one would.
    """

    def __init__(
        self, labels: Sequence[int], power: float, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        counts = np.bincount(labels)
        weights = counts[np.asarray(labels)].astype(np.float64) ** -power
        self.weights = weights / weights.sum()
        self.power, self.seed, self.epoch = power, seed, 0
        self.rank, self.world = rank, world

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration draws (Lightning calls this)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.weights) // self.world

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self.seed, self.epoch, 0])
        n = len(self.weights)
        if self.power == 0:
            drawn = rng.permutation(n)
        else:
            # Systematic draws: a photograph comes floor or ceil of its expected number of times.
            grid = (rng.random() + np.arange(n)) / n
            drawn = np.searchsorted(np.cumsum(self.weights), grid).clip(0, n - 1)
            rng.shuffle(drawn)
        for position in range(self.rank, n - n % self.world, self.world):
            yield self.epoch, position, int(drawn[position])


class AugmentedPhotographs(Dataset[tuple[np.ndarray, np.ndarray, int]]):
    """Decoded photographs in memory, one random view a draw."""

    def __init__(
        self,
        images: Sequence[np.ndarray],
        labels: Sequence[int],
        *,
        size: int,
        options: Augmentation,
        seed: int,
    ) -> None:
        self.images, self.labels = images, labels
        self.size, self.options, self.seed = size, options, seed

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, draw: Draw) -> tuple[np.ndarray, np.ndarray, int]:
        epoch, position, index = draw
        rng = np.random.default_rng([self.seed, epoch, position, 1])
        view, color = augment(self.images[index], self.size, self.options, rng)
        return view, color, self.labels[index]


def collate(items: Sequence[tuple[np.ndarray, np.ndarray, int]]) -> Batch:
    """Stack views: uint8 [B, H, W, 3], colour matrices float32 [B, 3, 4], labels int64 [B]."""
    views, colors, labels = zip(*items, strict=True)
    return (
        torch.from_numpy(np.stack(views)),
        torch.from_numpy(np.stack(colors)),
        torch.tensor(labels, dtype=torch.int64),
    )


def to_network_input(
    views: torch.Tensor, colors: torch.Tensor, mean: Sequence[float], std: Sequence[float]
) -> torch.Tensor:
    """Apply colour and normalisation at once: uint8 [B, H, W, 3] -> float32 [B, 3, H, W]."""
    x = views.permute(0, 3, 1, 2).to(torch.float32) / 255
    m = colors[:, :, :, None, None]
    x = torch.stack(
        [
            x[:, 0] * m[:, c, 0] + x[:, 1] * m[:, c, 1] + x[:, 2] * m[:, c, 2] + m[:, c, 3]
            for c in range(3)
        ],
        dim=1,
    ).clamp(0, 1)
    shape = (1, 3, 1, 1)
    center = torch.tensor(mean, device=x.device).view(shape)
    spread = torch.tensor(std, device=x.device).view(shape)
    x = (x - center) / spread
    return x.contiguous(memory_format=torch.channels_last)


def training_loader(
    photographs: AugmentedPhotographs,
    *,
    batch_size: int,
    balance_power: float,
    workers: int,
    rank: int = 0,
    world: int = 1,
) -> DataLoader[tuple[np.ndarray, np.ndarray, int]]:
    """Return the loader of augmented, balanced batches; an incomplete last batch is left out.

    batch_size: over all `world` processes. Raises ValueError where they can't share it evenly.
    """
    if batch_size % world:
        raise ValueError(
            f"batch_size is {batch_size} over {world} processes; allowed: a multiple of {world}"
        )
    return DataLoader(
        photographs,
        batch_size=batch_size // world,
        sampler=BalancedSampler(photographs.labels, balance_power, photographs.seed, rank, world),
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=collate,
        drop_last=len(photographs) >= batch_size,
    )
