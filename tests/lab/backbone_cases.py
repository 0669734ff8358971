"""Small backbones of every named architecture, with numbers that let a wrong folding show."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import nn

from mineralid.lab.network.backbone import Backbone, Placement, build_backbone

TINY: dict[str, dict[str, Any]] = {
    "resnet-50": {"embedding_size": 8, "hidden_sizes": [16, 32, 48, 64], "depths": [2, 2, 1, 2]},
    "swin-base-384": {
        "image_size": 32,
        "patch_size": 2,
        "embed_dim": 8,
        "depths": [2, 2],
        "num_heads": [2, 4],
        "window_size": 4,
    },
    "vit-small": {
        "image_size": 32,
        "patch_size": 8,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    },
    "dinov2-small": {
        "image_size": 32,
        "patch_size": 8,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "mlp_ratio": 2,
    },
}
LITES = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
NAMES = (*LITES, *TINY)
SIZES = {"resnet-50": 64, **dict.fromkeys(LITES, 64)}


def missing_package(name: str) -> str | None:
    """Return the package that a backbone needs and that is not here."""
    package = "efficientnet_lite_pytorch" if name in LITES else "transformers"
    return package if importlib.util.find_spec(package) is None else None


def tiny(
    name: str, placement: Placement = "none", *, seed: int = 0, adapted: bool = True, **options: Any
) -> Backbone:
    """A small random backbone in float64: statistics, norms and adapters far from their start."""
    torch.manual_seed(seed)
    backbone = build_backbone(
        name, placement=placement, pretrained=False, config=TINY.get(name), **options
    ).double()
    randomise(backbone, seed + 1, adapted=adapted)
    return backbone


@torch.no_grad()
def randomise(backbone: Backbone, seed: int, *, adapted: bool = True) -> None:
    generator = torch.Generator().manual_seed(seed)
    adapters = backbone.adapters().values()
    inside = {id(p) for adapter in adapters for p in adapter.parameters()}
    for module in backbone.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            module.weight.uniform_(0.6, 1.4, generator=generator)
            module.bias.normal_(0, 0.2, generator=generator)
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            fan_in = module.weight[0].numel()
            # What flows keeps its size: a ReLU halves the variance.
            gain = 1.0 if backbone.name in TINY else 2.0
            module.weight.normal_(0, (gain / fan_in) ** 0.5, generator=generator)
            if module.bias is not None:
                module.bias.normal_(0, 0.2, generator=generator)
    for name, p in backbone.named_parameters():
        if id(p) not in inside and name.endswith(("lambda1", "bias_table")):
            p.normal_(0.5, 0.3, generator=generator)
    for adapter in adapters if adapted else ():
        if adapter.scale is not None:
            adapter.scale.uniform_(0.5, 1.5, generator=generator)
        adapter.shift.normal_(0, 0.3, generator=generator)


def images(name: str, count: int = 2, seed: int = 5, size: int | None = None) -> torch.Tensor:
    size = size or SIZES.get(name, 32)
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, size, size, dtype=torch.float64, generator=generator)
