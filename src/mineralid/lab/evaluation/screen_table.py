"""The table of screened trials: rows, as JSON and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """A line of the table: shares in 0..1; gains in top-1 over the same read-out of another trial.

    over_head: over the trial's own head; over_base: over its base, the first trial by default.
    """

    trial: str
    readout: str
    photographs: int
    top1: float
    top5: float
    macro_top1: float
    macro_top5: float
    over_first: dict[str, float]
    over_base: dict[str, float]
    over_head: dict[str, float]


def to_json(rows: Sequence[Row], about: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return plain values of the table."""
    return {"trials": list(about), "rows": [asdict(row) for row in rows]}


def markdown(rows: Sequence[Row], about: Sequence[dict[str, Any]], heading: str) -> str:
    """Return the tables as Markdown, shares and gains in per cent."""
    lines = [f"# {heading}", "", "| trial | base | settings | seconds a training |"]
    lines += ["|---|---|---|---|"]
    for trial in about:
        settings = ", ".join(trial["settings"]).replace("|", "\\|") or "as they are"
        lines.append(
            f"| {trial['trial']} | {trial['base']} | {settings} | {trial['seconds']:.0f} |"
        )
    lines += [
        "",
        "Gains in top-1, points, same read-out, paired; 95 % intervals over specimens.",
        "",
    ]
    lines.append(
        "| trial | read-out | top-1 | top-5 | macro top-1 | macro top-5 | over the first | "
        "over its base | over its own head |"
    )
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        shares = (row.top1, row.top5, row.macro_top1, row.macro_top5)
        gains = (row.over_first, row.over_base, row.over_head)
        cells = [row.trial, row.readout, *(f"{100 * share:.1f}" for share in shares)]
        cells += [_gain(gain) for gain in gains]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _gain(gain: dict[str, float]) -> str:
    if gain["low"] == gain["high"] == gain["top1"] == 0:
        return "–"
    value, low, high = (100 * gain[name] for name in ("top1", "low", "high"))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"
