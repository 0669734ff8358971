"""Class prototypes: mean features that weigh every collection alike, and a head that uses them.

The trained head learns what tells the large collections apart; a prototype that is the mean over
collections of each collection's mean does not care how many photographs a collection has. A
linear head plus the (linear) similarity to the prototypes is again a linear head, so that this
costs nothing in use (nearest class mean: Mensink et al., PAMI 2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Weight of the similarity beside the trained head; tried 0, 5, 10, 20, 40 (docs/log.md).
PROTOTYPE_WEIGHT = 5.0


@dataclass(frozen=True)
class Prototypes:
    """center: mean of the prototypes [D]. offsets: prototype − center, 0 for a class without a
    photograph [C, D]. length: mean distance of a training feature from the center."""

    center: NDArray[np.float64]
    offsets: NDArray[np.float64]
    length: float

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the arrays of the unknown detector as a bundle holds them."""
        return {
            "feature_mean": self.center.astype(np.float32),
            "class_means": self.offsets.astype(np.float32),
        }

    def head(
        self, weight: float = PROTOTYPE_WEIGHT
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what is added to a linear head: [C, D] and [C].

        Its scores are weight · cos(feature − center, offset) · |feature − center| / length.
        """
        norms = np.linalg.norm(self.offsets, axis=1, keepdims=True)
        directions = np.divide(
            self.offsets, norms, out=np.zeros_like(self.offsets), where=norms > 0
        )
        added = weight / self.length * directions
        return added, -added @ self.center


def class_prototypes(
    feature: NDArray[np.float32],
    labels: NDArray[np.int_],
    collections: Sequence[str] | NDArray[np.str_],
    classes: int,
) -> Prototypes:
    """Return the prototypes of features [N, D] of photographs with labels and collections [N]."""
    where = np.asarray(collections)
    x = feature.astype(np.float64)
    means = np.zeros((classes, x.shape[1]))
    present = np.unique(labels)
    for label in present:
        own = labels == label
        means[label] = np.mean(
            [x[own & (where == name)].mean(0) for name in np.unique(where[own])], axis=0
        )
    center = means[present].mean(0)
    offsets = np.zeros_like(means)
    offsets[present] = means[present] - center
    return Prototypes(center, offsets, float(np.linalg.norm(x - center, axis=1).mean()))
