"""The Lightning module: cross-entropy on augmented photographs, averaged weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from lightning import LightningModule

from mineralid.lab.data.batches import Batch, to_network_input
from mineralid.lab.data.mixing import Mix, mix
from mineralid.lab.data.property_targets import PropertyTargets
from mineralid.lab.losses import by_name
from mineralid.lab.network.lite import LiteNetwork, build_lite
from mineralid.lab.training.finished import Teachers, start_from
from mineralid.lab.training.joint import PropertyHead
from mineralid.lab.training.loss_terms import LossSum, LossTerm, refuse_not_finite
from mineralid.lab.training.recipe import Recipe

# EfficientNet-Lite was trained on pixels in -1..1; ImageNet's statistics cost it 6-11 points.
MEAN = STD = (0.5, 0.5, 0.5)


class Training(LightningModule):
    """One network under one recipe; `averages` are the exponential means of what is trained.

    targets: what is known of the classes and, after them, of other species; labels beyond the
    classes are of those. Needed where the recipe has properties predicted, by a head that is left
    behind at the end. start: a network to begin with; teachers: those of the recipe.
    """

    def __init__(
        self,
        recipe: Recipe,
        classes: int,
        targets: PropertyTargets | None = None,
        *,
        start: LiteNetwork | None = None,
        teachers: Sequence[LiteNetwork] = (),
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
        if start is not None:
            start_from(self.network, start)
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
        # In a list, so that they are in no checkpoint and given to no other process.
        self.teachers = [Teachers(list(teachers), recipe.teacher_temperature)] if teachers else []
        self.distil = by_name("kd", temperature=recipe.teacher_temperature)
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
        of_a_class = labels < self.classes  # all of them, unless other species take part
        views, mixture = self._mixed(views, of_a_class)
        if self.properties is None:
            scores, terms = self.seen(views, colors), []
        else:
            scores, feature = self.seen(views, colors)
            found = self.properties.loss(feature, labels, mixture)
            self.log("properties", found, sync_dist=self.trainer.world_size > 1)
            terms = [self.recipe.property_weight * found]
        if self.recipe.other_share:
            scores, labels, colors = scores[of_a_class], labels[of_a_class], colors[of_a_class]
            views = views[of_a_class]
        wanted = labels
        if mixture is not None:
            shares = mixture.of(
                F.one_hot(batch[2].clamp(max=self.classes - 1), self.classes).float()
            )
            wanted = shares[of_a_class]
        of_labels = list(self.losses(logits=scores, labels=wanted).values())
        if self.teachers:
            of_labels = [(1 - self.recipe.teacher_weight) * term for term in of_labels]
            terms.append(self.recipe.teacher_weight * self._distilled(scores, views, colors))
        return self._told(torch.stack([*of_labels, *terms]).sum(), scores, labels, batch_index)

    def _mixed(self, views: torch.Tensor, mixed: torch.Tensor) -> tuple[torch.Tensor, Mix | None]:
        """Return the views of a batch, mixed in pairs where the recipe has this batch mixed."""
        if not (self.recipe.cutmix or self.recipe.mixup):
            return views, None
        rng = np.random.default_rng(
            [self.recipe.seed, self.global_step, self.trainer.global_rank, 3]
        )
        drawn = rng.random()
        if drawn >= self.recipe.cutmix + self.recipe.mixup:
            return views, None
        return mix(views, mixed, "cutmix" if drawn < self.recipe.cutmix else "mixup", rng)

    def _distilled(
        self, scores: torch.Tensor, views: torch.Tensor, colors: torch.Tensor
    ) -> torch.Tensor:
        """Return the loss of scores [B, C] against the teachers' of the same views."""
        teachers = self.teachers[0].to(scores.device)
        with torch.no_grad():
            wanted = teachers(to_network_input(views, colors, MEAN, STD))
        loss: torch.Tensor = self.distil(logits=scores, teacher_logits=wanted)
        return loss

    def _told(
        self, loss: torch.Tensor, scores: torch.Tensor, labels: torch.Tensor, batch_index: int
    ) -> torch.Tensor:
        """Return the loss, logged with the accuracy; refused where it is no number any more."""
        rate = self.recipe.learning_rate
        refuse_not_finite(loss.detach(), rate, self.current_epoch, batch_index)
        several = self.trainer.world_size > 1
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
