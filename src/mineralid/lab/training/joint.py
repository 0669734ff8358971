"""The head that predicts properties beside the classes, in training alone, and its loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from mineralid.lab.data.mixing import Mix
from mineralid.lab.data.property_targets import PropertyTargets


class PropertyHead(nn.Module):
    """Feature [B, D] → a logit for each property [B, P]; knows the targets of S species.

    The first of the species are the classes, in order.
    """

    values: torch.Tensor
    weights: torch.Tensor

    def __init__(self, feature_dim: int, targets: PropertyTargets) -> None:
        super().__init__()
        self.linear = nn.Linear(feature_dim, len(targets.names))
        nn.init.normal_(self.linear.weight, std=0.01)
        # The share of species that have a property is where its logit starts.
        known = torch.from_numpy(targets.known).float()
        values = torch.from_numpy(targets.values)
        share = ((values * known).sum(0) + 0.5) / (known.sum(0) + 1)
        with torch.no_grad():
            self.linear.bias.copy_(torch.logit(share, eps=1e-3))
        groups = torch.from_numpy(targets.groups)
        first = torch.tensor([int((groups == g).nonzero()[0]) for g in groups.unique()])
        count = known[:, first].sum(1, keepdim=True)
        self.register_buffer("values", values, persistent=False)
        self.register_buffer("weights", known / count.clamp(min=1), persistent=False)

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.linear(feature.float())
        return logits

    def loss(
        self, feature: torch.Tensor, species: torch.Tensor, mixture: Mix | None = None
    ) -> torch.Tensor:
        """Return the mean over the batch of the loss of features [B, D] of species int64 [B].

        Cross-entropy of each label, summed within a group and averaged over the groups known, so
        that it is of the size of a classification's. Of rows that were mixed, both species count
        by their share.
        """
        logits, values, weights = self(feature), self.values[species], self.weights[species]
        if mixture is not None:  # cross-entropy is linear in its target
            values = mixture.of(values * weights)
            weights = mixture.of(weights)
            values = values / weights.clamp(min=1e-9)
        each = F.binary_cross_entropy_with_logits(logits, values, reduction="none")
        return (each * weights).sum(1).mean()
