"""`mineralid lab benchmark`: measure how methods bear missing and wrong tests, write the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mineralid.cli.failure import failure
from mineralid.cli.lab_train import need_lab, say, told
from mineralid.cli.progress import RowProgress


def benchmark(
    out: Annotated[
        Path, typer.Option(help="Folder of the results; what is there is not computed again.")
    ] = Path("runs/benchmark"),
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Folder with photos.csv, photos/ and core_species.txt. Without it nothing is "
            "measured; page and card are written from the results that are there."
        ),
    ] = None,
    facts: Annotated[
        Path | None, typer.Option(help="Folder with the raw property tables (with --photos).")
    ] = None,
    runs: Annotated[
        Path, typer.Option(help="Folder of the finished networks, as `lab release` made them.")
    ] = Path("runs/release"),
    network: Annotated[
        str,
        typer.Option(
            help="Which networks there: RUNS/<network>-<split>; a+b: those of a and b side by side."
        ),
    ] = "ssf",
    readout: Annotated[
        str,
        typer.Option(
            help="What is added to the networks' scores: shipped (as a bundle does now), or "
            "prototypes (the first release)."
        ),
    ] = "shipped",
    methods: Annotated[
        str | None, typer.Option(metavar="a,b", help="Which methods (default: all).")
    ] = None,
    splits: Annotated[
        str | None,
        typer.Option(metavar="a,b", help="Which splits, such as A,specimen0 (default: all)."),
    ] = None,
    vocabulary: Annotated[
        str, typer.Option(metavar="a,b", help="Which vocabularies of readings.")
    ] = "full,coarse",
    seeds: Annotated[int, typer.Option(min=1, help="Trainings, and draws of readings.")] = 3,
    reduced: Annotated[
        bool, typer.Option("--reduced", help="A handful of cells of the grid, for a trial run.")
    ] = False,
    answers: Annotated[
        bool,
        typer.Option(
            "--answers",
            help="Measure as well how honest the answers are: calibration, sets, unknown stones, "
            "wrong records, the advised order of tests.",
        ),
    ] = False,
    left_out: Annotated[
        list[str] | None,
        typer.Option("--left-out", metavar="NAME=c1,c2", help="As with `lab release`; repeatable."),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write robustness.md and its figures to, such as docs/results."
        ),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(
            metavar="BUNDLE",
            help="Bundle of these networks, made by `lab release`: its card gets how what ships "
            "stands against the other methods.",
        ),
    ] = None,
) -> None:
    """Measure methods with tests missing and wrong; resumes, shows rate and time left."""
    need_lab()
    if photos is None and page is None and card is None:
        raise failure(
            "none of --photos, to measure, --page, to write the page, and --card, to write into a "
            "bundle's card, was given"
        )
    try:
        if card is not None:
            from mineralid.vision import load_bundle

            load_bundle(card)  # before hours of measuring
        if photos is not None:
            if facts is None:
                raise ValueError("--photos without --facts: the readings come from its tables")
            work = _work(
                photos,
                facts,
                runs,
                network,
                readout,
                chosen=_listed(methods),
                splits=_listed(splits),
                vocabularies=_listed(vocabulary) or [],
                seeds=seeds,
                reduced=reduced,
                left_out=left_out or (),
            )
            from mineralid.lab.evaluation.networks import Networks
            from mineralid.lab.evaluation.robustness.run import run_benchmark

            with RowProgress() as progress:
                rows = run_benchmark(work, out, progress=progress, say=say)
            say(f"{out}: {rows} rows")
            if answers:
                _answers(photos, facts, Networks(runs, network), out, left_out or ())
        if page is not None:
            from mineralid.lab.evaluation.robustness.page import write_page

            typer.echo(str(write_page(out, page, say=say)))
        if card is not None:
            from mineralid.lab.export.standing import write_standing

            typer.echo(str(write_standing(out, card)))
    except (ValueError, OSError) as error:
        raise failure(told(error)) from None


def _answers(photos: Path, facts: Path, networks: Any, out: Path, left_out: Sequence[str]) -> None:
    """Measure what the answers say of their own sureness; kept beside the rows."""
    from mineralid.lab.data.splits import parse_left_out
    from mineralid.lab.evaluation.robustness.honest.measure import measure, write_results
    from mineralid.lab.export.release import IMAGE

    found = measure(photos, facts, networks, IMAGE, parse_left_out(left_out), say=say)
    say(f"wrote {write_results(found, out)}")


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _work(
    photos: Path,
    facts: Path,
    runs: Path,
    network: str,
    readout: str,
    *,
    chosen: Sequence[str] | None,
    splits: Sequence[str] | None,
    vocabularies: Sequence[str],
    seeds: int,
    reduced: bool,
    left_out: Sequence[str],
) -> Any:
    """Load everything that is measured on."""
    from mineralid.lab.data.splits import SPECIMEN_FOLDS, parse_left_out
    from mineralid.lab.evaluation.networks import Networks
    from mineralid.lab.evaluation.robustness import data
    from mineralid.lab.evaluation.robustness.method import METHODS
    from mineralid.lab.evaluation.robustness.readings import VOCABULARIES
    from mineralid.lab.evaluation.robustness.run import Work
    from mineralid.lab.export.release import IMAGE

    measured = [METHODS.named(name) for name in (METHODS if chosen is None else chosen)]
    _allowed("readout", [readout], data.READOUTS)
    _allowed("vocabulary", vocabularies, VOCABULARIES)
    folds = parse_left_out(left_out)
    _allowed("split", splits or (), (*folds, *SPECIMEN_FOLDS))
    found = data.load_splits(
        photos,
        Networks(runs, network),
        IMAGE,
        folds,
        readout=data.READOUTS[readout],
        say=say,
    )
    _allowed("split", splits or (), found)  # a fold of all other collections may be empty
    benches = data.load_bench(facts, data.class_list(photos))
    return Work(
        splits={n: s for n, s in found.items() if splits is None or n in splits},
        benches={name: benches[name] for name in VOCABULARIES if name in vocabularies},
        methods=measured,
        seeds=seeds,
        grid="reduced" if reduced else "full",
        about={"network": network, "readout": readout, **data.describe_readings(benches["full"])},
    )


def _allowed(what: str, given: Sequence[str], allowed: Any) -> None:
    if unknown := [name for name in given if name not in allowed]:
        raise ValueError(f"{what} {', '.join(unknown)}; allowed: {', '.join(allowed)}")


def register(app: typer.Typer) -> None:
    """Add the command to the lab's."""
    app.command()(benchmark)
