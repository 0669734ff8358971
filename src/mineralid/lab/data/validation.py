"""Carve a validation set from the photographs to train on: whole specimens, classes kept even."""

from __future__ import annotations

from functools import partial

import numpy as np

from mineralid.lab.data.manifest import Manifest

# A share of a count of photographs is rarely exact in floating point: 0.1 · 30 > 3.
SLACK = 1e-9


def carve(manifest: Manifest, share: float, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the indices (train, validation), each rising; no specimen is on both sides.

    share: of the photographs to validate on, 0 (none) to below 1, as near as whole specimens
    allow, in every class and over all. Every class keeps a photograph to train on, so one of a
    single specimen has none in the validation. The draw depends on the seed and the specimens,
    not on the order of the photographs. A share above 0 gives one specimen at least, which may be
    more than the share of few photographs.

    Raises ValueError: a share or seed that is not allowed, a photograph of no class, and where no
    specimen can be spared.
    """
    if not 0 <= share < 1:
        raise ValueError(f"the share to validate on is {share}; allowed: 0 (none) to below 1")
    if seed < 0:
        raise ValueError(f"the seed is {seed}; allowed: 0 and above")
    others = sorted({p.species for p in manifest.photographs} - set(manifest.classes))
    if others:
        raise ValueError(
            f"{len(others)} species of the photographs are no class, such as {others[0]!r}; "
            "leave them out with Manifest.of_classes()"
        )
    everything = tuple(range(len(manifest)))
    if share == 0:
        return everything, ()
    chosen = _Draw(manifest, share, seed).chosen()
    if not chosen:
        stones = len({p.specimen for p in manifest.photographs})
        raise ValueError(
            f"no specimen can be spared to validate on: {len(manifest)} photographs of {stones} "
            "specimens, and without any one of them a class has none to train on; allowed: a "
            "share of 0, or photographs of two specimens or more of some class"
        )
    inside = [p.specimen in chosen for p in manifest.photographs]
    return (
        tuple(i for i in everything if not inside[i]),
        tuple(i for i in everything if inside[i]),
    )


class _Draw:
    """Specimens in random order, taken while they fit; then the classes that lack the most."""

    def __init__(self, manifest: Manifest, share: float, seed: int) -> None:
        self.counts: dict[str, dict[int, int]] = {}  # specimen -> class -> photographs
        for photograph, label in zip(manifest.photographs, manifest.labels(), strict=True):
            of_stone = self.counts.setdefault(photograph.specimen, {})
            of_stone[label] = of_stone.get(label, 0) + 1
        self.total = np.bincount(manifest.labels(), minlength=len(manifest.classes))
        self.target = share * self.total
        self.taken = np.zeros_like(self.total)
        names = sorted(self.counts)
        rng = np.random.default_rng(seed)
        self.order = [names[i] for i in rng.permutation(len(names))]
        self.labels = rng.permutation(len(self.total))

    def chosen(self) -> set[str]:
        """Return the specimens to validate on."""
        # Up to its share in every class; what is left over is less than a specimen of each …
        stones = {s for s in self.order if self._fits(s) and self._take(s)}
        left: dict[int, list[str]] = {}
        for stone in self.order:
            for label in self.counts[stone] if stone not in stones else ():
                left.setdefault(label, []).append(stone)
        # … and together may be many: those that lack the most then have one more each.
        by_lack = np.argsort((self.taken - self.target)[self.labels], kind="stable")
        for label in map(int, self.labels[by_lack]):
            over = self.target.sum() - self.taken.sum()
            able = [
                s
                for s in left.get(label, ())
                if s not in stones and self._size(s) < 2 * over - SLACK and self._spared(s)
            ]
            if able and self._lack(label) > SLACK:
                best = min(able, key=partial(self._misfit, label))
                self._take(best)
                stones.add(best)
        if not stones:
            able = [s for s in self.order if self._spared(s)]
            stones = {min(able, key=self._size)} if able else set()
        return stones

    def _size(self, stone: str) -> int:
        return sum(self.counts[stone].values())

    def _lack(self, label: int) -> float:
        return float(self.target[label] - self.taken[label])

    def _misfit(self, label: int, stone: str) -> float:
        return abs(self.counts[stone][label] - self._lack(label))

    def _fits(self, stone: str) -> bool:
        return self._spared(stone) and all(
            count <= self._lack(label) + SLACK for label, count in self.counts[stone].items()
        )

    def _spared(self, stone: str) -> bool:
        """Return whether every class of the stone has other photographs left to train on."""
        return all(
            self.taken[label] + count < self.total[label]
            for label, count in self.counts[stone].items()
        )

    def _take(self, stone: str) -> bool:
        for label, count in self.counts[stone].items():
            self.taken[label] += count
        return True
