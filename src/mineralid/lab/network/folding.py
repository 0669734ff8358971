"""Folding an adapter forwards: into the convolution or norm that reads it, past a max-pool."""

from __future__ import annotations

import copy

import torch
from torch import nn

from mineralid.lab.network.scale_shift import ScaleShift


@torch.no_grad()
def fold_ahead(conv: nn.Conv2d, norm: nn.Module | None, adapter: ScaleShift) -> None:
    """Fold an adapter into the unpadded convolution that reads its output, in place (exact).

    W·(γx + β) + b = (Wγ)·x + (b + W·β): input columns scaled; the shift goes into the running mean
    of the batch norm `norm` that follows the convolution, or into its bias where none follows.
    """
    if any(conv.padding) or conv.groups != 1:
        raise ValueError(
            f"can't fold a shift into a convolution with padding {conv.padding} and {conv.groups} "
            "groups: its border reads zeros that were not shifted; allowed: padding 0, one group"
        )
    constant = torch.einsum("oihw,i->o", conv.weight, adapter.shift)
    if adapter.scale is not None:
        conv.weight.mul_(adapter.scale.view(1, -1, 1, 1))
    if isinstance(norm, nn.BatchNorm2d):
        assert norm.running_mean is not None
        norm.running_mean.sub_(constant)
    elif conv.bias is not None:
        conv.bias.add_(constant)
    else:
        conv.bias = nn.Parameter(constant, requires_grad=False)


@torch.no_grad()
def fold_before_norm(norm: nn.BatchNorm2d, adapter: ScaleShift) -> None:
    """Fold an adapter into the batch norm that reads its output, in place (exact in evaluation).

    γ·(s·x + b − μ)/σ + β = γs·(x − μ)/σ + (β + γ·(b + (s − 1)·μ)/σ); μ and σ stay as they are.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    moved = adapter.shift.clone()
    if adapter.scale is not None:
        moved += (adapter.scale - 1) * norm.running_mean
        norm.weight.mul_(adapter.scale)
    norm.bias.add_(gain * moved)


@torch.no_grad()
def split_for_max_pool(adapter: ScaleShift) -> tuple[ScaleShift, ScaleShift | None, list[int]]:
    """Split an adapter before a max-pool into what passes it and what must stay before it.

    max(s·x + b) = s·max(x) + b holds for s > 0 alone. Returns (passing, staying, channels that
    stay); passing ∘ staying is the adapter, and staying is None where every channel passes.
    """
    if adapter.scale is None:
        return adapter, None, []
    stays = ~(adapter.scale > 0)  # so written that NaN stays
    if not stays.any():
        return adapter, None, []
    passing, staying = copy.deepcopy(adapter), copy.deepcopy(adapter)
    assert passing.scale is not None
    assert staying.scale is not None
    passing.scale.masked_fill_(stays, 1.0)
    passing.shift.masked_fill_(stays, 0.0)
    staying.scale.masked_fill_(~stays, 1.0)
    staying.shift.masked_fill_(~stays, 0.0)
    return passing, staying, torch.nonzero(stays).flatten().tolist()
