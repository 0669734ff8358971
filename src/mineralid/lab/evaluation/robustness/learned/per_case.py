"""The original's: one model for each case of tests made, a clean head and an error head each."""

from __future__ import annotations

from collections.abc import Callable

from mineralid.lab.evaluation.robustness.data import Bench, SplitData
from mineralid.lab.evaluation.robustness.learned import networks
from mineralid.lab.evaluation.robustness.learned.method import FittedNetworks, LearnedMethod
from mineralid.lab.evaluation.robustness.learned.recipe import Recipe
from mineralid.lab.evaluation.robustness.learned.training import Stage, fit_stage
from mineralid.lab.evaluation.robustness.learned.views import (
    CASES,
    Case,
    Conditions,
    case_named,
)

SOURCE = "Fang et al., WACV 2024 (arXiv 2311.01066), as the published mineral system has it"


def clean_stage(case: Case, recipe: Recipe) -> Stage:
    """The clean head of a case, with its encoder, on right records."""
    return Stage(
        f"{case_named(case)}, clean",
        lambda data, bench, seed: networks.one_case(case, data, bench, recipe),
        Conditions(case),
        recipe.epochs,
        recipe,
    )


def error_stage(case: Case, recipe: Recipe) -> Stage:
    """Bottleneck and error head of a case, on records of which a share is wrong."""
    before = clean_stage(case, recipe)
    return Stage(
        f"{case_named(case)}, error",
        lambda data, bench, seed: networks.error_head(
            fit_stage(before, data, bench, seed).network, recipe
        ),
        Conditions(case, (recipe.error_rate, recipe.error_rate_part)),
        recipe.epochs_wrong,
        recipe,
    )


def _fit(
    stage_of: Callable[[Case, Recipe], Stage],
    recipe: Recipe,
    data: SplitData,
    bench: Bench,
    seed: int,
) -> FittedNetworks:
    runs = {case: fit_stage(stage_of(case, recipe), data, bench, seed) for case in CASES}
    return FittedNetworks.of(
        data,
        bench,
        recipe,
        {case: run.network for case, run in runs.items()},
        {case_named(case): run.notes for case, run in runs.items()},
    )


def _fit_clean(recipe: Recipe, data: SplitData, bench: Bench, seed: int) -> FittedNetworks:
    return _fit(clean_stage, recipe, data, bench, seed)


def _fit_error(recipe: Recipe, data: SplitData, bench: Bench, seed: int) -> FittedNetworks:
    return _fit(error_stage, recipe, data, bench, seed)


METHODS = (
    LearnedMethod("dmib-case-clean", "one model per case, clean head", SOURCE, _fit_clean),
    LearnedMethod("dmib-case-error", "one model per case, error head", SOURCE, _fit_error),
)
