"""Quality-aware late fusion: each view a classifier, weighed by how sure it is of this stone.

Zhang et al., Provable Dynamic Fusion for Low-Quality Multimodal Data, ICML 2023 (arXiv 2306.02050).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from mineralid.lab.evaluation.robustness.data import Bench, SplitData
from mineralid.lab.evaluation.robustness.learned.recipe import Recipe
from mineralid.lab.evaluation.robustness.learned.training import Task
from mineralid.lab.evaluation.robustness.learned.views import Batch
from mineralid.lab.network.test_encoders import OriginalTestEncoder
from mineralid.lab.network.unified import MissingEmbedding

ENERGY_SCALE = 10.0
RANKING_WEIGHT = 0.1


class QualityFusion(nn.Module):
    """Batch → logits [B, C]: Σ_v w_v · logits_v over photograph and readings.

    w_v = log Σ_c exp(logits_v) / ENERGY_SCALE, the negative energy: nothing flows back through it.
    The readings' classifier has a learned stand-in for what was not tested. history [V, n]: the
    sum of each training row's losses so far, seen [n] how many they are.
    """

    history: torch.Tensor
    seen: torch.Tensor

    def __init__(
        self, widths: int, feature_dim: int, classes: int, rows: int, test_dim: int
    ) -> None:
        super().__init__()
        self.readings = MissingEmbedding(widths)
        self.encoder = OriginalTestEncoder(self.readings.width, test_dim)
        self.heads = nn.ModuleList([nn.Linear(feature_dim, classes), nn.Linear(test_dim, classes)])
        self.register_buffer("history", torch.zeros(2, rows), persistent=False)
        self.register_buffer("seen", torch.zeros(rows), persistent=False)

    def views(self, batch: Batch) -> list[torch.Tensor]:
        """Return the logits of photograph and readings, each [B, C]."""
        encoded = self.encoder(self.readings(batch.values, batch.tested))
        return [head(x) for head, x in zip(self.heads, (batch.view, encoded), strict=True)]

    def forward(self, batch: Batch) -> torch.Tensor:
        return fuse(self.views(batch))


def confidence(logits: torch.Tensor) -> torch.Tensor:
    """Return [B]: the negative energy of logits [B, C], scaled."""
    return logits.logsumexp(1) / ENERGY_SCALE


def fuse(views: list[torch.Tensor]) -> torch.Tensor:
    """Return the sum of the views' logits, each times its confidence (a constant)."""
    return torch.stack([v * confidence(v).detach()[:, None] for v in views]).sum(0)


def ranking(sure: torch.Tensor, past: torch.Tensor) -> torch.Tensor:
    """Return the mean over neighbours i, j of a batch of max(0, g · (sure_i − sure_j) + |δ|).

    sure: confidence [B]; past: mean loss of each row so far [B], scaled to 0..1; δ its difference,
    g its sign. The row that was learned worse must be less sure, by as much.
    """
    low, high = past.min(), past.max()
    scaled = (past - low) / (high - low).clamp(min=1e-12)
    difference = scaled - scaled.roll(-1)
    return F.relu(difference.sign() * (sure - sure.roll(-1)) + difference.abs()).mean()


def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
    """Return CE of the fusion and of both views, and the ranking of their confidences."""
    assert isinstance(network, QualityFusion)
    views = network.views(batch)
    total = F.cross_entropy(fuse(views), batch.labels)
    network.seen[batch.rows] += 1
    for number, logits in enumerate(views):
        each = F.cross_entropy(logits, batch.labels, reduction="none")
        network.history[number, batch.rows] += each.detach()
        past = network.history[number, batch.rows] / network.seen[batch.rows]
        total = total + each.mean() + RANKING_WEIGHT * ranking(confidence(logits), past)
    return total


def quality_fusion(data: SplitData, bench: Bench, rows: int, recipe: Recipe) -> Task:
    """QMF from fresh weights; rows: how many are fitted."""
    return Task(
        lambda: QualityFusion(
            sum(bench.widths), data.feature.shape[1], len(bench.classes), rows, recipe.test_dim
        ),
        loss,
    )
