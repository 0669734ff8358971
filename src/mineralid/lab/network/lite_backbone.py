"""EfficientNet-Lite0, 1 and 2 as backbones: both placements and their folding."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from mineralid.lab.network.backbone_base import Backbone, Placement
from mineralid.lab.network.folding import fold_ahead
from mineralid.lab.network.lite import (
    IMAGE_SIZES,
    AffineUnit,
    InvertedResidual,
    LiteTrunk,
    build_trunk,
)
from mineralid.lab.network.placement import Site, attach
from mineralid.lab.network.scale_shift import AdapterKind, ScaleShift, fold_into

STAGES = 7
HALF = (0.5, 0.5, 0.5)


class LiteBackbone(Backbone):
    """EfficientNet-Lite; `model` is a `LiteTrunk`, its batch norms in its convolutions from the start.

    placement "affine": after each of the convolutions (with its norm), before the activation.
    "taps": the stem (there too) and the output of each of the seven stages, after the sum with the
    block's input; these fold into the 1×1 convolution that comes next.
    """

    model: LiteTrunk
    convolutional = True

    def feature_and_map(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.model.features(images)

    def _fold(self) -> tuple[ScaleShift | None, tuple[Site, ...], tuple[str, ...]]:
        adapters = [self._take(site) for site in self._sites]
        for site, adapter in zip(self._sites, adapters, strict=True):
            module = self.model.get_submodule(site.module)
            if isinstance(module, AffineUnit):
                fold_into(module.conv, adapter)
            else:
                fold_ahead(self._next_conv(site.module), None, adapter)
        return None, (), ()

    def _take(self, site: Site) -> ScaleShift:
        module = self.model.get_submodule(site.module)
        if not isinstance(module, AffineUnit):
            return super()._take(site)
        adapter = module.adapter
        assert isinstance(adapter, ScaleShift)
        module.adapter = nn.Identity()
        return adapter

    def _next_conv(self, block_name: str) -> nn.Conv2d:
        """Return the 1×1 convolution that reads the output of a stage's last block."""
        index = int(block_name.rpartition(".")[2]) + 1
        if index == len(self.model.blocks):
            return self.model.neck.conv
        block = self.model.blocks[index]
        assert isinstance(block, InvertedResidual)
        unit = block.units[0]
        # A block that adds its input would carry the tap along: none opens a stage here.
        assert isinstance(unit, AffineUnit)
        assert not block.residual
        return unit.conv


def build_lite_backbone(
    name: str,
    *,
    placement: Placement,
    kind: AdapterKind,
    init: str,
    pretrained: bool,
    weights: Mapping[str, torch.Tensor] | None,
) -> LiteBackbone:
    """Build one by name; `weights` has the names of the package's own network."""
    trunk = build_trunk(name, pretrained=pretrained, weights=weights)
    sites: list[Site] = []
    if placement == "affine":
        for path, module in trunk.named_modules():
            if isinstance(module, AffineUnit):
                sites.append(Site(path, path, module.conv.out_channels))
    elif placement == "taps":
        sites.append(Site("stem", "stem", trunk.stem.conv.out_channels))
        for number, index in enumerate(_stage_ends(trunk), 1):
            block = trunk.blocks[index]
            assert isinstance(block, InvertedResidual)
            last = block.units[-1]
            assert isinstance(last, AffineUnit)
            sites.append(Site(f"stage {number}", f"blocks.{index}", last.conv.out_channels))
    for site in sites:
        module = trunk.get_submodule(site.module)
        adapter = ScaleShift(site.channels, scaled=kind == "ssf", init=init)
        if isinstance(module, AffineUnit):
            module.adapter = adapter
        else:
            attach(module, adapter)
    return LiteBackbone(
        name,
        trunk,
        feature_dim=trunk.neck.conv.out_channels,
        mean=HALF,
        std=HALF,
        image_size=IMAGE_SIZES[name],
        sites=tuple(sites),
    )


def _stage_ends(trunk: LiteTrunk) -> list[int]:
    """Return the index of each stage's last block: only a stage's first adds no input."""
    firsts = [i for i, b in enumerate(trunk.blocks) if not b.residual]
    ends = [i - 1 for i in firsts[1:]] + [len(trunk.blocks) - 1]
    if len(ends) != STAGES:
        raise ValueError(f"found {len(ends)} stages; allowed: {STAGES}")
    return ends
