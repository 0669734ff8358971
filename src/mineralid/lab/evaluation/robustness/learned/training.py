"""Train a network by the recipe; the grid is searched once for each stage of a split."""

from __future__ import annotations

import contextlib
import copy
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from mineralid.lab.evaluation.robustness.data import Bench, SplitData
from mineralid.lab.evaluation.robustness.learned.recipe import Point, Recipe
from mineralid.lab.evaluation.robustness.learned.views import Batch, Conditions, Problem

# Networks kept from one method to the next; a fit of one network per case has 16.
KEPT = 40


@dataclass(frozen=True)
class Task:
    """build: a network that gives logits [B, C] of a Batch. loss: of a batch in training."""

    build: Callable[[], nn.Module]
    loss: Callable[[nn.Module, Batch], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Trained:
    """The network of the best epoch. losses: of validation after every epoch, in nats."""

    network: nn.Module
    point: Point
    losses: tuple[float, ...]

    @property
    def epoch(self) -> int:
        """The epoch that was kept, from 0."""
        return min(range(len(self.losses)), key=self.losses.__getitem__)

    @property
    def loss(self) -> float:
        """The validation loss of the network kept."""
        return self.losses[self.epoch]

    @property
    def notes(self) -> dict[str, float]:
        """What was chosen and reached; last_loss tells whether it had flattened."""
        return {
            "learning_rate": self.point.learning_rate,
            "weight_decay": self.point.weight_decay,
            "epoch": self.epoch,
            "loss": round(self.loss, 4),
            "last_loss": round(self.losses[-1], 4),
        }


@dataclass(frozen=True)
class Stage:
    """One stage of a method. name: unique. task: for a split, bench and seed, on what precedes it."""

    name: str
    task: Callable[[SplitData, Bench, int], Task]
    conditions: Conditions
    epochs: int
    recipe: Recipe


@contextlib.contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Draw from `seed` on one thread; afterwards all is as it was."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


def train(task: Task, problem: Problem, point: Point, epochs: int) -> Trained:
    """Train one network at one point of the grid; the best epoch is kept."""
    with reproducible(problem.seed):
        network = task.build()
        trained = [p for p in network.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": point.weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=point.learning_rate)
        losses: list[float] = []
        best = copy.deepcopy(network.state_dict())
        for number in range(epochs):
            network.train()
            batches = problem.epoch(number)
            for place, batch in enumerate(batches):
                done = (number + place / len(batches)) / epochs
                for group in optimizer.param_groups:
                    group["lr"] = point.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
                loss = task.loss(network, batch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            losses.append(validation_loss(network, problem))
            if losses[-1] <= min(losses):
                best = copy.deepcopy(network.state_dict())
        network.load_state_dict(best)
    return Trained(network.eval().requires_grad_(False), point, tuple(losses))


@torch.no_grad()
def validation_loss(network: nn.Module, problem: Problem) -> float:
    """Return the mean of −log p(truth) on the validation part, in nats."""
    network.eval()
    return float(F.cross_entropy(network(problem.validation), problem.validation.labels))


Key = tuple[str, Recipe, str, str, int]
_kept: OrderedDict[Key, Trained] = OrderedDict()
_chosen: dict[tuple[str, Recipe, str, str], Point] = {}


def fit_stage(stage: Stage, data: SplitData, bench: Bench, seed: int) -> Trained:
    """Train a stage with what the search chose; kept, for methods that share it."""
    key = stage.name, stage.recipe, data.sha256, bench.sha256, seed
    if key not in _kept:
        point = choose(stage, data, bench)
        if key not in _kept:  # the search may have trained this very one
            _keep(key, _train(stage, data, bench, seed, point))
    _kept.move_to_end(key)
    return _kept[key]


def choose(stage: Stage, data: SplitData, bench: Bench) -> Point:
    """Return the point of the grid with the lowest validation loss: full vocabulary, seed 0."""
    if len(stage.recipe.grid) == 1:
        return stage.recipe.grid[0]
    place = stage.name, stage.recipe, data.sha256, bench.full.sha256
    if place not in _chosen:
        runs = [_train(stage, data, bench.full, 0, point) for point in stage.recipe.grid]
        best = min(runs, key=lambda run: run.loss)
        _chosen[place] = best.point
        _keep((stage.name, stage.recipe, data.sha256, bench.full.sha256, 0), best)
    return _chosen[place]


def _train(stage: Stage, data: SplitData, bench: Bench, seed: int, point: Point) -> Trained:
    problem = Problem.of(data, bench, stage.recipe, stage.conditions, seed)
    return train(stage.task(data, bench, seed), problem, point, stage.epochs)


def _keep(key: Key, run: Trained) -> None:
    _kept[key] = run
    while len(_kept) > KEPT:
        _kept.popitem(last=False)
