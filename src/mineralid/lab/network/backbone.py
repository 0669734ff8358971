"""Backbones by name: a photograph's feature, with adapters where they are asked for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mineralid.lab.network.backbone_base import PLACEMENTS, Backbone, Folded, Placement
from mineralid.lab.network.image_models import NAMES
from mineralid.lab.network.lite import IMAGE_SIZES
from mineralid.lab.network.lite_backbone import build_lite_backbone
from mineralid.lab.network.transformers_backbone import build_transformers_backbone
from mineralid.lab.network.weight_files import WeightsMissing, read_weights

__all__ = ["BACKBONES", "Backbone", "Folded", "Placement", "WeightsMissing", "build_backbone"]

BACKBONES = NAMES


def build_backbone(
    name: str,
    *,
    placement: Placement = "none",
    kind: Literal["ssf", "bias"] = "ssf",
    init: str = "identity",
    weights: Path | None = None,
    pretrained: bool = True,
    config: Mapping[str, Any] | None = None,
) -> Backbone:
    """Build a backbone, in evaluation mode and with nothing frozen.

    name: one of `BACKBONES`, a local folder with an image model of the transformers library, or the
    name of one on its hub that is in this machine's cache.
    placement: where adapters sit: "none"; "affine", after every affine operation (SSF paper); or
    "taps", few places between the stages (see the class of each backbone).
    kind: "ssf" scales and shifts, "bias" only shifts. init: "identity" or "paper" (N(1, 0.02) and
    N(0, 0.02)).
    weights: a .safetensors file or torch state dict. Without it, those on this machine are used;
    `pretrained=False` draws at random. Nothing is downloaded.
    config: fields that differ from the architecture's own (not for EfficientNet-Lite).
    Raises ValueError for a value that is not allowed, WeightsMissing where weights are not here.
    """
    _one_of("placement", placement, PLACEMENTS)
    _one_of("kind", kind, ("ssf", "bias"))
    _one_of("init", init, ("identity", "paper"))
    if name not in IMAGE_SIZES:
        return build_transformers_backbone(
            name,
            placement=placement,
            kind=kind,
            init=init,
            weights=weights,
            pretrained=pretrained,
            config=config or {},
        ).eval()
    if config:
        raise ValueError(f"config has {', '.join(config)}; allowed for {name}: no fields")
    return build_lite_backbone(
        name,
        placement=placement,
        kind=kind,
        init=init,
        weights=None if weights is None else read_weights(weights),
        pretrained=pretrained,
    ).eval()


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"{field} is {value!r}{hint}; allowed: {', '.join(allowed)}")
