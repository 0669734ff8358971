"""The Lightning module: cross-entropy on augmented photographs, averaged weights."""

from __future__ import annotations

import math
from typing import Any

import torch
from lightning import LightningModule

from mineralid.lab.data.batches import Batch, to_network_input
from mineralid.lab.data.property_targets import PropertyTargets
from mineralid.lab.network.lite import LiteNetwork, build_lite
from mineralid.lab.training.joint import PropertyHead
from mineralid.lab.training.loss_terms import LossSum, LossTerm, refuse_not_finite
from mineralid.lab.training.recipe import Recipe

# EfficientNet-Lite was trained on pixels in -1..1; ImageNet's statistics cost it 6-11 points.
MEAN = STD = (0.5, 0.5, 0.5)


class Training(LightningModule):
    """One network under one recipe; `averages` are the exponential means of what is trained.

    targets: what is known of the classes and, after them, of other species; labels beyond the
    classes are of those. Needed where the recipe has properties predicted, by a head that is left
    behind at the end.
    """

    def __init__(
        self, recipe: Recipe, classes: int, targets: PropertyTargets | None = None
    ) -> None:
        super().__init__()
        self.recipe, self.classes = recipe, classes
        self.network: LiteNetwork = build_lite(
            classes,
            name=recipe.backbone,
            adapter=recipe.adapter,
            init=recipe.adapter_init,
            dropout=recipe.dropout,
        )
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.losses = LossSum(_smoothed(recipe), ("logits", "labels"))
        self.averages = torch.nn.ParameterDict(
            {
                name.replace(".", "/"): torch.nn.Parameter(p.detach().clone(), requires_grad=False)
                for name, p in self.network.named_parameters()
                if p.requires_grad
            }
        )
        self.properties: PropertyHead | None = None
        if recipe.property_weight:
            if targets is None:
                raise ValueError(
                    f"property_weight is {recipe.property_weight:g}; needed: the properties' targets"
                )
            self.properties = PropertyHead(self.network.head.in_features, targets)
        seen = self._scores if self.properties is None else self._scores_and_feature
        self.seen: Any = torch.compile(seen) if recipe.compile else seen

    def _scores(self, views: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.network(to_network_input(views, colors, MEAN, STD))[0]
        return scores

    def _scores_and_feature(
        self, views: torch.Tensor, colors: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        scores, feature, _ = self.network(to_network_input(views, colors, MEAN, STD))
        return scores, feature

    def training_step(self, batch: Batch, batch_index: int) -> torch.Tensor:
        """Return the loss of one batch."""
        # Dropout draws from a stream of the step's own, so that a resumed run draws the same.
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.global_step)
        views, colors, labels = batch
        several = self.trainer.world_size > 1
        if self.properties is None:
            scores, beside = self.seen(views, colors), []
        else:
            scores, feature = self.seen(views, colors)
            found = self.properties.loss(feature, labels)
            self.log("properties", found, sync_dist=several)
            beside = [self.recipe.property_weight * found]
        if self.recipe.other_share:
            of_a_class = labels < self.classes
            scores, labels = scores[of_a_class], labels[of_a_class]
        terms = self.losses(logits=scores, labels=labels).values()
        loss = torch.stack([*terms, *beside]).sum()
        rate = self.recipe.learning_rate
        refuse_not_finite(loss.detach(), rate, self.current_epoch, batch_index)
        self.log("loss", loss, prog_bar=True, sync_dist=several)
        top1 = (scores.argmax(1) == labels).float().mean()
        self.log("top1", top1, prog_bar=True, sync_dist=several)
        return loss

    @torch.no_grad()
    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then move the averages; the first steps weigh less, so that they start unbiased."""
        super().optimizer_step(*args, **kwargs)
        decay = min(self.recipe.average_decay, (1 + self.global_step) / (10 + self.global_step))
        for name, p in self.network.named_parameters():
            if p.requires_grad:
                self.averages[name.replace(".", "/")].lerp_(p, 1 - decay)

    def configure_optimizers(self) -> dict[str, Any]:  # type: ignore[override]
        """AdamW (no decay on one-dimensional parameters), linear warm-up, cosine to zero."""
        slow = {id(p) for unit in self.network.units() for p in unit.conv.parameters()}
        trained = [p for p in self.network.parameters() if p.requires_grad]
        usual = [p for p in trained if id(p) not in slow]
        usual += self.properties.parameters() if self.properties is not None else []
        groups = _groups(usual, self.recipe.learning_rate, self.recipe.weight_decay)
        if backbone := [p for p in trained if id(p) in slow]:
            rate = self.recipe.backbone_learning_rate
            groups += _groups(backbone, rate, self.recipe.weight_decay)
        optimizer = torch.optim.AdamW(groups, lr=self.recipe.learning_rate)
        total = int(self.trainer.estimated_stepping_batches)
        warm = max(1, round(total * self.recipe.warmup_epochs / self.recipe.epochs))

        def factor(step: int) -> float:
            if step < warm:
                return (step + 1) / warm
            return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @torch.no_grad()
    def averaged_network(self) -> LiteNetwork:
        """Return the network with the averaged weights in place, in evaluation mode."""
        for name, p in self.network.named_parameters():
            if p.requires_grad:
                p.copy_(self.averages[name.replace(".", "/")])
        return self.network.eval()


def _groups(
    parameters: list[torch.nn.Parameter], rate: float, decay: float
) -> list[dict[str, Any]]:
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay, "lr": rate},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, "lr": rate},
    ]


def _smoothed(recipe: Recipe) -> list[LossTerm]:
    """Return the terms of the loss; a cross-entropy takes the recipe's smoothing."""
    smoothing: dict[str, Any] = {"label_smoothing": recipe.label_smoothing}
    return [
        term.model_copy(update={"options": {**smoothing, **term.options}})
        if term.name == "cross_entropy"
        else term
        for term in recipe.losses
    ]
