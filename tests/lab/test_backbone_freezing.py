"""Frozen backbones: nothing but adapters moves, and every adapter gets a gradient."""

from __future__ import annotations

import copy

import pytest
import torch
from backbone_cases import LITES, NAMES, images, missing_package, tiny
from torch import nn

from mineralid.lab.network.backbone import Backbone, build_backbone


@pytest.fixture(params=[name for name in NAMES if name not in LITES[1:]])
def name(request: pytest.FixtureRequest) -> str:
    lacking = missing_package(request.param)
    if lacking:
        pytest.skip(f"needs the package {lacking}")
    return str(request.param)


def train(backbone: Backbone, steps: int, computed: Backbone | None = None) -> None:
    """A few steps on two classes told apart by brightness; `computed` runs in the backbone's place."""
    head = nn.Linear(backbone.feature_dim, 2).double()
    trained = [*(p for p in backbone.parameters() if p.requires_grad), *head.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=0.01)
    for step in range(steps):
        x = images(backbone.name, seed=step)
        x[1] += 1.0
        optimizer.zero_grad()
        feature = (computed or backbone).train()(x)
        nn.functional.cross_entropy(head(feature), torch.tensor([0, 1])).backward()
        optimizer.step()


@pytest.mark.parametrize("placement", ["affine", "taps"])
def test_all_but_adapters_is_bit_equal_after_training(name: str, placement: str) -> None:
    backbone = tiny(name, placement).freeze().train()  # type: ignore[arg-type]
    assert backbone.training
    inside = {f"model.{key}" for key, _ in backbone.model.named_parameters() if ".adapter." in key}
    assert inside == {key for key, p in backbone.named_parameters() if p.requires_grad}
    before = copy.deepcopy(backbone.state_dict())
    train(backbone, 3)
    for key, tensor in backbone.state_dict().items():
        if key not in inside:
            assert torch.equal(tensor, before[key]), key
    for key, p in backbone.named_parameters():
        if key not in inside:
            assert p.grad is None, key
            continue
        assert p.grad is not None, key
        assert torch.isfinite(p.grad).all(), key
        # A key's shift moves all scores of a softmax alike: no gradient but rounding.
        if "k_proj" not in key:
            assert p.grad.abs().max() > 0, key
            assert not torch.equal(p, before[key]), key
    # Buffers that no state dict holds are frozen too.
    assert all(not module.training for module in backbone.model.modules())


@pytest.mark.parametrize("placement", ["affine", "taps"])
def test_training_the_merged_copy_is_training_the_adapters(name: str, placement: str) -> None:
    torch.manual_seed(0)
    one = tiny(name, placement).freeze()  # type: ignore[arg-type]
    other = copy.deepcopy(one)
    torch.manual_seed(1)
    train(one, 2)
    torch.manual_seed(1)
    train(other, 2, computed=other.merged())  # merging draws nothing either
    for key, adapter in one.adapters().items():
        if "k_proj" in key:  # moved by rounding alone, see above, and AdamW enlarges it
            continue
        for mine, theirs in zip(
            adapter.parameters(), other.adapters()[key].parameters(), strict=True
        ):
            assert (mine - theirs).abs().max().item() <= 1e-6, key
    x = images(name)
    with torch.no_grad():
        assert (one.eval()(x) - other.eval()(x)).abs().max().item() <= 1e-6


def test_unfrozen_norms_and_dropout_follow_train_again() -> None:
    if missing_package("resnet-50"):
        pytest.skip("needs the package transformers")
    backbone = tiny("resnet-50", "taps").freeze().train()
    norm = backbone.model.get_submodule("embedder.embedder.normalization")
    assert not norm.training
    backbone.unfreeze()
    assert backbone.training
    assert norm.training
    assert all(p.requires_grad for p in backbone.parameters())
    before = norm.running_mean.clone()  # type: ignore[operator, union-attr]
    backbone(images("resnet-50"))
    assert not torch.equal(norm.running_mean, before)  # type: ignore[arg-type]
    assert not backbone.eval().freeze().training
    assert backbone.train().training
    assert not norm.training


def test_papers_start_draws_around_the_identity() -> None:
    if missing_package("vit-small"):
        pytest.skip("needs the package transformers")
    torch.manual_seed(0)
    config = {"hidden_size": 64, "num_hidden_layers": 6, "num_attention_heads": 2}
    backbone = build_backbone(
        "vit-small", placement="affine", init="paper", pretrained=False, config=config
    )
    adapters = backbone.adapters().values()
    scales = torch.cat([a.scale.detach().double() for a in adapters if a.scale is not None])
    shifts = torch.cat([a.shift.detach().double() for a in adapters])
    assert len(scales) == len(shifts) > 10_000
    for values, mean in ((scales, 1.0), (shifts, 0.0)):
        # Five standard errors of a mean and of a deviation.
        assert abs(values.mean().item() - mean) < 5 * 0.02 / len(values) ** 0.5
        assert abs(values.std().item() - 0.02) < 5 * 0.02 / (2 * len(values)) ** 0.5


def test_fresh_backbones_are_in_evaluation_mode_and_trainable(name: str) -> None:
    backbone = tiny(name)
    assert not any(module.training for module in backbone.modules())
    assert all(p.requires_grad for p in backbone.parameters())
    assert backbone.adapters() == {}
