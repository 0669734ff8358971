"""Residual autoencoders: blocks of encoder and decoder, each reading what the others left over."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class _Blocks(nn.Module):
    """What both variants are made of: n encoders, n decoders, the transition."""

    def __init__(
        self,
        dim: int = 128,
        widths: Sequence[int] = (128, 64, 32),
        blocks: int = 5,
        dropout: float = 0.5,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        if dim < 1 or not widths or min(widths) < 1 or blocks < 1:
            raise ValueError(
                f"dim is {dim}, widths are {tuple(widths)}, blocks is {blocks}; "
                "allowed: whole numbers of 1 or more, at least one width"
            )
        down, up = (dim, *widths), (*reversed(widths), dim)
        self.encoders = nn.ModuleList(
            _stack(down, nn.LeakyReLU, dropout, batch_norm) for _ in range(blocks)
        )
        self.decoders = nn.ModuleList(
            _stack(up, nn.ReLU, dropout, batch_norm) for _ in range(blocks)
        )
        self.transition = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.dim, self.latent_dim = dim, blocks * widths[-1]

    def dead_parameters(self) -> list[str]:
        """Return the names of the parameters that no output depends on."""
        return []


class ResidualAE(_Blocks):
    """x [B, dim], shared [B, dim] → output [B, dim], latents [B, blocks · last width].

    Block i = 0 … n-1 encodes x + (i+1) · shared; the output is transition(x + n · shared + the last
    decoder's output). So the decoders before the last reach no output: their parameters get no
    gradient, ever. They are kept (a state dict is whole), not computed, and named by
    `dead_parameters`. The encoders before the last live through the latents alone.

    The method's description leaves open the number of blocks and the widths (the base autoencoder's
    are taken), and the order within a layer: Linear, activation, batch norm, dropout.
    """

    def forward(self, x: torch.Tensor, shared: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        latents = [encoder(x + (i + 1) * shared) for i, encoder in enumerate(self.encoders)]
        rest = x + len(latents) * shared
        return self.transition(rest + self.decoders[-1](latents[-1])), torch.cat(latents, dim=1)

    def dead_parameters(self) -> list[str]:
        """Return the names of the parameters that no output depends on: all decoders but the last."""
        last = f"decoders.{len(self.decoders) - 1}."
        return [
            name
            for name, _ in self.named_parameters()
            if name.startswith("decoders.") and not name.startswith(last)
        ]


class CascadeResidualAE(_Blocks):
    """x [B, dim] → output [B, dim], latents [B, blocks · last width], without a shared input.

    A true cascade: each block encodes the running sum of x and all earlier decoders' outputs; the
    output is transition(the sum with the last one's). Every parameter is alive.
    """

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        latents = []
        for encoder, decoder in zip(self.encoders, self.decoders, strict=True):
            latents.append(encoder(x))
            x = x + decoder(latents[-1])
        return self.transition(x), torch.cat(latents, dim=1)


def _stack(
    widths: Sequence[int], activation: type[nn.Module], dropout: float, batch_norm: bool
) -> nn.Sequential:
    """Return Linear layers from width to width; all but the last one activated."""
    layers: list[nn.Module] = []
    for i in range(len(widths) - 1):
        layers.append(nn.Linear(widths[i], widths[i + 1]))
        if i < len(widths) - 2:
            layers.append(activation())
            if batch_norm:
                layers.append(nn.BatchNorm1d(widths[i + 1]))
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers)
