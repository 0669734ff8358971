"""The figures of the page, from stored answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mineralid.lab.evaluation.robustness.answers import StoredAnswers
from mineralid.lab.evaluation.robustness.grid import ERROR_RATES, cell
from mineralid.lab.evaluation.robustness.method import OWN_TABLE
from mineralid.lab.evaluation.robustness.readings import ERROR_KINDS
from mineralid.lab.evaluation.robustness.tables import (
    DEFAULT,
    HEADS,
    MATCHED,
    PHOTOGRAPH,
    SIDES,
    TRUSTING,
    measured,
)

# One colour a method in every figure; of a palette that is told apart without red and green.
COLORS = {
    PHOTOGRAPH: "#555555",
    DEFAULT: "#0072B2",
    MATCHED: "#009E73",
    TRUSTING: "#D55E00",
    HEADS[0]: "#CC79A7",
    f"{HEADS[0]}{OWN_TABLE}": "#E9A6CB",
    HEADS[1]: "#8B4F73",
    f"{HEADS[1]}{OWN_TABLE}": "#B58AA3",
    "mask-dropout": "#E69F00",
    "mask-dropout-bottleneck": "#B8860B",
    "dmib-full": "#7A5195",
    "qmf": "#56B4E9",
    "fusion-evidence": "#003F5C",
}
SHORT = {
    PHOTOGRAPH: "photograph alone",
    DEFAULT: "default trust",
    MATCHED: "trust matched",
    TRUSTING: "every test trusted",
}
TRUSTS = (PHOTOGRAPH, TRUSTING, MATCHED, DEFAULT)
KIND_TITLES = {
    "record": "whole record of another species",
    "one": "one reading of another species",
    "similar": "record of a similar species",
    "unskilled": "unskilled observer",
}
FIGURES = ("wrong-records.png", "error-kinds.png", "methods.png")


def draw_figures(stored: StoredAnswers, folder: Path, vocabulary: str = "full") -> list[Path]:
    """Draw every figure that the results have the methods for; returns the files written."""
    from matplotlib import use

    use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, draw in zip(FIGURES, (wrong_records, error_kinds, all_methods), strict=True):
        figure = draw(stored, vocabulary)
        if figure is not None:
            figure.savefig(folder / name, dpi=150, metadata={"Software": None})
            drawn.append(folder / name)
    return drawn


def wrong_records(stored: StoredAnswers, vocabulary: str) -> Any:
    """Draw the cost of wrong records at four trusts, known collections and those never seen."""
    if not all(stored.has(kind, vocabulary, *TRUSTS) for kind in SIDES):
        return None
    figure, axes = _panels(1, 2, (10, 4.6))
    for axis, kind in zip(axes[0], SIDES, strict=True):
        for method in TRUSTS:
            _curve(axis, stored, method, vocabulary, kind, "record", band=True)
        axis.set_title(SIDES[kind])
        axis.set_xlabel("share of stones whose record is another species'")
    for axis in axes[0]:
        _end_labels(axis, TRUSTS)
    axes[0][0].set_ylabel("top-1, %, three tests")
    return _finished(figure)


def error_kinds(stored: StoredAnswers, vocabulary: str) -> Any:
    """Draw the same for the four kinds of errors."""
    if not all(stored.has(kind, vocabulary, *TRUSTS) for kind in SIDES):
        return None
    figure, axes = _panels(2, 4, (13, 7))
    for row, kind in zip(axes, SIDES, strict=True):
        for axis, error in zip(row, ERROR_KINDS, strict=True):
            for method in TRUSTS:
                _curve(axis, stored, method, vocabulary, kind, error)
            if kind == "specimen":
                axis.set_title(KIND_TITLES[error], fontsize=10)
            else:
                axis.set_xlabel("share of stones that are wrong")
        row[0].set_ylabel(f"{SIDES[kind]}\ntop-1, %, three tests")
        _end_labels(row[-1], TRUSTS)
    return _finished(figure)


def all_methods(stored: StoredAnswers, vocabulary: str) -> Any:
    """Draw every method that has a colour against the share of wrong records."""
    methods = drawn_methods(stored, vocabulary)
    if not methods:
        return None
    figure, axes = _panels(1, 2, (13, 5.2))
    for axis, kind in zip(axes[0], SIDES, strict=True):
        for method in methods[kind]:
            _curve(axis, stored, method, vocabulary, kind, "record")
        axis.set_title(SIDES[kind])
        axis.set_xlabel("share of wrong records")
    # Too many for words at the ends of the curves: one legend, in the order of the tables.
    lines = {line.get_gid(): line for axis in axes[0] for line in axis.get_lines()}
    shown = [m for m in stored.described["methods"] if m in lines]
    figure.legend(
        [lines[m] for m in shown],
        [stored.title(m) for m in shown],
        loc="outside right center",
        frameon=False,
        fontsize=8.5,
    )
    axes[0][0].set_ylabel("top-1, %, three tests")
    return _finished(figure)


def drawn_methods(stored: StoredAnswers, vocabulary: str) -> dict[str, list[str]]:
    """Return the methods of the figure of all methods by kind; empty: it is not worth drawing."""
    wanted = [m for m in COLORS if m not in (MATCHED, TRUSTING)]
    found = {kind: [m for m in wanted if m in stored.methods(kind, vocabulary)] for kind in SIDES}
    return found if all(len(methods) > 2 for methods in found.values()) else {}


def _panels(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    from matplotlib import pyplot

    return pyplot.subplots(
        rows, columns, figsize=size, sharey="row", squeeze=False, layout="constrained"
    )


def _finished(figure: Any) -> Any:
    from matplotlib import pyplot

    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", color="#dddddd", linewidth=0.8)
        axis.set_axisbelow(True)
        axis.set_xticks(ERROR_RATES, [f"{rate:g}" for rate in ERROR_RATES])
    pyplot.close(figure)
    return figure


def _curve(
    axis: Any,
    stored: StoredAnswers,
    method: str,
    vocabulary: str,
    kind: str,
    error: str,
    *,
    band: bool = False,
) -> None:
    """Draw top-1 by error rate; its last value is kept on the line for `_end_labels`."""
    conditions = measured(stored, (cell(kind=error, rate=rate) for rate in ERROR_RATES))
    found = [stored.share(method, vocabulary, kind, c) for c in conditions]
    rates = [c.error_rate for c in conditions]
    values = [100 * f.value for f in found]
    flat = method == PHOTOGRAPH
    axis.plot(
        rates,
        values,
        color=COLORS[method],
        linestyle="--" if flat else "-",
        marker=None if flat else "o",
        markersize=4,
        linewidth=1.8,
        gid=method,
    )
    if band and not flat:
        low, high = [100 * f.low for f in found], [100 * f.high for f in found]
        axis.fill_between(rates, low, high, color=COLORS[method], alpha=0.12, linewidth=0)


def _end_labels(
    axis: Any, methods: Sequence[str], title: Callable[[str], str] = lambda m: SHORT[m]
) -> None:
    """Name each curve at its right end, in its colour, moved apart where two would overlap."""
    low, high = axis.get_ylim()
    ends = sorted(
        (float(line.get_ydata()[-1]), line.get_gid())
        for line in axis.get_lines()
        if line.get_gid() in methods
    )
    heights = apart([value for value, _ in ends], 0.055 * (high - low))
    for (_, method), height in zip(ends, heights, strict=True):
        axis.text(
            1.03,
            height,
            title(method),
            color=COLORS[method],
            fontsize=8.5,
            va="center",
            transform=axis.get_yaxis_transform(),
            clip_on=False,
        )


def apart(values: Sequence[float], gap: float) -> list[float]:
    """Return places near ascending values, each at least `gap` above the one before.

    Least squares: neighbours that would be too close share the mean of what they want.
    """
    blocks: list[tuple[float, int]] = []  # mean of value − place · gap, and how many
    for place, value in enumerate(values):
        mean, count = value - place * gap, 1
        while blocks and blocks[-1][0] > mean:
            before, size = blocks.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        blocks.append((mean, count))
    wanted = [mean for mean, count in blocks for _ in range(count)]
    return [mean + place * gap for place, mean in enumerate(wanted)]
