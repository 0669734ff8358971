"""Loss of features and logits together: joint distribution adaptation (JDA)."""

from __future__ import annotations

from typing import ClassVar

import torch

from mineralid.lab.losses.contract import Loss, number
from mineralid.lab.losses.distillation import softened_kl
from mineralid.lab.losses.moments import squared_mmd


class JDA(Loss):
    """α · MMD(features) + β · T² · KL(softmax(teacher / T) ‖ softmax(student / T)).

    The MMD and the mean over the batch are those of MMD and KD. The idea, to match the marginal
    and the conditional distribution at once, and the name are of Long et al., Transfer Feature
    Learning with Joint Distribution Adaptation, ICCV 2013; that the conditional part is a KL of
    softened logits is the collection's. Features [B, ...] are flattened and must have equal
    shapes. α, β >= 0 must be given; T > 0.
    """

    needs: ClassVar[tuple[str, ...]] = ("logits", "teacher_logits", "feature", "teacher_feature")

    def __init__(self, *, alpha: float, beta: float, temperature: float = 2.0) -> None:
        super().__init__()
        self.alpha = number("alpha", alpha, low=0)
        self.beta = number("beta", beta, low=0)
        self.temperature = number("temperature", temperature, low=0, open_low=True)

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        marginal = squared_mmd(inputs["feature"], inputs["teacher_feature"])
        conditional = softened_kl(inputs["logits"], inputs["teacher_logits"], self.temperature)
        return self.alpha * marginal + self.beta * conditional
