"""The network with a gallery of training photographs behind its feature, as it is exported."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Maps = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class GalleryArrays(Protocol):
    """Center [D], axes [P, D], points [n, P], share [n, C], weight, width of the kernel, floor."""

    center: NDArray[np.float32]
    axes: NDArray[np.float32]
    points: NDArray[np.float32]
    share: NDArray[np.float32]
    weight: float
    width: float

    @property
    def floor(self) -> float:
        """Return the least kernel value."""
        ...


class WithGallery(nn.Module):
    """A network (scores [B, C], feature [B, D], map) whose scores have the gallery's added."""

    def __init__(self, network: nn.Module, gallery: GalleryArrays) -> None:
        super().__init__()
        self.network = network
        for name in ("center", "axes", "points", "share"):
            self.register_buffer(name, torch.from_numpy(getattr(gallery, name)))
        self.weight, self.width, self.floor = gallery.weight, gallery.width, gallery.floor

    def forward(self, x: torch.Tensor) -> Maps:
        scores, feature, feature_map = self.network(x)
        placed = (feature - self.center) @ self.axes.T
        placed = placed / placed.norm(dim=1, keepdim=True).clamp(min=1e-12)
        kernel = torch.exp((placed @ self.points.T - 1.0) / self.width)
        near = (kernel @ self.share).clamp(min=self.floor)
        return scores + self.weight * near.log(), feature, feature_map
