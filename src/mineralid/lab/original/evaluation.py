"""What an evaluation found: evaluation.json, its text, its table per class and its figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mineralid.lab.evaluation.confusion import (
    ClassRow,
    confusion_figure,
    per_class,
    table_csv,
    write_figure,
)
from mineralid.lab.original.codes import Case, parse_case
from mineralid.lab.original.records import write_whole

EVALUATION_FILE, FIGURE_FILE, TABLE_FILE = "evaluation.json", "confusion.png", "per_class.csv"
WORST_SHOWN = 8

POOLS = {
    "case": "another candidate of the same tests",
    "original": "another candidate of the published pool",
}

_Unit = Annotated[float, Field(ge=0, le=1)]


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Share(_Values):
    """A share in 0..1, the mean over the draws, with its 95 % interval over specimens."""

    value: _Unit
    low: _Unit
    high: _Unit

    def percent(self) -> str:
        """Return, say, `71.2 (68.1–74.0)`."""
        return f"{100 * self.value:.1f} ({100 * self.low:.1f}–{100 * self.high:.1f})"


class HeadFigures(_Values):
    """One head's figures; macro_recall runs over the classes present.

    confusion: of each class with photographs, how many of them are given which answer: counts
    averaged over the draws.
    """

    top1: Share
    top5: Share
    macro_recall: Share
    confusion: dict[str, dict[str, float]]


class Condition(_Values):
    """Figures by head under one set of tests and one error rate.

    wrong: photographs whose readings were replaced, in each draw; draws: 1 where nothing is drawn.
    """

    tests: str
    error_rate: _Unit
    missing_rate: _Unit
    wrong: int = Field(ge=0)
    draws: int = Field(ge=1)
    heads: dict[str, HeadFigures]

    @property
    def case(self) -> Case:
        """Return the tests as a case."""
        return parse_case(self.tests)


class Evaluation(_Values):
    """evaluation.json.

    trained_for: the tests of the run (`any` for all; `none` for a network of photographs alone);
    photographs_sha256: of their ids and labels, in order; pool: where wrong readings come from.
    """

    trained_for: str
    network_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    photographs: int = Field(ge=1)
    photographs_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    specimens: int = Field(ge=1)
    classes: tuple[str, ...]
    classes_present: int = Field(ge=1)
    pool: str
    seed: int
    conditions: tuple[Condition, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return self.model_dump(mode="json")

    def confusion(self, condition: Condition, head: str) -> NDArray[np.float64]:
        """Return the confusion matrix [C, C] of a head: rows truth, columns answer."""
        index = {name: place for place, name in enumerate(self.classes)}
        matrix = np.zeros((len(index), len(index)))
        for truth, answers in condition.heads[head].confusion.items():
            for answer, count in answers.items():
                matrix[index[truth], index[answer]] = count
        return matrix

    def per_class(self, condition: Condition, head: str) -> list[ClassRow]:
        """Return the table per class of a head."""
        return per_class(self.confusion(condition, head), self.classes)

    def text(self) -> str:
        """Return the evaluation as it is read on a screen 80 columns wide."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        stones = (
            ", each counted as a specimen of its own"
            if self.specimens == self.photographs
            else f" of {self.specimens} specimens"
        )
        classes = f"{self.classes_present} of {len(self.classes)} classes present"
        yield f"{self.photographs} photographs{stones}; {classes}."
        yield "In per cent, with 95 % intervals over specimens."
        if any(condition.case.tests for condition in self.conditions):
            yield "Readings are derived from the label: simulated readings, not real ones."
        if any(condition.wrong for condition in self.conditions):
            draws = max(condition.draws for condition in self.conditions)
            yield f"A wrong reading is {POOLS[self.pool]}; mean of {draws} draws."
        before = None
        for condition in self.conditions:
            if condition.tests != before:
                before = condition.tests
                yield ""
                yield f"Tests: {before} ({condition.case.name})" + _told(condition)
                yield f"{'wrong':>5}  {'head':<10}  {'top-1':<19}  {'top-5':<19}  macro recall"
            for head, found in condition.heads.items():
                shares = (found.top1, found.top5, found.macro_recall)
                cells = "  ".join(f"{share.percent():<19}" for share in shares)
                yield f"{_rate(condition):>5}  {head:<10}  {cells}".rstrip()
        first, head = self.conditions[0], last_head(self.conditions[0])
        rows = [row for row in self.per_class(first, head) if row.recall is not None]
        worst = sorted(rows, key=lambda row: row.recall or 0.0)[:WORST_SHOWN]
        yield ""
        yield f"Least often right ({head} head, tests {first.tests}, {_rate(first)} wrong):"
        yield f"{'class':<24}  {'n':>4}  {'recall':>6}  most often taken for"
        for row in worst:
            share = row.wrong / row.n
            most = f"{row.most_frequent_wrong} ({share:.0%})" if row.most_frequent_wrong else "–"
            yield f"{row.name[:24]:<24}  {row.n:>4}  {row.recall:>6.0%}  {most}"[:80]

    def write(self, folder: Path) -> None:
        """Write evaluation.json, per_class.csv and confusion.png into a folder, each at once.

        The table has every condition and head, the figure the last head (the error head) at the
        first error rate; with several sets of tests the others have a figure each,
        `confusion-<tests>.png`. evaluation.json comes last: where it is, all is.
        """
        folder.mkdir(parents=True, exist_ok=True)
        tables = [
            (
                {
                    "tests": condition.case.folder,
                    "error_rate": f"{condition.error_rate:g}",
                    "missing_rate": f"{condition.missing_rate:g}",
                    "head": head,
                },
                self.per_class(condition, head),
            )
            for condition in self.conditions
            for head in condition.heads
        ]
        write_whole(folder / TABLE_FILE, table_csv(tables))
        drawn: set[str] = set()
        for condition in self.conditions:
            if condition.tests in drawn:
                continue
            name = f"confusion-{condition.case.folder}.png" if drawn else FIGURE_FILE
            drawn.add(condition.tests)
            head = last_head(condition)
            title = f"tests: {condition.tests}; {head} head, {_rate(condition)} wrong"
            matrix = self.confusion(condition, head)
            write_figure(confusion_figure(matrix, self.classes, title), folder / name)
        text = json.dumps(self.to_json(), indent=1, ensure_ascii=False)
        write_whole(folder / EVALUATION_FILE, text + "\n")


def read_evaluation(folder: Path) -> Evaluation:
    """Read the evaluation.json of a folder. Raises ValueError, which names it, where it is none."""
    path = folder / EVALUATION_FILE
    if not path.is_file():
        raise ValueError(f"no {EVALUATION_FILE} in {folder}: evaluate that network first")
    try:
        return Evaluation.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(
            f"{path} is no evaluation ({where} {first['msg']}): evaluate that network again"
        ) from None


def last_head(condition: Condition) -> str:
    """Return the head that answers in the field: the error head where there is one."""
    return list(condition.heads)[-1]


def _told(condition: Condition) -> str:
    if not condition.case.tests:
        return "; no reading can be wrong or missing"
    rate = condition.missing_rate
    return f"; each reading missing with probability {rate:g}" if rate else ""


def _rate(condition: Condition) -> str:
    return f"{100 * condition.error_rate:g}%"
