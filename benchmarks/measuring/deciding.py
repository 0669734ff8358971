"""Processor time of the decision: scores and readings in, Report out, no network."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mineralid.identify import Identifier
from mineralid.observation import Observation
from mineralid.vision import ItemScores

Case = tuple[Observation, ItemScores | None]


def decision_cpu_ms(
    identifier: Identifier,
    arrays: NDArray[np.float32],
    readings: Sequence[Mapping[str, str]],
    rounds: int,
) -> dict[str, float]:
    """Median over rounds of the processor's milliseconds a row, for three kinds of row.

    arrays: prepared photographs [B, 3, H, W], scored beforehand; readings: of B stones.
    """
    scored = []
    for photo in arrays:
        scores, feature = identifier.classifier.scores(photo[None])
        scored.append(ItemScores(scores, feature))
    given = [Observation.of((), **row) for row in readings]
    with_photo = [Observation(("photo",), o.readings) for o in given]
    kinds: dict[str, list[Case]] = {
        "photograph + 3 readings": list(zip(with_photo, scored, strict=True)),
        "photograph alone": [(Observation(("photo",), {}), s) for s in scored],
        "3 readings alone": [(observation, None) for observation in given],
    }
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for cases in kinds.values():
        _decide(identifier, cases[:1])  # what is computed once and kept
    for _, (kind, cases) in itertools.product(range(rounds), kinds.items()):
        start = time.process_time()
        _decide(identifier, cases)
        taken[kind].append((time.process_time() - start) / len(cases) * 1000)
    return {kind: statistics.median(values) for kind, values in taken.items()}


def _decide(identifier: Identifier, cases: Sequence[Case]) -> None:
    for observation, scored in cases:
        identifier.decide(observation, scored)
