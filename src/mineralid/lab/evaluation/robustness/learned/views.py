"""What a learned method sees of a split: the photograph's feature, and readings drawn anew."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mineralid.lab.evaluation.robustness.data import Bench, SplitData
from mineralid.lab.evaluation.robustness.grid import tests_named
from mineralid.lab.evaluation.robustness.learned.recipe import PHOTOGRAPH_LENGTH, Recipe
from mineralid.lab.evaluation.robustness.readings import Readings
from mineralid.lab.evaluation.simulated import TESTS, other_species

Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]
Case = tuple[bool, ...]  # which of the F tests were made
# Every subset of the tests, from none to all.
CASES: tuple[Case, ...] = tuple(
    sorted(itertools.product((True, False), repeat=len(TESTS)), key=lambda case: sum(case))
)


def case_named(case: Case) -> str:
    """Return the tests of a case as results name them."""
    return tests_named(tuple(test for test, made in zip(TESTS, case, strict=True) if made))


class Batch(NamedTuple):
    """Some stones. view: of the photograph [B, D]; labels [B]; values, tested: readings [B, W];
    rows: place of each among the rows to fit [B]. Where an answer is asked for, the last and the
    labels are zeros."""

    view: torch.Tensor
    labels: torch.Tensor
    values: torch.Tensor
    tested: torch.Tensor
    rows: torch.Tensor


@dataclass(frozen=True)
class Conditions:
    """Which readings a network is trained on.

    case: the tests made; None: each is dropped at random. wrong: whether records are, and how
    often: with all tests, with fewer.
    """

    case: Case | None = None
    wrong: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Photographs:
    """The feature of every photograph as a network sees it [N, D], and what training does to it.

    fitted: the rows whose differences blur others.
    """

    all: torch.Tensor
    fitted: torch.Tensor
    recipe: Recipe

    @staticmethod
    def of(data: SplitData, fitted: Rows, recipe: Recipe) -> Photographs:
        """Standardise the features by the training side, and scale them to PHOTOGRAPH_LENGTH."""
        x = data.feature.astype(np.float64)
        center, spread = x[data.train].mean(0), x[data.train].std(0)
        scale = PHOTOGRAPH_LENGTH / math.sqrt(x.shape[1])
        standard = (x - center) / np.where(spread > 0, spread, 1.0) * scale
        return Photographs(
            torch.from_numpy(standard.astype(np.float32)), torch.from_numpy(fitted), recipe
        )

    def blurred(self, view: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        """Return rows [B, D], to a share of them the difference of two photographs added."""
        chosen = torch.rand(len(view), generator=draw) < self.recipe.blurred
        pairs = torch.randint(len(self.fitted), (2, int(chosen.sum())), generator=draw)
        one, other = self.all[self.fitted[pairs]]
        result = view.clone()
        result[chosen] += self.recipe.blur / math.sqrt(2) * (one - other)
        return result

    def dropped(self, view: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        """Return rows [B, D], entries set to 0 at random, the others made up for them."""
        if not self.recipe.dropout:
            return view
        kept = torch.rand(view.shape, generator=draw) >= self.recipe.dropout
        return view * kept / (1 - self.recipe.dropout)


def held_out_specimens(data: SplitData, share: float, seed: int) -> tuple[Rows, Rows]:
    """Split the training side into rows to fit and rows to validate, no specimen on both sides."""
    own = data.specimens[data.train]
    stones = np.unique(own)
    if len(stones) < 2:
        raise ValueError(f"{len(stones)} specimens in the training side; needed: 2 or more")
    count = min(max(1, round(share * len(stones))), len(stones) - 1)
    chosen = np.isin(own, np.random.default_rng([seed, 1]).permutation(stones)[:count])
    return data.train[~chosen], data.train[chosen]


def encoded(bench: Bench, readings: Readings) -> tuple[torch.Tensor, torch.Tensor]:
    """Return values float32 and tested bool [n, W]."""
    values, tested = bench.encode(readings)
    return torch.from_numpy(values), torch.from_numpy(tested)


def draw_readings(
    bench: Bench,
    labels: NDArray[np.int_],
    tested: Flags,
    wrong: tuple[float, float],
    rng: np.random.Generator,
) -> Readings:
    """Draw readings of stones of classes `labels` [n] where `tested` [n, F], records wrong."""
    swapped = rng.random(len(labels)) < np.where(tested.all(1), *wrong)
    others = other_species(labels, len(bench.classes), rng)
    return Readings(bench.draw(np.where(swapped, others, labels), rng).outcome, tested)


@dataclass(frozen=True, eq=False)
class Problem:
    """What a network is trained and judged on: rows to fit, drawn anew, and fixed validation."""

    bench: Bench
    recipe: Recipe
    conditions: Conditions
    photographs: Photographs
    labels: NDArray[np.int_]
    fitted: Rows
    validation: Batch
    seed: int

    @staticmethod
    def of(
        data: SplitData, bench: Bench, recipe: Recipe, conditions: Conditions, seed: int
    ) -> Problem:
        """Draw the validation part; its readings come in every case that is trained for."""
        fitted, held_out = held_out_specimens(data, recipe.validation_share, seed)
        photographs = Photographs.of(data, fitted, recipe)
        cases = CASES if conditions.case is None else (conditions.case,)
        rows = np.repeat(held_out, len(cases))
        tested = np.tile(np.array(cases), (len(held_out), 1))
        rng = np.random.default_rng([seed, 2])
        readings = draw_readings(bench, data.labels[rows], tested, conditions.wrong, rng)
        draw = torch.Generator().manual_seed(seed)
        validation = Batch(
            photographs.blurred(photographs.all[torch.from_numpy(rows)], draw),
            torch.from_numpy(data.labels[rows]).long(),
            *encoded(bench, readings),
            torch.zeros(len(rows), dtype=torch.long),
        )
        return Problem(
            bench, recipe, conditions, photographs, data.labels, fitted, validation, seed
        )

    def epoch(self, number: int) -> list[Batch]:
        """Return the batches of an epoch: the same for every network of this seed."""
        rng = np.random.default_rng([self.seed, 3, number])
        labels, case = self.labels[self.fitted], self.conditions.case
        if case is None:
            tested = rng.random((len(labels), len(TESTS))) >= self.recipe.drop_tests
        else:
            tested = np.tile(np.array(case), (len(labels), 1))
        drawn = draw_readings(self.bench, labels, tested, self.conditions.wrong, rng)
        values, read = encoded(self.bench, drawn)
        targets = torch.from_numpy(labels).long()
        place = torch.from_numpy(self.fitted)
        draw = torch.Generator().manual_seed(int(rng.integers(2**62)))
        batches = []
        for rows in torch.randperm(len(labels), generator=draw).split(self.recipe.batch_size):
            view = self.photographs.blurred(self.photographs.all[place[rows]], draw)
            view = self.photographs.dropped(view, draw)
            batches.append(Batch(view, targets[rows], values[rows], read[rows], rows))
        return batches
