"""The network as it ships: gallery and colours behind it, their scores added to the head's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mineralid.lab.network.color_histogram import ColorHistogram

Maps = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class GalleryArrays(Protocol):
    """Center [D], axes [P, D], points [n, P], share [n, C], weight, width of the kernel, floor."""

    @property
    def center(self) -> NDArray[np.float32]: ...
    @property
    def axes(self) -> NDArray[np.float32]: ...
    @property
    def points(self) -> NDArray[np.float32]: ...
    @property
    def share(self) -> NDArray[np.float32]: ...
    @property
    def weight(self) -> float: ...
    @property
    def width(self) -> float: ...
    @property
    def floor(self) -> float: ...


class ReadOut(Protocol):
    """A gallery of features, and a linear head [C, 245], [C] on the colours."""

    @property
    def gallery(self) -> GalleryArrays: ...
    @property
    def color_head(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...


class WithReadOut(nn.Module):
    """A network (scores [B, C], feature [B, D], map) whose scores have those of a readout added.

    mean, std: what the pictures were normalised with.
    """

    center: torch.Tensor
    axes: torch.Tensor
    points: torch.Tensor
    share: torch.Tensor
    color_weight: torch.Tensor
    color_bias: torch.Tensor

    def __init__(
        self, network: nn.Module, read_out: ReadOut, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        self.network, self.colors = network, ColorHistogram(mean, std)
        gallery = read_out.gallery
        for name in ("center", "axes", "points", "share"):
            self.register_buffer(name, torch.from_numpy(getattr(gallery, name)))
        self.weight, self.width, self.floor = gallery.weight, gallery.width, gallery.floor
        for name, array in zip(("color_weight", "color_bias"), read_out.color_head, strict=True):
            self.register_buffer(name, torch.from_numpy(array.astype(np.float32)))

    def forward(self, x: torch.Tensor) -> Maps:
        scores, feature, feature_map = self.network(x)
        placed = (feature - self.center) @ self.axes.T
        placed = placed / placed.norm(dim=1, keepdim=True).clamp(min=1e-12)
        kernel = torch.exp((placed @ self.points.T - 1.0) / self.width)
        near = (kernel @ self.share).clamp(min=self.floor)
        by_color = self.colors(x) @ self.color_weight.T + self.color_bias
        return scores + self.weight * near.log() + by_color, feature, feature_map
