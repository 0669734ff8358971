"""The commands of the lab: train a network, make a release. They need the extra `lab`."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mineralid.cli.failure import failure

app = typer.Typer(help="Train and release models (needs the extra `lab`).", no_args_is_help=True)

Photos = Annotated[Path, typer.Option(help="Folder with photos.csv, photos/ and core_species.txt.")]


def need_lab() -> None:
    """Leave with a sentence where torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        typer.echo(
            "This command trains networks and needs PyTorch, which is not installed here. "
            'Install it with: pip install "mineralid[lab]" -c constraints.txt',
            err=True,
        )
        raise typer.Exit(2)


def _recipe(settings: list[str]) -> Any:
    from difflib import get_close_matches

    from pydantic import ValidationError

    from mineralid.lab.data.augment import Augmentation
    from mineralid.lab.training.recipe import Recipe

    values: dict[str, Any] = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        target, fields = values, Recipe.model_fields
        if name.startswith("augmentation."):
            target = values.setdefault("augmentation", {})
            name = name.removeprefix("augmentation.")
            fields = Augmentation.model_fields
        if name == "augmentation":
            raise typer.BadParameter(
                f"--set {setting!r}: set its fields, such as augmentation.flip=0. "
                f"Fields: {', '.join(Augmentation.model_fields)}"
            )
        if not sign or name not in fields:
            near = get_close_matches(name, fields, n=3)
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            raise typer.BadParameter(
                f"--set {setting!r}: expected field=value.{hint} Fields: {', '.join(fields)}"
            )
        try:
            target[name] = json.loads(text)
        except json.JSONDecodeError:
            target[name] = text
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise typer.BadParameter("; ".join(lines)) from None


LeftOut = Annotated[
    list[str] | None,
    typer.Option(
        "--left-out",
        metavar="NAME=c1,c2",
        help="A fold of collections left out of training; repeatable; the collections in none "
        "are the fold `others`. Default: A=c04, B=c21,c22 and C, the others.",
    ),
]


def _told(error: Exception) -> str:
    """One sentence; of the operating system's errors the file first."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


@app.command()
def train(
    photos: Photos,
    out: Annotated[Path, typer.Option(help="Folder of the run; a run begun there goes on.")],
    split: Annotated[
        str, typer.Option(help="all, specimen0 to specimen4, or a fold left out: A, B, C.")
    ] = "all",
    left_out: LeftOut = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="field=value of the recipe; repeatable.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads (default: torch's).")] = None,
) -> None:
    """Train one network; resumes, shows rate and time left."""
    need_lab()
    recipe = _recipe(settings or [])
    from mineralid.lab.data.splits import parse_left_out
    from mineralid.lab.training.runs import train_split

    try:
        train_split(photos, split, recipe, out, threads, parse_left_out(left_out or []))
    except (ValueError, OSError) as error:
        raise failure(_told(error)) from None
    typer.echo(f"{out}: trained")


@app.command()
def release(
    photos: Photos,
    facts: Annotated[Path, typer.Option(help="Folder with the raw property tables.")],
    out: Annotated[Path, typer.Option(help="Folder of the runs; what is there is not redone.")],
    bundle: Annotated[
        Path, typer.Option(help="Folder of the bundle to write; it is named after it.")
    ],
    left_out: LeftOut = None,
    at_once: Annotated[
        int | None, typer.Option(min=1, help="Trainings at once (default: one a core).")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each training.")] = 1,
) -> None:
    """Train every fold and the shipped network, calibrate, export and write the bundle."""
    need_lab()
    from mineralid.lab.data.splits import parse_left_out
    from mineralid.lab.export.plan import plan_release
    from mineralid.lab.export.release import make_release, usable_cores

    def say(text: str) -> None:
        typer.echo(text, err=True)

    try:
        plan = plan_release(photos, facts, out, bundle, parse_left_out(left_out or []))
    except (ValueError, OSError) as error:
        raise failure(_told(error)) from None
    try:
        make_release(plan, at_once=at_once or usable_cores(), threads=threads, say=say)
    except (ValueError, OSError, RuntimeError) as error:
        raise failure(_told(error), status=1) from None
    typer.echo(str(bundle))
