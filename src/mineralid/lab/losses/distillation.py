"""Losses of a student's logits against a teacher's: KL, KD and DKD, also on standardised logits."""

from __future__ import annotations

from typing import ClassVar

import torch

from mineralid.lab.losses.contract import Loss, number, targets
from mineralid.lab.losses.log_probability import log_rest


class KL(Loss):
    """Mean over the batch of KL(p_teacher ‖ p) = Σ_c p_teacher,c (log p_teacher,c - log p_c).

    Softmax at T = 1. Kullback and Leibler, On Information and Sufficiency, Ann. Math. Statist. 22
    (1951). The original system's: the head on clean tests is the teacher of the head on wrong ones.
    """

    needs: ClassVar[tuple[str, ...]] = ("logits", "teacher_logits")

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        return softened_kl(inputs["logits"], inputs["teacher_logits"], 1.0)


class KD(Loss):
    """T² · mean over the batch of KL(softmax(teacher / T) ‖ softmax(student / T)).

    Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015, arXiv 1503.02531.
    The cross-entropy with the labels is left to the caller. T > 0.
    """

    needs: ClassVar[tuple[str, ...]] = ("logits", "teacher_logits")

    def __init__(self, *, temperature: float = 3.0) -> None:
        super().__init__()
        self.temperature = number("temperature", temperature, low=0, open_low=True)

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        return softened_kl(inputs["logits"], inputs["teacher_logits"], self.temperature)


class StandardisedKD(KD):
    """KD of logits standardised row by row: z = (x - mean) / (std + 1e-7), unbiased std.

    Sun et al., Logit Standardization in Knowledge Distillation, CVPR 2024, arXiv 2403.01427.
    T > 0; C >= 2.
    """

    min_classes: ClassVar[int] = 2

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        student, teacher = inputs["logits"], inputs["teacher_logits"]
        return softened_kl(standardised(student), standardised(teacher), self.temperature)


class DKD(Loss):
    """α · TCKD + β · NCKD, each times T² and averaged over the batch.

    With b = (p_y, 1 - p_y) of the labelled class y and q = the softmax over the other classes
    alone, all at temperature T: TCKD = KL(b_teacher ‖ b), NCKD = KL(q_teacher ‖ q).
    Zhao et al., Decoupled Knowledge Distillation, CVPR 2022, arXiv 2203.08679. The collection
    removes class y from q by adding -1000 to its logit, which leaves it in where the logits are
    large; here it is taken out. α, β >= 0, T > 0; C >= 2.
    """

    needs: ClassVar[tuple[str, ...]] = ("logits", "labels", "teacher_logits")
    min_classes: ClassVar[int] = 2

    def __init__(self, *, alpha: float = 1.0, beta: float = 8.0, temperature: float = 3.0) -> None:
        super().__init__()
        self.alpha = number("alpha", alpha, low=0)
        self.beta = number("beta", beta, low=0)
        self.temperature = number("temperature", temperature, low=0, open_low=True)

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        return self.decoupled(inputs["logits"], inputs["labels"], inputs["teacher_logits"])

    def decoupled(
        self, student: torch.Tensor, labels: torch.Tensor, teacher: torch.Tensor
    ) -> torch.Tensor:
        """Return the loss of logits [B, C] and labels [B]."""
        student, teacher = student / self.temperature, teacher / self.temperature
        target = targets(labels, student).bool()
        tckd = _kl(_log_binary(student, target), _log_binary(teacher, target))
        nckd = _kl(_log_others(student, target), _log_others(teacher, target), skip=target)
        return (self.alpha * tckd + self.beta * nckd) * self.temperature**2


class StandardisedDKD(DKD):
    """DKD of logits standardised row by row: z = (x - mean) / (std + 1e-7), unbiased std.

    Sun et al., Logit Standardization in Knowledge Distillation, CVPR 2024, arXiv 2403.01427.
    Options as in DKD.
    """

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        student, teacher = inputs["logits"], inputs["teacher_logits"]
        return self.decoupled(standardised(student), inputs["labels"], standardised(teacher))


def softened_kl(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return T² · mean over the batch of KL(softmax(teacher / T) ‖ softmax(student / T))."""
    log_student = (student / temperature).log_softmax(1)
    log_teacher = (teacher / temperature).log_softmax(1)
    return _kl(log_student, log_teacher) * temperature**2


def standardised(logits: torch.Tensor) -> torch.Tensor:
    """Return (x - mean) / (std + 1e-7) of each row of logits [B, C], C >= 2."""
    centred = logits - logits.mean(1, keepdim=True)
    return centred / (logits.std(1, keepdim=True) + 1e-7)


def _kl(
    log_student: torch.Tensor, log_teacher: torch.Tensor, skip: torch.Tensor | None = None
) -> torch.Tensor:
    # Logarithms are finite, so that a probability of 0 times its logarithm is 0, never NaN.
    terms = log_teacher.exp() * (log_teacher - log_student)
    if skip is not None:
        terms = terms.masked_fill(skip, 0.0)
    return terms.sum(1).mean()


def _log_binary(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    log_target = logits.log_softmax(1).masked_fill(~target, 0.0).sum(1)
    return torch.stack([log_target, log_rest(logits, target)], 1)


def _log_others(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    # The target's own -inf would make NaN of a difference: any finite value does, it is skipped.
    return logits.masked_fill(target, -torch.inf).log_softmax(1).masked_fill(target, 0.0)
