"""What is taken for what: confusion matrix, table per class, and a figure of both."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CELL_INCHES = 0.28
NAME_LENGTH = 28  # letters of a class name on an axis
COUNT_LENGTH = 3  # letters of a count that fit into a cell


@dataclass(frozen=True)
class ClassRow:
    """One class: n photographs; recall and precision in 0..1, None where there is nothing to share.

    most_frequent_wrong: the other class that it is most often taken for, None where it never is;
    wrong: how many of its photographs that is.
    """

    name: str
    n: int
    recall: float | None
    precision: float | None
    most_frequent_wrong: str | None
    wrong: float


def confusion_matrix(
    truth: NDArray[np.integer], answers: NDArray[np.integer], classes: int
) -> NDArray[np.int64]:
    """Return counts int64 [C, C] of class indices [N]: rows are the truth, columns the answer.

    Raises ValueError where there are not as many answers, or an index is none of a class.
    """
    if truth.shape != answers.shape or truth.ndim != 1:
        raise ValueError(
            f"truth is {list(truth.shape)}, answers {list(answers.shape)}; allowed: one index each"
        )
    for name, indices in (("truth", truth), ("answers", answers)):
        if len(indices) and not 0 <= indices.min() <= indices.max() < classes:
            raise ValueError(
                f"{name} runs from {indices.min()} to {indices.max()}; allowed: 0 to {classes - 1}"
            )
    cells = np.bincount(truth.astype(np.int64) * classes + answers, minlength=classes * classes)
    return cells.reshape(classes, classes)


def per_class(matrix: NDArray[Any], classes: Sequence[str]) -> list[ClassRow]:
    """Return a row for each class of a matrix [C, C] of counts, or of counts averaged over draws.

    Of wrong answers that are as frequent the first in class order.
    """
    _check(matrix, classes)
    rows = []
    for place, name in enumerate(classes):
        n, answered = matrix[place].sum(), matrix[:, place].sum()
        right = matrix[place, place]
        others = matrix[place].astype(float)
        others[place] = 0
        most = int(others.argmax())
        rows.append(
            ClassRow(
                name,
                round(float(n)),
                float(right / n) if n > 0 else None,
                float(right / answered) if answered > 0 else None,
                classes[most] if others[most] > 0 else None,
                float(others[most]),
            )
        )
    return rows


def table_csv(tables: Sequence[tuple[dict[str, Any], Sequence[ClassRow]]]) -> str:
    """Return tables per class as one CSV; each comes with the cells that say what it is of.

    Shares have four digits after the point; an empty cell is one that there is not.
    """
    stream = io.StringIO()
    names = ["class" if field.name == "name" else field.name for field in fields(ClassRow)]
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*(tables[0][0] if tables else ()), *names])
    for described, rows in tables:
        for row in rows:
            cells = [
                "" if value is None else f"{value:.4f}" if isinstance(value, float) else value
                for value in (*asdict(row).values(),)
            ]
            writer.writerow([*described.values(), *cells])
    return stream.getvalue()


def confusion_figure(matrix: NDArray[Any], classes: Sequence[str], title: str = "") -> Any:
    """Return a figure (matplotlib's) of a matrix [C, C]: colours are shares of each row.

    Counts stand in the cells where they fit; the row of a class without a photograph is grey.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    _check(matrix, classes)
    n = matrix.sum(1)
    shares = np.ma.masked_invalid(
        np.divide(matrix, n[:, None], out=np.full(matrix.shape, np.nan), where=n[:, None] > 0)
    )
    side = max(3.5, CELL_INCHES * len(classes))
    figure = Figure(figsize=(side + 2.6, side + 2.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    colors = _color_map()
    shown = axes.imshow(shares, cmap=colors, vmin=0, vmax=1, interpolation="nearest")
    short = [_shortened(name) for name in classes]
    axes.set_xticks(range(len(classes)), short, rotation=90, fontsize=8)
    axes.set_yticks(
        range(len(classes)),
        [f"{name} ({count:.0f})" for name, count in zip(short, n, strict=True)],
        fontsize=8,
    )
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)  # a dollar sign in a name is a dollar sign
    axes.set_xticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e4e4e4", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel("answer")
    axes.set_ylabel("truth (photographs)")
    if title:
        axes.set_title(title, fontsize=10).set_parse_math(False)
    for row, column in np.argwhere(matrix > 0):
        if (text := _count(float(matrix[row, column]))) is not None:
            axes.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=6.5,
                color="white" if shares[row, column] > 0.5 else "black",
            )
    bar = figure.colorbar(shown, ax=axes, fraction=0.025, pad=0.01)
    bar.set_label("share of the class's photographs")
    return figure


def write_figure(figure: Any, path: Path, dpi: int = 120) -> None:
    """Write a figure as a PNG that appears whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    with warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; the table has it in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(
            partial, format="png", dpi=dpi, bbox_inches="tight", metadata={"Software": None}
        )
    partial.replace(path)


def _check(matrix: NDArray[Any], classes: Sequence[str]) -> None:
    expected = (len(classes), len(classes))
    if matrix.shape != expected:
        raise ValueError(f"the matrix is {list(matrix.shape)}; allowed: {list(expected)}")


def _color_map() -> Any:
    from matplotlib import colormaps

    return colormaps["Blues"].with_extremes(bad="#d0d0d0")


def _shortened(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"


def _count(value: float) -> str | None:
    """Return a count as a cell shows it, None where it does not fit or rounds to nothing."""
    text = f"{value:.0f}" if value == round(value) or value >= 10 else f"{value:.1f}"
    return text if len(text) <= COUNT_LENGTH and text != "0.0" else None
