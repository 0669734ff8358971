"""The recipes of the published protocol: every choice of its four stages as a value."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator
from torch import nn

from mineralid.lab.data.augment import Augmentation
from mineralid.lab.network.dmib import DmibParts
from mineralid.lab.network.test_encoders import make_test_encoder
from mineralid.lab.original.codes import NO_TESTS, TESTS, parse_case
from mineralid.lab.training.loss_terms import Losses, LossSum, LossTerm

STAGES = ("teacher", "student", "ssf", "dmib")
ANY = "any"
# What the loss of the teacher itself can read; the later stages have a teacher beside.
TEACHER_KNOWS = ("logits", "labels", "feature")

# RandomResizedCrop and a horizontal flip with the defaults of the library that it was trained with.
PUBLISHED_AUGMENTATION = Augmentation(
    crop=(0.08, 1.0),
    aspect=0.2876820724517809,  # log(4/3)
    rotation=0,
    flip=0.5,
    brightness=0,
    contrast=0,
    saturation=0,
    white_balance=0,
)


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Optimisation(_Values):
    """How long a stage is trained, and how: the rate falls as a cosine, stepped once an epoch."""

    epochs: int = Field(ge=1)
    optimizer: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = Field(0.01, gt=0)
    final_learning_rate: float = Field(2e-8, ge=0)
    warmup_epochs: int = Field(0, ge=0)  # the rate rises in equal steps over so many epochs
    momentum: float = Field(0.0, ge=0, lt=1)  # of SGD
    weight_decay: float = Field(5e-4, ge=0)
    decay_vectors: bool = True  # whether one-dimensional parameters decay too (SSF's paper: not)


class Teacher(Optimisation):
    """Stage 1: an image model is fine-tuned, then joined with a test encoder by one head."""

    backbone: str = "swin-base-384"
    weights: str | None = None  # a file of pretrained weights; None: those of the machine
    losses: Losses = (LossTerm(name="cross_entropy"),)
    join_epochs: int = Field(20, ge=1)
    join_learning_rate: float = Field(0.01, gt=0)

    @field_validator("losses")
    @classmethod
    def _without_teacher(cls, losses: tuple[LossTerm, ...]) -> tuple[LossTerm, ...]:
        LossSum(losses, TEACHER_KNOWS)
        return losses


class Student(Optimisation):
    """Stage 2: the image encoder, distilled from the teacher's image model."""

    backbone: str = "resnet-50"
    weights: str | None = None
    losses: Losses = (LossTerm(name="cross_entropy"), LossTerm(name="kd_standardised"))


class Ssf(Optimisation):
    """Stage 3: scale and shift, test encoder and clean head; the encoder is frozen."""

    placement: Literal["taps", "affine", "none"] = "taps"
    kind: Literal["ssf", "bias"] = "ssf"
    init: Literal["identity", "paper"] = "identity"
    test_encoder: str = "original"
    test_encoder_options: dict[str, JsonValue] = {}  # such as {"width": 128}
    losses: Losses = (LossTerm(name="cross_entropy"), LossTerm(name="dkd_standardised"))
    # Of the one network for every subset of tests (`tests` = any): how often a test is dropped.
    drop_tests: float = Field(0.5, ge=0, lt=1)

    @model_validator(mode="after")
    def _an_encoder(self) -> Ssf:
        self.encoder(len(TESTS), 4)
        return self

    def encoder(self, tests: int, dim: int) -> nn.Module:
        """Return the test encoder: [B, tests] → [B, dim]."""
        options: dict[str, Any] = dict(self.test_encoder_options)
        return make_test_encoder(self.test_encoder, tests, dim, **options)


class DmibLosses(_Values):
    """Weights of the parts of DMIB's loss; those whose part is off weigh nothing."""

    ce: float = Field(1.0, ge=0)  # of the clean head, where the dynamic parts train one
    bottleneck_ce: float = Field(1.0, ge=0)
    kl: float = Field(1.0, ge=0)
    view_ce: float = Field(1.0, ge=0)
    gate_l1: float = Field(1.0, ge=0)
    confidence_mse: float = Field(1.0, ge=0)


class Dmib(Optimisation):
    """Stage 4: bottleneck and error head on wrong tests; all else is frozen.

    views: augmented views of each photograph whose features are computed once; 0 = live
    augmentation, as published. With any of `parts` but the bottleneck on, the dynamic bottleneck
    takes the place of the published one and trains a clean head of its own.
    """

    views: int = Field(8, ge=0)
    hidden: int = Field(256, ge=1)
    parts: DmibParts = DmibParts(bottleneck=True)
    loss_weights: DmibLosses = DmibLosses()

    @property
    def dynamic(self) -> bool:
        """Whether the parts are others than the published bottleneck alone."""
        return self.parts != DmibParts(bottleneck=True)


class OriginalRecipe(_Values):
    """The published protocol; the defaults are the paper's values where it gives them."""

    tests: str = "hardness,luster,streak"  # a case, or ANY: one network for every subset
    error_rate: float = Field(0.3, ge=0, le=1)
    image_size: int = Field(384, ge=32, multiple_of=32)
    batch_size: int = Field(64, ge=1)  # over all processes together
    validation_share: float = Field(0.1, ge=0, lt=0.5)
    seed: int = Field(0, ge=0, lt=2**32)
    workers: int = Field(0, ge=0)
    compile: bool = False
    pretrained: bool = True  # False: backbones drawn at random, to try the program out
    augmentation: Augmentation = PUBLISHED_AUGMENTATION
    model_name: str = Field("SSF_Net", pattern=r"^[A-Za-z0-9_.-]+$")
    checkpoint_every: int = Field(0, ge=0)  # epochs between files of the published layout; 0: none
    teacher: Teacher = Teacher(epochs=100)
    student: Student = Student(epochs=100)
    ssf: Ssf = Ssf(epochs=30)
    dmib: Dmib = Dmib(epochs=100)

    @field_validator("tests")
    @classmethod
    def _a_case(cls, tests: str) -> str:
        return tests if tests == ANY else str(parse_case(tests))

    @model_validator(mode="after")
    def _possible(self) -> OriginalRecipe:
        if self.tests == ANY and self.dmib.dynamic:
            raise ValueError(
                "tests = any with dynamic parts of dmib; allowed: the bottleneck alone, or a case"
            )
        parts = self.dmib.parts
        if self.tests == str(NO_TESTS) and (parts.masking or parts.cross_gate):
            raise ValueError(
                "tests = none with masking or cross_gate, which need two views; allowed: a case with "
                "tests, or these parts off"
            )
        if self.dmib.dynamic and not self.dmib.loss_weights.ce:
            raise ValueError(
                "dmib.loss_weights.ce is 0 with dynamic parts, which train a clean head of their own; "
                "allowed: more than 0"
            )
        if self.checkpoint_every and (self.tests == ANY or self.dmib.dynamic):
            raise ValueError(
                "the published checkpoints have no names for tests = any or dynamic parts of dmib; "
                "allowed with these: checkpoint_every = 0"
            )
        return self


def original() -> OriginalRecipe:
    """Return the paper's values."""
    return OriginalRecipe()


def original_small() -> OriginalRecipe:
    """Return the same four stages with what installs here: Lite2 teaches Lite0, 192 pixels."""
    adamw: dict[str, Any] = {
        "optimizer": "adamw",
        "final_learning_rate": 0.0,
        "weight_decay": 0.05,
        "decay_vectors": False,
        "warmup_epochs": 1,
    }
    return OriginalRecipe(
        image_size=192,
        batch_size=32,
        teacher=Teacher(
            **adamw, epochs=6, learning_rate=3e-4, backbone="efficientnet-lite2", join_epochs=10
        ),
        student=Student(**adamw, epochs=6, learning_rate=3e-4, backbone="efficientnet-lite0"),
        ssf=Ssf(**adamw, epochs=10, learning_rate=5e-3),
        dmib=Dmib(**adamw | {"warmup_epochs": 0}, epochs=10, learning_rate=1e-3),
    )


def smoke() -> OriginalRecipe:
    """Return a run of seconds that shows that everything works; its accuracy means nothing."""
    quick: dict[str, Any] = {"epochs": 1, "backbone": "efficientnet-lite0"}
    return OriginalRecipe(
        image_size=32,
        batch_size=8,
        pretrained=False,
        teacher=Teacher(**quick, join_epochs=1),
        student=Student(**quick),
        ssf=Ssf(epochs=1),
        dmib=Dmib(epochs=2, views=2),
    )


RECIPES = {"original": original, "original-small": original_small, "smoke": smoke}
