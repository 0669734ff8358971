"""What `mineralid lab train` hands to the lab: one network of the field, or the four stages."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

# Options that belong to one kind of recipe, with the value that they have when not given.
PROTOCOL_OPTIONS: Mapping[str, Any] = {
    "stage": "all",
    "tests": None,
    "error_rate": None,
    "img_root": None,
    "meta_root": None,
    "model_name": None,
    "model_weight": None,
}
FIELD_OPTIONS: Mapping[str, Any] = {
    "photos": None,
    "split": "all",
    "left_out": None,
    "validation_share": 0.2,
    "own": None,
}


def need_lab() -> None:
    """Leave with a sentence where torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        typer.echo(
            "This command trains networks and needs PyTorch, which is not installed here. "
            'Install it with: pip install "mineralid[lab]" -c constraints.txt',
            err=True,
        )
        raise typer.Exit(2)


def told(error: Exception) -> str:
    """Return one sentence; of the operating system's errors the file first."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def is_field(recipe: str) -> bool:
    """Return whether a recipe is the field's. Raises ValueError where it is none at all."""
    from mineralid.lab.original.recipe import RECIPES

    if recipe == "field":
        return True
    if recipe in RECIPES:
        return False
    path = Path(recipe)
    if not path.is_file():
        raise ValueError(
            f"recipe is {recipe!r}; allowed: field, {', '.join(RECIPES)}, or the recipe.json of a run"
        )
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
    return isinstance(saved, dict) and "teacher" not in saved


def refuse(recipe: str, given: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Raise ValueError where options were given that the recipe does not read."""
    stray = [n for n, default in options.items() if n in given and given[n] != default]
    if stray:
        shown = ", ".join(f"--{name.replace('_', '-')}" for name in stray)
        raise ValueError(f"the recipe {recipe} does not read {shown}; leave out what it does not")


def compute_of(given: Mapping[str, Any]) -> Any:
    """Return on what to train."""
    from mineralid.lab.training.fit import Compute, use_threads

    use_threads(given.get("threads"))
    names = ("accelerator", "devices", "nodes", "precision")
    return Compute(**{name: given[name] for name in names})


def say(text: str) -> None:
    """Print a line of progress; of several processes the first alone does."""
    from mineralid.lab.training.fit import rank

    if not rank():
        typer.echo(text, err=True)


def field_recipe(given: Mapping[str, Any]) -> Any:
    """Return the field's recipe with what was set."""
    from mineralid.lab.training.recipe import Recipe
    from mineralid.lab.training.settings import with_settings

    recipe = Recipe()
    if given["recipe"] != "field":
        saved = json.loads(Path(given["recipe"]).read_text(encoding="utf-8"))
        recipe = Recipe.model_validate(saved.get("recipe", saved))
    return with_settings(recipe, given.get("settings", ()))


def train_field(given: Mapping[str, Any]) -> None:
    """Train one network with the field's recipe."""
    recipe, out = field_recipe(given), given["out"]
    compute = compute_of(given)
    if ("photos" in given) == ("data" in given):
        both = "both" if "photos" in given else "neither"
        raise ValueError(f"--photos and --data: {both} given; allowed: one of them")
    if "data" in given:
        from mineralid.lab.training.own import train_folder

        train_folder(
            given["data"],
            recipe,
            out,
            classes_file=given.get("classes"),
            validation_share=given["validation_share"],
            own=given.get("own", ()),
            threads=given.get("threads"),
            compute=compute,
            say=say,
        )
    else:
        from mineralid.lab.data.splits import parse_left_out
        from mineralid.lab.training.runs import train_split

        if "classes" in given:
            raise ValueError("--photos has its class list in core_species.txt; leave out --classes")
        left_out: Sequence[str] = given.get("left_out", ())
        train_split(
            given["photos"],
            given["split"],
            recipe,
            out,
            given.get("threads"),
            parse_left_out(left_out),
            compute,
        )
    say(f"{out}: trained")


def train_published(given: Mapping[str, Any]) -> None:
    """Run the stages of the published protocol."""
    from mineralid.lab.original.command import protocol_recipe, train_protocol
    from mineralid.lab.original.sources import Source

    recipe = protocol_recipe(
        given["recipe"],
        tests=given.get("tests"),
        error_rate=given.get("error_rate"),
        model_name=given.get("model_name"),
        model_weight=given.get("model_weight"),
        settings=given.get("settings", ()),
    )
    source = Source(
        img_root=given.get("img_root"),
        meta_root=given.get("meta_root"),
        data=given.get("data"),
        class_list=given.get("classes"),
    )
    compute = compute_of(given)
    train_protocol(recipe, source, given["out"], stage=given["stage"], compute=compute, say=say)
