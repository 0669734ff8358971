"""The networks of the four stages: teacher, student, and that of a case."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from mineralid.lab.network.backbone import Backbone, WeightsMissing, build_backbone
from mineralid.lab.network.test_encoders import OriginalTestEncoder
from mineralid.lab.original.codes import TESTS
from mineralid.lab.original.heads import TEST_DIM, Answer, Head, make_head
from mineralid.lab.original.recipe import ANY, OriginalRecipe


class Taught(NamedTuple):
    """What the teacher says: logits of its image model and of both together [B, C]; features."""

    image_logits: torch.Tensor
    logits: torch.Tensor
    feature: torch.Tensor
    test_feature: torch.Tensor


class Teacher(nn.Module):
    """An image model with a head of its own, joined with a test encoder by one more head."""

    def __init__(self, backbone: Backbone, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.fc = nn.Linear(backbone.feature_dim, classes)
        self.meta_head = OriginalTestEncoder(len(TESTS), TEST_DIM)
        self.classifier = nn.Linear(backbone.feature_dim + TEST_DIM, classes)

    def join(self, feature: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits of image and tests together [B, C], and the tests' feature."""
        test_feature = self.meta_head(codes)
        return self.classifier(torch.cat([feature, test_feature], dim=1)), test_feature

    def forward(self, images: torch.Tensor, codes: torch.Tensor) -> Taught:
        feature = self.backbone(images)
        logits, test_feature = self.join(feature, codes)
        return Taught(self.fc(feature), logits, feature, test_feature)


class Student(nn.Module):
    """The image encoder with its head: photograph [B, 3, H, W] → logits [B, C], feature [B, D]."""

    def __init__(self, backbone: Backbone, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.fc = nn.Linear(backbone.feature_dim, classes)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        feature = self.backbone(images)
        return self.fc(feature), feature


class CaseNetwork(nn.Module):
    """The network of one case (or of all): frozen encoder, scale and shift, head.

    `fc` is the student's own head, which the checkpoints of the published layout hold too.
    """

    def __init__(self, backbone: Backbone, head: Head, classes: int) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head
        self.fc = nn.Linear(backbone.feature_dim, classes)
        self.fc.requires_grad_(False)

    def forward(self, images: torch.Tensor, codes: torch.Tensor) -> Answer:
        answer: Answer = self.head(self.backbone(images), codes)
        return answer

    def take_student(self, student: Student) -> None:
        """Copy the student's encoder and head; scale and shift stay as they are."""
        own = self.backbone.state_dict()
        taken = student.backbone.state_dict()
        adapters = {f"{name}.{p}" for name, a in named_adapters(self.backbone) for p in a}
        unmatched = (set(own) - adapters) ^ set(taken)
        if unmatched:
            raise ValueError(f"encoders differ in {', '.join(sorted(unmatched)[:5])}")
        self.backbone.load_state_dict({**own, **taken})
        self.fc.load_state_dict(student.fc.state_dict())
        fc = getattr(self.head, "fc", None)
        if fc is not None:
            fc.load_state_dict(student.fc.state_dict())


def named_adapters(backbone: Backbone) -> list[tuple[str, list[str]]]:
    """Return of each adapter the name in the state dict and those of its parameters."""
    of = {id(adapter) for adapter in backbone.adapters().values()}
    return [
        (name, [p for p, _ in module.named_parameters()])
        for name, module in backbone.named_modules()
        if id(module) in of
    ]


def _path(file: str | None) -> Path | None:
    return None if file is None else Path(file)


def build_teacher(recipe: OriginalRecipe, classes: int, *, pretrained: bool) -> Teacher:
    """Return the teacher, fit to be trained; pretrained: with the weights of its backbone.

    Raises WeightsMissing where they are not on this machine.
    """
    backbone = build_backbone(
        recipe.teacher.backbone,
        pretrained=pretrained and recipe.pretrained,
        weights=_path(recipe.teacher.weights) if pretrained else None,
    )
    return Teacher(backbone, classes)


def build_student(recipe: OriginalRecipe, classes: int, *, pretrained: bool) -> Student:
    """Return the student, fit to be trained; as `build_teacher`."""
    backbone = build_backbone(
        recipe.student.backbone,
        pretrained=pretrained and recipe.pretrained,
        weights=_path(recipe.student.weights) if pretrained else None,
    )
    return Student(backbone, classes)


def build_case(recipe: OriginalRecipe, classes: int) -> CaseNetwork:
    """Return the network of a recipe's case, its encoder drawn at random and frozen.

    The photograph alone uses the encoder without scale and shift, as published.
    """
    alone = recipe.tests != ANY and recipe.tests == "none"
    backbone = build_backbone(
        recipe.student.backbone,
        pretrained=False,
        placement="none" if alone else recipe.ssf.placement,
        kind=recipe.ssf.kind,
        init=recipe.ssf.init,
    )
    backbone.freeze()
    return CaseNetwork(backbone, make_head(recipe, backbone.feature_dim, classes), classes)


def check_weights(recipe: OriginalRecipe, *, teacher: bool, student: bool) -> None:
    """Raise WeightsMissing, which names every backbone asked for whose weights are not here."""
    missing = []
    stages = (("teacher", teacher, build_teacher), ("student", student, build_student))
    for stage, asked, build in stages:
        try:
            if asked:
                build(recipe, 2, pretrained=True)
        except WeightsMissing as error:
            given = "--set teacher.weights=FILE" if stage == "teacher" else "--model-weight FILE"
            missing.append(f"{stage}: {str(error).replace('--model-weight FILE', given)}")
    if missing:
        raise WeightsMissing("\n".join(missing))
