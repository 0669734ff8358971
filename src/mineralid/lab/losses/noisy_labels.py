"""Losses that believe a label less where the network contradicts it: GCE and bootstrapping."""

from __future__ import annotations

from typing import ClassVar

import torch

from mineralid.lab.losses.contract import Loss, number, targets


class GeneralisedCrossEntropy(Loss):
    """Mean over the batch of Σ_c y_c (1 - p_c^q) / q, p = softmax(logits).

    Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy
    Labels, NeurIPS 2018, arXiv 1805.07836. q near 0 is cross-entropy, near 1 the mean
    absolute error, which a wrong label moves no more than a right one. 0 < q < 1.
    """

    needs: ClassVar[tuple[str, ...]] = ("logits", "labels")
    soft_labels: ClassVar[bool] = True

    def __init__(self, *, q: float = 0.7) -> None:
        super().__init__()
        self.q = number("q", q, low=0, high=1, open_low=True)

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        logits = inputs["logits"]
        y = targets(inputs["labels"], logits)
        # Of logarithms: p itself has an infinite slope of p^q at 0. expm1 keeps small q exact.
        return -(y * (self.q * logits.log_softmax(1)).expm1()).sum(1).mean() / self.q


class Bootstrapped(Loss):
    """Mean over the batch of -Σ_c (β y_c + (1 - β) p_c) log p_c, p = softmax(logits).

    Reed et al., Training Deep Neural Networks on Noisy Labels with Bootstrapping, ICLR 2015
    workshop, arXiv 1412.6596, eq. 6 (soft): the network's own answer is a part of the target.
    β near 1 is cross-entropy. 0 <= β < 1.
    """

    needs: ClassVar[tuple[str, ...]] = ("logits", "labels")
    soft_labels: ClassVar[bool] = True

    def __init__(self, *, beta: float = 0.95) -> None:
        super().__init__()
        self.beta = number("beta", beta, low=0, high=1)

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        logits = inputs["logits"]
        log_p = logits.log_softmax(1)
        believed = self.beta * targets(inputs["labels"], logits) + (1 - self.beta) * log_p.exp()
        return -(believed * log_p).sum(1).mean()
