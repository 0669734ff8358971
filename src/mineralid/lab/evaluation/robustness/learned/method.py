"""A learned method, and how the networks of a split answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mineralid.lab.evaluation.robustness.data import Bench, SplitData
from mineralid.lab.evaluation.robustness.learned.recipe import BENCHMARK, Recipe
from mineralid.lab.evaluation.robustness.learned.training import reproducible
from mineralid.lab.evaluation.robustness.learned.views import Batch, Case, Photographs, encoded
from mineralid.lab.evaluation.robustness.method import OWN_TABLE, Fitted
from mineralid.lab.evaluation.robustness.readings import Readings

Array = NDArray[np.float64]
# A change of what a fit does that the recipe does not tell makes results anew.
REVISION = 1


@dataclass(frozen=True)
class LearnedMethod:
    """A method that learns. source: where it is from. build: its fit to a split, bench and seed.

    own_table: it is trained on readings drawn from the evidence's table, not from the judge's.
    assumed_wrong: the share of wrong records that it is fitted on, where the recipe has no say in it.
    """

    name: str
    title: str
    source: str
    build: Callable[[Recipe, SplitData, Bench, int], Fitted]
    seeded: bool = True
    recipe: Recipe = BENCHMARK
    own_table: bool = False
    assumed_wrong: float | None = None

    @property
    def settings(self) -> Mapping[str, Any]:
        """What its answers depend on beside the data."""
        table = {"readings": "evidence"} if self.own_table else {}
        wrong = {} if self.assumed_wrong is None else {"assumed_wrong": self.assumed_wrong}
        return {"recipe": self.recipe.settings, "revision": REVISION, **table, **wrong}

    @property
    def learned_from(self) -> str:
        """Whose table its readings are drawn from in training."""
        return "evidence" if self.own_table else "judge"

    def fit(self, data: SplitData, bench: Bench, seed: int) -> Fitted:
        """Fit on the training side and on `data.tune` alone."""
        readings = bench.of_own_table if self.own_table else bench
        return self.build(self.recipe, data, readings, seed)

    def on_own_table(self) -> LearnedMethod:
        """Return the same method trained on the evidence's table, for want of the judge's."""
        name, title = f"{self.name}{OWN_TABLE}", f"{self.title}; the evidence's table"
        return replace(self, name=name, title=title, own_table=True)


@dataclass(frozen=True, eq=False)
class FittedNetworks:
    """One network for each subset of tests, or the same for all of them.

    views: of every photograph [N, D].
    """

    views: torch.Tensor
    bench: Bench
    networks: Mapping[Case, nn.Module]
    notes: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(
        data: SplitData,
        bench: Bench,
        recipe: Recipe,
        networks: Mapping[Case, nn.Module],
        notes: dict[str, Any],
    ) -> FittedNetworks:
        """Answer for photographs of `data` as they were shown in training, unspoiled."""
        return FittedNetworks(Photographs.of(data, data.train, recipe).all, bench, networks, notes)

    @torch.no_grad()
    def log_posterior(self, rows: NDArray[np.intp], readings: Readings) -> Array:
        """Return log p(class) of photographs `rows` [n] with readings [n, C]."""
        result = np.empty((len(rows), len(self.bench.classes)))
        cases = [tuple(map(bool, case)) for case in np.unique(readings.tested, axis=0)]
        for case in cases:
            chosen = (readings.tested == case).all(1)
            view = self.views[torch.from_numpy(rows[chosen])]
            none = torch.zeros(len(view), dtype=torch.long)
            values = encoded(self.bench, readings.rows(chosen))
            with reproducible(0):
                logits = self.networks[case](Batch(view, none, *values, none))
            result[chosen] = logits.double().log_softmax(1).numpy()
        return result

    def posterior(
        self, rows: NDArray[np.intp], readings: Readings, *, wrong_share: float | None = None
    ) -> Array:
        """Return p(class) [n, C]; no network is told how many records are wrong."""
        return np.exp(self.log_posterior(rows, readings))
