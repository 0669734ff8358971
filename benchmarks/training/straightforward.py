"""The original's loop as a researcher would write it in plain torch, from its description.

Torch's defaults throughout: contiguous tensors, eager. Nothing of mineralid is imported here.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from training.plain_networks import PlainNetwork

ALPHA, BETA, TEMPERATURE = 1.0, 8.0, 3.0
WEIGHT_DECAY = 5e-4

Teaching = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def standardise(logits: torch.Tensor) -> torch.Tensor:
    """Return the z-scores of each row of logits."""
    mean, std = logits.mean(dim=1, keepdim=True), logits.std(dim=1, keepdim=True)
    return (logits - mean) / (std + 1e-7)


def dkd(student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the decoupled distillation loss of standardised logits."""
    student, teacher = standardise(student), standardise(teacher)
    target = F.one_hot(labels, student.shape[1]).bool()

    def target_and_rest(logits: torch.Tensor) -> torch.Tensor:
        p = F.softmax(logits / TEMPERATURE, dim=1)
        chosen = (p * target).sum(1)
        return torch.stack([chosen, 1 - chosen], dim=1)

    scale = TEMPERATURE**2 / len(labels)
    target_kl = F.kl_div(target_and_rest(student).log(), target_and_rest(teacher), reduction="sum")
    rest_kl = F.kl_div(
        F.log_softmax(student / TEMPERATURE - 1000.0 * target, dim=1),
        F.softmax(teacher / TEMPERATURE - 1000.0 * target, dim=1),
        reduction="sum",
    )
    return (ALPHA * target_kl + BETA * rest_kl) * scale


class SsfLoop:
    """The SSF stage: taps, test encoder and clean head are trained on clean tests."""

    def __init__(self, network: PlainNetwork, learning_rate: float = 0.01) -> None:
        self.network = network
        network.requires_grad_(False)
        network.eval()
        trained: list[nn.Module] = [network.encoder.taps, network.meta_head, network.classifier]
        for module in trained:
            module.requires_grad_(True)
        parameters = [p for p in network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.SGD(parameters, learning_rate, weight_decay=WEIGHT_DECAY)

    def step(
        self, images: torch.Tensor, codes: torch.Tensor, labels: torch.Tensor, teach: Teaching
    ) -> float:
        """Do one step on normalised views [B, 3, H, W] and return its loss.

        teach: gives the teacher's logits of images and tests.
        """
        with torch.no_grad():
            taught = teach(images, codes)
        logits = self.network.classifier(self.network.fused(images, codes))
        loss = F.cross_entropy(logits, labels) + dkd(logits, taught, labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


class DmibLoop:
    """The DMIB stage: bottleneck and error head are trained on tests of which some are wrong."""

    def __init__(self, network: PlainNetwork, learning_rate: float = 0.01) -> None:
        self.network = network
        network.requires_grad_(False)
        network.eval()
        network.info_layer.requires_grad_(True)
        network.classifier_error.requires_grad_(True)
        parameters = [p for p in network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.SGD(parameters, learning_rate, weight_decay=WEIGHT_DECAY)

    def step(self, images: torch.Tensor, codes: torch.Tensor, labels: torch.Tensor) -> float:
        """Do one step on normalised views [B, 3, H, W] and return its loss."""
        network = self.network
        with torch.no_grad():
            fused = network.fused(images, codes)
            clean = network.classifier(fused)
        error = network.classifier_error(network.info_layer(fused))
        kl = F.kl_div(F.log_softmax(error, dim=1), F.softmax(clean, dim=1), reduction="batchmean")
        loss = F.cross_entropy(error, labels) + kl
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()
