"""Encoders of the field tests: values [B, F] → vector [B, dim], all of the original's collection.

The values are plain numbers, one column a test; what stands for an untested one is decided
elsewhere (`unified.py` here, the original's code in `lab/original`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from mineralid.lab.network.residual_autoencoder import CascadeResidualAE, ResidualAE


class ResNormLayer(nn.Module):
    """[B, dim] → [B, dim]: twice Linear → ReLU → LayerNorm, plus the input."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.w1, self.norm_fn1 = nn.Linear(dim, dim), nn.LayerNorm(dim)
        self.w2, self.norm_fn2 = nn.Linear(dim, dim), nn.LayerNorm(dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm_fn1(torch.relu(self.w1(x)))
        return x + self.norm_fn2(torch.relu(self.w2(y)))


class OriginalTestEncoder(nn.Sequential):
    """The original's: Linear → ReLU → LayerNorm → ResNormLayer; 3,024 parameters at 3 → 36.

    A Sequential, so that the names are the published ones (`0.weight`, `2.weight`, `3.w1.weight`).
    """

    def __init__(self, tests: int = 3, dim: int = 36) -> None:
        super().__init__(nn.Linear(tests, dim), nn.ReLU(), nn.LayerNorm(dim), ResNormLayer(dim))


class SharedEncoder(nn.Sequential):
    """[B, width] → [B, width]: four Linear, ReLU and dropout after the first three.

    Width 2,048 is the original's (16.8 million parameters); the dropout rate is not known, 0.5 is
    that of its residual autoencoder.
    """

    def __init__(self, width: int = 2048, dropout: float = 0.5) -> None:
        if width < 1:
            raise ValueError(f"width is {width}; allowed: 1 or more")
        layers: list[nn.Module] = []
        for _ in range(3):
            layers += [nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout)]
        super().__init__(*layers, nn.Linear(width, width))


class BaseAutoencoder(nn.Module):
    """x [B, 128] → reconstruction [B, 128], latent [B, 32]: 128-64-32-64-128, ReLU everywhere."""

    def __init__(self, widths: Sequence[int] = (128, 64, 32)) -> None:
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(
                f"widths are {tuple(widths)}; allowed: two or more, each 1 or more, outermost first"
            )
        self.encoder = _rectified(widths)
        self.decoder = _rectified(tuple(reversed(widths)))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        latent = self.encoder(x)
        return self.decoder(latent), latent


# What follows puts each block where the original's encoder stands: a Linear lifts the few values to
# the block's width, a Linear brings everything that the block returns down to `dim`.


class ResNormTestEncoder(nn.Sequential):
    """Linear(tests, dim) → ResNormLayer."""

    def __init__(self, tests: int = 3, dim: int = 36) -> None:
        super().__init__(nn.Linear(tests, dim), ResNormLayer(dim))


class SharedTestEncoder(nn.Sequential):
    """Linear(tests, width) → SharedEncoder → Linear(width, dim)."""

    def __init__(
        self, tests: int = 3, dim: int = 36, *, width: int = 2048, dropout: float = 0.5
    ) -> None:
        block = SharedEncoder(width, dropout)
        super().__init__(nn.Linear(tests, width), block, nn.Linear(width, dim))


class AutoencoderTestEncoder(nn.Module):
    """Linear(tests, width) → BaseAutoencoder; Linear(reconstruction and latent) → dim."""

    def __init__(self, tests: int = 3, dim: int = 36, *, width: int = 128) -> None:
        super().__init__()
        widths = _halved(width)
        self.lift, self.block = nn.Linear(tests, width), BaseAutoencoder(widths)
        self.out = nn.Linear(width + widths[-1], dim)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.out(torch.cat(self.block(self.lift(values)), dim=1))


class ResidualTestEncoder(nn.Module):
    """Two Linears lift the values to x and shared → ResidualAE; Linear(output and latents) → dim.

    The block's dead decoders are frozen (`requires_grad` False), so that what is declared trainable
    is what gets a gradient.
    """

    def __init__(
        self,
        tests: int = 3,
        dim: int = 36,
        *,
        width: int = 128,
        blocks: int = 5,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.lift, self.lift_shared = nn.Linear(tests, width), nn.Linear(tests, width)
        self.block = ResidualAE(width, _halved(width), blocks, dropout)
        self.out = nn.Linear(width + self.block.latent_dim, dim)
        for name in self.dead_parameters():
            self.get_parameter(name).requires_grad_(False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        block = self.block(self.lift(values), self.lift_shared(values))
        return self.out(torch.cat(block, dim=1))

    def dead_parameters(self) -> list[str]:
        """Return the names of the parameters that no output depends on: frozen here."""
        return [f"block.{name}" for name in self.block.dead_parameters()]


class CascadeTestEncoder(nn.Module):
    """Linear(tests, width) → CascadeResidualAE; Linear(output and latents) → dim."""

    def __init__(
        self,
        tests: int = 3,
        dim: int = 36,
        *,
        width: int = 128,
        blocks: int = 5,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.lift = nn.Linear(tests, width)
        self.block = CascadeResidualAE(width, _halved(width), blocks, dropout)
        self.out = nn.Linear(width + self.block.latent_dim, dim)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.out(torch.cat(self.block(self.lift(values)), dim=1))


_ENCODERS: dict[str, tuple[Callable[..., nn.Module], tuple[str, ...]]] = {
    "original": (OriginalTestEncoder, ()),
    "resnorm": (ResNormTestEncoder, ()),
    "shared": (SharedTestEncoder, ("width", "dropout")),
    "autoencoder": (AutoencoderTestEncoder, ("width",)),
    "residual_ae": (ResidualTestEncoder, ("width", "blocks", "dropout")),
    "cascade_ae": (CascadeTestEncoder, ("width", "blocks", "dropout")),
}
TEST_ENCODERS = tuple(_ENCODERS)


def make_test_encoder(name: str, tests: int = 3, dim: int = 36, **options: Any) -> nn.Module:
    """Return the encoder [B, tests] → [B, dim] of that name (TEST_ENCODERS).

    Options: `width` of the block (shared: 2,048; autoencoders: 128, whose inner layers halve it
    twice), `dropout` (0.5) and `blocks` (5). The original's widths are the defaults; 64 or 128 is
    ample for a handful of values. Unknown names and options raise ValueError.
    """
    if name not in _ENCODERS:
        close = get_close_matches(str(name), TEST_ENCODERS, n=1, cutoff=0.4)
        guess = f"; did you mean {close[0]!r}?" if close else ";"
        raise ValueError(
            f"test encoder is {name!r}{guess} allowed: {', '.join(map(repr, TEST_ENCODERS))}"
        )
    if tests < 1 or dim < 1:
        raise ValueError(f"tests is {tests} and dim is {dim}; allowed: 1 or more each")
    make, allowed = _ENCODERS[name]
    unknown = [option for option in options if option not in allowed]
    if unknown:
        listed = ", ".join(map(repr, allowed)) or "none"
        raise ValueError(f"test encoder {name!r} has no option {unknown[0]!r}; allowed: {listed}")
    return make(tests, dim, **options)


def _rectified(widths: Sequence[int]) -> nn.Sequential:
    """Return Linear → ReLU from width to width."""
    layers: list[nn.Module] = []
    for i in range(len(widths) - 1):
        layers += [nn.Linear(widths[i], widths[i + 1]), nn.ReLU()]
    return nn.Sequential(*layers)


def _halved(width: int) -> tuple[int, int, int]:
    """Return (width, width / 2, width / 4), the shape of 128-64-32."""
    if width < 4:
        raise ValueError(f"width is {width}; allowed: 4 or more")
    return width, width // 2, width // 4
