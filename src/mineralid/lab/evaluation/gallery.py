"""A gallery of training photographs beside the trained head: how near is the nearest of each class?

A species looks one way here and another way there; one weight vector a class blurs them, a kernel
over the training photographs does not (a cache of few-shot features beside a classifier: Zhang et
al., Tip-Adapter, ECCV 2022). Nothing is trained: the features are those of the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

# Chosen on the folds (docs/log.md): what the gallery weighs beside the head, the width of its
# kernel in cosine, and how many directions of the feature are kept.
GALLERY_WEIGHT = 0.2
KERNEL_WIDTH = 0.05
AXES = 128
# A class's kernel sum is divided by its number of photographs to this power: 0.5, as its
# photographs were drawn in training.
COUNT_POWER = 0.5


@dataclass(frozen=True)
class Gallery:
    """The training photographs as directions.

    center: subtracted from a feature [D]. axes: principal directions of the training features
    [P, D]. points: training features on them, of length 1 [n, P]. share: of each point to each
    class [n, C], its column divided by the class's count. weight, width: as the constants.
    """

    center: Float
    axes: Float
    points: Float
    share: Float
    weight: float = GALLERY_WEIGHT
    width: float = KERNEL_WIDTH

    @property
    def floor(self) -> float:
        """Return the least kernel value: of a point on the other side, and of an empty class."""
        return float(np.exp(-2.0 / self.width))

    def similarity(self, feature: NDArray[np.floating]) -> Float:
        """Return the cosine of each feature [N, D] to each point [N, n]."""
        x = (feature - self.center) @ self.axes.T
        x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
        result: Float = (x @ self.points.T).astype(np.float32)
        return result

    def scores(self, feature: NDArray[np.floating]) -> Float:
        """Return what is added to the scores of features [N, D]: weight · log kernel sum [N, C]."""
        kernel = np.exp((self.similarity(feature) - 1.0) / self.width)
        result: Float = self.weight * np.log(np.maximum(kernel @ self.share, self.floor))
        return result


def make_gallery(
    feature: Float, labels: Sequence[int] | NDArray[np.int_], classes: int, axes: int = AXES
) -> Gallery:
    """Make the gallery of training features [n, D] with labels [n].

    Raises ValueError without a photograph.
    """
    rows, found = np.asarray(feature, dtype=np.float64), np.asarray(labels)
    if not len(rows):
        raise ValueError("no photographs: a gallery needs one or more")
    center = rows.mean(0)
    # Of a feature's length its directions are the eigenvectors of the covariance: cheaper than
    # a singular value decomposition of all the rows.
    values, vectors = np.linalg.eigh((rows - center).T @ (rows - center))
    kept = vectors[:, np.argsort(-values, kind="stable")[: min(axes, rows.shape[1])]].T
    points = (rows - center) @ kept.T
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    share = np.zeros((len(rows), classes))
    share[np.arange(len(rows)), found] = 1.0
    share /= np.maximum(share.sum(0), 1.0) ** COUNT_POWER
    single = np.float32
    return Gallery(
        center.astype(single), kept.astype(single), points.astype(single), share.astype(single)
    )
