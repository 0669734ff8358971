"""Scores of networks that have not seen the photograph, in the place of its feature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mineralid.identify.posterior import log_softmax
from mineralid.lab.evaluation.robustness.data import SplitData


def with_scores_as_features(data: SplitData) -> SplitData:
    """Return the split with log p(class) of the photograph as its feature [N + K·n, C].

    The first N rows are those of `data`, scored by the split's own network: those of the test side
    are answered. What is trained on comes after them: each of the n photographs of the training
    side as the networks of each of K kinds of folds score it that were trained without it
    (`data.tune`). Rows of the test side in `tune` are never read.
    """
    unseen = [scores[data.train] for scores in data.tune.values()]
    copies = len(unseen)
    logits = np.concatenate([data.scores, *unseen]).astype(np.float64)

    def extended(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.tile(values[data.train], copies)])

    count = len(data.labels)
    return replace(
        data,
        name=f"{data.name} scores",
        feature=log_softmax(logits).astype(np.float32),
        scores=logits.astype(np.float32),
        labels=extended(data.labels),
        specimens=extended(data.specimens),
        collections=extended(data.collections),
        train=np.arange(count, count + copies * len(data.train)),
        tune={},
    )
