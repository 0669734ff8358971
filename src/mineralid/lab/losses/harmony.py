"""Losses that even out how often each size of gradient occurs: GHM-C and GHM-R."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch.nn import functional

from mineralid.lab.losses.contract import Loss, count, number, same_shape, targets


class Harmonised(Loss):
    """Mean over the N elements of weight · loss, weight = N / (count of its bin · non-empty bins).

    The sizes of the gradient, g in 0..1, are counted in `bins` equal bins. Over the batches of
    training the counts are smoothed, α · old + (1 - α) · new; the first batch sets them. In
    evaluation the same smoothed counts weigh the batch and nothing is stored. Li, Liu and Wang,
    Gradient Harmonized Single-stage Detector, AAAI 2019, arXiv 1811.05181. Each process counts
    its own batches. bins >= 1; 0 <= alpha < 1.
    """

    counts: torch.Tensor  # [bins], zeros before the first batch; in the state dict, for resuming

    def __init__(self, *, bins: int = 10, alpha: float = 0.5) -> None:
        super().__init__()
        self.bins = count("bins", bins, low=1)
        self.alpha = number("alpha", alpha, low=0, high=1)
        self.register_buffer("counts", torch.zeros(self.bins, dtype=torch.float32))

    def _apply(
        self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True
    ) -> Harmonised:
        # Moves with the module but is never narrowed: float16 ends at 65504, a count does not.
        before = self.counts
        super()._apply(fn, recurse)
        if self.counts.dtype != before.dtype:
            self.counts = before.to(self.counts.device)
        return self

    @torch.no_grad()
    def weights(self, size: torch.Tensor) -> torch.Tensor:
        """Return the weight of each element from the size of its gradient; counts in training."""
        place = (size * self.bins).long().clamp(max=self.bins - 1)
        each = torch.arange(self.bins, device=size.device)
        new = (place.unsqueeze(-1) == each).flatten(0, -2).sum(0).to(self.counts.dtype)
        smoothed = self.alpha * self.counts + (1 - self.alpha) * new
        smoothed = torch.where(self.counts.sum() > 0, smoothed, new)
        if self.training:
            self.counts.copy_(smoothed)
        # Bins that hold an element have a count of at least 1 - α; the others are not looked up.
        smoothed = smoothed.to(size.dtype)
        return (size.numel() / (smoothed * (smoothed > 0).sum()))[place]


class GHMC(Harmonised):
    """Harmonised binary cross-entropy of each logit against the one-hot labels.

    BCE(sigmoid(x), y), g = |sigmoid(x) - y|. Options and paper as in Harmonised.
    """

    needs: ClassVar[tuple[str, ...]] = ("logits", "labels")
    soft_labels: ClassVar[bool] = True

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        x = inputs["logits"]
        y = targets(inputs["labels"], x)
        weights = self.weights((x.detach().sigmoid() - y).abs())
        return functional.binary_cross_entropy_with_logits(x, y, weight=weights)


class GHMR(Harmonised):
    """Harmonised smooth distance of feature and teacher_feature, d their difference.

    sqrt(d² + μ²) - μ, g = |d| / sqrt(d² + μ²). Equal shapes; μ > 0, 0.02 in the paper. Other
    options and paper as in Harmonised.
    """

    needs: ClassVar[tuple[str, ...]] = ("feature", "teacher_feature")

    def __init__(self, *, bins: int = 10, alpha: float = 0.5, mu: float = 0.02) -> None:
        super().__init__(bins=bins, alpha=alpha)
        self.mu = number("mu", mu, low=0, open_low=True)

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        x, y = inputs["feature"], inputs["teacher_feature"]
        same_shape("feature", x, "teacher_feature", y)
        d = x - y
        root = (d * d + self.mu**2).sqrt()
        # sqrt(d² + μ²) - μ, without the cancellation where d is small.
        distance = d * d / (root + self.mu)
        return (self.weights((d / root).detach().abs()) * distance).mean()
