"""Wrong tests: the whole recorded triple is replaced by another candidate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.original.codes import Triple


def wrong_rows(count: int, error_rate: float) -> int:
    """Return how many of `count` rows are made wrong: floor(count · error_rate).

    Rounding to nine places first, so that 0.58 of 50 is 29 and not the 28 of binary fractions.
    """
    if not 0 <= error_rate <= 1:
        raise ValueError(f"error_rate is {error_rate}; allowed: 0 to 1")
    return int(np.floor(round(count * error_rate, 9)))


def corrupt(
    codes: NDArray[np.int64],
    pool: Sequence[Triple],
    error_rate: float,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Return codes int64 [B, F] of which exactly floor(B · error_rate) rows were replaced.

    Each by a candidate of the pool that differs from what was recorded, all equally likely.
    Raises ValueError where the pool holds no other candidate.
    """
    candidates = np.array(pool, dtype=np.int64)
    given = codes.copy()
    for row in rng.permutation(len(codes))[: wrong_rows(len(codes), error_rate)]:
        others = candidates[(candidates != codes[row]).any(1)]
        if not len(others):
            raise ValueError(
                f"no candidate differs from {tuple(map(int, codes[row]))}: the pool is "
                f"{[tuple(map(int, c)) for c in candidates]}; allowed: two candidates or more"
            )
        given[row] = others[rng.integers(len(others))]
    return given
