"""A training recipe: every choice as a value, saved beside the run and loaded back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from mineralid.lab.data.augment import Augmentation
from mineralid.lab.training.loss_terms import Losses, LossSum, LossTerm


def _listed(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


Folders = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Recipe(BaseModel):
    """How one model is trained. The defaults are the recipe of the shipped bundle's first network."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    backbone: Literal["efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"] = (
        "efficientnet-lite0"
    )
    # full: no adapter, the convolutions (frozen batch norms folded in) are trained themselves.
    adapter: Literal["ssf", "bias", "none", "full"] = "ssf"
    adapter_init: Literal["identity", "paper"] = "identity"
    image_size: int = Field(192, ge=32, multiple_of=32)
    epochs: int = Field(12, ge=1)
    warmup_epochs: float = Field(1.0, ge=0)
    batch_size: int = Field(32, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    backbone_learning_rate: float = Field(2e-4, gt=0)  # of the convolutions, adapter "full" alone
    weight_decay: float = Field(0.05, ge=0)  # of the head's weight; one-dimensional ones get none
    losses: Losses = (LossTerm(name="cross_entropy"),)
    label_smoothing: float = Field(0.1, ge=0, lt=1)  # of a cross_entropy that sets none itself
    dropout: float = Field(0.2, ge=0, lt=1)
    balance_power: float = Field(0.5, ge=0, le=1)
    collection_power: float = Field(0.0, ge=0, le=1)  # within a class; 1 = collections evenly
    property_weight: float = Field(0.0, ge=0)  # of the loss of a head that predicts properties
    other_share: float = Field(0.0, ge=0, lt=1)  # of a batch: photographs of other species
    cutmix: float = Field(0.0, ge=0, le=1)  # share of the batches
    mixup: float = Field(0.0, ge=0, le=1)  # share of the batches
    init_from: str | None = None  # folder of a finished run of the same split to start from
    teachers: Folders = ()  # folders of finished runs of the same split: soft targets
    teacher_weight: float = Field(0.5, gt=0, le=1)  # of their targets beside the labels'
    teacher_temperature: float = Field(2.0, gt=0)
    average_decay: float = Field(0.99, ge=0, lt=1)  # per step; 0 = the last weights
    augmentation: Augmentation = Augmentation()
    seed: int = Field(0, ge=0, lt=2**32)
    workers: int = Field(0, ge=0)
    compile: bool = True

    @field_validator("losses")
    @classmethod
    def _without_teacher(cls, losses: tuple[LossTerm, ...]) -> tuple[LossTerm, ...]:
        LossSum(losses, ("logits", "labels"))
        return losses

    @model_validator(mode="after")
    def _shares_of_batches(self) -> Recipe:
        if self.cutmix + self.mixup > 1:
            raise ValueError(
                f"cutmix is {self.cutmix:g} and mixup {self.mixup:g}; allowed: shares of the batches "
                "that are 1 or less together"
            )
        return self

    @model_validator(mode="after")
    def _others_have_a_target(self) -> Recipe:
        if self.other_share and not self.property_weight:
            raise ValueError(
                f"other_share is {self.other_share:g} and property_weight 0; allowed: photographs of "
                "other species where properties are predicted, or none"
            )
        if self.other_share and not 0 < round(self.other_share * self.batch_size) < self.batch_size:
            raise ValueError(
                f"other_share is {self.other_share:g} of a batch of {self.batch_size}; allowed: 0, "
                "or one photograph or more, and not all"
            )
        return self
