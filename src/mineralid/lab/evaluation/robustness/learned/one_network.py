"""One network for every subset of the tests: with test dropout, bottleneck, DMIB's parts, or QMF."""

from __future__ import annotations

import functools

from mineralid.lab.evaluation.robustness.data import Bench, SplitData
from mineralid.lab.evaluation.robustness.learned import networks
from mineralid.lab.evaluation.robustness.learned.method import FittedNetworks, LearnedMethod
from mineralid.lab.evaluation.robustness.learned.quality import quality_fusion
from mineralid.lab.evaluation.robustness.learned.recipe import Recipe
from mineralid.lab.evaluation.robustness.learned.training import Stage, Task, Trained, fit_stage
from mineralid.lab.evaluation.robustness.learned.views import (
    CASES,
    Conditions,
    held_out_specimens,
)
from mineralid.lab.network.dmib import DmibParts

MISSING = "test dropout and learned stand-ins (arXiv 2412.16243)"
DMIB = "Fang et al., WACV 2024 (arXiv 2311.01066)"
QMF = "Zhang et al., ICML 2023 (arXiv 2306.02050)"
PARTS = tuple(name for name in DmibParts.model_fields if name != "bottleneck")
A_TENTH = 0.1, 0.1


def published_rates(recipe: Recipe) -> tuple[float, float]:
    """Return the share of wrong records with all tests, and with fewer."""
    return recipe.error_rate, recipe.error_rate_part


def clean_stage(recipe: Recipe) -> Stage:
    """The network on right records, any of them missing."""
    return Stage(
        "any tests, clean",
        lambda data, bench, seed: networks.any_tests(data, bench, recipe),
        Conditions(),
        recipe.epochs,
        recipe,
    )


def mask_dropout_stage(
    recipe: Recipe, wrong: tuple[float, float], before: Stage | None = None
) -> Stage:
    """The same network, trained on with wrong records."""
    first = before or clean_stage(recipe)

    def task(data: SplitData, bench: Bench, seed: int) -> Task:
        trained = fit_stage(first, data, bench, seed).network
        return networks.going_on(trained, networks.any_tests(data, bench, recipe))

    name = f"any tests, {wrong[0]:g} and {wrong[1]:g} wrong"
    return Stage(name, task, Conditions(wrong=wrong), recipe.epochs_wrong, recipe)


def bottleneck_stage(recipe: Recipe) -> Stage:
    """Bottleneck and error head behind the clean network, which stays as it is."""
    first = clean_stage(recipe)
    return Stage(
        "any tests, bottleneck",
        lambda data, bench, seed: networks.error_head(
            fit_stage(first, data, bench, seed).network, recipe
        ),
        Conditions(wrong=published_rates(recipe)),
        recipe.epochs_wrong,
        recipe,
    )


def dmib_stages(recipe: Recipe, parts: DmibParts) -> tuple[Stage, Stage]:
    """The parts on right records; then, behind them, the bottleneck on wrong ones."""
    before = parts.model_copy(update={"bottleneck": False})
    on = ", ".join(name for name, chosen in parts.model_dump().items() if chosen)
    first = Stage(
        f"{on}: clean",
        lambda data, bench, seed: networks.dynamic(data, bench, before, recipe),
        Conditions(),
        recipe.epochs,
        recipe,
    )
    second = Stage(
        f"{on}: wrong",
        lambda data, bench, seed: networks.dynamic_bottleneck(
            fit_stage(first, data, bench, seed).network, data, bench, parts, recipe
        ),
        Conditions(wrong=published_rates(recipe)),
        recipe.epochs_wrong,
        recipe,
    )
    return first, second


def qmf_stages(recipe: Recipe) -> tuple[Stage, Stage]:
    """Both classifiers and their confidences, on right records and then on wrong ones."""

    def fresh(data: SplitData, bench: Bench, seed: int) -> Task:
        rows = len(held_out_specimens(data, recipe.validation_share, seed)[0])
        return quality_fusion(data, bench, rows, recipe)

    first = Stage("qmf: clean", fresh, Conditions(), recipe.epochs, recipe)

    def task(data: SplitData, bench: Bench, seed: int) -> Task:
        trained = fit_stage(first, data, bench, seed).network
        return networks.going_on(trained, fresh(data, bench, seed))

    wrong = Conditions(wrong=published_rates(recipe))
    return first, Stage("qmf: wrong", task, wrong, recipe.epochs_wrong, recipe)


def answering(
    data: SplitData, bench: Bench, recipe: Recipe, stages: dict[str, Trained], last: Trained
) -> FittedNetworks:
    """Answer every case with the network of the last stage."""
    notes = {name: run.notes for name, run in stages.items()}
    return FittedNetworks.of(data, bench, recipe, dict.fromkeys(CASES, last.network), notes)


def _fit_stages(
    stages: tuple[Stage, ...], recipe: Recipe, data: SplitData, bench: Bench, seed: int
) -> FittedNetworks:
    runs = {stage.name: fit_stage(stage, data, bench, seed) for stage in stages}
    return answering(data, bench, recipe, runs, runs[stages[-1].name])


def _fit_mask_dropout(recipe: Recipe, data: SplitData, bench: Bench, seed: int) -> FittedNetworks:
    stages = clean_stage(recipe), mask_dropout_stage(recipe, published_rates(recipe))
    return _fit_stages(stages, recipe, data, bench, seed)


def _fit_a_tenth(recipe: Recipe, data: SplitData, bench: Bench, seed: int) -> FittedNetworks:
    stages = clean_stage(recipe), mask_dropout_stage(recipe, A_TENTH)
    return _fit_stages(stages, recipe, data, bench, seed)


def _fit_bottleneck(recipe: Recipe, data: SplitData, bench: Bench, seed: int) -> FittedNetworks:
    stages = clean_stage(recipe), bottleneck_stage(recipe)
    return _fit_stages(stages, recipe, data, bench, seed)


def _fit_dmib(
    parts: DmibParts, recipe: Recipe, data: SplitData, bench: Bench, seed: int
) -> FittedNetworks:
    return _fit_stages(dmib_stages(recipe, parts), recipe, data, bench, seed)


def _fit_qmf(recipe: Recipe, data: SplitData, bench: Bench, seed: int) -> FittedNetworks:
    return _fit_stages(qmf_stages(recipe), recipe, data, bench, seed)


def parts_named(name: str) -> DmibParts:
    """Return the bottleneck with one part, or "full"; confidence brings the view classifiers."""
    on = set(PARTS) if name == "full" else {name}
    if "confidence" in on:
        on.add("view_classifiers")
    return DmibParts(**dict.fromkeys(on, True))


METHODS = (
    LearnedMethod(
        "mask-dropout",
        "one network, tests dropped and wrong in training",
        MISSING,
        _fit_mask_dropout,
    ),
    LearnedMethod(
        "mask-dropout-tenth",
        "one network, tests dropped, a tenth wrong in training",
        MISSING,
        _fit_a_tenth,
    ),
    LearnedMethod(
        "mask-dropout-bottleneck",
        "one network, tests dropped, bottleneck and KL",
        f"{MISSING}; {DMIB}",
        _fit_bottleneck,
    ),
    *(
        LearnedMethod(
            f"dmib-{part}",
            f"bottleneck and {part.replace('_', ' ')}",
            DMIB,
            functools.partial(_fit_dmib, parts_named(part)),
        )
        for part in PARTS
    ),
    LearnedMethod(
        "dmib-full",
        "dynamic bottleneck, every part",
        DMIB,
        functools.partial(_fit_dmib, parts_named("full")),
    ),
    LearnedMethod("qmf", "quality-aware late fusion", QMF, _fit_qmf),
)
