"""What `lab train` does for the published protocol: recipe, photographs, stages, evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from lightning.pytorch.callbacks import Callback
from pydantic import ValidationError

from mineralid.lab.original.codes import parse_case
from mineralid.lab.original.evaluate import ERROR_RATES, evaluate, evaluation_folder
from mineralid.lab.original.evaluation import POOLS
from mineralid.lab.original.networks import check_weights
from mineralid.lab.original.recipe import ANY, RECIPES, STAGES, OriginalRecipe
from mineralid.lab.original.run import Data, Run, case_folder
from mineralid.lab.original.sources import Source, write_source
from mineralid.lab.training.fit import Compute, rank
from mineralid.lab.training.record import NETWORK_FILE
from mineralid.lab.training.settings import told, with_settings

ALL = "all"


def protocol_recipe(
    name: str,
    *,
    tests: str | None = None,
    error_rate: float | None = None,
    model_name: str | None = None,
    model_weight: Path | None = None,
    settings: Sequence[str] = (),
) -> OriginalRecipe:
    """Return a recipe by name, or from the recipe.json of a run, with what was given changed.

    Raises ValueError, which names what was given and what is allowed.
    """
    if name in RECIPES:
        recipe = RECIPES[name]()
    else:
        path = Path(name)
        if not path.is_file():
            raise ValueError(
                f"recipe is {name!r}; allowed: {', '.join(RECIPES)}, or the recipe.json of a run of "
                "the published protocol"
            )
        try:
            recipe = OriginalRecipe.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise ValueError(
                f"{path} is no recipe of the published protocol: {told(error)}"
            ) from None
    given = {
        "tests": tests,
        "error_rate": error_rate,
        "model_name": model_name,
        "student.weights": None if model_weight is None else str(model_weight),
    }
    if tests is not None:
        # Its own sentence says what is allowed.
        given["tests"] = tests if tests == ANY else str(parse_case(tests))
    changed = [
        f"{field}={json.dumps(value)}" for field, value in given.items() if value is not None
    ]
    return with_settings(recipe, [*changed, *settings])


def train_protocol(
    recipe: OriginalRecipe,
    source: Source,
    out: Path,
    *,
    stage: str = ALL,
    compute: Compute,
    say: Callable[[str], None],
) -> None:
    """Run a stage, or all and the evaluation after them; what is finished is not run again.

    Raises ValueError or OSError, which names what is missing, unusable or another run's.
    """
    if stage not in (ALL, *STAGES):
        raise ValueError(f"stage is {stage!r}; allowed: {', '.join((ALL, *STAGES))}")
    if recipe.batch_size % compute.world:
        raise ValueError(
            f"batch_size is {recipe.batch_size} over {compute.world} processes; allowed: a multiple "
            f"of {compute.world}"
        )
    source.check()
    # Before anything is read: weights that are not here can't be had by waiting.
    check_weights(
        recipe,
        teacher=stage in (ALL, "teacher") and not (out / "teacher" / NETWORK_FILE).is_file(),
        student=stage in (ALL, "student") and not (out / "student" / NETWORK_FILE).is_file(),
    )
    data, notes = source.load(recipe)
    for note in notes:
        say(note)
    stages = STAGES if stage == ALL else (stage,)
    network = Run(recipe, data, out, compute, say).run(stages, callbacks(recipe, out))
    if rank():
        return
    write_source(out, source)
    if network is not None and len(data.test):
        measure(out, recipe, data, say)


def measure(out: Path, recipe: OriginalRecipe, data: Data, say: Callable[[str], None]) -> None:
    """Measure the case that was trained at the usual error rates, and say what was found."""
    for pool, described in POOLS.items():
        found = evaluate(
            out,
            tests=recipe.tests,
            manifest=data.test,
            codes=data.codes,
            error_rate=ERROR_RATES,
            pool=pool,
        )
        folder = evaluation_folder(out, recipe.tests, pool)
        found.write(folder)
        if pool == "case":
            say(found.text())
        say(f"measured with wrong tests that are {described}: {folder}")


def callbacks(recipe: OriginalRecipe, out: Path) -> tuple[Callback, ...]:
    """Return what else stage 4 does: checkpoints of the published layout, where asked for."""
    if not recipe.checkpoint_every:
        return ()
    from mineralid.lab.original.checkpoint import OriginalCheckpoints

    folder = case_folder(out, recipe.tests)
    return (OriginalCheckpoints(folder, recipe.model_name, recipe.checkpoint_every),)
