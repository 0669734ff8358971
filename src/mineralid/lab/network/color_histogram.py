"""How much of each colour a photograph holds: a soft histogram, as part of the network's graph.

A network that was trained on views of changed colour forgets much of colour; the plain histogram
does not (Swain and Ballard, "Color indexing", IJCV 1991), and adds to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

LUMA_BINS, CHROMA_BINS = 5, 7
COLORS = LUMA_BINS * CHROMA_BINS**2
# Chroma beyond this counts as this: few pixels of stones are more saturated.
CHROMA_RANGE = 0.2
POOL = 4  # pixels a side that are averaged first
# Luma and the two chroma differences of RGB in 0..1 (Rec. ITU-T T.871, without its offset).
TO_LUMA_CHROMA = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)


class ColorHistogram(nn.Module):
    """Prepared pictures [B, 3, H, W] → [B, 245]: square roots of the shares of each colour.

    A pixel counts to the nearest two bins of luma and of each chroma difference, by nearness, so
    the shares sum to 1. mean, std: what the pictures were normalised with.
    """

    mean: torch.Tensor
    std: torch.Tensor
    planes: torch.Tensor
    luma: torch.Tensor
    chroma: torch.Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        shape = (1, 3, 1, 1)
        self.register_buffer("mean", torch.tensor(mean).view(shape))
        self.register_buffer("std", torch.tensor(std).view(shape))
        self.register_buffer("planes", torch.tensor(TO_LUMA_CHROMA).view(3, 3, 1, 1))
        self.register_buffer("luma", torch.linspace(0.0, 1.0, LUMA_BINS))
        self.register_buffer("chroma", torch.linspace(-CHROMA_RANGE, CHROMA_RANGE, CHROMA_BINS))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        rgb = F.avg_pool2d(pictures, POOL) * self.std + self.mean
        luma, blue, red = F.conv2d(rgb, self.planes).flatten(2).unbind(1)
        by_luma = _nearness(luma, self.luma)
        by_blue, by_red = _nearness(blue, self.chroma), _nearness(red, self.chroma)
        by_chroma = (by_blue.unsqueeze(3) * by_red.unsqueeze(2)).flatten(2)
        # Means, so that a picture of any size has shares that sum to 1.
        shares = (by_luma.transpose(1, 2) @ by_chroma) / luma.shape[1]
        return shares.flatten(1).clamp(min=0.0).sqrt()


def _nearness(values: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
    """Return [B, P, K]: 1 at a center, falling to 0 at the next, of values [B, P]."""
    low, high = float(centers[0]), float(centers[-1])
    inside = values.clamp(low, high).unsqueeze(2)
    width = (high - low) / (len(centers) - 1)
    return (1.0 - (inside - centers).abs() / width).clamp(min=0.0)
