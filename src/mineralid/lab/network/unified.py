"""One network for all eight cases: readings with a mask of what was tested, one head.

After arXiv 2412.16243 (late fusion, modality dropout, learned missing embeddings).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import nn

from mineralid.lab.network.bottleneck import Bottleneck
from mineralid.lab.network.test_encoders import make_test_encoder

Missing = Literal["embedding", "flag"]
TOKEN_WIDTH = 8


@dataclass(frozen=True)
class UnifiedOutput:
    """Logits [B, C] of the head on the fused feature, and of the head behind the bottleneck."""

    logits: torch.Tensor
    bottleneck_logits: torch.Tensor | None


class MissingEmbedding(nn.Module):
    """values, tested [B, F] → [B, 8F]: each test a token, value · direction or a learned stand-in.

    A tested value of 0 and an untested test are thus told apart, whatever the test's scale.
    """

    def __init__(self, tests: int) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.randn(tests, TOKEN_WIDTH))
        self.missing = nn.Parameter(torch.randn(tests, TOKEN_WIDTH))
        self.width = tests * TOKEN_WIDTH

    def forward(self, values: torch.Tensor, tested: torch.Tensor) -> torch.Tensor:
        # Zeros before the product: a gradient through NaN · 0 would be NaN.
        read = torch.where(tested, values, 0.0).unsqueeze(2) * self.direction
        return torch.where(tested.unsqueeze(2), read, self.missing).flatten(1)


class MissingFlag(nn.Module):
    """values, tested [B, F] → [B, 2F]: values with 0 where untested, then 1 where untested.

    The columns that the flags select in the encoder's first layer are the missing embeddings.
    """

    def __init__(self, tests: int) -> None:
        super().__init__()
        self.width = 2 * tests

    def forward(self, values: torch.Tensor, tested: torch.Tensor) -> torch.Tensor:
        read = torch.where(tested, values, 0.0)
        return torch.cat([read, (~tested).to(read.dtype)], dim=1)


class UnifiedHead(nn.Module):
    """The photograph's feature and whatever tests were made → logits.

    feature [B, D], values [B, F] (a column per test, any number where untested, NaN included),
    tested [B, F] bool. Values under an untested test have no influence on outputs or gradients.
    `missing`: "embedding" (a learned vector per test) or "flag" (a bit per test). With a 2,048
    feature and 36 classes 78,888 parameters; with the bottleneck and its head 1,223,296.
    """

    def __init__(
        self,
        feature_dim: int,
        classes: int,
        tests: int = 3,
        dim: int = 36,
        missing: Missing = "embedding",
        bottleneck: bool = False,
        hidden: int = 256,
        encoder: str = "original",
        **encoder_options: Any,
    ) -> None:
        super().__init__()
        if min(feature_dim, classes, tests, dim) < 1:
            raise ValueError(
                f"feature_dim is {feature_dim}, classes {classes}, tests {tests}, dim {dim}; "
                "allowed: 1 or more each"
            )
        if missing not in get_args(Missing):
            raise ValueError(f"missing is {missing!r}; allowed: 'embedding', 'flag'")
        self.feature_dim, self.tests, fused = feature_dim, tests, feature_dim + dim
        self.readings: MissingEmbedding | MissingFlag = (
            MissingEmbedding(tests) if missing == "embedding" else MissingFlag(tests)
        )
        self.encoder = make_test_encoder(encoder, self.readings.width, dim, **encoder_options)
        self.head = nn.Linear(fused, classes)
        self.bottleneck = Bottleneck(fused, hidden) if bottleneck else None
        self.bottleneck_head = nn.Linear(fused, classes) if bottleneck else None

    def fused(
        self, feature: torch.Tensor, values: torch.Tensor, tested: torch.Tensor
    ) -> torch.Tensor:
        """Return the feature with the encoded readings after it, [B, D + dim]."""
        rows = len(feature)
        if tuple(feature.shape) != (rows, self.feature_dim) or not (
            tuple(values.shape) == tuple(tested.shape) == (rows, self.tests)
        ):
            raise ValueError(
                f"feature {tuple(feature.shape)}, values {tuple(values.shape)}, tested "
                f"{tuple(tested.shape)}; allowed: [B, {self.feature_dim}], [B, {self.tests}], "
                f"[B, {self.tests}]"
            )
        if tested.dtype != torch.bool:
            raise ValueError(f"tested is of {tested.dtype}; allowed: torch.bool")
        return torch.cat([feature, self.encoder(self.readings(values, tested))], dim=1)

    def forward(
        self, feature: torch.Tensor, values: torch.Tensor, tested: torch.Tensor
    ) -> UnifiedOutput:
        fused = self.fused(feature, values, tested)
        bottleneck_logits = None
        if self.bottleneck is not None and self.bottleneck_head is not None:
            bottleneck_logits = self.bottleneck_head(self.bottleneck(fused))
        return UnifiedOutput(self.head(fused), bottleneck_logits)

    def dead_parameters(self) -> list[str]:
        """Return the names of the encoder's parameters that no output depends on: frozen."""
        return [f"encoder.{name}" for name in getattr(self.encoder, "dead_parameters", list)()]


def drop_tests(
    tested: torch.Tensor, probability: float = 0.5, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Return tested [B, F] with each test dropped at that probability, one by one (training).

    Every subset of what was tested occurs, the empty one included; at 0.5 all equally often. What
    was untested stays so.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability is {probability}; allowed: 0 to 1")
    if tested.dtype != torch.bool:
        raise ValueError(f"tested is of {tested.dtype}; allowed: torch.bool")
    # A generator draws on its own device only.
    place = tested.device if generator is None else generator.device
    draws = torch.rand(tested.shape, generator=generator, device=place)
    return tested & (draws >= probability).to(tested.device)
