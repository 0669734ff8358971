"""How often does another book use another word? Slip and stray of the observers, by likelihood.

Fitted on minerals that are none of the classes, so that nothing that judges is used: the words of
the judge's table under the evidence, which does not know that table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence import EvidenceModel, load_observers
from mineralid.lab.evaluation.robustness.readings import chances
from mineralid.lab.evaluation.simulated import COLUMNS, TESTS, ReadingSource
from mineralid.minerals import Mineral
from mineralid.minerals.importer import SourceFacts

Array = NDArray[np.float64]

SLIPS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
STRAYS = (0.03, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3)
WORDS = ("luster", "streak")


def word_errors(
    minerals: Sequence[Mineral], classes: Sequence[int], table: Mapping[str, SourceFacts]
) -> dict[str, Any]:
    """Return per word test the likelihood of each (slip, stray), in nats a reading.

    minerals: of the evidence; classes: places of those that are left out. What the field uses
    stands beside the most likely pair.
    """
    left_out = set(classes)
    found = {}
    for test in WORDS:
        column = COLUMNS[test]
        both = [
            i
            for i, mineral in enumerate(minerals)
            if i not in left_out
            and mineral.value(column)
            and mineral.name in table
            and table[mineral.name].value(column)
        ]
        names = [minerals[i].name for i in both]
        # A table of readings needs all tests; those of the others are not looked at.
        cells: Any = {
            name: {
                t: table[name].value(c) if t == test else _anything(t) for t, c in COLUMNS.items()
            }
            for name in names
        }
        observers = dict(load_observers())
        model = EvidenceModel(tuple(minerals), observers={t: observers[t] for t in TESTS})
        chance = chances(ReadingSource(cells, {}), model, names)[TESTS.index(test)]
        values = {
            (slip, stray): _likelihood(minerals, both, chance, test, slip, stray)
            for slip in SLIPS
            for stray in STRAYS
        }
        best = max(values, key=lambda pair: values[pair])
        now = observers[test]
        found[test] = {
            "minerals": len(both),
            "best": {"slip": best[0], "stray": best[1], "nats": values[best]},
            "field": {
                "slip": now.slip,
                "stray": now.stray,
                "nats": _likelihood(minerals, both, chance, test, now.slip, now.stray),
            },
            "grid": [
                {"slip": slip, "stray": stray, "nats": nats}
                for (slip, stray), nats in values.items()
            ],
        }
    return found


def _anything(test: str) -> Any:
    observer = load_observers()[test]
    if observer.test.kind == "words":
        return observer.test.vocabulary.tokens[:1]
    return (observer.test.low, observer.test.high)


def _likelihood(
    minerals: Sequence[Mineral],
    rows: Sequence[int],
    chance: Array,
    test: str,
    slip: float,
    stray: float,
) -> float:
    observer = replace(load_observers()[test], slip=slip, stray=stray)
    model = EvidenceModel(tuple(minerals), observers={test: observer})
    outcome = np.log(model.tests[test].outcome[list(rows)])
    return float((chance * outcome).sum(1).mean())
