"""Both sides of a pair with the same weights: mineralid's stages and the straightforward loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mineralid.lab.data.batches import to_network_input
from mineralid.lab.network.backbone import Backbone, build_backbone
from mineralid.lab.network.image_models import IMAGENET_MEAN, IMAGENET_STD
from mineralid.lab.network.lite import lite_source
from mineralid.lab.network.lite_backbone import HALF, build_lite_backbone
from mineralid.lab.network.torchvision_names import from_torchvision
from mineralid.lab.original.batches import Batch
from mineralid.lab.original.codes import Codes
from mineralid.lab.original.heads import make_head
from mineralid.lab.original.networks import CaseNetwork, Teacher
from mineralid.lab.original.recipe import OriginalRecipe
from mineralid.lab.original.stages import DmibStage, SsfStage
from training.plain_networks import Block, Lite, PlainNetwork, PlainTeacher, Pooled, ResNet
from training.straightforward import DmibLoop, SsfLoop

# Weight of each block's last norm where weights are random: about that of trained networks. With 1
# the differences of rounding would grow from block to block and from step to step.
RESIDUAL = 0.2
Pixels = tuple[torch.Tensor, ...]  # views uint8 [B, H, W, 3] and colour matrices [B, 3, 4]


@dataclass(frozen=True)
class Shape:
    """A backbone, smaller than its name where widths and blocks say so (a ResNet's)."""

    name: str
    pretrained: bool = False
    widths: tuple[int, ...] = (64, 64, 128, 256, 512)
    blocks: tuple[int, ...] = (3, 4, 6, 3)


def normalised(name: str, image: Pixels) -> torch.Tensor:
    """Return images [B, 3, H, W] as a backbone wants them and as torch lays them out by default."""
    lite = name.startswith("efficientnet")
    mean, std = (HALF, HALF) if lite else (IMAGENET_MEAN, IMAGENET_STD)
    return to_network_input(*image, mean, std).contiguous()


def backbones(shape: Shape, some: Pixels) -> tuple[Any, Backbone]:
    """Return the plain encoder and mineralid's, with eight taps and the same weights.

    some: pixels of a batch. Weights drawn at random get batch norms that fit it: with statistics
    that do not, activations would grow or vanish from layer to layer.
    """
    images = normalised(shape.name, some)
    if shape.name.startswith("efficientnet"):
        source = lite_package(shape.name, images.shape[-1], pretrained=shape.pretrained)
        plain: Any = Lite(source)
        if not shape.pretrained:
            fit_norms(plain, images)
        ours: Backbone = build_lite_backbone(
            shape.name,
            placement="taps",
            kind="ssf",
            init="identity",
            pretrained=False,
            weights=source.state_dict(),
        )
        return plain.eval(), ours.eval()
    plain = ResNet(shape.widths, shape.blocks)
    for block in plain.modules():
        if isinstance(block, Block):
            nn.init.constant_(block.bn3.weight, RESIDUAL)
    fit_norms(plain, images)
    stem, *stages = shape.widths
    ours = build_backbone(
        shape.name,
        placement="taps",
        pretrained=False,
        config={
            "embedding_size": stem,
            "hidden_sizes": [4 * width for width in stages],
            "depths": list(shape.blocks),
        },
    )
    state = {k: v for k, v in plain.state_dict().items() if not k.startswith("taps.")}
    own = ours.model.state_dict()
    ours.model.load_state_dict({**own, **from_torchvision(state)})
    return plain.eval(), ours.eval()


def lite_package(name: str, pixels: int, *, pretrained: bool) -> Any:
    """Return the package's own network, its padding fixed for images of a size."""
    source = lite_source(name, pretrained=pretrained)
    sized = type(source).from_name(name, image_size=pixels)
    sized.load_state_dict(source.state_dict())
    return sized


@torch.no_grad()
def fit_norms(encoder: nn.Module, some: torch.Tensor) -> None:
    """Let every batch norm take its running statistics from some images."""
    norms = [m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    encoder.train()
    encoder(some)
    encoder.eval()
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum


class Networks:
    """The network of a case, mineralid's and the plain one, with the same weights."""

    def __init__(self, recipe: OriginalRecipe, shape: Shape, classes: int, some: Pixels) -> None:
        self.recipe, self.some = recipe, some
        encoder, backbone = backbones(shape, some)
        self.ours = CaseNetwork(
            backbone, make_head(recipe, backbone.feature_dim, classes), classes
        ).eval()
        self.plain = PlainNetwork(encoder, classes)
        head = {k: v for k, v in self.ours.head.state_dict().items() if not k.startswith("fc.")}
        missing = self.plain.load_state_dict(head, strict=False).missing_keys
        assert all(name.startswith("encoder.") for name in missing), missing


class Given(nn.Module):
    """A teacher's image model whose feature is given: its own time is left out of both sides."""

    def __init__(self, feature_dim: int = 64) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.feature = torch.zeros(0, feature_dim)

    def forward(self, image: Any) -> torch.Tensor:
        return self.feature


class SsfSides:
    """Steps of the SSF stage: mineralid's `SsfStage` in a bare loop, and the straightforward one.

    teacher: the name of the image model that teaches; None: its features are given to both.
    """

    def __init__(self, networks: Networks, codes: Codes, teacher: str | None, pretrained: bool):
        classes = len(codes.classes)
        self.given: Given | None = None
        if teacher is None:
            self.given = Given()
            image_model: Any = self.given
            encoder: Any = self.given
        else:
            images = normalised(teacher, networks.some)
            source = lite_package(teacher, images.shape[-1], pretrained=pretrained)
            encoder = Pooled(source)
            if not pretrained:
                fit_norms(encoder, images)
            image_model = build_lite_backbone(
                teacher,
                placement="none",
                kind="ssf",
                init="identity",
                pretrained=False,
                weights=source.state_dict(),
            )
        taught = Teacher(image_model, classes)
        self.plain_teacher = PlainTeacher(encoder, image_model.feature_dim, classes)
        self.plain_teacher.load_state_dict(taught.state_dict(), strict=False)
        self.plain_teacher.requires_grad_(False).eval()
        self.stage = SsfStage(networks.recipe, networks.ours, taught, codes)
        if self.given is not None:
            self.stage.teacher.images = self.given  # type: ignore[assignment]
        self.stage.train()
        self.optimizer = self.stage.configure_optimizers()["optimizer"]
        self.loop = SsfLoop(networks.plain, networks.recipe.ssf.learning_rate)

    def ours(self, batch: Batch, feature: torch.Tensor | None) -> float:
        """Do mineralid's step on augmented views as pixels; return its loss."""
        if self.given is not None and feature is not None:
            self.given.feature = feature
        return bare_step(self.stage, self.optimizer, batch)

    def plain(self, batch: Batch, images: torch.Tensor, feature: torch.Tensor | None) -> float:
        """Do the straightforward step on the same views, normalised already; return its loss."""
        if self.given is not None and feature is not None:
            self.given.feature = feature
        return self.loop.step(images, batch.clean, batch.labels, self.plain_teacher)


class DmibSides:
    """Steps of the DMIB stage: mineralid's on features, the straightforward one on live views."""

    def __init__(self, networks: Networks) -> None:
        self.stage = DmibStage(networks.recipe, networks.ours)
        self.stage.train()
        self.optimizer = self.stage.configure_optimizers()["optimizer"]
        self.loop = DmibLoop(networks.plain, networks.recipe.dmib.learning_rate)

    def ours(self, batch: Batch) -> float:
        """Do mineralid's step on features; return its loss."""
        return bare_step(self.stage, self.optimizer, batch)

    def plain(self, batch: Batch, images: torch.Tensor) -> float:
        """Do the straightforward step on normalised views; return its loss."""
        return self.loop.step(images, batch.given, batch.labels)


def bare_step(stage: Any, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    """Do what Lightning does with a stage: its terms, their sum, backward, the optimiser's step."""
    losses, _ = stage.terms(batch)
    loss = torch.stack(list(losses.values())).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.item())
