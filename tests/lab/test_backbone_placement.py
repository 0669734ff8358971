"""Adapters on modules, tracing, and the pieces that fold forwards."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mineralid.lab.network.folding import fold_ahead, fold_before_norm, split_for_max_pool
from mineralid.lab.network.placement import affine_sites, attach, detach, trace
from mineralid.lab.network.scale_shift import ScaleShift


def drawn(channels: int, seed: int, *, scaled: bool = True, axis: int = 1) -> ScaleShift:
    """An adapter of random numbers, scales of both signs."""
    adapter = ScaleShift(channels, scaled=scaled, axis=axis).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in adapter.parameters():
            p.normal_(generator=generator)
    return adapter


def maps(channels: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, channels, 7, 6, dtype=torch.float64, generator=generator)


@torch.no_grad()
def test_attached_acts_on_the_output_and_detached_is_gone() -> None:
    conv = nn.Conv2d(4, 4, 1).double()
    x, adapter = maps(4, 0), drawn(4, 1)
    before = conv(x)
    attach(conv, adapter)
    assert torch.equal(conv(x), adapter(before))
    assert "adapter.scale" in conv.state_dict()
    with pytest.raises(ValueError, match="a Conv2d has an adapter already; allowed: one a module"):
        attach(conv, drawn(4, 2))
    assert detach(conv) is adapter
    assert torch.equal(conv(x), before)
    assert set(conv.state_dict()) == {"weight", "bias"}


class Awkward(nn.Module):
    """Convolutions with and without norms, a norm with nothing before it, layers not passed."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(4, 5)
        self.first = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.between = nn.Conv2d(4, 4, 1)
        self.late_norm = nn.BatchNorm2d(4)
        self.unused = nn.Linear(4, 4)
        self.pooler = nn.Linear(5, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.first(x))
        x = self.late_norm(torch.relu(self.between(x)))
        return self.pooler(self.last(x.mean((2, 3))))


def test_tracing_finds_what_is_passed_in_order_and_norms_right_after_convolutions() -> None:
    network = Awkward().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = trace(network, torch.zeros(1, 3, 9, 9))
    assert found.order == ["first", "norm", "between", "late_norm", "last", "pooler"]
    assert found.pairs == [("first", "norm")]
    assert found.output.shape == (1, 5)
    sites = [(site.module, site.channels, site.axis) for site in affine_sites(network, found)]
    assert sites == [("norm", 4, 1), ("between", 4, 1), ("late_norm", 4, 1), ("last", 5, -1)]
    assert network.training
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


class NeedsNumbers(Awkward):
    """A network that can't run without numbers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert float(x.sum().item()) == 0
        return super().forward(x)


def test_tracing_runs_with_numbers_where_it_must() -> None:
    found = trace(NeedsNumbers(), torch.zeros(1, 3, 9, 9))
    assert found.pairs == [("first", "norm")]
    assert found.order[-1] == "pooler"


def test_norms_over_more_than_channels_are_refused() -> None:
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm((3, 4, 4))

        def forward(self, x: torch.Tensor) -> Any:
            return self.norm(x)

    network = Wide()
    with pytest.raises(ValueError, match=r"norm normalises over the axes \(3, 4, 4\); allowed: ch"):
        affine_sites(network, trace(network, torch.zeros(1, 3, 4, 4)))


@settings(max_examples=25, deadline=None)
@given(
    scaled=st.booleans(),
    bias=st.booleans(),
    stride=st.sampled_from([1, 2]),
    seed=st.integers(0, 1000),
)
@torch.no_grad()
def test_folding_ahead_is_exact(scaled: bool, bias: bool, stride: int, seed: int) -> None:
    x, adapter = maps(4, seed), drawn(4, seed + 1, scaled=scaled)
    torch.manual_seed(seed)
    conv = nn.Conv2d(4, 6, 3, stride=stride, bias=bias).double()
    norm = nn.BatchNorm2d(6).double().eval()
    assert norm.running_mean is not None
    norm.running_mean.normal_()
    norm.weight.normal_()
    for follower in (norm, None):
        after: nn.Module = follower or nn.Identity()
        expected = after(conv(adapter(x)))
        fold_ahead(conv, follower, adapter)
        assert (after(conv(x)) - expected).abs().max() <= 1e-12


@pytest.mark.parametrize("options", [{"padding": 1}, {"padding": "same"}, {"groups": 2}])
def test_folding_a_shift_into_a_padded_convolution_is_refused(options: dict[str, Any]) -> None:
    conv = nn.Conv2d(4, 4, 3, **options)
    with pytest.raises(ValueError, match=r"its border reads zeros.*allowed: padding 0, one group"):
        fold_ahead(conv, None, ScaleShift(4))


@settings(max_examples=25, deadline=None)
@given(scaled=st.booleans(), seed=st.integers(0, 1000))
@torch.no_grad()
def test_folding_into_the_norm_that_follows_is_exact(scaled: bool, seed: int) -> None:
    x, adapter = maps(4, seed), drawn(4, seed + 1, scaled=scaled)
    norm = nn.BatchNorm2d(4).double().eval()
    assert norm.running_mean is not None
    assert norm.running_var is not None
    torch.manual_seed(seed)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.3, 2.0)
    norm.weight.normal_()
    norm.bias.normal_()
    statistics = norm.running_mean.clone(), norm.running_var.clone()
    expected = norm(adapter(x))
    fold_before_norm(norm, adapter)
    assert (norm(x) - expected).abs().max() <= 1e-12
    assert torch.equal(norm.running_mean, statistics[0])
    assert torch.equal(norm.running_var, statistics[1])


@settings(max_examples=25, deadline=None)
@given(scaled=st.booleans(), seed=st.integers(0, 1000))
@torch.no_grad()
def test_what_passes_a_max_pool_and_what_stays(scaled: bool, seed: int) -> None:
    pool = nn.MaxPool2d(3, 2, 1)
    adapter = drawn(6, seed, scaled=scaled)
    if adapter.scale is not None:
        adapter.scale[0] = 0.0
    x = maps(6, seed + 1)
    passing, staying, channels = split_for_max_pool(adapter)
    found = passing(pool(x if staying is None else staying(x)))
    assert (found - pool(adapter(x))).abs().max() <= 1e-12
    negative = [] if adapter.scale is None else (adapter.scale <= 0).nonzero().flatten().tolist()
    assert channels == negative
    assert (staying is None) == (not negative)
