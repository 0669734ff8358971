"""Losses of the distance between two batches as distributions: CMD and MMD."""

from __future__ import annotations

from typing import ClassVar

import torch

from mineralid.lab.losses.contract import Loss, count, same_shape


class CMD(Loss):
    """‖E x - E y‖ + Σ_{k=2..n} ‖c_k(x) - c_k(y)‖, c_k(x) = E (x - E x)^k element by element.

    Zellinger et al., Central Moment Discrepancy (CMD) for Domain-Invariant Representation
    Learning, ICLR 2017, arXiv 1702.08811; there each term is divided by |b - a|^k for features in
    [a, b], here not (a range of 1). x = feature, y = teacher_feature of equal D; the batches may
    differ in size. moments n >= 1 (1: means only), 5 in the paper. The gradient is 0, not NaN,
    where a term is 0. Above n = 5 features near the limit of float16 may overflow.
    """

    needs: ClassVar[tuple[str, ...]] = ("feature", "teacher_feature")

    def __init__(self, *, moments: int = 5) -> None:
        super().__init__()
        self.moments = count("moments", moments, low=1)

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        x, y = inputs["feature"], inputs["teacher_feature"]
        same_shape("features of feature", x[0], "features of teacher_feature", y[0])
        mean_x, mean_y = x.mean(0), y.mean(0)
        total = _length(mean_x - mean_y)
        for k in range(2, self.moments + 1):
            total = total + _length(((x - mean_x) ** k).mean(0) - ((y - mean_y) ** k).mean(0))
        return total


class MMD(Loss):
    """Squared maximum mean discrepancy, the mean of k(x, x') + k(y, y') - 2 k(x, y), biased.

    k(a, b) = Σ_{m=1,2,4,8,16} exp(-‖a - b‖² / (m · w / 4)), w = mean squared distance between the
    2B rows of both batches, without the diagonal and without gradient. Gretton et al., A Kernel
    Two-Sample Test, JMLR 13 (2012); several kernels as in Long et al., Learning Transferable
    Features with Deep Adaptation Networks, ICML 2015, arXiv 1502.02791. x = feature,
    y = teacher_feature of equal shapes. Where all rows are equal it is 0, with gradient 0.
    """

    needs: ClassVar[tuple[str, ...]] = ("feature", "teacher_feature")

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        return squared_mmd(inputs["feature"], inputs["teacher_feature"])


def squared_mmd(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the squared MMD of x and y, both [B, D]; unequal shapes raise ValueError."""
    same_shape("feature", x, "teacher_feature", y)
    rows = torch.cat([x, y])
    # From the differences, not from products: equal rows are at exactly zero.
    square = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").square()
    n = rows.shape[0]
    width = square.detach().sum() / (n * n - n)
    width = torch.where(width > 0, width, 1.0) / 4
    kernel = torch.stack([(-square / (width * 2**m)).exp() for m in range(5)]).sum(0)
    b = x.shape[0]
    return kernel[:b, :b].mean() + kernel[b:, b:].mean() - 2 * kernel[:b, b:].mean()


def _length(v: torch.Tensor) -> torch.Tensor:
    # Scaled first: the square of a fifth moment leaves float32 long before the moment does.
    size = v.detach().abs().max()
    size = torch.where(size > 0, size, 1.0)
    return torch.linalg.vector_norm(v / size) * size
