"""Progress of a long run on stderr: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

REDRAW_SECONDS = 0.1
LINE_SECONDS = 30.0


class RowProgress:
    """Call it with rows done and rows in all; shows the rate and the time left."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID
        self._began: tuple[float, int] | None = None
        self._next = 0.0

    def __enter__(self) -> RowProgress:
        return self

    def __call__(self, done: int, total: int) -> None:
        """Show it, at most every so often."""
        now = time.monotonic()
        if self._began is None:
            self._begin(now, done, total)
        if now < self._next and done < total:
            return
        if self._bar is not None:
            self._next = now + REDRAW_SECONDS
            self._bar.update(self._task, completed=done, rate=self._rate(now, done))
        elif now >= self._next:
            self._next = now + LINE_SECONDS
            typer.echo(self._line(now, done, total), err=True)

    def _begin(self, now: float, done: int, total: int) -> None:
        self._began = (now, done)
        self._next = now + LINE_SECONDS
        if not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("rows", total=total, completed=done, rate="")
        self._bar.start()
        self._next = 0.0

    def _rate(self, now: float, done: int) -> str:
        rate = self._per_second(now, done)
        return f"{rate:,.0f} rows/s" if rate >= 10 else f"{rate:.1f} rows/s"

    def _per_second(self, now: float, done: int) -> float:
        assert self._began is not None
        start, before = self._began
        return (done - before) / max(now - start, 1e-9)

    def _line(self, now: float, done: int, total: int) -> str:
        rate = self._per_second(now, done)
        left = f", about {_spelt((total - done) / rate)} left" if rate > 0 else ""
        return f"{done:,} of {total:,} rows, {self._rate(now, done)}{left}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _spelt(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
