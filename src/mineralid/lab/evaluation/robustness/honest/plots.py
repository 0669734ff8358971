"""The figures of the honest answers, from the results of `measure`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mineralid.lab.evaluation.robustness.honest.judged import RIGHT, WRONG
from mineralid.lab.evaluation.robustness.readings import ERROR_KINDS
from mineralid.lab.evaluation.robustness.tables import SIDES

Results = Mapping[str, Any]

FIGURES = (
    "honest-reliability.png",
    "honest-sets.png",
    "honest-unknown.png",
    "honest-wrong-records.png",
    "honest-order.png",
)
# Told apart without red and green.
BLUE, ORANGE, GREEN, PINK, GRAY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#555555"
SIDE_COLORS = {"specimen": GRAY, "collection": BLUE}
ERROR_WORDS = {
    "record": "whole record,\nany species",
    "one": "one reading",
    "similar": "whole record,\nsimilar species",
    "unskilled": "unskilled\nobserver",
}


def draw_figures(results: Results, folder: Path) -> list[Path]:
    """Draw every figure into a folder; returns the files."""
    from matplotlib import use

    use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    draws: tuple[Callable[[Results], Any], ...] = (reliability, sets, unknown, wrong, order)
    for name, draw in zip(FIGURES, draws, strict=True):
        figure = draw(results)
        figure.savefig(folder / name, dpi=150, metadata={"Software": None})
        drawn.append(folder / name)
    return drawn


def _panels(count: int, width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(True, color="#e5e5e5", linewidth=0.7)
        axis.set_axisbelow(True)
    return figure, axes


def reliability(results: Results) -> Any:
    """Draw the share right by confidence in ten bins of equal weight."""
    figure, axes = _panels(2, 10, 4.8)
    styles = {"0": (BLUE, "photograph alone"), "1": (PINK, "one reading")}
    styles |= {"2": (GREEN, "two readings"), "3": (ORANGE, "three readings")}
    for axis, (kind, side) in zip(axes, SIDES.items(), strict=True):
        axis.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--")
        for tests, entry in results["calibration"][kind][RIGHT].items():
            color, label = styles[tests]
            bins = entry["bins"]
            axis.plot(
                [b["confidence"] for b in bins],
                [b["right"] for b in bins],
                marker="o",
                markersize=4,
                color=color,
                label=f"{label}, ECE {entry['ece']:.3f}",
            )
        axis.set(title=side, xlim=(0, 1), ylim=(0, 1), xlabel="probability of the leading mineral")
        axis.set_aspect("equal")
        axis.legend(loc="upper left", fontsize=8, frameon=False)
    axes[0].set_ylabel("share right")
    return figure


def sets(results: Results, confidence: str = "0.9") -> Any:
    """Draw coverage and mean size of the sets at 90 % by number of readings."""
    figure, axes = _panels(2, 10, 4.2)
    axes[0].axhspan(0.85, 0.95, color="#eeeeee", zorder=0)
    axes[0].axhline(float(confidence), color="#999999", linewidth=1, linestyle="--")
    for kind, side in SIDES.items():
        for name, style in ((RIGHT, "-"), (WRONG, ":")):
            found = results["sets"][kind][confidence][name]
            tests = [int(t) for t in found]
            shares = [e["coverage"] for e in found.values()]
            below = [e["coverage"] - e["interval"][0] for e in found.values()]
            above = [e["interval"][1] - e["coverage"] for e in found.values()]
            shift = 0.04 * (1 if kind == "specimen" else -1)
            color = SIDE_COLORS[kind]
            axes[0].errorbar(
                [t + shift for t in tests],
                shares,
                yerr=[below, above],
                color=color,
                linestyle=style,
                marker="o",
                markersize=4,
                capsize=2,
            )
            axes[1].plot(
                tests,
                [e["mean_size"] for e in found.values()],
                color=color,
                linestyle=style,
                marker="o",
                markersize=4,
                label=f"{side}, records {name}",
            )
    axes[0].set(title="sets at 90 % that hold the truth", xlabel="readings", ylabel="share")
    axes[0].set_ylim(0.7, 1.0)
    axes[1].set(title="minerals in a set", xlabel="readings", ylabel="mean number")
    axes[1].set_ylim(bottom=0)
    axes[1].yaxis.get_major_locator().set_params(integer=True)
    axes[1].legend(fontsize=8, frameon=False)
    for axis in axes:
        axis.set_xticks([0, 1, 2, 3])
    return figure


def unknown(results: Results) -> Any:
    """Draw the area under the curve and the false alarms by number of readings."""
    figure, axes = _panels(2, 10, 4.2)
    for axis, name, title in (
        (axes[0], "auroc", "other species told from the classes"),
        (axes[1], "false_alarms_95", "false alarms where 95 % of the others are found"),
    ):
        for kind, side in SIDES.items():
            found = results["unknown"][kind]["readings"]
            tests = [int(t) for t in found]
            values = [e[name] for e in found.values()]
            bounds = [e[f"{name}_interval"] for e in found.values()]
            axis.fill_between(
                tests,
                [b[0] for b in bounds],
                [b[1] for b in bounds],
                color=SIDE_COLORS[kind],
                alpha=0.15,
                linewidth=0,
            )
            axis.plot(tests, values, color=SIDE_COLORS[kind], marker="o", markersize=4, label=side)
        axis.set(title=title, xlabel="readings")
        axis.set_xticks([0, 1, 2, 3])
    axes[0].axhline(0.75, color="#999999", linewidth=1, linestyle="--")
    axes[0].set_ylabel("area under the curve, within collections")
    axes[0].set_ylim(0.45, 1.0)
    axes[1].set_ylabel("share of stones of the classes")
    axes[1].set_ylim(0, 1)
    axes[0].legend(loc="upper left", fontsize=8, frameon=False)
    return figure


def wrong(results: Results) -> Any:
    """Draw the area under the curve of wrong records per kind of error and number of readings."""
    figure, axes = _panels(2, 10, 4.2)
    shades = {"1": "#9ecae1", "2": "#4292c6", "3": "#084594"}
    for axis, (kind, side) in zip(axes, SIDES.items(), strict=True):
        for shift, (tests, color) in enumerate(shades.items()):
            found = [results["wrong_records"][kind][error][tests] for error in ERROR_KINDS]
            values = [e["auroc"] for e in found]
            below = [e["auroc"] - e["auroc_interval"][0] for e in found]
            above = [e["auroc_interval"][1] - e["auroc"] for e in found]
            axis.bar(
                [x + 0.27 * (shift - 1) for x in range(len(found))],
                [v - 0.5 for v in values],
                width=0.25,
                bottom=0.5,
                color=color,
                yerr=[below, above],
                error_kw={"linewidth": 0.8},
                label=f"{tests} reading{'s' if tests != '1' else ''}",
            )
        axis.set_xticks(range(len(ERROR_KINDS)), [ERROR_WORDS[e] for e in ERROR_KINDS], fontsize=8)
        axis.set(title=side, ylim=(0.4, 1.0))
        axis.axhline(0.5, color="#555555", linewidth=1)
        axis.grid(False, axis="x")
    axes[0].set_ylabel("area under the curve; 0.5 is chance")
    axes[0].legend(fontsize=8, frameon=False)
    return figure


def order(results: Results) -> Any:
    """Draw the mean number of tests in each order less that in fixed order, with its interval."""
    figure, axes = _panels(2, 10, 4.2)
    names = {"advised": BLUE, "by information alone": GREEN, "fixed": ORANGE, "random": GRAY}
    ends = [
        end
        for kind in SIDES
        for name in names
        for end in results["order"][kind]["orders"][name]["minus_fixed_interval"]
    ]
    margin = 0.15 * (max(ends) - min(ends)) + 0.01
    for axis, (kind, side) in zip(axes, SIDES.items(), strict=True):
        orders = results["order"][kind]["orders"]
        places = range(len(names))
        for place, (name, color) in zip(places, names.items(), strict=True):
            entry = orders[name]
            low, high = entry["minus_fixed_interval"]
            value = entry["minus_fixed"]
            axis.errorbar(
                [value],
                [-place],
                xerr=[[value - low], [high - value]],
                color=color,
                marker="o",
                capsize=3,
            )
            axis.annotate(
                f"{entry['tests']:.2f} tests",
                (value, -place),
                textcoords="offset points",
                xytext=(0, 8),
                ha="center",
                fontsize=8,
                color=color,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )
        axis.axvline(0, color="#999999", linewidth=1, linestyle="--")
        axis.set_yticks([-p for p in places], list(names))
        axis.set(title=side, xlabel="mean number of tests less that in fixed order")
        axis.set_ylim(-len(names) + 0.4, 0.7)
        axis.set_xlim(min(ends) - margin, max(ends) + margin)
        axis.grid(False, axis="y")
    return figure
