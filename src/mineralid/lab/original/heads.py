"""From the photograph's feature and the tests to an answer: clean head, bottleneck, error head."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

from mineralid.lab.network.bottleneck import Bottleneck, clean_to_bottleneck_kl
from mineralid.lab.network.dmib import DynamicBottleneck, losses
from mineralid.lab.network.unified import UnifiedHead, drop_tests
from mineralid.lab.original.codes import NO_TESTS, NOT_TESTED, TESTS, parse_case
from mineralid.lab.original.recipe import ANY, DmibLosses, OriginalRecipe

TEST_DIM = 36
# What stage 4 trains, of every head: stage 3 leaves it as it was drawn.
OF_DMIB = ("info_layer", "classifier_error", "dynamic", "bottleneck")


class Answer(NamedTuple):
    """Logits [B, C]: of the clean head, and of the error head behind the bottleneck."""

    clean: torch.Tensor
    robust: torch.Tensor


def published_terms(
    weights: DmibLosses, clean: torch.Tensor, robust: torch.Tensor, labels: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return CE(error head, label) and KL(clean head ‖ error head), each times its weight.

    Temperature 1; the clean side is a target.
    """
    return {
        "bottleneck_ce": weights.bottleneck_ce
        * nn.functional.cross_entropy(robust.float(), labels),
        "kl": weights.kl * clean_to_bottleneck_kl(clean.float(), robust.float()),
    }


class Head(nn.Module):
    """feature [B, D], codes float32 [B, F] with NOT_TESTED → Answer.

    The modules named in `of_ssf` are trained by stage 3, those in `of_dmib` by stage 4.
    """

    of_ssf: tuple[str, ...]
    of_dmib: tuple[str, ...]

    def __init__(self) -> None:
        super().__init__()
        self._frozen: tuple[str, ...] = ()

    def train_only(self, names: tuple[str, ...]) -> None:
        """Freeze all but the modules named; what is frozen stays in evaluation mode."""
        self._frozen = tuple(name for name, _ in self.named_children() if name not in names)
        for name, child in self.named_children():
            dead = set(getattr(child, "dead_parameters", list)())
            for inner, parameter in child.named_parameters():
                parameter.requires_grad_(name in names and inner not in dead)
        self.train(self.training)

    def train(self, mode: bool = True) -> Head:
        """As torch's, but for what is frozen."""
        super().train(mode)
        for name in self._frozen:
            self.get_submodule(name).eval()
        return self

    def clean(self, feature: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Return the logits of the clean head alone."""
        raise NotImplementedError

    def dmib_losses(
        self, feature: torch.Tensor, codes: torch.Tensor, labels: torch.Tensor
    ) -> tuple[Answer, dict[str, torch.Tensor]]:
        """Return the answer and the weighted terms of stage 4's loss."""
        raise NotImplementedError

    def in_training(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the codes as training shows them."""
        return codes


class PublishedHead(Head):
    """The published system's: bottleneck and error head; for the photograph alone without tests.

    Its clean head for the photograph alone is `fc`, the student's own.
    """

    def __init__(self, recipe: OriginalRecipe, feature_dim: int, classes: int) -> None:
        super().__init__()
        self.case, self.weights = parse_case(recipe.tests), recipe.dmib.loss_weights
        width = feature_dim
        if self.case == NO_TESTS:
            self.of_ssf, self.fc = (), nn.Linear(feature_dim, classes)
        else:
            self.of_ssf = ("meta_head", "classifier")
            self.meta_head = recipe.ssf.encoder(len(TESTS), TEST_DIM)
            width += TEST_DIM
            self.classifier = nn.Linear(width, classes)
        self.of_dmib = ("info_layer", "classifier_error")
        self.info_layer = Bottleneck(width, recipe.dmib.hidden)
        self.classifier_error = nn.Linear(width, classes)

    def _fused(self, feature: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        if self.case == NO_TESTS:
            return feature
        return torch.cat([feature, self.meta_head(codes)], dim=1)

    def _clean(self, fused: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = (self.fc if self.case == NO_TESTS else self.classifier)(fused)
        return logits

    def clean(self, feature: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Return the logits of the clean head alone."""
        return self._clean(self._fused(feature, codes))

    def forward(self, feature: torch.Tensor, codes: torch.Tensor) -> Answer:
        fused = self._fused(feature, codes)
        return Answer(self._clean(fused), self.classifier_error(self.info_layer(fused)))

    def dmib_losses(
        self, feature: torch.Tensor, codes: torch.Tensor, labels: torch.Tensor
    ) -> tuple[Answer, dict[str, torch.Tensor]]:
        """CE(error head, label) + KL(clean head ‖ error head), both on the given tests."""
        with torch.no_grad():
            fused = self._fused(feature, codes)
            clean = self._clean(fused)
        robust = self.classifier_error(self.info_layer(fused))
        return Answer(clean, robust), published_terms(self.weights, clean, robust, labels)


class DynamicHead(PublishedHead):
    """The published clean head for stage 3, and the dynamic bottleneck of DMIB for stage 4."""

    def __init__(self, recipe: OriginalRecipe, feature_dim: int, classes: int) -> None:
        super().__init__(recipe, feature_dim, classes)
        del self.info_layer, self.classifier_error
        views = (feature_dim,) if self.case == NO_TESTS else (feature_dim, TEST_DIM)
        self.of_dmib = ("dynamic",)
        self.dynamic = DynamicBottleneck(views, classes, recipe.dmib.parts, recipe.dmib.hidden)

    def _views(self, feature: torch.Tensor, codes: torch.Tensor) -> list[torch.Tensor]:
        with torch.no_grad():
            return [feature] if self.case == NO_TESTS else [feature, self.meta_head(codes)]

    def forward(self, feature: torch.Tensor, codes: torch.Tensor) -> Answer:
        found = self.dynamic(self._views(feature, codes))
        robust = found.logits if found.bottleneck_logits is None else found.bottleneck_logits
        return Answer(self.clean(feature, codes), robust)

    def dmib_losses(
        self, feature: torch.Tensor, codes: torch.Tensor, labels: torch.Tensor
    ) -> tuple[Answer, dict[str, torch.Tensor]]:
        """Return the terms of `mineralid.lab.network.dmib.losses`."""
        found = self.dynamic(self._views(feature, codes))
        robust = found.logits if found.bottleneck_logits is None else found.bottleneck_logits
        return Answer(found.logits, robust), losses(found, labels, self.weights.model_dump())


class AnyTestsHead(Head):
    """One head for all eight cases: whatever was tested, with a learned stand-in for the rest."""

    of_ssf, of_dmib = ("unified",), ("bottleneck", "classifier_error")

    def __init__(self, recipe: OriginalRecipe, feature_dim: int, classes: int) -> None:
        super().__init__()
        self.drop, self.weights = recipe.ssf.drop_tests, recipe.dmib.loss_weights
        options: dict[str, Any] = dict(recipe.ssf.test_encoder_options)
        self.unified = UnifiedHead(
            feature_dim,
            classes,
            len(TESTS),
            TEST_DIM,
            encoder=recipe.ssf.test_encoder,
            **options,
        )
        self.bottleneck = Bottleneck(feature_dim + TEST_DIM, recipe.dmib.hidden)
        self.classifier_error = nn.Linear(feature_dim + TEST_DIM, classes)

    def in_training(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the codes with tests dropped at random, every subset now and then."""
        kept = drop_tests(codes != NOT_TESTED, self.drop)
        return torch.where(kept, codes, float(NOT_TESTED))

    def clean(self, feature: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Return the logits of the clean head alone."""
        return self._both(feature, codes)[1]

    def _both(
        self, feature: torch.Tensor, codes: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        fused = self.unified.fused(feature, codes, codes != NOT_TESTED)
        logits: torch.Tensor = self.unified.head(fused)
        return fused, logits

    def forward(self, feature: torch.Tensor, codes: torch.Tensor) -> Answer:
        fused, clean = self._both(feature, codes)
        return Answer(clean, self.classifier_error(self.bottleneck(fused)))

    def dmib_losses(
        self, feature: torch.Tensor, codes: torch.Tensor, labels: torch.Tensor
    ) -> tuple[Answer, dict[str, torch.Tensor]]:
        """Return the published terms; the tests given are wrong now and then."""
        with torch.no_grad():
            fused, clean = self._both(feature, codes)
        robust = self.classifier_error(self.bottleneck(fused))
        return Answer(clean, robust), published_terms(self.weights, clean, robust, labels)


def make_head(recipe: OriginalRecipe, feature_dim: int, classes: int) -> Head:
    """Return the head that a recipe's tests and parts ask for."""
    if recipe.tests == ANY:
        return AnyTestsHead(recipe, feature_dim, classes)
    kind = DynamicHead if recipe.dmib.dynamic else PublishedHead
    return kind(recipe, feature_dim, classes)
