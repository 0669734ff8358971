"""Is the stone in the photograph none of the classes? A logistic regression on four statistics."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mineralid.identify.posterior import log_softmax

Array = NDArray[np.float64]

STATISTICS = ("energy", "log_max_probability", "similarity", "log_feature_norm")


def unknown_statistics(
    scores: NDArray[np.floating],
    feature: NDArray[np.floating],
    arrays: Mapping[str, NDArray[np.float32]],
) -> dict[str, Array]:
    """Return the statistics of scores [..., C] and features [..., D].

    energy: log Σ exp(score) (Liu et al., NeurIPS 2020). similarity: the greatest cosine between
    the feature, less `feature_mean` [D], and a class's prototype: `class_means` [C, D], stored
    less that mean. A bundle without those two arrays has the first two statistics only.
    """
    s = scores.astype(np.float64)
    top = s.max(-1)
    statistics: dict[str, Array] = {
        "energy": top + np.log(np.exp(s - top[..., None]).sum(-1)),
        "log_max_probability": log_softmax(s).max(-1),
    }
    if "class_means" not in arrays or "feature_mean" not in arrays:
        return statistics
    means = arrays["class_means"]
    centered = feature - arrays["feature_mean"]
    norm = np.sqrt(np.einsum("...d,...d->...", centered, centered))
    lengths = np.sqrt(np.einsum("cd,cd->c", means, means))
    cosine = (centered @ means.T) / np.maximum(norm[..., None] * lengths, 1e-12)
    statistics["similarity"] = cosine.max(-1).astype(np.float64)
    statistics["log_feature_norm"] = np.log(np.maximum(norm, 1e-12)).astype(np.float64)
    return statistics


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
