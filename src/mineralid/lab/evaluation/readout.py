"""What turns the network's features into the scores that ship: head, prototypes and gallery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.evaluation.gallery import Gallery, make_gallery
from mineralid.lab.evaluation.prototypes import Prototypes, class_prototypes
from mineralid.lab.evaluation.scoring import Scores


@dataclass(frozen=True)
class Readout:
    """Made of the training side of a network's split; nothing in it is trained."""

    prototypes: Prototypes
    gallery: Gallery

    def applied(self, found: Scores) -> Scores:
        """Return the scores of the trained head with those of prototypes and gallery added."""
        with_prototypes = found.with_head(*self.prototypes.head())
        added = self.gallery.scores(found.feature)
        return Scores(with_prototypes.scores + added, found.feature)


def make_readout(
    feature: NDArray[np.float32],
    labels: NDArray[np.int_],
    collections: NDArray[np.str_],
    classes: int,
) -> Readout:
    """Make it of training features [n, D] with labels and collections [n]."""
    return Readout(
        class_prototypes(feature, labels, collections, classes),
        make_gallery(feature, labels, classes),
    )
