"""Answer every row of a table, or every photograph below a folder, into one file."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from mineralid.identify.identifier import Identifier
from mineralid.identify.options import check_options
from mineralid.identify.report import Report
from mineralid.identify.table_errors import TableError
from mineralid.identify.table_folder import find_photographs, folder_rows
from mineralid.identify.table_output import LineFormat, line_format
from mineralid.identify.table_partial import PartialOutput
from mineralid.identify.table_rows import StoneRow, Table, open_table
from mineralid.observation import Observation
from mineralid.vision import ItemScores, PhotoError, stream_each

# Rows computed together. Part of what a run's bytes follow from.
GROUP = 1
MOST_ERRORS = 5

Progress = Callable[[int, int], None]  # rows done, rows in all


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a finished run did.

    rows: all; failed: those with an error; resumed: kept from before; errors: row and error of the
    first few that failed in this run.
    """

    rows: int
    failed: int
    resumed: int
    errors: tuple[tuple[int, str], ...] = ()


def answer_rows(
    identifier: Identifier, rows: Iterable[StoneRow], **options: Any
) -> Iterator[Report]:
    """Give the answer of each row, in order; photographs are decoded and scored on all cores.

    A row that cannot be answered gives a Report with `error` and nothing else. options: trust,
    confidence, top, prior as in `mineralid.identify`. Memory does not grow with the rows.
    """

    def photographs(row: StoneRow) -> Sequence[str]:
        return () if row.error else row.paths

    def answer(row: StoneRow, scored: ItemScores | PhotoError) -> Report:
        ready.join()
        return _answer(identifier, row, scored, options)

    # What the answers need is made while the first photographs are decoded and scored.
    ready = threading.Thread(target=identifier.hypotheses.prepare, daemon=True)
    ready.start()

    # Answered in the threads that score: a third one would only take turns with them.
    stream = stream_each(rows, photographs, answer, identifier.classifier, batch_size=GROUP)
    # Closed at once when the caller stops: its threads then finish what they hold and no more.
    with closing(cast("Generator[Report, None, None]", stream)):
        yield from stream


def _answer(
    identifier: Identifier, row: StoneRow, scored: ItemScores | PhotoError, options: dict[str, Any]
) -> Report:
    error = row.error
    if error is None and isinstance(scored, PhotoError):
        # Named as in the table, not by where it lies on this machine.
        name = dict(zip(row.paths, row.photos, strict=True)).get(scored.photo, scored.photo)
        error = f"photograph {name}: {scored.found}; {scored.allowed}"
    if error is not None or isinstance(scored, PhotoError):
        return Report(
            row=row.row,
            photos=list(row.photos),
            error=error,
            carried=dict(row.carried),
            versions=identifier.versions,
        )
    observation = Observation(row.photos, row.readings)
    report = identifier.decide(observation, scored if row.photos else None, **options)
    return report.model_copy(update={"row": row.row, "carried": dict(row.carried)})


def answer_table(
    identifier: Identifier,
    table: Table | str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    resume: bool = False,
    progress: Progress | None = None,
    trust: float | None = None,
    confidence: float = 0.9,
    top: int | str | None = 10,
    prior: str | None = None,
) -> RunSummary:
    """Answer every row of a table into `output`, JSON lines (.jsonl) or .csv.

    table: a CSV file (see `open_table`) with any of the columns photo (relative to the table,
    several joined by |), hardness, luster, streak, density, magnetism, acid; every other column is
    carried along. `output` appears when the last row is answered; until then rows are in
    OUT.partial, from which `resume` goes on and gives the same bytes. progress: called with rows
    done and rows in all. Raises TableError, or ReadingError for an option, before anything is
    written.
    """
    options = {"trust": trust, "confidence": confidence, "top": top, "prior": prior}
    check_options(**options)  # type: ignore[arg-type]
    opened = table if isinstance(table, Table) else open_table(table)
    target = Path(output)
    if not target.name:
        raise TableError(f"output {str(output)!r}: it names no file; give one in .jsonl or .csv")
    for place in (target, target.with_name(target.name + ".partial")):
        try:
            read_from = opened.path
            same = isinstance(read_from, Path) and place.exists() and place.samefile(read_from)
        except OSError as error:  # a name that is too long
            raise TableError(f"output {target}: it cannot be written ({error.strerror})") from None
        if same:
            raise TableError(f"output {target}: it would overwrite the table {opened.path}")
    lines = line_format(target, tuple(opened.carried), by_photo=False)
    run = {"table_sha256": opened.sha256, "output": target.suffix.lower()}
    return _write(
        identifier, opened.read, opened.rows, target, lines, run, options, resume, progress
    )


def answer_folder(
    identifier: Identifier,
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    resume: bool = False,
    progress: Progress | None = None,
    trust: float | None = None,
    confidence: float = 0.9,
    top: int | str | None = 10,
    prior: str | None = None,
) -> RunSummary:
    """Answer every photograph below a folder, each as one stone, sorted by path.

    Output, `resume` and the rest as in `answer_table`, with `photo`, its path below the folder.
    """
    options = {"trust": trust, "confidence": confidence, "top": top, "prior": prior}
    check_options(**options)  # type: ignore[arg-type]
    target = Path(output)
    lines = line_format(target, (), by_photo=True)
    photographs = find_photographs(folder)
    names = sha256("\0".join(photographs).encode("utf-8", "surrogateescape")).hexdigest()
    run = {"photographs_sha256": names, "output": target.suffix.lower()}

    def read(skip: int) -> Iterator[StoneRow]:
        return folder_rows(folder, photographs, skip)

    return _write(identifier, read, len(photographs), target, lines, run, options, resume, progress)


def _write(
    identifier: Identifier,
    read: Callable[[int], Iterator[StoneRow]],
    total: int,
    output: Path,
    lines: LineFormat,
    run: Mapping[str, object],
    options: dict[str, Any],
    resume: bool,
    progress: Progress | None,
) -> RunSummary:
    report_progress = progress or (lambda done, total: None)
    stated = {**run, **options, "group": GROUP, **identifier.versions.model_dump()}

    def again(skip: int, count: int) -> str:
        first = itertools.islice(read(skip), count)
        return "".join(lines.line(r) for r in answer_rows(identifier, first, **options))

    with PartialOutput(output, lines, stated, group=GROUP, resume=resume, again=again) as partial:
        report_progress(partial.rows, total)
        failed = partial.failed
        errors: list[tuple[int, str]] = []
        answers = answer_rows(identifier, read(partial.rows_done), **options)
        with closing(cast("Generator[Report, None, None]", answers)):
            for report in answers:
                partial.write(lines.line(report))
                if report.error is not None:
                    failed += 1
                    if len(errors) < MOST_ERRORS:
                        errors.append((partial.rows, report.error))
                report_progress(partial.rows, total)
        partial.complete()
    return RunSummary(partial.rows, failed, partial.rows_done, tuple(errors))
