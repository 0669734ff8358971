"""Are stones of other species told from those of the classes? Within each collection with both.

Across collections it would measure backdrops: some hold few of the classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.evaluation.calibrate import subsets
from mineralid.lab.evaluation.robustness.honest.curves import auroc, false_alarms
from mineralid.lab.evaluation.robustness.honest.field import Field
from mineralid.lab.evaluation.robustness.honest.judged import NUMBERS, Judged
from mineralid.lab.evaluation.robustness.honest.strangers import Strangers
from mineralid.lab.evaluation.robustness.readings import Readings

Array = NDArray[np.float64]

# A collection with fewer stones of either kind than this is left out, as in fitting.
LEAST = 5
BOOTSTRAP_DRAWS = 200
STRANGER_SEED = 40_000


def unknown_stones(
    judged: Judged, field: Field, strangers: Strangers, specimens: NDArray[np.str_]
) -> dict[str, Any]:
    """Return the area under the curve and false alarms of P(none of the classes), per readings.

    specimens: of the photographs of other species, all of them. Values are means over choices of
    tests, draws of readings and collections; intervals are over specimens within the collections.
    """
    held = judged.held_out
    rows = strangers.rows
    beyond = held.beyond.rows([int(i) for i in rows])
    own_ratio = field.log_photo_ratio(held.scores, held.fold)
    other_fold = held.beyond_fold[rows]
    other_ratio = field.log_photo_ratio(beyond, other_fold)
    drawn = strangers.draw(field.hypotheses.evidence, len(judged.draws), STRANGER_SEED)
    where = np.array(held.beyond_collections)[rows]
    both = [
        str(name)
        for name in np.unique(where)
        if min((judged.collections == name).sum(), (where == name).sum()) >= LEAST
    ]
    found: dict[str, Any] = {
        "core_photographs": len(held.labels),
        "other_photographs": len(rows),
        "other_species": len(strangers.names),
        "left_out": dict(strangers.left_out),
        "collections": {
            name: {
                "core": int((judged.collections == name).sum()),
                "other": int((where == name).sum()),
            }
            for name in both
        },
        "readings": {},
    }
    for tests in NUMBERS:
        cells = []
        for own, other in _cells(judged, drawn, tests):
            known = field.weigh(held.scores, held.fold, own_ratio, own, tests)
            strange = field.weigh(beyond, other_fold, other_ratio, other, tests)
            cells.append((known.none, strange.none))
        groups = [
            (
                _stones(judged.specimens, judged.collections == name),
                _stones(specimens[rows], where == name),
            )
            for name in both
        ]
        found["readings"][str(tests)] = {
            **_summary(cells, groups),
            "by_collection": {
                name: _mean_of_cells(auroc, cells, *map(np.concatenate, pair))
                for name, pair in zip(both, groups, strict=True)
            },
            "said_none_core": float(np.mean([c >= 0.5 for c, _ in cells])),
            "said_none_other": float(np.mean([s >= 0.5 for _, s in cells])),
        }
    return found


def _cells(
    judged: Judged, drawn: Sequence[Readings], tests: int
) -> list[tuple[Readings, Readings]]:
    pairs = [
        (draw.right.only(chosen), other.only(chosen))
        for draw, other in zip(judged.draws, drawn, strict=True)
        for chosen in subsets(tests)
    ]
    return pairs if tests else pairs[:1]


def _stones(specimens: NDArray[np.str_], here: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Return the rows of each specimen among those that are here."""
    return [np.flatnonzero(here & (specimens == name)) for name in np.unique(specimens[here])]


def _mean_of_cells(
    measure: Any, cells: Sequence[tuple[Array, Array]], own: Any, other: Any
) -> float:
    return float(np.mean([measure(core[own], strange[other]) for core, strange in cells]))


def _summary(cells: Sequence[tuple[Array, Array]], groups: Sequence[Any]) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    result: dict[str, Any] = {}
    for name, measure in (("auroc", auroc), ("false_alarms_95", false_alarms)):
        values = [
            _mean_of_cells(measure, cells, np.concatenate(own), np.concatenate(other))
            for own, other in groups
        ]
        drawn = []
        for _ in range(BOOTSTRAP_DRAWS):
            picked = [(_resampled(own, rng), _resampled(other, rng)) for own, other in groups]
            drawn.append(np.mean([_mean_of_cells(measure, cells, *pair) for pair in picked]))
        result[name] = float(np.mean(values))
        result[f"{name}_interval"] = [float(np.quantile(drawn, q)) for q in (0.025, 0.975)]
    return result


def _resampled(stones: Sequence[NDArray[np.intp]], rng: np.random.Generator) -> NDArray[np.intp]:
    return np.concatenate([stones[i] for i in rng.integers(0, len(stones), len(stones))])
