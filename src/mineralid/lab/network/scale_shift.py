"""Scale-and-shift adapters (SSF): y = γ ⊙ x + β per channel, exact identity at the start."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

AdapterKind = Literal["ssf", "bias", "none"]
CHANNEL_AXES = (1, -1)


class ScaleShift(nn.Module):
    """y = γ ⊙ x + β along one axis (Lian et al., NeurIPS 2022, eq. 2).

    x: [B, channels, ...] with `axis=1` (after a convolution or batch norm), [B, ..., channels]
    with `axis=-1` (after a Linear or LayerNorm); the axis is said, never guessed from sizes.
    Starts as the identity; `init="paper"` draws γ ~ N(1, 0.02) and β ~ N(0, 0.02).
    With `scaled=False` only β is there: the bias-only baseline (BitFit).
    """

    scale: nn.Parameter | None

    def __init__(
        self, channels: int, *, scaled: bool = True, init: str = "identity", axis: int = 1
    ) -> None:
        super().__init__()
        if axis not in CHANNEL_AXES:
            raise ValueError(f"axis is {axis!r}; allowed: 1 (channels first), -1 (channels last)")
        self.axis = axis
        self.scale = nn.Parameter(torch.ones(channels)) if scaled else None
        self.shift = nn.Parameter(torch.zeros(channels))
        if init == "paper":
            if self.scale is not None:
                nn.init.normal_(self.scale, 1.0, 0.02)
            nn.init.normal_(self.shift, 0.0, 0.02)
        elif init != "identity":
            raise ValueError(f"init is {init!r}; allowed: 'identity', 'paper'")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shape = (-1,) if self.axis == -1 else (1, -1) + (1,) * (x.ndim - 2)
        if self.scale is None:
            return x + self.shift.view(shape)
        if self.axis == 1 and x.ndim == 4:
            # A batch norm with mean 0 and variance 1: the same product and sum, but in one pass
            # over the map, and its gradients in another.
            mean, variance = torch.zeros_like(self.shift), torch.ones_like(self.shift)
            return F.batch_norm(x, mean, variance, self.scale, self.shift, eps=0.0)
        return x * self.scale.view(shape) + self.shift.view(shape)

    def extra_repr(self) -> str:
        kind = "" if self.scale is not None else ", shift only"
        return f"{len(self.shift)}, axis={self.axis}{kind}"


def make_adapter(
    kind: AdapterKind, channels: int, init: str = "identity", axis: int = 1
) -> nn.Module:
    """Return the adapter of one affine operation; `none` is nn.Identity."""
    if kind == "none":
        return nn.Identity()
    return ScaleShift(channels, scaled=kind == "ssf", init=init, axis=axis)


@torch.no_grad()
def fold_into(module: nn.Module, adapter: nn.Module) -> None:
    """Fold an adapter into the affine operation before it, in place: W ← γW, b ← γb + β (exact).

    A batch norm's running statistics stay as they are, so this holds for one in evaluation mode.
    """
    if isinstance(adapter, nn.Identity):
        return
    if not isinstance(adapter, ScaleShift):
        raise TypeError(f"can't fold a {type(adapter).__name__}; allowed: ScaleShift, Identity")
    if not isinstance(module, (nn.Conv2d, nn.Linear, nn.LayerNorm, nn.BatchNorm2d)):
        raise TypeError(
            f"can't fold into a {type(module).__name__}; "
            "allowed: Conv2d, Linear, LayerNorm, BatchNorm2d"
        )
    shift = adapter.shift
    if module.weight is None:  # a norm without weight and bias of its own
        module.weight = nn.Parameter(torch.ones_like(shift), requires_grad=False)
    if module.bias is None:
        module.bias = nn.Parameter(torch.zeros_like(shift), requires_grad=False)
    if adapter.scale is not None:
        module.weight.mul_(adapter.scale.view(-1, *(1,) * (module.weight.ndim - 1)))
        module.bias.mul_(adapter.scale)
    module.bias.add_(shift)


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
        padding=conv.padding,  # type: ignore[arg-type]
        dilation=tuple(conv.dilation),  # type: ignore[arg-type]
        groups=conv.groups,
        padding_mode=conv.padding_mode,
        dtype=conv.weight.dtype,
        device=conv.weight.device,
    )
    folded.weight.copy_(conv.weight * gain.view(-1, 1, 1, 1))
    assert folded.bias is not None
    folded.bias.copy_(offset if conv.bias is None else offset + gain * conv.bias)
    return folded
