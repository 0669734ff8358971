"""How likely a mineral is before anything was seen: by commonness, or the same for all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mineralid.minerals.mineral import Mineral

PRIORS = ("commonness", "uniform")
# Each grade of the catalogue's commonness (5 rock-forming .. 1 rare) is met this much more often
# than the one below. Our judgement: of stones picked up, the 24 minerals of grade 5 then make
# about half and the 1,270 rare ones together a few per cent.
GRADE_RATIO = 5.0


def prior_weights(minerals: Sequence[Mineral], prior: str = "commonness") -> NDArray[np.float64]:
    """Return the prior probability of each mineral, float64 [M], summing to 1.

    Raises ValueError for a prior other than `commonness` and `uniform`.
    """
    if prior not in PRIORS:
        raise ValueError(f"prior is {prior!r}; allowed: {', '.join(PRIORS)}")
    if prior == "uniform":
        return np.full(len(minerals), 1 / len(minerals))
    grades = {m.name: m.commonness for m in minerals}
    # A variety is met less often than the species that it is a part of.
    capped = [
        min(m.commonness, grades[m.parent] - 1)
        if m.kind == "variety" and m.parent in grades
        else m.commonness
        for m in minerals
    ]
    weights = GRADE_RATIO ** np.array(capped, dtype=float)
    return weights / weights.sum()
