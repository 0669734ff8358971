"""The decision as pure functions: photograph and record to probabilities, any batch shape.

posterior(s) ∝ π(s) · p_photo(s)^(1/T) · [(1 − ε) ∏_j L_j(o_j | s) + ε · mean_s′ ∏_j L_j(o_j | s′)]
(METHOD, section 4; Branson et al., ECCV 2010). An untested property is an absent factor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def log_softmax(x: Array) -> Array:
    """Return log softmax over the last axis."""
    shifted = x - x.max(-1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return result


def combine_photos(scores: NDArray[np.float32]) -> Array:
    """Combine the scores [n, C] of n photographs of one stone: the mean of their log-softmax [C].

    A mean, not a sum: photographs of one stone share most of their errors.
    """
    if scores.ndim != 2 or not len(scores):
        raise ValueError(f"scores have shape {list(scores.shape)}; allowed: [n, C] with n >= 1")
    result: Array = log_softmax(scores.astype(np.float64)).mean(0)
    return result


def log_photo_posterior(log_scores: Array, temperature: float) -> Array:
    """Return log p_photo(s)^(1/T), normalised, over the last axis [..., C]."""
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; allowed: above 0")
    return log_softmax(log_scores / temperature)


def mix_wrong_record(log_likelihood: Array, log_other: Array, wrong_record_rate: float) -> Array:
    """Return log[(1 − ε)·L(s) + ε·other] for log L [..., M] and log other [...]."""
    if not 0.0 <= wrong_record_rate <= 1.0:
        raise ValueError(f"wrong_record_rate is {wrong_record_rate}; allowed: 0 to 1")
    other = np.broadcast_to(np.asarray(log_other)[..., None], log_likelihood.shape)
    if wrong_record_rate == 0.0:
        return log_likelihood
    if wrong_record_rate == 1.0:
        return np.array(other)
    result: Array = np.logaddexp(
        np.log1p(-wrong_record_rate) + log_likelihood, np.log(wrong_record_rate) + other
    )
    return result


def log_mean(log_likelihood: Array, log_weights: Array) -> Array:
    """Return log Σ_s w(s)·L(s) over the last axis, weights summing to 1."""
    weighted = log_likelihood + log_weights
    top = weighted.max(-1)
    result: Array = top + np.log(np.exp(weighted - top[..., None]).sum(-1))
    return result


def with_unknown(log_known: Array, log_unknown: Array, unknown_prior: float) -> tuple[Array, Array]:
    """Normalise known hypotheses [..., M] and the unknown one [...] to probabilities.

    log_known: log of p(photo, record, s), already weighted by the prior among the known.
    log_unknown: log of p(photo, record | none of them) on the same scale.
    """
    if not 0 <= unknown_prior < 1:
        raise ValueError(f"unknown_prior is {unknown_prior}; allowed: 0 to below 1")
    if unknown_prior == 0:
        return np.exp(log_softmax(log_known)), np.zeros(log_known.shape[:-1])
    joint = np.concatenate(
        [
            log_known + np.log1p(-unknown_prior),
            (log_unknown + np.log(unknown_prior))[..., None],
        ],
        axis=-1,
    )
    p = np.exp(log_softmax(joint))
    return p[..., :-1], p[..., -1]


def wrong_record_probability(
    *,
    log_base: Array,
    log_record: Array,
    log_other: Array,
    wrong_record_rate: float,
    silent: NDArray[np.bool_] | None = None,
) -> float:
    """Return P(the record belongs to another stone | everything) = E_s[ε·other / p(record | s)].

    silent: stones of which the record says nothing [M], so that it stays as doubtful as it was.
    """
    if wrong_record_rate == 0.0:
        return 0.0
    share = np.log(wrong_record_rate) + log_other - log_record
    if silent is not None:
        share = np.where(silent, np.log(wrong_record_rate), share)
    return float(np.exp(min(0.0, float(log_mean(share, log_softmax(log_base + log_record))))))
