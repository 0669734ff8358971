"""The networks on a photograph's feature and readings: for one case, for all, behind a bottleneck."""

from __future__ import annotations

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from mineralid.lab.evaluation.robustness.data import Bench, SplitData
from mineralid.lab.evaluation.robustness.learned.recipe import Recipe
from mineralid.lab.evaluation.robustness.learned.training import Task
from mineralid.lab.evaluation.robustness.learned.views import Batch, Case
from mineralid.lab.network.bottleneck import Bottleneck, clean_to_bottleneck_kl
from mineralid.lab.network.dmib import DmibOutput, DmibParts, DynamicBottleneck, losses
from mineralid.lab.network.test_encoders import OriginalTestEncoder
from mineralid.lab.network.unified import MissingEmbedding, UnifiedHead


class OneCase(nn.Module):
    """The original's clean network of one case: feature and encoded readings, one linear head.

    Batch → logits [B, C]. Its encoder reads the columns of the tests made; without any there is
    none.
    """

    def __init__(
        self, case: Case, widths: tuple[int, ...], feature_dim: int, classes: int, test_dim: int
    ) -> None:
        super().__init__()
        self.columns = np.flatnonzero(np.repeat(case, widths))
        self.encoder = OriginalTestEncoder(len(self.columns), test_dim) if any(case) else None
        self.head = nn.Linear(feature_dim + test_dim * any(case), classes)

    def fused(self, batch: Batch) -> torch.Tensor:
        """Return the feature, with the encoded readings after it."""
        if self.encoder is None:
            return batch.view
        return torch.cat([batch.view, self.encoder(batch.values[:, self.columns])], dim=1)

    def forward(self, batch: Batch) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.fused(batch))
        return logits


class AnyTests(UnifiedHead):
    """UnifiedHead that reads a Batch: one network for every subset of the tests."""

    def fused(self, batch: Batch) -> torch.Tensor:  # type: ignore[override]
        """Return the feature, with the encoded readings or what stands in for them after it."""
        return super().fused(batch.view, batch.values, batch.tested)

    def forward(self, batch: Batch) -> torch.Tensor:  # type: ignore[override]
        logits: torch.Tensor = self.head(self.fused(batch))
        return logits


class ErrorHead(nn.Module):
    """A bottleneck and the head behind it on what a clean network has fused; that one is frozen.

    Batch → logits [B, C] of the error head. Fang et al., WACV 2024 (arXiv 2311.01066), as the
    published mineral system has it.
    """

    def __init__(self, clean: OneCase | AnyTests, hidden: int) -> None:
        super().__init__()
        self.clean = copy.deepcopy(clean).requires_grad_(False)
        width, classes = clean.head.in_features, clean.head.out_features
        self.bottleneck = Bottleneck(width, hidden)
        self.head = nn.Linear(width, classes)

    def both(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits of the clean head and of the error head."""
        with torch.no_grad():
            fused = self.clean.fused(batch)
            clean = self.clean.head(fused)
        return clean, self.head(self.bottleneck(fused))

    def forward(self, batch: Batch) -> torch.Tensor:
        return self.both(batch)[1]


class Dynamic(nn.Module):
    """The dynamic bottleneck on the photograph and one view of all readings, any of them missing.

    Batch → logits [B, C] of the head on z, of the clean head where there is no bottleneck.
    """

    def __init__(
        self, widths: int, feature_dim: int, classes: int, parts: DmibParts, recipe: Recipe
    ) -> None:
        super().__init__()
        self.readings = MissingEmbedding(widths)
        self.encoder = OriginalTestEncoder(self.readings.width, recipe.test_dim)
        self.dynamic = DynamicBottleneck(
            (feature_dim, recipe.test_dim), classes, parts, recipe.hidden
        )

    def output(self, batch: Batch) -> DmibOutput:
        """Return everything that the losses ask for."""
        encoded = self.encoder(self.readings(batch.values, batch.tested))
        output: DmibOutput = self.dynamic([batch.view, encoded])
        return output

    def forward(self, batch: Batch) -> torch.Tensor:
        output = self.output(batch)
        return output.logits if output.bottleneck_logits is None else output.bottleneck_logits


def cross_entropy(network: nn.Module, batch: Batch) -> torch.Tensor:
    """Return −log p(truth) of the network's answer."""
    return F.cross_entropy(network(batch), batch.labels)


def one_case(case: Case, data: SplitData, bench: Bench, recipe: Recipe) -> Task:
    """The clean network of a case, from fresh weights."""
    return Task(
        lambda: OneCase(
            case, bench.widths, data.feature.shape[1], len(bench.classes), recipe.test_dim
        ),
        cross_entropy,
    )


def any_tests(data: SplitData, bench: Bench, recipe: Recipe) -> Task:
    """One network for every subset of the tests, from fresh weights."""
    return Task(
        lambda: AnyTests(
            data.feature.shape[1], len(bench.classes), sum(bench.widths), recipe.test_dim
        ),
        cross_entropy,
    )


def going_on(network: nn.Module, task: Task) -> Task:
    """The task with a network that is trained already."""
    return Task(lambda: copy.deepcopy(network).requires_grad_(True), task.loss)


def error_head(clean: nn.Module, recipe: Recipe) -> Task:
    """Bottleneck and error head: CE(error head, label) + KL(clean head ‖ error head)."""
    assert isinstance(clean, (OneCase, AnyTests))

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        assert isinstance(network, ErrorHead)
        given, answer = network.both(batch)
        return F.cross_entropy(answer, batch.labels) + clean_to_bottleneck_kl(given, answer)

    return Task(lambda: ErrorHead(clean, recipe.hidden), loss)


def dynamic(data: SplitData, bench: Bench, parts: DmibParts, recipe: Recipe) -> Task:
    """The parts without the bottleneck, from fresh weights: all of DMIB's losses that they have."""
    return Task(
        lambda: Dynamic(
            sum(bench.widths), data.feature.shape[1], len(bench.classes), parts, recipe
        ),
        _dmib_loss,
    )


def dynamic_bottleneck(
    before: nn.Module, data: SplitData, bench: Bench, parts: DmibParts, recipe: Recipe
) -> Task:
    """The parts and a new bottleneck behind them; encoder and clean head stay as they were.

    Without any part this is `error_head` on a network for every subset of the tests.
    """
    fresh = dynamic(data, bench, parts, recipe)

    def build() -> nn.Module:
        network = fresh.build()
        assert isinstance(network, Dynamic)
        network.load_state_dict({**network.state_dict(), **before.state_dict()})
        for frozen in (network.readings, network.encoder, network.dynamic.head):
            frozen.requires_grad_(False)
        return network

    return Task(build, _dmib_loss)


def _dmib_loss(network: nn.Module, batch: Batch) -> torch.Tensor:
    assert isinstance(network, Dynamic)
    return torch.stack(list(losses(network.output(batch), batch.labels).values())).sum()
