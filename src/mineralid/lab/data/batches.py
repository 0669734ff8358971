"""Serve augmented batches: every view depends only on (seed, epoch, photograph)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from mineralid.lab.data.augment import Augmentation, augment
from mineralid.lab.data.backdrop import cut_out

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Draw = tuple[int, int, int]  # epoch, position in the epoch, photograph


class BalancedSampler(Sampler[Draw]):
    """Draw photographs with probability ∝ (size of the class)^-power, afresh each epoch.

    power = 0 is the plain shuffle (each photograph once), 0.5 the square-root balance, 1 classes
    evenly. Within a class, a photograph's share is ∝ (photographs of its class in its collection)
    ^-collection_power: 0 all alike, 1 the collections evenly. The draw of an epoch depends on
    (seed, epoch) alone, so a resumed run sees the same. Of `world` processes each takes every
    world-th draw, so that all of them together see the batches that one would.
    """

    def __init__(
        self,
        labels: Sequence[int],
        power: float,
        seed: int,
        rank: int = 0,
        world: int = 1,
        *,
        collections: Sequence[str] | None = None,
        collection_power: float = 0.0,
    ) -> None:
        counts = np.bincount(labels)
        weights = counts[np.asarray(labels)].astype(np.float64) ** -power
        if collection_power:
            if collections is None:
                raise ValueError(
                    f"collection_power is {collection_power:g}; allowed: 0 where the photographs "
                    "have no collection"
                )
            weights *= _within_class(np.asarray(labels), collections, collection_power)
        self.weights = weights / weights.sum()
        self.shuffled = power == 0 and collection_power == 0
        self.seed, self.epoch = seed, 0
        self.rank, self.world = rank, world

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration draws (Lightning calls this)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.weights) // self.world

    def drawn(self) -> np.ndarray:
        """Return the photographs of this epoch in order [N], of all processes together."""
        rng = np.random.default_rng([self.seed, self.epoch, 0])
        n = len(self.weights)
        if self.shuffled:
            return rng.permutation(n)
        # Systematic draws: a photograph comes floor or ceil of its expected number of times.
        grid = (rng.random() + np.arange(n)) / n
        drawn = np.searchsorted(np.cumsum(self.weights), grid).clip(0, n - 1)
        rng.shuffle(drawn)
        return drawn

    def __iter__(self) -> Iterator[Draw]:
        drawn, n = self.drawn(), len(self.weights)
        for position in range(self.rank, n - n % self.world, self.world):
            yield self.epoch, position, int(drawn[position])


def _within_class(labels: np.ndarray, collections: Sequence[str], power: float) -> np.ndarray:
    """Return factors of mean 1 within each class [N], ∝ (size of class and collection)^-power."""
    _, cell, sizes = np.unique(
        np.array([f"{label} {name}" for label, name in zip(labels, collections, strict=True)]),
        return_inverse=True,
        return_counts=True,
    )
    raw = sizes[cell].astype(np.float64) ** -power
    means = np.bincount(labels, weights=raw) / np.maximum(np.bincount(labels), 1)
    factors: np.ndarray = raw / means[labels]
    return factors


class JointSampler(Sampler[Draw]):
    """Batches of photographs of classes with some of other species in each.

    core draws the first; the photographs of other species follow in the list, `others` of them, and
    come in turn, in an order drawn anew each time all have been seen, so that an epoch (as many
    draws of `core` as ever) takes up where the one before stopped.
    """

    def __init__(
        self, core: BalancedSampler, others: int, *, batch_size: int, others_a_batch: int
    ) -> None:
        if not 0 < others_a_batch < batch_size or not others:
            raise ValueError(
                f"{others_a_batch} of {others} photographs of other species in a batch of "
                f"{batch_size}; allowed: 1 to {batch_size - 1}, of one or more"
            )
        self.core, self.others, self.others_a_batch = core, others, others_a_batch
        self.core_a_batch = min(batch_size - others_a_batch, len(core.weights))
        self.steps = len(core.weights) // self.core_a_batch

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration draws (Lightning calls this)."""
        self.core.set_epoch(epoch)

    def __len__(self) -> int:
        return self.steps * (self.core_a_batch + self.others_a_batch) // self.core.world

    def __iter__(self) -> Iterator[Draw]:
        epoch, known = self.core.epoch, len(self.core.weights)
        drawn, batch = self.core.drawn(), self.core_a_batch + self.others_a_batch
        seen = epoch * self.steps * self.others_a_batch
        orders: dict[int, np.ndarray] = {}
        for position in range(self.core.rank, self.steps * batch, self.core.world):
            step, place = divmod(position, batch)
            if place < self.core_a_batch:
                yield epoch, position, int(drawn[step * self.core_a_batch + place])
                continue
            count = seen + step * self.others_a_batch + place - self.core_a_batch
            turn, next_one = divmod(count, self.others)
            if turn not in orders:
                rng = np.random.default_rng([self.core.seed, turn, 2])
                orders = {turn: rng.permutation(self.others)}
            yield epoch, position, known + int(orders[turn][next_one])


class AugmentedPhotographs(Dataset[tuple[np.ndarray, np.ndarray, int]]):
    """Decoded photographs in memory, one random view a draw.

    Where the options change backdrops, every stone is told from its own once, at the start (about
    10 ms a photograph).
    """

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
        self.cutouts = [cut_out(image) if options.backdrop else None for image in images]
        self.backdrops = [found.backdrop for found in self.cutouts if found is not None]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, draw: Draw) -> tuple[np.ndarray, np.ndarray, int]:
        epoch, position, index = draw
        rng = np.random.default_rng([self.seed, epoch, position, 1])
        view, color = augment(
            self.images[index], self.size, self.options, rng, self.cutouts[index], self.backdrops
        )
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
    collections: Sequence[str] | None = None,
    collection_power: float = 0.0,
    others: int = 0,
    other_share: float = 0.0,
) -> DataLoader[tuple[np.ndarray, np.ndarray, int]]:
    """Return the loader of augmented, balanced batches; an incomplete last batch is left out.

    batch_size: over all `world` processes. others: how many of the photographs, the last ones, are
    of other species, of which each batch has a share `other_share`; collections: of each of the
    ones before. Raises ValueError where the processes can't share a batch evenly, and for
    collections that are not known.
    """
    if batch_size % world:
        raise ValueError(
            f"batch_size is {batch_size} over {world} processes; allowed: a multiple of {world}"
        )
    labels = photographs.labels[: len(photographs) - others]
    core = BalancedSampler(
        labels,
        balance_power,
        photographs.seed,
        rank,
        world,
        collections=collections,
        collection_power=collection_power,
    )
    sampler: BalancedSampler | JointSampler = core
    whole = len(photographs) >= batch_size
    if others:
        sampler = JointSampler(
            core, others, batch_size=batch_size, others_a_batch=round(other_share * batch_size)
        )
        batch_size = sampler.core_a_batch + sampler.others_a_batch
    return DataLoader(
        photographs,
        batch_size=batch_size // world,
        sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=collate,
        drop_last=whole,
    )
