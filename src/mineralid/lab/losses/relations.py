"""Loss of the relations between the rows of a batch: relational distillation (RKD)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from mineralid.lab.losses.contract import Loss, number, same_shape

# Numbers in one block of differences and angles: 128 MiB in float32, whatever the batch.
BLOCK = 2**25


class RKD(Loss):
    """distance_weight · L_distance + angle_weight · L_angle between student and teacher features.

    With h the smooth L1 at β = 1 and x_i the rows of a batch of N:
    L_distance = mean over the N² pairs of h(d_ij / μ - d'_ij / μ'), d_ij = ‖x_i - x_j‖ and μ the
    mean of the non-zero d; L_angle = mean over the N³ triples of h(cos_ijk - cos'_ijk), the cosine
    at x_i between x_j - x_i and x_k - x_i, 0 where one of them is zero; a prime is the teacher.
    Park et al., Relational Knowledge Distillation, CVPR 2019, arXiv 1904.05068.

    The numbers of features may differ. Rows that coincide (a batch of one, too) give no gradient
    to each other. N³ + N² D numbers; above BLOCK of them, vertices go in blocks that are computed
    again in the backward pass. Weights >= 0.
    """

    needs: ClassVar[tuple[str, ...]] = ("feature", "teacher_feature")

    def __init__(self, *, distance_weight: float = 25.0, angle_weight: float = 50.0) -> None:
        super().__init__()
        self.distance_weight = number("distance_weight", distance_weight, low=0)
        self.angle_weight = number("angle_weight", angle_weight, low=0)

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        student, teacher = inputs["feature"], inputs["teacher_feature"]
        same_shape("batch of feature", student[:, 0], "batch of teacher_feature", teacher[:, 0])
        distance = functional.smooth_l1_loss(_distances(student), _distances(teacher))
        return self.distance_weight * distance + self.angle_weight * _angle_loss(student, teacher)


def _distances(x: torch.Tensor) -> torch.Tensor:
    # The product form of cdist is faster and gives equal rows a distance that isn't zero.
    d = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    pairs = (d > 0).sum()
    mean = d.sum() / pairs.clamp(min=1)
    return d / torch.where(pairs > 0, mean, 1.0)


def _angle_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    n = student.shape[0]
    step = max(1, BLOCK // (n * (n + max(student.shape[1], teacher.shape[1]))))
    if step >= n:
        return _angle_sum(student, teacher, 0, n) / n**3
    total = student.new_zeros(())
    for start in range(0, n, step):
        stop = min(start + step, n)
        total = total + checkpoint(
            _angle_sum, student, teacher, start, stop, use_reentrant=False, preserve_rng_state=False
        )
    return total / n**3


def _angle_sum(student: torch.Tensor, teacher: torch.Tensor, start: int, stop: int) -> torch.Tensor:
    return functional.smooth_l1_loss(
        _cosines(student, start, stop), _cosines(teacher, start, stop), reduction="sum"
    )


def _cosines(x: torch.Tensor, start: int, stop: int) -> torch.Tensor:
    """Return the cosines [stop - start, N, N] at the vertices start..stop - 1 of x [N, D]."""
    difference = x.unsqueeze(0) - x[start:stop].unsqueeze(1)
    length = torch.linalg.vector_norm(difference, dim=2, keepdim=True)
    zero = length == 0
    # Dividing by a small floor instead would give coinciding rows a gradient as large as 1 / floor.
    unit = (difference / length.masked_fill(zero, 1.0)).masked_fill(zero, 0.0)
    return unit @ unit.transpose(1, 2)
