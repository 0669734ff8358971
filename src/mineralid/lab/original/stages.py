"""What each stage trains, as Lightning modules: teacher, its joining, student, SSF, DMIB."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from lightning import LightningModule
from torch import nn

from mineralid.lab.data.batches import to_network_input
from mineralid.lab.network.backbone import Backbone
from mineralid.lab.original.batches import Batch
from mineralid.lab.original.codes import Codes
from mineralid.lab.original.networks import CaseNetwork, Student, Teacher
from mineralid.lab.original.recipe import TEACHER_KNOWS, Optimisation, OriginalRecipe
from mineralid.lab.training.loss_terms import LossSum, LossTerm, refuse_not_finite

Terms = tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]  # losses; logits to be measured


class Stage(LightningModule):
    """One stage: its loss is the sum of `terms`, its optimiser that of its `Optimisation`.

    What is not to be saved with the stage (a teacher, say) is held by `held`, not as a child.
    `rows`, where a stage takes it: rows of the batches for which it is compiled; 0: not compiled.
    """

    def __init__(self, optimisation: Optimisation, seed: int) -> None:
        super().__init__()
        self.optimisation, self.seed = optimisation, seed
        self.held: list[nn.Module] = []

    def terms(self, batch: Batch) -> Terms:
        """Return the terms of the loss, weighted, and the logits by head."""
        raise NotImplementedError

    def on_fit_start(self) -> None:
        """Bring what is held to the device."""
        for module in self.held:
            module.to(self.device)

    def training_step(self, batch: Batch, batch_index: int) -> torch.Tensor:
        """Return the loss of one batch."""
        # What is drawn here comes from a stream of the step's own, so that a resumed run draws
        # the same.
        torch.manual_seed((self.seed * 1_000_003 + self.global_step) * 1_009 + self.global_rank)
        losses, logits = self.terms(batch)
        several = self.trainer.world_size > 1
        total = torch.stack(list(losses.values())).sum() * batch.share
        rate = self.optimisation.learning_rate
        refuse_not_finite(total.detach(), rate, self.current_epoch, batch_index)
        self.log("loss", total, prog_bar=True, sync_dist=several, batch_size=batch.size)
        for name, value in losses.items():
            part = value.detach() * batch.share
            self.log(f"loss/{name}", part, sync_dist=several, batch_size=batch.size)
        self._measure("train", logits, batch)
        return total

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Log the accuracy on photographs held out of training."""
        self._measure("validation", self.terms(batch)[1], batch)

    def _measure(self, part: str, logits: dict[str, torch.Tensor], batch: Batch) -> None:
        several = self.trainer.world_size > 1
        for head, scores in logits.items():
            best = scores.detach().topk(min(5, scores.shape[1])).indices == batch.labels[:, None]
            for name, hit in (("top1", best[:, :1]), ("top5", best)):
                self.log(
                    f"{part}/{head}_{name}",
                    hit.any(1).float().mean(),
                    on_step=False,
                    on_epoch=True,
                    prog_bar=part == "validation" and name == "top1",
                    sync_dist=several,
                    batch_size=len(batch.labels),
                )

    def configure_optimizers(self) -> Any:
        """SGD or AdamW; the rate is set once an epoch: warm-up, then a cosine to the final rate."""
        chosen = self.optimisation
        trained = [p for p in self.parameters() if p.requires_grad]
        decay = chosen.weight_decay
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": decay},
            {
                "params": [p for p in trained if p.ndim <= 1],
                "weight_decay": decay if chosen.decay_vectors else 0.0,
            },
        ]
        optimizer: torch.optim.Optimizer
        if chosen.optimizer == "sgd":
            optimizer = torch.optim.SGD(groups, lr=chosen.learning_rate, momentum=chosen.momentum)
        else:
            optimizer = torch.optim.AdamW(groups, lr=chosen.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self.rate_factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "epoch"},
        }

    def rate_factor(self, epoch: int) -> float:
        """Return what the learning rate is multiplied by in an epoch, from 0."""
        chosen = self.optimisation
        warm = min(chosen.warmup_epochs, chosen.epochs - 1)
        if epoch < warm:
            return (epoch + 1) / (warm + 1)
        floor = chosen.final_learning_rate / chosen.learning_rate
        done = (epoch - warm) / max(1, chosen.epochs - warm)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))


class Images(nn.Module):
    """Views uint8 and colour matrices → feature [B, D], normalised as the backbone wants it.

    Channels last, which is faster on a CPU too. Compiled where `rows` is given: batches of so many
    rows alone, for another size would be compiled anew; of a backbone that is trained
    (`trained`), those with gradients alone.
    """

    def __init__(self, backbone: Backbone, rows: int = 0, trained: bool = False) -> None:
        super().__init__()
        self.backbone = backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.rows, self.trained = rows, trained
        self.compiled: Any = torch.compile(self.run) if rows else self.run

    def run(self, views: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
        """Return the feature of views uint8 [B, H, W, 3] and colour matrices [B, 3, 4]."""
        images = to_network_input(views, colors, self.backbone.mean, self.backbone.std)
        feature: torch.Tensor = self.backbone(images)
        return feature

    def forward(self, image: tuple[torch.Tensor, ...]) -> torch.Tensor:
        if len(image) == 1:  # features already
            return image[0]
        usual = len(image[0]) == self.rows and (torch.is_grad_enabled() or not self.trained)
        feature: torch.Tensor = (self.compiled if usual else self.run)(*image)
        return feature


def train_all(network: nn.Module) -> None:
    """Declare all of a network trainable, but for what stands in for masked patches in pretraining.

    No feature depends on that: it would get no gradient, which several processes would wait for.
    """
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not name.endswith("mask_token"))


class TeacherStage(Stage):
    """The teacher's image model, all of it, with its own head."""

    def __init__(self, recipe: OriginalRecipe, network: Teacher, rows: int = 0) -> None:
        super().__init__(recipe.teacher, recipe.seed)
        self.network = network
        train_all(network)
        network.meta_head.requires_grad_(False)
        network.classifier.requires_grad_(False)
        self.losses = LossSum(recipe.teacher.losses, TEACHER_KNOWS)
        self.held = [Images(network.backbone, rows, trained=True)]

    def terms(self, batch: Batch) -> Terms:
        """Return the terms on the image model's logits."""
        feature = self.held[0](batch.image)
        logits = self.network.fc(feature)
        return self.losses(logits=logits, labels=batch.labels, feature=feature), {"image": logits}


class JoinStage(Stage):
    """The teacher's test encoder and joint head, on fixed features of the image model."""

    def __init__(self, recipe: OriginalRecipe, network: Teacher) -> None:
        teacher = recipe.teacher
        super().__init__(
            Optimisation(epochs=teacher.join_epochs, learning_rate=teacher.join_learning_rate),
            recipe.seed,
        )
        self.network = network
        network.requires_grad_(False)
        network.meta_head.requires_grad_(True)
        network.classifier.requires_grad_(True)

    def terms(self, batch: Batch) -> Terms:
        """Return the cross-entropy of image and clean tests together."""
        logits, _ = self.network.join(batch.image[0], batch.clean)
        return {"cross_entropy": nn.functional.cross_entropy(logits, batch.labels)}, {
            "joined": logits
        }


class StudentStage(Stage):
    """The student, all of it, from labels and the teacher's image model on the same views."""

    def __init__(
        self, recipe: OriginalRecipe, network: Student, teacher: Teacher, rows: int = 0
    ) -> None:
        super().__init__(recipe.student, recipe.seed)
        self.network = network
        train_all(network)
        self.losses = distilling(recipe.student.losses, network.backbone, teacher.backbone)
        self.teacher = HeldTeacher(teacher, rows)
        self.held = [Images(network.backbone, rows, trained=True), *self.teacher.modules_held()]

    def terms(self, batch: Batch) -> Terms:
        """Return the terms; the teacher's side needs no gradient."""
        with torch.no_grad():
            taught_feature = self.teacher.feature(batch)
            taught = self.teacher.network.fc(taught_feature)
        feature = self.held[0](batch.image)
        logits = self.network.fc(feature)
        return self.losses(
            logits=logits,
            labels=batch.labels,
            feature=feature,
            teacher_logits=taught,
            teacher_feature=taught_feature,
        ), {"student": logits}


def distilling(terms: Sequence[LossTerm], pupil: Backbone, teacher: Backbone) -> LossSum:
    """Return the losses of a stage that has a teacher beside it."""
    known = (*TEACHER_KNOWS, "teacher_logits", "teacher_feature")
    return LossSum(terms, known, pupil.feature_dim, teacher.feature_dim)


class HeldTeacher:
    """A finished teacher that a stage asks, but neither trains nor saves."""

    def __init__(self, network: Teacher, rows: int) -> None:
        self.network = network.requires_grad_(False).eval()
        self.images = Images(network.backbone, rows)

    def modules_held(self) -> list[nn.Module]:
        """Return what must be on the stage's device."""
        return [self.images, self.network]

    def feature(self, batch: Batch) -> torch.Tensor:
        """Return the image model's feature of a batch [B, D]."""
        feature: torch.Tensor = self.images(batch.image)
        return feature


class SsfStage(Stage):
    """Scale and shift, test encoder and clean head on clean tests; the encoder is frozen.

    The teacher always sees all three tests: what is distilled is what it knows at its best.
    """

    def __init__(
        self,
        recipe: OriginalRecipe,
        network: CaseNetwork,
        teacher: Teacher,
        codes: Codes,
        rows: int = 0,
    ) -> None:
        super().__init__(recipe.ssf, recipe.seed)
        self.network = network
        network.fc.requires_grad_(False)
        network.backbone.freeze()
        network.head.train_only(network.head.of_ssf)
        self.losses = distilling(recipe.ssf.losses, network.backbone, teacher.backbone)
        self.teacher = HeldTeacher(teacher, rows)
        self.held = [
            Images(network.backbone.merged(), rows, trained=True),
            *self.teacher.modules_held(),
        ]
        self.codes = torch.from_numpy(codes.array).float()

    def terms(self, batch: Batch) -> Terms:
        """Return the terms on the clean head's logits."""
        with torch.no_grad():
            taught_feature = self.teacher.feature(batch)
            taught, _ = self.teacher.network.join(
                taught_feature, self.codes.to(self.device)[batch.labels]
            )
        head = self.network.head
        feature = self.held[0](batch.image)
        codes = head.in_training(batch.clean) if self.training else batch.clean
        logits = head.clean(feature, codes)
        return self.losses(
            logits=logits,
            labels=batch.labels,
            feature=feature,
            teacher_logits=taught,
            teacher_feature=taught_feature,
        ), {"clean": logits}


class DmibStage(Stage):
    """Bottleneck and error head on given tests, some of them wrong; all else is frozen.

    Reads features that were computed once, or computes them of live views (`dmib.views` = 0).
    """

    def __init__(self, recipe: OriginalRecipe, network: CaseNetwork, rows: int = 0) -> None:
        super().__init__(recipe.dmib, recipe.seed)
        self.network = network
        network.backbone.freeze()
        self.held = [Images(network.backbone.merged(), rows)]
        network.requires_grad_(False)  # after merging, which declares the adapters trainable
        network.head.train_only(network.head.of_dmib)

    def terms(self, batch: Batch) -> Terms:
        """Return the terms of stage 4, and both heads' logits on the tests as given."""
        head = self.network.head
        with torch.no_grad():
            feature = self.held[0](batch.image)
        codes = head.in_training(batch.given) if self.training else batch.given
        answer, losses = head.dmib_losses(feature, codes, batch.labels)
        return losses, {"clean": answer.clean, "error": answer.robust}
