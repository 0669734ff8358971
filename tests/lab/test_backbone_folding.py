"""Folding and merging: the same function in float64, for every backbone and both placements."""

from __future__ import annotations

import copy
import io
import pickle
import time

import pytest
import torch
from backbone_cases import LITES, NAMES, SIZES, images, missing_package, randomise, tiny
from torch import nn

from mineralid.lab.network.backbone import Backbone, build_backbone
from mineralid.lab.network.scale_shift import ScaleShift

TOLERANCE = 1e-10


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    lacking = missing_package(request.param)
    if lacking:
        pytest.skip(f"needs the package {lacking}")
    return str(request.param)


@pytest.fixture(params=[name for name in NAMES if name not in LITES[1:]])
def kind_of_model(request: pytest.FixtureRequest) -> str:
    """One name of each kind, where more of the same would show nothing new."""
    lacking = missing_package(request.param)
    if lacking:
        pytest.skip(f"needs the package {lacking}")
    return str(request.param)


def adapters_in(module: nn.Module) -> list[ScaleShift]:
    return [m for m in module.modules() if isinstance(m, ScaleShift)]


def furthest(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape
    return (a - b).abs().max().item()


@pytest.mark.parametrize("kind", ["ssf", "bias"])
@pytest.mark.parametrize("placement", ["affine", "taps"])
@torch.no_grad()
def test_folded_is_the_same_function(name: str, placement: str, kind: str) -> None:
    backbone = tiny(name, placement, kind=kind)  # type: ignore[arg-type]
    x = images(name)
    feature, grid = backbone.feature_and_map(x)
    before = copy.deepcopy(backbone.state_dict())
    folded = backbone.folded()
    assert folded.kept == ()
    assert adapters_in(folded.backbone) == []
    assert folded.backbone.adapters() == {}
    got, got_grid = folded.backbone.feature_and_map(x)
    if folded.feature is not None:
        got, got_grid = folded.feature(got), folded.feature(got_grid)
    assert (folded.feature is not None) == (name == "resnet-50" and placement == "taps")
    assert furthest(got, feature) <= TOLERANCE
    assert furthest(got_grid, grid) <= TOLERANCE
    # A comparison of something: adapters matter, pictures matter, and folding made a copy.
    assert furthest(tiny(name, placement, adapted=False)(x), feature) > 1e-3  # type: ignore[arg-type]
    assert feature.std(0).max() > 1e-3
    after = backbone.state_dict()
    assert all(torch.equal(tensor, before[key]) for key, tensor in after.items())


@pytest.mark.parametrize("placement", ["none", "affine", "taps"])
@torch.no_grad()
def test_merged_is_the_same_function_with_the_same_adapters(name: str, placement: str) -> None:
    backbone = tiny(name, placement)  # type: ignore[arg-type]
    x = images(name)
    merged = backbone.merged()
    assert furthest(merged(x), backbone(x)) <= TOLERANCE
    norms = [n for n, m in merged.named_modules() if isinstance(m, nn.BatchNorm2d)]
    # The first tap sits between the first convolution and its norm.
    between = name == "resnet-50" and placement == "taps"
    assert norms == (["model.embedder.embedder.normalization"] if between else [])
    own, shared = backbone.adapters(), merged.adapters()
    assert list(own) == list(shared)
    assert all(own[key] is shared[key] for key in own)
    for adapter in own.values():
        adapter.shift.add_(0.1)
    assert furthest(merged(x), backbone(x)) <= TOLERANCE
    if name in SIZES:  # the convolutional ones
        grid = merged.feature_and_map(x)[1]
        assert grid.is_contiguous(memory_format=torch.channels_last)
        assert all(p.is_contiguous() for p in backbone.parameters())
    # A merged backbone folds too.
    folded, expected = merged.folded(), backbone(x)
    got = folded.backbone(x)
    assert furthest(got if folded.feature is None else folded.feature(got), expected) <= TOLERANCE


@pytest.mark.parametrize("placement", ["affine", "taps"])
@torch.no_grad()
def test_adapters_start_as_the_identity(kind_of_model: str, placement: str) -> None:
    name = kind_of_model
    plain = tiny(name, "none")
    adapted = tiny(name, placement, adapted=False)  # type: ignore[arg-type]
    x = images(name)
    assert adapted.adapters()
    for one, other in zip(plain.feature_and_map(x), adapted.feature_and_map(x), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("placement", ["affine", "taps"])
@torch.no_grad()
def test_copies_and_pickles_keep_their_adapters(kind_of_model: str, placement: str) -> None:
    name = kind_of_model
    backbone = tiny(name, placement)  # type: ignore[arg-type]
    x = images(name)
    expected = backbone(x)
    copied = copy.deepcopy(backbone)
    pickled = pickle.loads(pickle.dumps(backbone))
    for other in (copied, pickled):
        assert torch.equal(other(x), expected)
        for adapter in other.adapters().values():
            adapter.shift.add_(1.0)
        assert furthest(other(x), expected) > 1e-3
    assert torch.equal(backbone(x), expected)
    plain = set(tiny(name).state_dict())
    extra = set(backbone.state_dict()) - plain
    assert plain <= set(backbone.state_dict())
    assert all(key.endswith((".adapter.scale", ".adapter.shift")) for key in extra)
    file = io.BytesIO()
    torch.save(backbone.state_dict(), file)
    file.seek(0)
    again = tiny(name, placement, seed=9)  # type: ignore[arg-type]
    again.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(again(x), expected)


@pytest.mark.skipif(missing_package("resnet-50") is not None, reason="needs transformers")
class TestEightTaps:
    """The original system's taps on ResNet-50."""

    @pytest.mark.parametrize("bad", [-0.7, 0.0, float("nan")])
    @torch.no_grad()
    def test_a_scale_that_is_not_positive_before_the_max_pool_stays_and_is_named(
        self, bad: float
    ) -> None:
        backbone = tiny("resnet-50", "taps")
        scale = backbone.adapters()["tap 3"].scale
        assert scale is not None
        scale[2], scale[5] = bad, -1.3
        folded = backbone.folded()
        assert folded.kept == ("tap 3 channel 2", "tap 3 channel 5")
        assert list(folded.backbone.adapters()) == ["tap 3"]
        assert len(adapters_in(folded.backbone)) == 1
        assert folded.feature is not None
        x = images("resnet-50")
        expected = backbone(x)
        if bad != bad:
            assert torch.equal(folded.feature(folded.backbone(x)).isnan(), expected.isnan())
            return
        assert furthest(folded.feature(folded.backbone(x)), expected) <= TOLERANCE
        # Channels that fold are left alone by what stays.
        left = folded.backbone.adapters()["tap 3"]
        assert left.scale is not None
        assert left.scale[[0, 1, 3, 4, 6, 7]].tolist() == [1.0] * 6
        assert left.shift[[0, 1, 3, 4, 6, 7]].tolist() == [0.0] * 6
        assert left.scale[5] == -1.3

    @torch.no_grad()
    def test_all_other_taps_fold_with_scales_of_both_signs(self) -> None:
        backbone = tiny("resnet-50", "taps")
        for key, adapter in backbone.adapters().items():
            if key != "tap 3":
                assert adapter.scale is not None
                adapter.scale[::2] *= -1
        x = images("resnet-50")
        folded = backbone.folded()
        assert folded.kept == ()
        assert folded.feature is not None
        assert furthest(folded.feature(folded.backbone(x)), backbone(x)) <= TOLERANCE

    @torch.no_grad()
    def test_each_tap_is_where_the_original_has_it(self) -> None:
        """An independent forward pass, tap by tap, in plain functions of PyTorch."""
        backbone = tiny("resnet-50", "taps")
        plain = tiny("resnet-50", adapted=False)
        state = {k: v for k, v in backbone.state_dict().items() if ".adapter." not in k}
        plain.load_state_dict(state)
        taps = backbone.adapters()
        assert list(taps) == [f"tap {n}" for n in range(1, 9)]
        model = plain.model
        x = images("resnet-50")
        stem = model.embedder.embedder
        x = taps["tap 1"](stem.convolution(x))
        x = taps["tap 2"](stem.normalization(x))
        x = taps["tap 3"](torch.relu(x))
        x = taps["tap 4"](nn.functional.max_pool2d(x, 3, 2, 1))
        for number, stage in enumerate(model.encoder.stages, 5):
            x = taps[f"tap {number}"](stage(x))
        assert furthest(x.mean((2, 3)), backbone(images("resnet-50"))) <= 1e-12

    @torch.no_grad()
    def test_full_width_folds_in_float64(self) -> None:
        start = time.monotonic()
        backbone = build_backbone("resnet-50", placement="taps", pretrained=False).double()
        randomise(backbone, 3)
        assert sum(p.numel() for a in backbone.adapters().values() for p in a.parameters()) == 8192
        x = images("resnet-50", count=1)
        expected = backbone(x)
        folded = backbone.folded()
        assert folded.feature is not None
        assert furthest(folded.feature(folded.backbone(x)), expected) <= TOLERANCE
        assert expected.std() > 1e-2
        assert time.monotonic() - start < 60

    @pytest.mark.parametrize(
        "fields",
        [
            {"layer_type": "basic", "hidden_sizes": [16, 32], "depths": [1, 1]},
            {"hidden_sizes": [8, 32], "depths": [1, 1]},  # opens with a block without projection
        ],
    )
    def test_what_can_not_fold_is_refused_when_built(self, fields: dict[str, object]) -> None:
        config = {"embedding_size": 8, **fields}
        with pytest.raises(ValueError, match="allowed there: 'none', 'affine'"):
            build_backbone("resnet-50", placement="taps", pretrained=False, config=config)
        build_backbone("resnet-50", placement="affine", pretrained=False, config=config)


def places(backbone: Backbone) -> list[str]:
    return list(backbone.adapters())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((lite, ["stem", *(f"stage {n}" for n in range(1, 8))]) for lite in LITES),
        ("swin-base-384", ["patch embedding", "patch merging 1", "final norm"]),
        ("vit-small", ["patch embedding", "final norm"]),
        ("dinov2-small", ["patch embedding", "final norm"]),
    ],
)
def test_taps_of_each_backbone(name: str, expected: list[str]) -> None:
    if missing_package(name):
        pytest.skip(f"needs the package {missing_package(name)}")
    assert places(tiny(name, "taps")) == expected
