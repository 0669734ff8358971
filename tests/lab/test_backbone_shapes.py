"""Backbones by name: sizes, parameter counts, features and maps, unknown models, what is refused."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from backbone_cases import LITES, NAMES, TINY, images, missing_package, tiny
from torch import nn

from mineralid.lab.network.backbone import BACKBONES, Backbone, build_backbone

needs_transformers = pytest.mark.skipif(
    missing_package("resnet-50") is not None, reason="needs the package transformers"
)
needs_lite = pytest.mark.skipif(
    missing_package("efficientnet-lite0") is not None,
    reason="needs the package efficientnet-lite-pytorch",
)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def adapted(backbone: Backbone) -> int:
    return sum(count(adapter) for adapter in backbone.adapters().values())


@needs_transformers
@pytest.mark.parametrize(
    ("name", "feature_dim", "size", "trunk", "affine", "taps"),
    [
        ("resnet-50", 2048, 224, 23_508_032, 53_120, 8_192),
        ("swin-base-384", 1024, 384, 86_878_584, None, None),
        ("vit-small", 384, 224, None, 102_912, 4 * 384),
        ("dinov2-small", 384, 224, None, 102_912, 4 * 384),
    ],
)
def test_full_size(
    name: str, feature_dim: int, size: int, trunk: int, affine: int, taps: int
) -> None:
    with torch.device("meta"):
        plain = build_backbone(name, pretrained=False)
        everywhere = build_backbone(name, placement="affine", pretrained=False)
        tapped = build_backbone(name, placement="taps", pretrained=False)
    assert (plain.feature_dim, plain.image_size) == (feature_dim, size)
    if trunk:
        assert count(plain) == trunk
    if affine:
        assert adapted(everywhere) == affine
    if taps:
        assert adapted(tapped) == taps
    assert count(everywhere) == count(plain) + adapted(everywhere)
    feature, grid = everywhere.feature_and_map(torch.zeros(1, 3, size, size, device="meta"))
    assert feature.shape == (1, feature_dim)
    cells = size // (14 if name == "dinov2-small" else 16 if name == "vit-small" else 32)
    assert grid.shape == (1, feature_dim, cells, cells)


@needs_transformers
def test_affine_on_vit_base_is_the_205824_of_the_paper() -> None:
    """Patch embedding, norm1, qkv, proj, norm2, fc1, fc2 of each block, final norm: none less."""
    base = {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
    with torch.device("meta"):
        backbone = build_backbone("vit-small", placement="affine", pretrained=False, config=base)
    assert adapted(backbone) == 2 * (768 + 12 * (768 * 4 + 3 * 768 + 3072) + 768) == 205_824


@needs_transformers
@pytest.mark.parametrize("name", ["resnet-50", "swin-base-384", "vit-small", "dinov2-small"])
def test_affine_is_after_every_affine_operation(name: str) -> None:
    backbone = tiny(name, "affine")
    paired = set()
    modules = dict(tiny(name).model.named_modules())
    if name == "resnet-50":
        paired = {path for path, module in modules.items() if isinstance(module, nn.Conv2d)}
    expected = {
        path
        for path, module in modules.items()
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.BatchNorm2d))
        and path not in paired
    }
    assert set(backbone.adapters()) == expected
    for path in expected:
        axis = 1 if isinstance(modules[path], (nn.Conv2d, nn.BatchNorm2d)) else -1
        assert backbone.adapters()[path].axis == axis
    if name == "swin-base-384":
        assert "encoder.layers.0.downsample.reduction" in expected
        assert "encoder.layers.0.downsample.norm" in expected


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_feature_and_map(name: str) -> None:
    if missing_package(name):
        pytest.skip(f"needs the package {missing_package(name)}")
    backbone = tiny(name, "affine")
    x = images(name, 3)
    feature, grid = backbone.feature_and_map(x)
    assert torch.equal(backbone(x), feature)
    assert feature.shape == (3, backbone.feature_dim)
    assert grid.shape[:2] == feature.shape
    if name in ("vit-small", "dinov2-small"):
        hidden = backbone.model(x).last_hidden_state
        assert torch.equal(feature, hidden[:, 0])
        assert torch.equal(grid[:, :, 1, 2], hidden[:, 1 + 1 * grid.shape[3] + 2])
    else:
        assert (feature - grid.mean((2, 3))).abs().max() <= 1e-12
    one = backbone(x[1:2])
    assert (one[0] - feature[1]).abs().max() <= 1e-10


@needs_transformers
@pytest.mark.parametrize(
    ("name", "height", "width", "grid"),
    [
        ("vit-small", 48, 40, (6, 5)),
        ("dinov2-small", 48, 40, (6, 5)),
        ("swin-base-384", 48, 36, (12, 9)),
        ("swin-base-384", 47, 36, (12, 9)),
        ("resnet-50", 96, 70, (3, 3)),
    ],
)
@torch.no_grad()
def test_other_sizes_than_the_native_one(
    name: str, height: int, width: int, grid: tuple[int, int]
) -> None:
    backbone = tiny(name, "affine")
    x = torch.randn(1, 3, height, width, dtype=torch.float64)
    expected = backbone(images(name))
    feature, found = backbone.feature_and_map(x)
    assert found.shape[2:] == grid
    folded = backbone.folded()
    assert (folded.backbone(x) - feature).abs().max() <= 1e-10
    # Sizes leave no trace: the native one computes what it did before.
    assert torch.equal(backbone(images(name)), expected)


@needs_transformers
@torch.no_grad()
def test_a_small_image_leaves_swin_as_it_was_and_too_small_a_one_is_refused() -> None:
    backbone = tiny("swin-base-384")
    large = images("swin-base-384", size=64)
    expected = backbone(large)
    backbone(images("swin-base-384", size=16))
    assert torch.equal(backbone(large), expected)
    with pytest.raises(ValueError, match="images are 12×16 pixels; swin-base-384 allows 13×13"):
        backbone(large[:, :, :12, :16])
    assert torch.equal(backbone(large), expected)


OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "convnext": ("ConvNext", {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2}),
    "regnet": (
        "RegNet",
        {"embedding_size": 8, "hidden_sizes": [16, 32], "depths": [1, 2], "groups_width": 8},
    ),
    "beit": (
        "Beit",
        {
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "image_size": 32,
            "patch_size": 8,
        },
    ),
    "mobilenet_v2": ("MobileNetV2", {"depth_multiplier": 0.25, "image_size": 64}),
}


def written(folder: Path, family: str, **more: Any) -> Path:
    """A folder as the transformers library saves a model of random weights."""
    transformers = importlib.import_module("transformers")
    prefix, fields = OTHERS[family]
    torch.manual_seed(0)
    config = getattr(transformers, f"{prefix}Config")(**fields, **more)
    getattr(transformers, f"{prefix}Model")(config).save_pretrained(folder)
    return folder


@needs_transformers
@pytest.mark.parametrize("family", list(OTHERS))
@torch.no_grad()
def test_any_local_model_folds_with_adapters_everywhere(family: str, tmp_path: Path) -> None:
    folder = str(written(tmp_path, family))
    plain = build_backbone(folder).double()
    backbone = build_backbone(folder, placement="affine").double()
    x = images("resnet-50", size=32)
    assert torch.equal(plain(x), backbone(x))
    for adapter in backbone.adapters().values():
        assert adapter.scale is not None
        adapter.scale.uniform_(0.5, 1.5)
        adapter.shift.normal_(0, 0.3)
    expected = backbone(x)
    assert expected.shape == (2, backbone.feature_dim)
    assert not any("pooler" in name.split(".") for name in backbone.adapters())
    folded = backbone.folded()
    assert (folded.backbone(x) - expected).abs().max() <= 1e-10
    assert (backbone.merged()(x) - expected).abs().max() <= 1e-10
    assert (plain(x) - expected).abs().max() > 1e-3
    with pytest.raises(ValueError, match=r"a \w+ model; allowed there: 'none', 'affine'"):
        build_backbone(folder, placement="taps")


@needs_transformers
def test_channels_first_layer_norms_have_channels_first_adapters(tmp_path: Path) -> None:
    backbone = build_backbone(str(written(tmp_path, "convnext")), placement="affine")
    adapters = backbone.adapters()
    assert adapters["embeddings.layernorm"].axis == 1
    blocks = [name for name in adapters if name.endswith("layers.0.layernorm")]
    assert blocks
    assert all(adapters[name].axis == -1 for name in blocks)


@needs_transformers
def test_an_operation_that_an_adapter_can_not_fold_into_is_refused(tmp_path: Path) -> None:
    transformers = importlib.import_module("transformers")
    config = transformers.BitConfig(
        embedding_size=8, hidden_sizes=[16, 32], depths=[1, 1], num_groups=4
    )
    transformers.BitModel(config).save_pretrained(tmp_path)
    build_backbone(str(tmp_path))
    with pytest.raises(ValueError, match=r"WeightStandardizedConv2d, .*allowed: Conv2d, Linear"):
        build_backbone(str(tmp_path), placement="affine")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "resnet50"}, "backbone is 'resnet50'.*did you mean 'resnet-50'.*allowed"),
        ({"placement": "tap"}, r"placement is 'tap' \(did you mean 'taps'\?\); allowed: none, aff"),
        ({"kind": "none"}, "kind is 'none'; allowed: ssf, bias"),
        ({"init": "zero"}, "init is 'zero'; allowed: identity, paper"),
        ({"config": {"depths": [1]}}, "config has depths; allowed for efficientnet-lite0: no"),
        (
            {"name": "resnet-50", "config": {"depth": [1]}},
            r"config has 'depth' \(did you mean 'depths'\?\); allowed: fields of ResNetConfig",
        ),
    ],
)
def test_what_is_not_allowed_is_named(options: dict[str, Any], message: str) -> None:
    given = {"name": "efficientnet-lite0", "pretrained": False, **options}
    if missing_package(given["name"]):
        pytest.skip(f"needs the package {missing_package(given['name'])}")
    with pytest.raises(ValueError, match=message):
        build_backbone(**given)


@needs_lite
@pytest.mark.parametrize(
    ("name", "size", "everything", "taps"),
    [
        ("efficientnet-lite0", 224, 42_016, 1_632),
        ("efficientnet-lite1", 240, 53_664, 1_632),
        ("efficientnet-lite2", 260, 58_096, 1_776),
    ],
)
def test_lite_sizes(name: str, size: int, everything: int, taps: int) -> None:
    affine = build_backbone(name, placement="affine", pretrained=False)
    assert (affine.image_size, affine.feature_dim) == (size, 1280)
    assert affine.mean == affine.std == (0.5, 0.5, 0.5)
    assert adapted(affine) == everything
    assert adapted(build_backbone(name, placement="taps", pretrained=False)) == taps


def test_every_name_is_covered_here() -> None:
    assert set(BACKBONES) == {*LITES, *TINY}
