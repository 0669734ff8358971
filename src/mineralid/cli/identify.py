"""The command `mineralid identify`: one stone, a table of stones, or a folder of photographs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mineralid.cli.failure import failure

if TYPE_CHECKING:
    from mineralid.identify.table import RunSummary

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def identify(
    photos: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PHOTO", help="Photographs, all of the same stone. None: readings alone."
        ),
    ] = None,
    hardness: Annotated[
        str | None,
        typer.Option(
            help="Mohs: 6.5, 6-6.5, or what it scratches and what scratches it, for example "
            "scratches:coin,scratched-by:knife (fingernail, coin, knife, glass, steel file, quartz).",
        ),
    ] = None,
    luster: Annotated[
        str | None,
        typer.Option(
            "--luster",
            "--lustre",
            help="How a fresh surface shines: metallic, vitreous (glassy), pearly, dull (earthy), "
            "... Several: 'vitreous or pearly'.",
        ),
    ] = None,
    streak: Annotated[
        str | None,
        typer.Option(
            help="Colour of its powder: white, 'greenish black', ...; none: harder than the plate.",
        ),
    ] = None,
    density: Annotated[str | None, typer.Option(help="In g/cm3: 2.65 or 2.6-2.7.")] = None,
    magnetism: Annotated[
        str | None, typer.Option(help="What a magnet on a thread feels: none, weak, strong.")
    ] = None,
    acid: Annotated[
        str | None,
        typer.Option(help="Fizz in dilute acid: none, weak (only as powder or warm), strong."),
    ] = None,
    trust: Annotated[
        str | None,
        typer.Option(
            metavar="0..1",
            help="How far the readings are believed, 0 (not at all) to 1 (fully). "
            "Default: as measured for so many tests.",
        ),
    ] = None,
    confidence: Annotated[
        str,
        typer.Option(metavar="0..1", help="How often the set of answers shall hold the right one."),
    ] = "0.9",
    top: Annotated[str, typer.Option(metavar="K|all", help="How many candidates to list.")] = "10",
    prior: Annotated[
        str | None,
        typer.Option(
            help="How likely a mineral is beforehand: commonness or uniform. Default: uniform over "
            "the classes with a photograph, commonness without one.",
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of a model. Default: the one that ships."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the answer as JSON and nothing else.")
    ] = False,
    table: Annotated[
        Path | None,
        typer.Option(
            metavar="IN.csv",
            help="Answer every row of a table: columns photo (several joined by |) and tests.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Answer every photograph below a folder, one by one."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="With --table or --folder: the file to write, .jsonl or .csv. "
            "It appears when it is complete.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from OUT.partial of an interrupted run; without it a run starts again.",
        ),
    ] = False,
) -> None:
    """Name a mineral from photographs of one stone, readings, or both.

    A test that was not made is left out. Exit status: 0 answered; 1 some row of a table or folder
    could not be; 2 unusable input, nothing written.

    Example: mineralid identify stone.jpg --hardness 6.5 --luster metallic
    """
    readings = {
        "hardness": hardness,
        "luster": luster,
        "streak": streak,
        "density": density,
        "magnetism": magnetism,
        "acid": acid,
    }
    from mineralid.identify.option_text import read_count, read_share

    try:
        options = {
            "trust": None if trust is None else read_share("trust", trust),
            "confidence": read_share("confidence", confidence),
            "top": read_count(top),
            "prior": prior,
        }
    except ValueError as error:
        raise failure(error) from None
    if table is None and folder is None:
        for name, given in (("--output", output is not None), ("--resume", resume)):
            if given:
                raise failure(f"{name} is for many stones; give --table IN.csv or --folder DIR too")
        _one_stone(photos or [], readings, options, bundle, as_json)
        return
    source = "--table" if table is not None else "--folder"
    single = [f"--{name}" for name, value in readings.items() if value is not None]
    single += ["--json"] * as_json + ["PHOTO"] * bool(photos)
    if table is not None and folder is not None:
        raise failure("give --table or --folder, not both")
    if single:
        raise failure(f"{', '.join(single)} is for one stone and cannot go with {source}")
    if output is None:
        raise failure(f"{source} needs --output OUT, a file that ends in .jsonl or .csv")
    _many_stones(table, folder, output, options, bundle, resume)


def _one_stone(
    photos: list[str],
    readings: dict[str, str | None],
    options: dict[str, Any],
    bundle: Path | None,
    as_json: bool,
) -> None:
    from mineralid.identify import Identifier
    from mineralid.identify.identifier import NOTHING_GIVEN
    from mineralid.identify.options import check_options
    from mineralid.observation import Observation

    try:
        # What costs nothing is checked before the model is loaded.
        check_options(**options)
        observation = Observation.of(photos, **readings)
        if not observation.photos and not observation.readings:
            raise failure(NOTHING_GIVEN)
        report = Identifier(bundle).answer(observation, **options)
    except ValueError as error:  # ReadingError, PhotoError, BundleError
        raise failure(error) from None
    if as_json:
        typer.echo(report.to_json().encode())  # JSON is UTF-8 whatever the terminal
        return
    from rich.console import Console

    from mineralid.cli.render import render

    Console(highlight=False).print(render(report))


def _many_stones(
    table: Path | None,
    folder: Path | None,
    output: Path,
    options: dict[str, Any],
    bundle: Path | None,
    resume: bool,
) -> None:
    from mineralid.cli.progress import RowProgress
    from mineralid.identify import Identifier
    from mineralid.identify.table import answer_folder, answer_table
    from mineralid.identify.table_rows import open_table

    summary: RunSummary
    try:
        with RowProgress() as progress:
            if table is not None:
                opened = open_table(table)
                for name, known in opened.misspelt.items():
                    typer.echo(
                        f"note: column {name!r} is carried along unread; was {known!r} meant?",
                        err=True,
                    )
                others = [name for name in opened.carried if name not in opened.misspelt]
                if others:
                    typer.echo(f"note: carried along unread: {', '.join(others)}", err=True)
                identifier = Identifier(bundle)
                summary = answer_table(
                    identifier, opened, output, resume=resume, progress=progress, **options
                )
            else:
                assert folder is not None
                identifier = Identifier(bundle)
                summary = answer_folder(
                    identifier, folder, output, resume=resume, progress=progress, **options
                )
    except ValueError as error:  # TableError, ReadingError of an option, BundleError
        raise failure(error) from None
    except KeyboardInterrupt:
        partial = output.with_name(output.name + ".partial")
        kept = f"; what is done is in {partial}: the same command with --resume goes on"
        typer.echo(f"interrupted{kept if partial.exists() else ''}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    _tell(summary, output)
    if summary.failed:
        raise typer.Exit(1)


def _tell(summary: RunSummary, output: Path) -> None:
    rows = "1 row" if summary.rows == 1 else f"{summary.rows:,} rows"
    resumed = f" ({summary.resumed:,} of them from before)" if summary.resumed else ""
    failed = (
        f", {summary.failed:,} of them without an answer: see `error`" if summary.failed else ""
    )
    for row, error in summary.errors:
        typer.echo(f"row {row}: {error}", err=True)
    if 0 < len(summary.errors) < summary.failed:
        typer.echo("...", err=True)
    typer.echo(f"{output}: {rows}{resumed}{failed}", err=True)
