"""Recipes of the protocol are values: the paper's, changed by name, refused by name."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mineralid.lab.losses import LOSSES
from mineralid.lab.network.test_encoders import TEST_ENCODERS
from mineralid.lab.original.codes import CASES
from mineralid.lab.original.recipe import ANY, RECIPES, Optimisation, OriginalRecipe
from mineralid.lab.original.stages import Stage
from mineralid.lab.training.loss_terms import LossTerm
from mineralid.lab.training.settings import with_settings

PAPER = RECIPES["original"]()


def test_the_original_recipe_holds_the_papers_values() -> None:
    assert (PAPER.teacher.backbone, PAPER.student.backbone) == ("swin-base-384", "resnet-50")
    assert (PAPER.image_size, PAPER.batch_size, PAPER.dmib.epochs) == (384, 64, 100)
    assert PAPER.pretrained
    assert PAPER.dmib.model_dump(include={"optimizer", "learning_rate", "weight_decay"}) == {
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "weight_decay": 5e-4,
    }
    assert (PAPER.dmib.momentum, PAPER.dmib.warmup_epochs) == (0, 0)
    assert (PAPER.dmib.final_learning_rate, PAPER.dmib.decay_vectors) == (2e-8, True)
    weights = PAPER.dmib.loss_weights
    assert (weights.bottleneck_ce, weights.kl, PAPER.dmib.hidden) == (1, 1, 256)
    assert (PAPER.ssf.placement, PAPER.ssf.init, PAPER.ssf.test_encoder) == (
        "taps",
        "identity",
        "original",
    )
    assert [t.name for t in PAPER.ssf.losses] == ["cross_entropy", "dkd_standardised"]
    # RandomResizedCrop's defaults and a horizontal flip, and nothing else.
    changed = PAPER.augmentation.model_dump()
    assert changed.pop("crop") == (0.08, 1.0)
    assert changed.pop("aspect") == pytest.approx(math.log(4 / 3), abs=1e-12)
    assert changed.pop("flip") == 0.5
    assert not any(changed.values())


def test_the_small_recipe_is_within_its_bounds() -> None:
    small = RECIPES["original-small"]()
    assert (small.teacher.backbone, small.student.backbone) == (
        "efficientnet-lite2",
        "efficientnet-lite0",
    )
    assert small.image_size <= 192
    stages = (small.teacher, small.student, small.ssf, small.dmib)
    assert max(stage.epochs for stage in stages) <= 10


class Scheduled(Stage):
    """A stage of one parameter."""

    def __init__(self, optimisation: Optimisation) -> None:
        super().__init__(optimisation, 0)
        self.weight = torch.nn.Parameter(torch.ones(2, 2))


def rates(optimisation: Optimisation) -> list[float]:
    chosen = Scheduled(optimisation).configure_optimizers()
    optimizer, schedule = chosen["optimizer"], chosen["lr_scheduler"]["scheduler"]
    assert chosen["lr_scheduler"]["interval"] == "epoch"
    found = []
    for _ in range(optimisation.epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize("epochs", [1, 2, 7, 100])
def test_the_rate_falls_as_torchs_cosine_stepped_once_an_epoch(epochs: int) -> None:
    own = rates(PAPER.dmib.model_copy(update={"epochs": epochs}))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.01)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs, eta_min=2e-8)
    for rate in own:
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=0, abs=1e-12)
        optimizer.step()
        cosine.step()


@settings(max_examples=25)
@given(st.integers(1, 30), st.integers(0, 40), st.floats(0, 0.009))
def test_after_a_warm_up_in_equal_steps_the_rate_only_falls(
    epochs: int, warm: int, final: float
) -> None:
    found = rates(Optimisation(epochs=epochs, warmup_epochs=warm, final_learning_rate=final))
    warm = min(warm, epochs - 1)
    assert found[warm] == pytest.approx(0.01)
    steps = [b - a for a, b in zip([0.0, *found[:warm]], found[: warm + 1], strict=True)]
    assert steps == pytest.approx([0.01 / (warm + 1)] * (warm + 1))
    assert all(a >= b for a, b in zip(found[warm:], found[warm + 1 :], strict=False))
    assert min(found) >= min(final, 0.01 / (warm + 1)) * (1 - 1e-12)


def test_vectors_decay_as_the_recipe_says() -> None:
    for decay_vectors, expected in ((True, 0.1), (False, 0.0)):
        stage = Scheduled(Optimisation(epochs=1, weight_decay=0.1, decay_vectors=decay_vectors))
        stage.vector = torch.nn.Parameter(torch.ones(3))
        matrices, vectors = stage.configure_optimizers()["optimizer"].param_groups
        assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.1, expected)
        assert matrices["params"][0] is stage.weight
        assert vectors["params"][0] is stage.vector


@pytest.mark.parametrize(
    ("given_losses", "expected"),
    [
        ("kd", [("kd", 1.0, {})]),
        (["cross_entropy", "rkd"], [("cross_entropy", 1.0, {}), ("rkd", 1.0, {})]),
        ({"name": "kd", "weight": 0.5}, [("kd", 0.5, {})]),
        (
            ["focal", {"name": "dkd", "weight": 2, "options": {"beta": 4}}],
            [("focal", 1.0, {}), ("dkd", 2.0, {"beta": 4})],
        ),
    ],
)
def test_losses_are_given_by_name_alone_or_whole(
    given_losses: Any, expected: list[tuple[str, float, dict[str, Any]]]
) -> None:
    changed = OriginalRecipe.model_validate({"ssf": {"epochs": 1, "losses": given_losses}})
    assert [(t.name, t.weight, t.options) for t in changed.ssf.losses] == expected


def test_every_loss_can_be_named() -> None:
    options: dict[str, dict[str, Any]] = {"jda": {"alpha": 1, "beta": 1}}
    for name in LOSSES:
        term = LossTerm(name=name, options=options.get(name, {}))
        assert type(term.build()) is LOSSES[name]


@pytest.mark.parametrize(
    ("given_settings", "said"),
    [
        (["ssf.losses=kdd"], "unknown loss 'kdd'.*kd"),
        (['ssf.losses=[{"name": "kd", "options": {"temprature": 2}}]'], "no option 'temprature'"),
        (['ssf.losses=[{"name": "kd", "wieght": 2}]'], "wieght"),
        (["ssf.losses=[]"], "ssf.losses"),
        (["ssf.losses=3"], "ssf.losses"),
        (['ssf.losses={"name": "kd", "weight": 0}'], "greater than 0"),
        (["ssf.inti=paper"], "Did you mean init"),
        (["sff.init=paper"], "Did you mean ssf"),
        (["ssf=3"], "set its fields"),
        (["ssf.init=papers"], "ssf.init"),
        (["tests=hardnes"], "Did you mean hardness"),
        (["error_rate=1.5"], "error_rate"),
        (["dmib.learning_rate=NaN"], "dmib.learning_rate"),
        (["image_size=100"], "multiple of 32"),
        (["ssf.test_encoder=orginal"], "did you mean 'original'"),
        (["dmib.parts.confidence=true"], "view_classifiers"),
        (["batch_size=0"], "batch_size"),
    ],
)
def test_what_is_not_allowed_is_named(given_settings: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        with_settings(PAPER, given_settings)


def test_fields_are_changed_by_name() -> None:
    changed = with_settings(
        RECIPES["smoke"](),
        [
            "tests=streak,hardness",
            "error_rate=0.6",
            "ssf.losses=kd",
            "ssf.init=paper",
            "dmib.parts.view_classifiers=true",
            "augmentation.flip=0",
        ],
    )
    assert (changed.tests, changed.error_rate, changed.ssf.init) == (
        "hardness,streak",
        0.6,
        "paper",
    )
    assert [t.name for t in changed.ssf.losses] == ["kd"]
    assert changed.dmib.parts.view_classifiers
    assert changed.dmib.dynamic
    assert changed.augmentation.flip == 0


def test_any_part_that_is_switched_makes_the_bottleneck_dynamic() -> None:
    assert not PAPER.dmib.dynamic
    for part in type(PAPER.dmib.parts).model_fields:
        values = {part: part != "bottleneck"}
        if part == "confidence":
            values["view_classifiers"] = True
        changed = PAPER.dmib.model_validate(
            {**PAPER.dmib.model_dump(), "parts": {"bottleneck": True, **values}}
        )
        assert changed.dynamic, part


def test_a_case_is_kept_by_one_name_whatever_it_was_given_by() -> None:
    for case in CASES:
        assert OriginalRecipe(tests=case.name) == OriginalRecipe(tests=str(case))
    assert OriginalRecipe(tests=ANY).tests == "any"


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_come_back_from_json_as_they_were(name: str) -> None:
    recipe = RECIPES[name]()
    assert OriginalRecipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert with_settings(recipe, []) == recipe


@pytest.mark.parametrize("encoder", TEST_ENCODERS)
def test_encoders_come_back_from_json_as_they_were(encoder: str) -> None:
    options = {} if encoder in ("original", "resnorm") else {"width": 16}
    recipe = OriginalRecipe.model_validate(
        {"ssf": {"epochs": 1, "test_encoder": encoder, "test_encoder_options": options}}
    )
    assert OriginalRecipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_an_unknown_field_of_a_saved_recipe_is_refused() -> None:
    values = {**PAPER.model_dump(mode="json"), "learning_rate": 0.1}
    with pytest.raises(ValidationError, match="learning_rate"):
        OriginalRecipe.model_validate(values)
