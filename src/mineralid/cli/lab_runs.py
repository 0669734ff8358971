"""The lab's commands on runs that are there: measure, tabulate, count, import, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mineralid.cli.failure import failure
from mineralid.cli.lab_train import need_lab, say, told

Run = Annotated[
    Path, typer.Option(help="Folder that `lab train` wrote (--out), or of a case in it.")
]
ClassList = Annotated[
    Path | None,
    typer.Option(help="CSV of the classes with their codes: class,hardness,luster,streak."),
]


def evaluate(
    run: Run,
    tests: Annotated[
        str | None,
        typer.Option(help="Which case: hardness,luster,streak, any of them, none; or any."),
    ] = None,
    missing_rate: Annotated[
        float, typer.Option(help="Probability with which each reading is dropped, 0 to 1.")
    ] = 0.0,
    error_rate: Annotated[
        list[float] | None,
        typer.Option(help="Share of the photographs with wrong tests; repeatable. Default: 0."),
    ] = None,
    tar: Annotated[
        Path | None, typer.Option(help="A test set as a tar archive: pictures and a list.")
    ] = None,
    img_root: Annotated[
        Path | None, typer.Option(help="Measure on val.txt of this layout (with --meta-root).")
    ] = None,
    meta_root: Annotated[Path | None, typer.Option(help="Folder of train.txt and val.txt.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Measure on all photographs of this folder.")
    ] = None,
    pool: Annotated[
        str,
        typer.Option(help="Wrong tests: case (as many tests as made) or original (as published)."),
    ] = "case",
    draws: Annotated[int, typer.Option(min=1, help="How often wrong tests are drawn.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for evaluation.json, per_class.csv, confusion.png.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a run: top-1, top-5, macro recall, per class; the test set that it has, by default."""
    need_lab()
    from mineralid.lab.original.evaluate import evaluate as measure
    from mineralid.lab.original.measuring import photographs_to_measure

    try:
        manifest = photographs_to_measure(
            run, tests, tar=tar, img_root=img_root, meta_root=meta_root, data=data
        )
        found = measure(
            run,
            manifest=manifest,
            tests=tests,
            missing_rate=missing_rate,
            error_rate=error_rate or [0.0],
            pool=pool,
            draws=draws,
            seed=seed,
        )
        if out is not None:
            found.write(out)
    except (ValueError, OSError) as error:
        raise failure(told(error)) from None
    typer.echo(found.to_json() if json else found.text())
    if out is not None:
        say(f"written: {out}")


def results(
    run: Annotated[Path, typer.Option(help="Folder of all cases that `lab train` wrote (--out).")],
    page: Annotated[
        Path | None, typer.Option(help="Write the page there (default: print).")
    ] = None,
    measure: Annotated[
        bool, typer.Option(help="Measure every case again first, at 0, 0.3 and 0.6.")
    ] = False,
) -> None:
    """Write the table of the eight cases of a run of the published protocol."""
    need_lab()
    from mineralid.lab.original.evaluate import evaluate_cases
    from mineralid.lab.original.measuring import photographs_to_measure
    from mineralid.lab.original.records import write_whole
    from mineralid.lab.original.results import results_markdown
    from mineralid.lab.original.run import RECIPE_FILE

    try:
        if not run.is_dir():
            raise ValueError(f"no folder {run}; needed: the folder of a run")
        if (run / RECIPE_FILE).is_file():
            raise ValueError(f"{run} is of one case; needed: the folder of all, {run.parent}")
        if measure:
            evaluate_cases(run, photographs_to_measure(run, None), say=say)
        text = results_markdown(run)
        if page is None:
            typer.echo(text)
        else:
            page.parent.mkdir(parents=True, exist_ok=True)
            write_whole(page, text)
            typer.echo(str(page))
    except (ValueError, OSError) as error:
        raise failure(told(error)) from None


def parameters(
    recipe: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="original, original-small, smoke, or a file.")
    ] = "original",
    classes: Annotated[int | None, typer.Option(min=1, help="Classes (default: 36).")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="A field of the recipe; repeatable."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count the parameters that a recipe adds to its encoder; needs no weights."""
    need_lab()
    from json import dumps

    from mineralid.lab.original.command import protocol_recipe
    from mineralid.lab.original.ledger import ledger

    try:
        found = ledger(protocol_recipe(recipe, settings=settings or ()), classes)
    except (ValueError, OSError) as error:
        raise failure(told(error)) from None
    typer.echo(dumps(found.to_json(), indent=1) if json else found.text())


def import_original(
    file: Annotated[Path, typer.Argument(metavar="FILE.pth", help="A published checkpoint.")],
    out: Annotated[Path, typer.Option(help="Folder of the run to write.")],
    tests: Annotated[
        str | None, typer.Option(help="Which case, where the file has heads of several.")
    ] = None,
    classes: ClassList = None,
) -> None:
    """Turn a checkpoint of the published layout into a run of ours; nothing in it is executed."""
    need_lab()
    from mineralid.lab.original.checkpoint import import_original as read
    from mineralid.lab.original.sources import Source

    try:
        codes = Source(class_list=classes).codes()
        found = read(file, out, tests=tests, codes=codes)
    except (ValueError, OSError) as error:
        raise failure(told(error)) from None
    typer.echo(found.text())


def export_original(
    run: Run,
    out: Annotated[Path, typer.Option(help="The checkpoint to write, such as model_ckt.pth.")],
    tests: Annotated[str | None, typer.Option(help="Which case.")] = None,
) -> None:
    """Write a case's finished network in the published checkpoint layout."""
    need_lab()
    from mineralid.lab.original.measuring import write_original

    try:
        for note in write_original(run, tests, out):
            say(note)
    except (ValueError, OSError) as error:
        raise failure(told(error)) from None
    typer.echo(str(out))


def export(
    run: Annotated[Path, typer.Option(help="Folder of `lab train --recipe field --data`.")],
    bundle: Annotated[Path, typer.Option(help="Folder of the bundle to write; its name.")],
    properties: Annotated[
        Path | None,
        typer.Option(help="CSV of what is known of your own classes: class,hardness,luster,..."),
    ] = None,
    own: Annotated[
        list[str] | None,
        typer.Option(help="A class that is your own though a mineral is named alike; repeatable."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Where the photographs are now, if they have moved.")
    ] = None,
) -> None:
    """Make the bundle of a run on your own photographs, for `identify --bundle`."""
    need_lab()
    from mineralid.lab.export.single import export_run

    try:
        export_run(run, bundle, properties=properties, own=own or (), data=data, say=say)
    except (ValueError, OSError) as error:
        raise failure(told(error)) from None
    except RuntimeError as error:
        raise failure(told(error), status=1) from None
    typer.echo(str(bundle))


def register(app: typer.Typer) -> None:
    """Add the commands to the lab's."""
    app.command()(evaluate)
    app.command()(export)
    app.command()(parameters)
    app.command()(results)
    app.command("import-original")(import_original)
    app.command("export-original")(export_original)
