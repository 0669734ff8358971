"""Folding an adapter forwards, into the convolution that reads it."""

from __future__ import annotations

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
