"""Image models of the transformers library as backbones: placements, folding, features, maps."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mineralid.lab.network.backbone_base import Backbone, Placement
from mineralid.lab.network.folding import fold_ahead, fold_before_norm, split_for_max_pool
from mineralid.lab.network.image_models import load_image_model
from mineralid.lab.network.placement import Site, Trace, affine_sites, attach, site_on, trace
from mineralid.lab.network.scale_shift import AdapterKind, ScaleShift, fold_into

TAPPED = ("resnet", "swin", "vit", "dinov2")
RESNET_STEM = "embedder.embedder"


class TransformersBackbone(Backbone):
    """An image model of the transformers library; `model` is that model, under its own names.

    Feature: the mean of the map (ResNet, Swin); the class token after the final norm (ViT,
    DINOv2); of other models `pooler_output`, or the mean over positions where there is none.

    placement "affine": after every affine operation that the feature passes, downsampling and
    patch merging included; a convolution with its batch norm is one (the adapter follows the norm).
    "taps": ResNet, the original system's eight (after conv1, bn1, relu, the max-pool and each
    stage); Swin, patch embedding, each patch merging, final norm; ViT and DINOv2, patch embedding
    and final norm. A tap on a transformer's residual stream could not be folded: the LayerNorm
    that reads it divides by a spread which the tap changes.
    """

    def __init__(self, *args: Any, tapped: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        settings: Any = self.model.config
        self.family = str(settings.model_type)
        self.convolutional = self.family == "resnet"
        self._tapped = tapped
        accepted = inspect.signature(self.model.forward).parameters
        self._interpolates = "interpolate_pos_encoding" in accepted
        # A Swin layer narrows its own window on a small image and never widens it again.
        self._windows = [
            (name, module.window_size, module.shift_size)
            for name, module in self.model.named_modules()
            if hasattr(module, "set_shift_and_window_size")
        ]

    def feature_and_map(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        height, width = int(images.shape[2]), int(images.shape[3])
        options: dict[str, Any] = {}
        settings: Any = self.model.config
        if self._interpolates and _pair(getattr(settings, "image_size", None)) != (height, width):
            options["interpolate_pos_encoding"] = True
        for name, window, shift in self._windows:
            layer: Any = self.model.get_submodule(name)
            layer.window_size, layer.shift_size = window, shift
        self._refuse_small(height, width)
        output = self.model(pixel_values=images, **options)
        hidden = output.last_hidden_state
        grid = hidden if hidden.ndim == 4 else self._grid(hidden, height, width)
        if self.family in ("vit", "dinov2"):
            return hidden[:, 0], grid
        pooled = getattr(output, "pooler_output", None)
        if pooled is None or self.family in ("resnet", "swin"):
            return grid.mean((2, 3)), grid
        return pooled.flatten(1), grid

    def _refuse_small(self, height: int, width: int) -> None:
        if self.family != "swin":
            return
        settings: Any = self.model.config
        patch = _pair(settings.patch_size)
        # The last grid is rounded up, so one pixel into its last column is enough.
        coarse = 2 ** (len(settings.depths) - 1)
        least = [p * (coarse * (settings.window_size - 1)) + 1 for p in patch or (1, 1)]
        if height < least[0] or width < least[1]:
            raise ValueError(
                f"images are {height}×{width} pixels; {self.name} allows {least[0]}×{least[1]} "
                "or more: its last windows are that wide"
            )

    def _grid(self, tokens: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Return tokens [B, prefix + h·w, D] as a map [B, D, h, w], class tokens and such left out."""
        count = tokens.shape[1]
        settings: Any = self.model.config
        patch = _pair(getattr(settings, "patch_size", None)) or (1, 1)
        h, w = height // patch[0], width // patch[1]
        prefix = count - h * w
        if prefix < 0:  # a hierarchy, each level half as fine; an odd side is padded
            prefix = 0
            sizes = [
                (math.ceil(height / (patch[0] * step)), math.ceil(width / (patch[1] * step)))
                for step in (1, 2, 4, 8, 16, 32)
            ]
            h, w = next((s for s in sizes if s[0] * s[1] == count), (0, 0))
            if h == 0:
                raise ValueError(
                    f"{self.name} gives {count} tokens for {height}×{width} pixels; "
                    f"allowed: a grid, one of {sizes}"
                )
        return tokens[:, prefix:].transpose(1, 2).unflatten(2, (h, w))

    def _fold(self) -> tuple[ScaleShift | None, tuple[Site, ...], tuple[str, ...]]:
        if not (self._tapped and self.family == "resnet"):
            return super()._fold()
        sites = {site.name: site for site in self._sites}
        taps = {name: self._take(site) for name, site in sites.items()}
        model: Any = self.model
        norm = model.embedder.embedder.normalization
        if "tap 1" in taps:
            fold_before_norm(norm, taps["tap 1"])
        if "tap 2" in taps:
            fold_into(norm, taps["tap 2"])
        kept_sites: tuple[Site, ...] = ()
        kept: tuple[str, ...] = ()
        # What each stage's first convolutions read, the last adapter first.
        read: list[list[ScaleShift]] = [[] for _ in model.encoder.stages]
        if "tap 4" in taps:
            read[0].append(taps["tap 4"])
        if "tap 3" in taps:
            passing, staying, channels = split_for_max_pool(taps["tap 3"])
            read[0].append(passing)
            if staying is not None:
                attach(model.get_submodule(sites["tap 3"].module), staying.requires_grad_(False))
                kept_sites = (sites["tap 3"],)
                kept = tuple(f"tap 3 channel {channel}" for channel in channels)
        for number in range(1, len(read)):
            if f"tap {number + 4}" in taps:
                read[number].append(taps[f"tap {number + 4}"])
        for stage, adapters in zip(model.encoder.stages, read, strict=True):
            first = stage.layers[0]
            for adapter in adapters:
                for reader in (first.layer[0], first.shortcut):
                    fold_ahead(reader.convolution, reader.normalization, adapter)
        return taps.get(f"tap {len(read) + 4}"), kept_sites, kept


def build_transformers_backbone(
    name: str,
    *,
    placement: Placement,
    kind: AdapterKind,
    init: str,
    weights: Path | None,
    pretrained: bool,
    config: Mapping[str, Any],
) -> TransformersBackbone:
    """Build one by name, local folder or cached hub name."""
    loaded = load_image_model(name, weights=weights, pretrained=pretrained, config=config)
    backbone = TransformersBackbone(
        name,
        loaded.model,
        feature_dim=0,
        mean=loaded.mean,
        std=loaded.std,
        image_size=loaded.image_size,
        sites=(),
        tapped=placement == "taps",
    )
    found = trace(backbone, torch.zeros(1, 3, loaded.image_size, loaded.image_size))
    backbone.feature_dim = int(found.output.shape[1])
    found = _without_prefix(found)
    backbone._pairs = tuple(
        pair for pair in found.pairs if type(loaded.model.get_submodule(pair[0])) is nn.Conv2d
    )
    if placement == "affine":
        backbone._sites = affine_sites(loaded.model, found)
    elif placement == "taps":
        backbone._sites = _taps(name, loaded.model, found)
    for site in backbone._sites:
        adapter = ScaleShift(site.channels, scaled=kind == "ssf", init=init, axis=site.axis)
        attach(loaded.model.get_submodule(site.module), adapter)
    return backbone


def _taps(name: str, model: Any, found: Trace) -> tuple[Site, ...]:
    family = model.config.model_type
    if family == "resnet":
        return _eight_taps(name, model)
    if family == "swin":
        places = [("patch embedding", "embeddings.norm")]
        for number, stage in enumerate(model.encoder.layers, 1):
            if stage.downsample is not None:
                path = f"encoder.layers.{number - 1}.downsample.reduction"
                places.append((f"patch merging {number}", path))
    elif family in ("vit", "dinov2"):
        places = [("patch embedding", "embeddings.patch_embeddings.projection")]
    else:
        raise ValueError(
            f"placement is 'taps' for {name}, a {family} model; allowed there: 'none', 'affine'. "
            f"'taps' is for efficientnet-lite, {', '.join(TAPPED)}"
        )
    places.append(("final norm", "layernorm"))
    return tuple(site_on(model, label, path, found) for label, path in places)


def _eight_taps(name: str, model: Any) -> tuple[Site, ...]:
    """Return the original system's taps: four in the stem and one after each stage.

    Each stage must open with unpadded convolutions alone, as bottlenecks do. ResNet-18 and 34 open
    with a padded 3×3 one, whose border would read zeros that were not shifted, and their first
    stage adds its own input.
    """
    for number, stage in enumerate(model.encoder.stages, 1):
        first = stage.layers[0]
        adds = isinstance(first.shortcut, nn.Identity)
        if model.config.layer_type != "bottleneck" or adds:
            why = "that adds its own input" if adds else "with a padded convolution"
            raise ValueError(
                f"placement is 'taps' for {name}, whose stage {number} opens with a block {why}: "
                "a shift before it can't be folded; allowed there: 'none', 'affine'; 'taps' is for "
                "stages that open with a bottleneck and a projection, as ResNet-50's"
            )
    width = model.config.embedding_size
    stem = ("convolution", "normalization", "activation")
    places = [(f"{RESNET_STEM}.{part}", width) for part in stem]
    places.append(("embedder.pooler", width))
    places += [(f"encoder.stages.{i}", w) for i, w in enumerate(model.config.hidden_sizes)]
    return tuple(Site(f"tap {n}", path, width) for n, (path, width) in enumerate(places, 1))


def _without_prefix(found: Trace) -> Trace:
    """Return a backbone's trace with names as in its `model`."""
    cut = len("model.")
    return Trace(
        [name[cut:] for name in found.order],
        [(conv[cut:], norm[cut:]) for conv, norm in found.pairs],
        {name[cut:]: shape for name, shape in found.shapes.items()},
        found.output,
    )


def _pair(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    if isinstance(size, int):
        return size, size
    return int(size[0]), int(size[1])
