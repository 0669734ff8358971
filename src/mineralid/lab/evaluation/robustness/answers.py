"""The stored answers of all methods, by condition, and figures of them with paired intervals."""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.evaluation.robustness.grid import GRIDS, Cell
from mineralid.lab.evaluation.robustness.intervals import Fold, Interval, mean_of_folds
from mineralid.lab.evaluation.robustness.results import (
    MEASURES,
    SPLITS,
    Part,
    ResultsError,
    parts_of,
    read_description,
)

Array = NDArray[np.float64]


class StoredAnswers:
    """What `mineralid lab benchmark` left in a folder.

    kind: "specimen" or "collection". A method is there for a kind and vocabulary where every
    split of that kind was measured. Figures are means of folds and of seeds.
    """

    def __init__(self, out: Path) -> None:
        self.described: dict[str, Any] = read_description(out)
        self._out = out
        self._parts: dict[tuple[str, str, str], list[Part]] = {}
        self._counted: dict[tuple[str, str, str, int], NDArray[np.uint8]] = {}
        for part in parts_of(out):
            place = part.name.method, part.name.vocabulary, part.name.split
            self._parts.setdefault(place, []).append(part)
        if not self._parts:
            raise ResultsError(f"no results in {out}")

    @functools.cached_property
    def cells(self) -> frozenset[Cell]:
        """The conditions that were measured."""
        return frozenset(GRIDS[self.described["grid"]]())

    def splits(self, kind: str) -> list[str]:
        """Return the splits of a kind."""
        return [n for n, split in self.described["splits"].items() if split["kind"] == kind]

    def photographs(self, kind: str) -> int:
        """Return how many photographs the splits of a kind judge."""
        return sum(self.described["splits"][name]["test"] for name in self.splits(kind))

    def methods(self, kind: str, vocabulary: str) -> list[str]:
        """Return the methods measured on every split of the kind, in the tables' order."""
        return [
            name
            for name in self.described["methods"]
            if self.splits(kind)
            and all((name, vocabulary, split) in self._parts for split in self.splits(kind))
        ]

    def has(self, kind: str, vocabulary: str, *methods: str) -> bool:
        """Return whether all of them are there."""
        return set(methods) <= set(self.methods(kind, vocabulary))

    def title(self, method: str) -> str:
        """Return a method's title."""
        return str(self.described["methods"][method])

    def learned_from(self, method: str) -> str:
        """Return whose table a method learned from: "judge", "evidence", or "" for neither."""
        return str(self.described.get("learned_from", {}).get(method, ""))

    def seeds(self, method: str, vocabulary: str) -> int:
        """Return the least number of seeds of a method's splits; 0: it was not measured."""
        found = [len(v) for (m, w, _), v in self._parts.items() if (m, w) == (method, vocabulary)]
        return min(found, default=0)

    def notes(self, method: str, vocabulary: str, split: str) -> dict[str, Any]:
        """Return what the fit of the first seed noted."""
        return dict(self._parts[method, vocabulary, split][0].head["notes"])

    @functools.cached_property
    def folds(self) -> dict[str, list[Fold]]:
        """The photographs judged, by kind."""
        found: dict[str, list[Fold]] = {}
        for kind in {split["kind"] for split in self.described["splits"].values()}:
            found[kind] = []
            for number, name in enumerate(self.splits(kind)):
                with np.load(self._out / SPLITS / f"{name}.npz") as stored:
                    fold = Fold(stored["labels"], stored["specimens"], seed=number)
                    found[kind].append(fold)
        return found

    def _seeds(self, method: str, vocabulary: str, split: str) -> list[int]:
        """Return the seeds of a method on a split, ascending."""
        return [part.name.seed for part in self._parts[method, vocabulary, split]]

    def _right(self, method: str, vocabulary: str, split: str, k: int) -> NDArray[np.uint8]:
        """Return where each seed was right in each cell: 0 or 1 [seeds, cells, n]."""
        place = method, vocabulary, split, k
        if place not in self._counted:
            parts = self._parts[method, vocabulary, split]
            self._counted[place] = np.array([p.hits(k) for p in parts], dtype=np.uint8)
        return self._counted[place]

    def hits(
        self,
        method: str,
        vocabulary: str,
        kind: str,
        cell: Cell,
        k: int = 1,
        seeds: Sequence[Collection[int]] | None = None,
    ) -> list[Array]:
        """Return per split how often each photograph [n] was right over the seeds, 0..1.

        seeds: those to count, per split; None: all.
        """
        found = []
        for number, split in enumerate(self.splits(kind)):
            own = self._seeds(method, vocabulary, split)
            row = self._parts[method, vocabulary, split][0].cells.index(cell.key)
            counted = [seeds is None or seed in seeds[number] for seed in own]
            right = self._right(method, vocabulary, split, k)[counted, row]
            found.append(right.mean(axis=0, dtype=np.float64))
        return found

    def share(
        self,
        method: str,
        vocabulary: str,
        kind: str,
        cell: Cell,
        *,
        k: int = 1,
        macro: bool = False,
    ) -> Interval:
        """Return top-k, 0..1."""
        hits = self.hits(method, vocabulary, kind, cell, k)
        return mean_of_folds(self.folds[kind], hits, macro=macro)

    def top1(self, method: str, vocabulary: str, kind: str, cell: Cell) -> float:
        """Return top-1 without its interval, 0..1."""
        return float(np.mean([h.mean() for h in self.hits(method, vocabulary, kind, cell)]))

    def gain(
        self,
        method: str,
        over: str,
        vocabulary: str,
        kind: str,
        cells: Sequence[Cell],
        *,
        k: int = 1,
        macro: bool = False,
        other: StoredAnswers | None = None,
    ) -> Interval:
        """Return the paired difference of top-k, the mean over `cells`, of a method over another.

        Over the seeds that both have: the readings of a seed are the same for all methods. other:
        where the other one's answers are stored, if not here. Raises ResultsError where they are
        to other photographs, or have no seed in common.
        """
        elsewhere = self if other is None else other
        if elsewhere is not self and not elsewhere.judges_as(self, kind):
            raise ResultsError(f"the splits of kind {kind} there judge other photographs")
        seeds = [
            {*self._seeds(method, vocabulary, split)} & {*elsewhere._seeds(over, vocabulary, split)}
            for split in self.splits(kind)
        ]
        if not all(seeds):
            raise ResultsError(
                f"{method} and {over} have no seed in common on every split of kind {kind}: measure "
                "again with the same --seeds"
            )
        pairs = [
            (
                self.hits(method, vocabulary, kind, cell, k, seeds),
                elsewhere.hits(over, vocabulary, kind, cell, k, seeds),
            )
            for cell in cells
        ]
        number = range(len(self.folds[kind]))
        difference = [
            np.mean([own[i] - theirs[i] for own, theirs in pairs], axis=0) for i in number
        ]
        return mean_of_folds(self.folds[kind], difference, macro=macro)

    def judges_as(self, other: StoredAnswers, kind: str) -> bool:
        """Return whether the splits of a kind judge the same photographs in the same order."""
        return self.splits(kind) == other.splits(kind) and all(
            np.array_equal(self._image_ids(name), other._image_ids(name))
            for name in self.splits(kind)
        )

    def _image_ids(self, split: str) -> NDArray[np.str_]:
        with np.load(self._out / SPLITS / f"{split}.npz") as stored:
            found: NDArray[np.str_] = stored["image_ids"]
        return found

    def measure(self, method: str, vocabulary: str, kind: str, cell: Cell, name: str) -> float:
        """Return one of MEASURES: the mean of folds and seeds, each on its own photographs."""
        column, by_fold = MEASURES.index(name), []
        for split in self.splits(kind):
            parts = self._parts[method, vocabulary, split]
            by_fold.append(np.mean([p.measures[p.cells.index(cell.key), column] for p in parts]))
        return float(np.mean(by_fold))
