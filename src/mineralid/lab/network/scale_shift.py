"""Scale-and-shift adapters (SSF): y = γ ⊙ x + β per channel, exact identity at the start."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

AdapterKind = Literal["ssf", "bias", "none"]


class ScaleShift(nn.Module):
    """y = γ ⊙ x + β on channel axis 1 (Lian et al., NeurIPS 2022, eq. 2).

    x: [B, channels, ...]. Starts as the identity; `init="paper"` draws γ ~ N(1, 0.02) and
    β ~ N(0, 0.02). With `scaled=False` only β is there: the bias-only baseline (BitFit).
    """

    scale: nn.Parameter | None

    def __init__(self, channels: int, *, scaled: bool = True, init: str = "identity") -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels)) if scaled else None
        self.shift = nn.Parameter(torch.zeros(channels))
        if init == "paper":
            if self.scale is not None:
                nn.init.normal_(self.scale, 1.0, 0.02)
            nn.init.normal_(self.shift, 0.0, 0.02)
        elif init != "identity":
            raise ValueError(f"init is {init!r}; allowed: 'identity', 'paper'")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shape = (1, -1) + (1,) * (x.ndim - 2)
        if self.scale is None:
            return x + self.shift.view(shape)
        return x * self.scale.view(shape) + self.shift.view(shape)


def make_adapter(kind: AdapterKind, channels: int, init: str = "identity") -> nn.Module:
    """Return the adapter of one affine operation; `none` is nn.Identity."""
    if kind == "none":
        return nn.Identity()
    return ScaleShift(channels, scaled=kind == "ssf", init=init)


@torch.no_grad()
def fold_into(conv: nn.Conv2d, adapter: nn.Module) -> None:
    """Fold an adapter into the convolution before it, in place: W ← γW, b ← γb + β (exact)."""
    if isinstance(adapter, nn.Identity):
        return
    if not isinstance(adapter, ScaleShift):
        raise TypeError(f"can't fold a {type(adapter).__name__}; allowed: ScaleShift, Identity")
    if conv.bias is None:
        conv.bias = nn.Parameter(conv.weight.new_zeros(conv.out_channels))
    if adapter.scale is not None:
        conv.weight.mul_(adapter.scale.view(-1, 1, 1, 1))
        conv.bias.mul_(adapter.scale)
    conv.bias.add_(adapter.shift)


@torch.no_grad()
def fold_batch_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Return conv with its frozen batch norm folded in: one affine operation (exact)."""
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm without running statistics can't be folded")
    gain = torch.rsqrt(norm.running_var + norm.eps)
    offset = -norm.running_mean * gain
    if norm.affine:
        gain, offset = gain * norm.weight, offset * norm.weight + norm.bias
    folded = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        stride=tuple(conv.stride),  # type: ignore[arg-type]
        groups=conv.groups,
        dtype=conv.weight.dtype,
    )
    folded.weight.copy_(conv.weight * gain.view(-1, 1, 1, 1))
    assert folded.bias is not None
    folded.bias.copy_(offset if conv.bias is None else offset + gain * conv.bias)
    return folded
