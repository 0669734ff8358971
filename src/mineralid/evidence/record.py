"""The wrong-record model: with probability ε a record of readings belongs to another stone.

p(record | s) = (1 − ε) ∏_j L_j(o_j | s) + ε · Σ_s′ w(s′) ∏_j L_j(o_j | s′)   (METHOD, section 4)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def log_sum_exp(values: NDArray[np.float64], weights: Vector | None = None) -> float:
    """Return log Σ w·exp(v) without overflow; −inf where all is zero."""
    top = float(values.max())
    if not np.isfinite(top):
        return top
    scaled = np.exp(values - top)
    return top + float(np.log(scaled.sum() if weights is None else weights @ scaled))


def record_log_likelihood(
    *, log_likelihood: Vector, log_other: float, wrong_record_rate: float
) -> Vector:
    """Return log p(record | mineral) float64 [M].

    log_likelihood: Σ_j log L_j(o_j | s) [M]. log_other: log of the record's mean likelihood over
    the population. wrong_record_rate: ε in 0..1; 1 makes the record say nothing of the stone.
    """
    if not 0.0 <= wrong_record_rate <= 1.0:
        raise ValueError(f"wrong_record_rate is {wrong_record_rate}; allowed: 0 to 1")
    if wrong_record_rate == 0.0:
        return log_likelihood
    wrong = np.log(wrong_record_rate) + log_other
    if wrong_record_rate == 1.0:
        return np.full_like(log_likelihood, wrong)
    return np.logaddexp(np.log1p(-wrong_record_rate) + log_likelihood, wrong)
