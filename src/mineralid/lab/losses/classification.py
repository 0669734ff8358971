"""Losses of logits against labels: cross-entropy, focal, Poly-1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch

from mineralid.lab.losses.contract import Loss, class_weights, number, spread_weights, targets
from mineralid.lab.losses.log_probability import log_complement


class CrossEntropy(Loss):
    """Mean over the batch of -Σ_c y_c log p_c, p = softmax(logits).

    With label_smoothing s, y becomes (1 - s) y + s / C (Szegedy et al., Rethinking the Inception
    Architecture for Computer Vision, CVPR 2016, arXiv 1512.00567). 0 <= s < 1.
    """

    needs: ClassVar[tuple[str, ...]] = ("logits", "labels")
    soft_labels: ClassVar[bool] = True

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = number("label_smoothing", label_smoothing, low=0, high=1)

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        logits = inputs["logits"]
        y = targets(inputs["labels"], logits)
        s = self.label_smoothing
        y = (1 - s) * y + s / logits.shape[1]
        return -(y * logits.log_softmax(1)).sum(1).mean()


class Focal(Loss):
    """Mean over the batch of -Σ_c w_c (1 - p_c)^γ y_c log p_c, p = softmax(logits).

    Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, arXiv 1708.02002 (their α_t is
    w_c). γ = 0 is cross-entropy. Takes logits: the collection's takes probabilities and is wrong
    on logits. γ >= 0; class_weight: one number >= 0 a class, None for ones; C >= 2.
    """

    needs: ClassVar[tuple[str, ...]] = ("logits", "labels")
    soft_labels: ClassVar[bool] = True
    min_classes: ClassVar[int] = 2
    class_weight: torch.Tensor | None

    def __init__(
        self, *, gamma: float = 2.0, class_weight: Sequence[float] | torch.Tensor | None = None
    ) -> None:
        super().__init__()
        self.gamma = number("gamma", gamma, low=0)
        weights = class_weights("class_weight", class_weight)
        self.register_buffer("class_weight", weights, persistent=False)

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        logits = inputs["logits"]
        w = spread_weights("class_weight", self.class_weight, logits)
        y = targets(inputs["labels"], logits)
        # A power of 1 - p would have an infinite slope at p = 1 where γ < 1; its logarithm hasn't.
        dimmed = (self.gamma * log_complement(logits)).exp()
        return -(w * dimmed * y * logits.log_softmax(1)).sum(1).mean()


class Poly1(Loss):
    """Mean over the batch of -Σ_c w_c y_c log p_c + ε (1 - Σ_c y_c p_c), p = softmax(logits).

    Leng et al., PolyLoss: A Polynomial Expansion Perspective of Classification Loss Functions,
    ICLR 2022, arXiv 2204.12511. The weights w stand on the cross-entropy alone, and the mean
    divides by B, not by the sum of weights. ε >= -1, below which it would reward errors;
    class_weight: one number >= 0 a class, None for ones.
    """

    needs: ClassVar[tuple[str, ...]] = ("logits", "labels")
    soft_labels: ClassVar[bool] = True
    class_weight: torch.Tensor | None

    def __init__(
        self, *, epsilon: float = 1.0, class_weight: Sequence[float] | torch.Tensor | None = None
    ) -> None:
        super().__init__()
        self.epsilon = number("epsilon", epsilon, low=-1)
        weights = class_weights("class_weight", class_weight)
        self.register_buffer("class_weight", weights, persistent=False)

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        logits = inputs["logits"]
        w = spread_weights("class_weight", self.class_weight, logits)
        y = targets(inputs["labels"], logits)
        log_p = logits.log_softmax(1)
        cross_entropy = -(w * y * log_p).sum(1)
        return (cross_entropy + self.epsilon * (1 - (y * log_p.exp()).sum(1))).mean()
