"""The bottleneck of the fused feature, and the divergence that its head is trained with.

Fang et al., WACV 2024 (arXiv 2311.01066): whatever of the fused feature v helps to name the class
must pass through a narrow z, so that what comes from a wrong test is lost on the way.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class Bottleneck(nn.Module):
    """v [B, dim] → z [B, dim]: Linear to `hidden`, ReLU, Linear back, ReLU.

    At hidden = 256: 1,069,348 parameters for 2,048 + 36, 1,050,880 for 2,048 alone. Two Sequentials,
    so that the names are the published ones (`down.0.weight`, `up.0.weight`).
    """

    def __init__(self, dim: int, hidden: int = 256) -> None:
        super().__init__()
        if dim < 1 or hidden < 1:
            raise ValueError(f"dim is {dim} and hidden is {hidden}; allowed: 1 or more each")
        self.down = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU())
        self.up = nn.Sequential(nn.Linear(hidden, dim), nn.ReLU())

    def forward(self, fused: torch.Tensor) -> torch.Tensor:
        return self.up(self.down(fused))


def clean_to_bottleneck_kl(
    clean_logits: torch.Tensor, bottleneck_logits: torch.Tensor
) -> torch.Tensor:
    """Return KL(p(y|v) ‖ p(y|z)) in nats, summed over classes and averaged over rows.

    Both [B, C], temperature 1. The clean side p(y|v) is the target: nothing flows back into it.
    Log-probabilities throughout, so a class with probability 0 or 1 stays finite.
    """
    target = F.log_softmax(clean_logits.detach(), dim=1)
    given = F.log_softmax(bottleneck_logits, dim=1)
    return F.kl_div(given, target, reduction="batchmean", log_target=True)
