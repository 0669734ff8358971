"""`mineralid lab screen`: train trials of recipes on the same splits and tabulate what helps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mineralid.cli.failure import failure
from mineralid.cli.lab_train import need_lab, say, told


def screen(
    photos: Annotated[
        Path, typer.Option(help="Folder with photos.csv, photos/ and core_species.txt.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder of the runs and the tables; what is there is not redone.")
    ] = Path("runs/trials"),
    trials: Annotated[
        Path | None,
        typer.Option(help="TOML or JSON of trials (default: those of this project)."),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="a,b", help="These trials, the first one and what they build on."),
    ] = None,
    split: Annotated[str, typer.Option(metavar="A,B", help="Splits to train and measure on.")] = (
        "A"
    ),
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each trial on each split.")] = 1,
    at_once: Annotated[int, typer.Option(min=1, help="Trainings at once.")] = 2,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each training.")] = 1,
    finished: Annotated[
        bool, typer.Option("--finished", help="Train nothing; tabulate what is finished.")
    ] = False,
    views: Annotated[
        bool, typer.Option(help="Measure views at test time too: mirrored, three crops.")
    ] = True,
    left_out: Annotated[
        list[str] | None,
        typer.Option("--left-out", metavar="NAME=c1,c2", help="As with `lab release`; repeatable."),
    ] = None,
) -> None:
    """Train each trial (resumes) and write screen.md and screen.json: what helps, by how much."""
    need_lab()
    from json import dumps

    from mineralid.lab.data.manifest import read_manifest
    from mineralid.lab.data.splits import EVERYTHING, parse_left_out
    from mineralid.lab.evaluation import screening
    from mineralid.lab.evaluation.screen_table import markdown, to_json
    from mineralid.lab.export.release import IMAGE
    from mineralid.lab.training.fit import use_threads
    from mineralid.lab.training.trials import TRIALS_FILE, read_trials

    try:
        splits = [name.strip() for name in split.split(",") if name.strip()]
        if not splits or EVERYTHING in splits:
            raise ValueError(f"--split {split!r}; allowed: splits that leave something to measure")
        chosen = [name.strip() for name in (only or "").split(",") if name.strip()]
        plan = screening.Screening(
            read_manifest(photos),
            tuple(read_trials(trials or TRIALS_FILE, chosen)),
            tuple(splits),
            seeds,
            out,
            parse_left_out(left_out or []),
        )
        if not finished:
            screening.train_trials(plan, photos, at_once=at_once, threads=threads, say=say)
        use_threads(threads)
        rows, about = screening.measure_trials(plan, IMAGE, views=views, say=say)
        heading = f"Trials on {', '.join(splits)}, {seeds} seed{'s' if seeds > 1 else ''}"
        text = markdown(rows, about, heading)
        (out / "screen.md").write_text(text, encoding="utf-8")
        written = dumps(to_json(rows, about), indent=1)
        (out / "screen.json").write_text(written, encoding="utf-8")
    except (ValueError, OSError) as error:
        raise failure(told(error)) from None
    except RuntimeError as error:
        raise failure(told(error), status=1) from None
    typer.echo(text)
    say(f"written: {out / 'screen.md'}, {out / 'screen.json'}")


def register(app: typer.Typer) -> None:
    """Add the command to the lab's."""
    app.command()(screen)
