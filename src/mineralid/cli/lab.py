"""The commands of the lab: train a network, make a release. They need the extra `lab`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mineralid.cli.failure import failure
from mineralid.cli.lab_benchmark import register as register_benchmark
from mineralid.cli.lab_runs import register
from mineralid.cli.lab_screen import register as register_screen
from mineralid.cli.lab_train import (
    FIELD_OPTIONS,
    PROTOCOL_OPTIONS,
    is_field,
    need_lab,
    refuse,
    told,
    train_field,
    train_published,
)

app = typer.Typer(help="Train and release models (needs the extra `lab`).", no_args_is_help=True)

Photos = Annotated[Path, typer.Option(help="Folder with photos.csv, photos/ and core_species.txt.")]


LeftOut = Annotated[
    list[str] | None,
    typer.Option(
        "--left-out",
        metavar="NAME=c1,c2",
        help="A fold of collections left out of training; repeatable; the collections in none "
        "are the fold `others`. Default: A=c04, B=c21,c22 and C, the others.",
    ),
]


Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="A field of the recipe; repeatable."),
]


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder of the run; a run begun there goes on.")],
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="field: one network for `identify`. original, original-small, smoke: the "
            "published system's four stages, as published, reduced, in seconds. Or the recipe.json "
            "of a run.",
        ),
    ] = "field",
    photos: Annotated[
        Path | None, typer.Option(help="field: folder with photos.csv, photos/, core_species.txt.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="A folder of your own: a subfolder per class, or photos.csv."),
    ] = None,
    img_root: Annotated[
        Path | None, typer.Option(help="The original's layout: folder of <image_id>.jpg.")
    ] = None,
    meta_root: Annotated[
        Path | None, typer.Option(help="The original's layout: folder of train.txt and val.txt.")
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(
            help="Your class list: one a line, or a CSV with a column class (and, for the "
            "published protocol, hardness, luster, streak as its codes)."
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            help="With --photos: all, specimen0 to specimen4, or a fold left out: A, B, C."
        ),
    ] = "all",
    left_out: LeftOut = None,
    stage: Annotated[
        str, typer.Option(help="Published protocol: all, teacher, student, ssf or dmib.")
    ] = "all",
    tests: Annotated[
        str | None,
        typer.Option(
            help="Published protocol: any of hardness,luster,streak; none; or any (one network "
            "for every subset)."
        ),
    ] = None,
    error_rate: Annotated[
        float | None,
        typer.Option(help="Published protocol: share of each batch's tests made wrong, 0 to 1."),
    ] = None,
    model_name: Annotated[
        str | None, typer.Option(help="Published protocol: first part of its checkpoints' names.")
    ] = None,
    model_weight: Annotated[
        Path | None, typer.Option(help="Published protocol: pretrained weights of the encoder.")
    ] = None,
    settings: Settings = None,
    validation_share: Annotated[
        float, typer.Option(help="With --data and the recipe field: share held out to measure on.")
    ] = 0.2,
    own: Annotated[
        list[str] | None,
        typer.Option(
            help="With --data and the recipe field: a class that is your own though a mineral is "
            "named nearly so; repeatable."
        ),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads (default: torch's).")] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Processes on each machine.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
    precision: Annotated[str, typer.Option(help="32-true, 16-mixed or bf16-mixed.")] = "32-true",
) -> None:
    """Train; resumes, shows rate and time left. Curves: tensorboard --logdir OUT."""
    need_lab()
    given = {name: value for name, value in locals().items() if value is not None}
    try:
        if is_field(recipe):
            refuse(recipe, given, PROTOCOL_OPTIONS)
            train_field(given)
        else:
            refuse(recipe, given, FIELD_OPTIONS)
            train_published(given)
    except (ValueError, OSError) as error:
        raise failure(told(error)) from None


@app.command()
def release(
    photos: Photos,
    facts: Annotated[Path, typer.Option(help="Folder with the raw property tables.")],
    out: Annotated[Path, typer.Option(help="Folder of the runs; what is there is not redone.")],
    bundle: Annotated[
        Path, typer.Option(help="Folder of the bundle to write; it is named after it.")
    ],
    keep_network: Annotated[
        bool,
        typer.Option(
            "--keep-network",
            help="The network in --bundle stays; dials, thresholds and figures are made anew, as "
            "when the catalogue has changed. Needs its folds' runs, not those of alternatives.",
        ),
    ] = False,
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
        folds = parse_left_out(left_out or [])
        plan = plan_release(photos, facts, out, bundle, folds, keep_network=keep_network)
    except (ValueError, OSError) as error:
        raise failure(told(error)) from None
    try:
        make_release(plan, at_once=at_once or usable_cores(), threads=threads, say=say)
    except (ValueError, OSError, RuntimeError) as error:
        raise failure(told(error), status=1) from None
    typer.echo(str(bundle))


register(app)
register_benchmark(app)
register_screen(app)
