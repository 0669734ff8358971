"""Is the stone in the photograph none of the classes? A logistic regression on four statistics.

Beside it, where the bundle has its arrays, stands the question whether there is a mineral at all.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mineralid.identify.posterior import log_softmax

Array = NDArray[np.float64]

STATISTICS = ("energy", "log_max_probability", "similarity", "log_feature_norm")
NO_MINERAL = "no_mineral"
DIRECTION, OFFSET = "no_mineral_direction", "no_mineral_offset"
# Of the pictures that show none of the classes, how many show no mineral at all: a judgement.
NO_MINERAL_SHARE = 0.1
# No picture is taken to be more than a thousand times likelier without a mineral than with one:
# about one photograph in a thousand looks as odd, and readings must be able to say so.
MOST_LOG_RATIO = float(np.log(1000.0))


def unknown_statistics(
    scores: NDArray[np.floating],
    feature: NDArray[np.floating],
    arrays: Mapping[str, NDArray[np.float32]],
) -> dict[str, Array]:
    """Return the statistics of scores [..., C] and features [..., D].

    energy: log Σ exp(score) (Liu et al., NeurIPS 2020). similarity: the greatest cosine between
    the feature, less `feature_mean` [D], and a class's prototype: `class_means` [C, D], stored
    less that mean. A bundle without those two arrays has the first two statistics only.
    no_mineral: what a picture without any mineral adds to the odds, see `no_mineral`; of bundles
    that have DIRECTION [D] and OFFSET [1] as well.
    """
    s = scores.astype(np.float64)
    top = s.max(-1)
    statistics: dict[str, Array] = {
        "energy": top + np.log(np.exp(s - top[..., None]).sum(-1)),
        "log_max_probability": log_softmax(s).max(-1),
    }
    if "class_means" not in arrays or "feature_mean" not in arrays:
        return statistics
    # In double precision one photograph alone has the statistics that it has among others.
    means = arrays["class_means"].astype(np.float64)
    centered, norm = _from_center(feature, arrays["feature_mean"])
    lengths = np.sqrt(np.einsum("cd,cd->c", means, means))
    cosine = (centered @ means.T) / np.maximum(norm[..., None] * lengths, 1e-12)
    statistics["similarity"] = cosine.max(-1)
    statistics["log_feature_norm"] = np.log(np.maximum(norm, 1e-12))
    if DIRECTION in arrays and OFFSET in arrays:
        toward = np.einsum("...d,d->...", _unit(centered, norm), arrays[DIRECTION])
        statistics[NO_MINERAL] = no_mineral(toward + float(arrays[OFFSET][0]))
    return statistics


def directions(feature: NDArray[np.floating], center: NDArray[np.floating]) -> Array:
    """Return the directions of features [..., D] from a center, of length 1."""
    return _unit(*_from_center(feature, center))


def _from_center(
    feature: NDArray[np.floating], center: NDArray[np.floating]
) -> tuple[Array, Array]:
    """Return features [..., D] less a center, and the lengths of what is left [...]."""
    centered = feature.astype(np.float64) - center
    return centered, np.sqrt(np.einsum("...d,...d->...", centered, centered))


def _unit(centered: Array, norm: Array) -> Array:
    result: Array = centered / np.maximum(norm[..., None], 1e-12)
    return result


def no_mineral(log_ratio: Array) -> Array:
    """Return what a picture without a mineral adds to the log-odds of none of the classes.

    log_ratio: log p(picture | no mineral) − log p(picture | a mineral). With r that ratio and q
    NO_MINERAL_SHARE, a picture of none of the classes is (1 − q) + q·r times as likely as one of
    another mineral.
    """
    capped = np.minimum(log_ratio, MOST_LOG_RATIO)
    result: Array = np.logaddexp(np.log1p(-NO_MINERAL_SHARE), np.log(NO_MINERAL_SHARE) + capped)
    return result


def unknown_log_odds(
    statistics: Mapping[str, Array], weights: Mapping[str, float], bias: float
) -> Array:
    """Return log p(photo | none of the classes) − log p(photo | one of them).

    The regression was fitted with both kinds weighted equally, so its log-odds are that ratio.
    """
    missing = sorted(set(weights) - set(statistics))
    if missing:
        raise ValueError(
            f"unknown detector wants {', '.join(missing)}; known: {', '.join(statistics)}"
        )
    total: Array = np.asarray(bias + sum(w * statistics[name] for name, w in weights.items()))
    return total
