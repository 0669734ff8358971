"""Losses by name as values of a recipe, and their weighted sum."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any

import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from torch import nn

from mineralid.lab.losses import Loss, by_name

# What compares features entry by entry needs both of one width.
EQUAL_WIDTHS = ("cmd", "mmd", "jda", "ghm_r")


class LossTerm(BaseModel):
    """One term of a loss, by the name that `mineralid.lab.losses` has for it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    weight: float = Field(1.0, gt=0)
    options: dict[str, JsonValue] = {}

    def model_post_init(self, context: Any) -> None:
        """Refuse an unknown loss or option at once, not an hour into a run."""
        self.build()

    def build(self) -> Loss:
        """Return the loss."""
        return by_name(self.name, **self.options)


def _terms(given: Any) -> Any:
    """Read `kd`, `["cross_entropy", "kd"]`, or terms with weight and options."""
    listed = [given] if isinstance(given, (str, dict)) else given
    if not isinstance(listed, (list, tuple)):
        return given
    return tuple({"name": term} if isinstance(term, str) else term for term in listed)


Losses = Annotated[tuple[LossTerm, ...], BeforeValidator(_terms), Field(min_length=1)]


class LossSum(nn.Module):
    """The weighted terms of a loss.

    known: what the stage has of logits, labels, teacher_logits, feature and teacher_feature.
    feature_dim, teacher_dim: widths of the features; where a term compares features of two widths,
    a linear map from the one to the other is trained along and left behind afterwards. Raises
    ValueError where a term needs what is not known.
    """

    def __init__(
        self,
        terms: Sequence[LossTerm],
        known: Collection[str],
        feature_dim: int = 0,
        teacher_dim: int = 0,
    ) -> None:
        super().__init__()
        self.terms = tuple(terms)
        built = [term.build() for term in terms]
        self.losses = nn.ModuleList(built)  # some count as they go, and are saved
        self._needs = [loss.needs for loss in built]
        for term, loss in zip(self.terms, built, strict=True):
            if lacking := [name for name in loss.needs if name not in known]:
                raise ValueError(
                    f"the loss {term.name} needs {', '.join(lacking)}, which this stage has not; "
                    f"it has {', '.join(known)}"
                )
        compared = any(term.name in EQUAL_WIDTHS for term in self.terms)
        self.projection: nn.Module = nn.Identity()
        if compared and feature_dim != teacher_dim:
            self.projection = nn.Linear(feature_dim, teacher_dim, bias=False)

    def forward(self, **values: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return each term times its weight, under its name (numbered where one comes twice)."""
        found: dict[str, torch.Tensor] = {}
        for term, loss, needs in zip(self.terms, self.losses, self._needs, strict=True):
            given = {name: values[name] for name in needs}
            if term.name in EQUAL_WIDTHS:
                given["feature"] = self.projection(given["feature"])
            name = term.name
            while name in found:
                name += "'"
            found[name] = term.weight * loss(**given)
        return found


def refuse_not_finite(loss: torch.Tensor, rate: float, epoch: int, batch_index: int) -> None:
    """Raise ValueError where a loss is no longer a number: what is trained is lost by then.

    On a graphics card one batch in twenty is looked at, for a look waits for the card.
    """
    looked_at = loss.device.type == "cpu" or batch_index % 20 == 0
    if looked_at and not torch.isfinite(loss):
        raise ValueError(
            f"the loss is {loss.item()} in epoch {epoch} (counted from 0) at a learning rate of up to "
            f"{rate:g}: the training diverged; choose another --out, or delete the folder of this "
            "stage, and lower the learning rate with --set"
        )
