"""What turns a photograph's feature and colours into the scores that ship.

The trained head, plus class prototypes of the feature, plus a gallery, plus class prototypes of
the colours: all made of the training side of a network's split, nothing in them is trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.evaluation.gallery import Gallery, make_gallery
from mineralid.lab.evaluation.prototypes import Prototypes, class_prototypes
from mineralid.lab.evaluation.scoring import Float, Scores

# Weight of the similarity of colours beside the head; tried 2, 3, 5 (docs/log.md).
COLOR_WEIGHT = 2.0


@dataclass(frozen=True)
class Readout:
    """prototypes and gallery of features, prototypes of colours."""

    prototypes: Prototypes
    gallery: Gallery
    colors: Prototypes

    @property
    def color_head(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the linear head on the colours, [C, K] and [C]."""
        return self.colors.head(COLOR_WEIGHT)

    def applied(self, found: Scores, color: Float) -> Scores:
        """Return the scores of the trained head with all others added.

        color: of the same photographs [N, K], from `color_histograms`.
        """
        with_prototypes = found.with_head(*self.prototypes.head())
        weight, bias = self.color_head
        added = self.gallery.scores(found.feature) + color @ weight.T + bias
        return Scores((with_prototypes.scores + added).astype(np.float32), found.feature)


def make_readout(
    feature: Float,
    color: Float,
    labels: NDArray[np.int_],
    collections: NDArray[np.str_],
    classes: int,
) -> Readout:
    """Make it of training features [n, D] and colours [n, K] with labels and collections [n]."""
    return Readout(
        class_prototypes(feature, labels, collections, classes),
        make_gallery(feature, labels, classes),
        class_prototypes(color, labels, collections, classes),
    )
