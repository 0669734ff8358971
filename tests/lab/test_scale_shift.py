"""Scale and shift: the identity at the start, exact folding in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mineralid.lab.network.scale_shift import (
    ScaleShift,
    fold_batch_norm,
    fold_into,
    make_adapter,
)


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_starts_as_the_exact_identity() -> None:
    x = torch.randn(3, 7, 5, 5, generator=drawn(0))
    for scaled in (True, False):
        assert torch.equal(ScaleShift(7, scaled=scaled)(x), x)


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 9), (4, 6, 3, 5)])
def test_works_on_channel_axis_one_of_any_rank(shape: tuple[int, ...]) -> None:
    adapter = ScaleShift(6)
    with torch.no_grad():
        adapter.scale.copy_(torch.arange(6.0))  # type: ignore[union-attr]
        adapter.shift.copy_(-torch.arange(6.0))
    y = adapter(torch.ones(shape)).detach()
    for channel in range(6):
        assert torch.equal(y[:, channel], torch.zeros_like(y[:, channel]))  # c * 1 - c
    y = adapter(torch.full(shape, 3.0)).detach()
    for channel in range(6):
        assert torch.equal(y[:, channel], torch.full_like(y[:, channel], 2.0 * channel))


@pytest.mark.parametrize("shape", [(4, 6), (4, 9, 6), (2, 3, 5, 6), (6, 6), (6, 6, 6)])
def test_the_axis_is_the_one_said_even_where_sizes_are_equal(shape: tuple[int, ...]) -> None:
    last, first = ScaleShift(6, axis=-1), ScaleShift(6, axis=1)
    with torch.no_grad():
        for adapter in (last, first):
            adapter.scale.copy_(torch.arange(6.0))  # type: ignore[union-attr]
            adapter.shift.copy_(torch.arange(6.0) ** 2)
    x = torch.randn(shape, generator=drawn(3))
    expected = x * torch.arange(6.0) + torch.arange(6.0) ** 2
    assert torch.equal(last(x).detach(), expected)
    if len(shape) == 3 and shape[1] == 6:
        moved = first(x.transpose(1, 2)).detach().transpose(1, 2)
        assert torch.equal(moved, expected)
        assert not torch.equal(first(x).detach(), expected)


def test_wrong_axis_names_what_is_allowed() -> None:
    with pytest.raises(ValueError, match=r"axis is 2; allowed: 1 \(channels first\), -1"):
        ScaleShift(3, axis=2)


def test_random_start_is_the_papers() -> None:
    torch.manual_seed(0)
    adapter = ScaleShift(20_000, init="paper")
    assert adapter.scale is not None
    for parameter, mean in ((adapter.scale, 1.0), (adapter.shift, 0.0)):
        values = parameter.detach().double()
        # Five standard errors of a mean and of a deviation over 20,000 draws of N(., 0.02).
        assert abs(values.mean().item() - mean) < 5 * 0.02 / 20_000**0.5
        assert abs(values.std().item() - 0.02) < 5 * 0.02 / 40_000**0.5


def test_wrong_start_names_what_is_allowed() -> None:
    with pytest.raises(ValueError, match=r"init is 'zeros'; allowed: 'identity', 'paper'"):
        ScaleShift(3, init="zeros")


def test_bias_only_has_a_shift_and_no_scale() -> None:
    adapter = make_adapter("bias", 5)
    assert [(n, p.shape) for n, p in adapter.named_parameters()] == [("shift", (5,))]
    with torch.no_grad():
        adapter.shift.fill_(2.0)  # type: ignore[operator, union-attr]
    x = torch.randn(2, 5, 3, 3, generator=drawn(1))
    assert torch.equal(adapter(x), x + 2.0)


def test_none_has_no_parameters() -> None:
    adapter = make_adapter("none", 5)
    x = torch.randn(2, 5, 3, 3, generator=drawn(1))
    assert list(adapter.parameters()) == []
    assert adapter(x) is x


def random_conv(groups: int, bias: bool, stride: int, seed: int) -> nn.Conv2d:
    conv = nn.Conv2d(6, 12, 3, stride=stride, groups=groups, bias=bias, dtype=torch.float64)
    with torch.no_grad():
        for p in conv.parameters():
            p.normal_(generator=drawn(seed))
    return conv


@settings(max_examples=25, deadline=None)
@given(
    groups=st.sampled_from([1, 2, 6]),
    bias=st.booleans(),
    stride=st.sampled_from([1, 2]),
    scaled=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_folds_into_a_convolution_exactly(
    groups: int, bias: bool, stride: int, scaled: bool, seed: int
) -> None:
    conv = random_conv(groups, bias, stride, seed)
    adapter = ScaleShift(12, scaled=scaled).double()
    with torch.no_grad():
        for p in adapter.parameters():
            p.normal_(generator=drawn(seed + 1))  # scales of both signs
    x = torch.randn(2, 6, 8, 8, dtype=torch.float64, generator=drawn(seed + 2))
    expected = adapter(conv(x)).detach()
    fold_into(conv, adapter)
    assert (conv(x) - expected).abs().max().item() <= 1e-12


@settings(max_examples=25, deadline=None)
@given(
    groups=st.sampled_from([1, 2, 6]),
    bias=st.booleans(),
    stride=st.sampled_from([1, 2]),
    affine=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_batch_norm_folds_into_a_convolution_exactly(
    groups: int, bias: bool, stride: int, affine: bool, seed: int
) -> None:
    conv = random_conv(groups, bias, stride, seed)
    norm = nn.BatchNorm2d(12, affine=affine, dtype=torch.float64).eval()
    with torch.no_grad():
        norm.running_mean.normal_(generator=drawn(seed + 1))  # type: ignore[union-attr]
        norm.running_var.uniform_(0.2, 3.0, generator=drawn(seed + 2))  # type: ignore[union-attr]
        for p in norm.parameters():
            p.normal_(generator=drawn(seed + 3))
    x = torch.randn(2, 6, 8, 8, dtype=torch.float64, generator=drawn(seed + 4))
    with torch.no_grad():
        expected = norm(conv(x))
        folded = fold_batch_norm(conv, norm)
        assert (folded(x) - expected).abs().max().item() <= 1e-12


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("scaled", [True, False])
@torch.no_grad()
def test_folds_into_linear_layers_and_norms_exactly(affine: bool, scaled: bool) -> None:
    norm = nn.BatchNorm2d(6, affine=affine).eval()
    norm.running_mean.normal_(generator=drawn(4))  # type: ignore[union-attr]
    norm.running_var.uniform_(0.2, 3.0, generator=drawn(5))  # type: ignore[union-attr]
    maps = torch.randn(2, 6, 4, 5, dtype=torch.float64, generator=drawn(6))
    for module, x in (
        (nn.Linear(4, 6, bias=affine), maps.reshape(2, 30, 4)),
        (nn.LayerNorm(6, elementwise_affine=affine), maps.permute(0, 2, 3, 1)),
        (norm, maps),
    ):
        axis = 1 if module is norm else -1
        for p in module.parameters():
            p.normal_(generator=drawn(7))
        adapter = ScaleShift(6, scaled=scaled, axis=axis).double()
        for p in adapter.parameters():
            p.normal_(generator=drawn(8))
        module.double()
        expected = adapter(module(x))
        fold_into(module, adapter)
        assert (module(x) - expected).abs().max().item() <= 1e-12


@settings(max_examples=25, deadline=None)
@given(
    padding=st.sampled_from([0, 1, 3]),
    dilation=st.sampled_from([1, 2]),
    mode=st.sampled_from(["zeros", "reflect"]),
    seed=st.integers(0, 1000),
)
@torch.no_grad()
def test_folding_a_batch_norm_keeps_the_convolutions_borders(
    padding: int, dilation: int, mode: str, seed: int
) -> None:
    conv = nn.Conv2d(2, 3, 3, padding=padding, dilation=dilation, padding_mode=mode).double()
    norm = nn.BatchNorm2d(3).double().eval()
    for tensor in (*conv.parameters(), norm.running_mean, norm.weight, norm.bias):
        tensor.normal_(generator=drawn(seed))  # type: ignore[union-attr]
    x = torch.randn(1, 2, 8, 9, dtype=torch.float64, generator=drawn(seed + 1))
    assert (fold_batch_norm(conv, norm)(x) - norm(conv(x))).abs().max().item() <= 1e-12


def test_batch_norm_without_statistics_is_refused() -> None:
    with pytest.raises(ValueError, match="without running statistics can't be folded"):
        fold_batch_norm(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False))


def test_only_adapters_fold() -> None:
    with pytest.raises(TypeError, match="can't fold a ReLU; allowed: ScaleShift, Identity"):
        fold_into(nn.Conv2d(3, 4, 1), nn.ReLU())
    with pytest.raises(TypeError, match="can't fold into a ReLU; allowed: Conv2d, Linear"):
        fold_into(nn.ReLU(), ScaleShift(3))
