"""Is there a mineral in the picture at all? One direction of the feature, learned from drawings.

Other minerals look much like the classes; a wall, noise or a white page does not, and a network
that was only shown minerals names one all the same. A logistic regression tells the features of
drawn pictures (drawn.py) from those of photographs of minerals that the network has not seen
(pictures of something else as negatives: Hendrycks et al., Outlier Exposure, ICLR 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mineralid.identify import unknown
from mineralid.lab.evaluation.calibrate import Keep
from mineralid.lab.evaluation.drawn import drawn_manifest
from mineralid.lab.evaluation.networks import Networks
from mineralid.lab.evaluation.out_of_fold import OutOfFold
from mineralid.vision.prepare import ImageSpec

Array = NDArray[np.float64]
Float = NDArray[np.float32]

# Pictures drawn of each kind to fit on; those that judge have other seeds.
DRAWN_EACH, JUDGING_SEED = 15, 1000
# Of the regression on directions of length 1: strong enough that kinds which were not drawn for
# it are told as well (docs/log.md).
PENALTY, LITTLE_PENALTY = 1.0, 1e-3
# Drawings are judged by directions that were fitted without their kind, in so many parts.
PARTS = 5


@dataclass(frozen=True)
class Drawn:
    """Features of the same P drawings by one network after another.

    feature: name of a split -> [P, D]. kinds: of each drawing [P].
    """

    feature: dict[str, Float]
    kinds: NDArray[np.str_]


@dataclass(frozen=True)
class NoMineral:
    """direction [D] and offset: log p(picture | no mineral) − log p(picture | a mineral)."""

    direction: Array
    offset: float

    def arrays(self) -> dict[str, Float]:
        """Return what a bundle holds of it."""
        return {
            unknown.DIRECTION: self.direction.astype(np.float32),
            unknown.OFFSET: np.array([self.offset], dtype=np.float32),
        }

    def log_ratio(self, feature: NDArray[np.floating], center: Float) -> Array:
        """Return the log ratio of features [N, D]."""
        return unknown.directions(feature, center) @ self.direction + self.offset


def drawn_features(
    networks: Networks,
    splits: Sequence[str],
    spec: ImageSpec,
    *,
    each: int = DRAWN_EACH,
    seed: int = 0,
) -> Drawn:
    """Run the network of every split over the drawings."""
    pictures = drawn_manifest(each, seed)
    feature = {split: networks.scores(split, pictures, spec).feature for split in splits}
    return Drawn(feature, np.array([p.species for p in pictures.photographs]))


def mineral_directions(held_out: OutOfFold) -> Array:
    """Return the directions of all photographs of minerals [N + O, D], core species first.

    Every photograph as the network sees it that was not trained on it.
    """
    parts = (
        (held_out.scores.feature, held_out.fold),
        (held_out.beyond.feature, held_out.beyond_fold),
    )
    rows = []
    for feature, fold in parts:
        centers = np.stack([arrays["feature_mean"] for arrays in held_out.prototypes])
        rows.append(unknown.directions(feature, centers[fold]))
    return np.concatenate(rows)


def drawn_directions(held_out: OutOfFold, drawn: Drawn) -> tuple[Array, NDArray[np.str_]]:
    """Return the directions of the drawings by every fold's network [P · folds, D], and kinds."""
    rows = [
        unknown.directions(drawn.feature[name], arrays["feature_mean"])
        for name, arrays in zip(held_out.folds, held_out.prototypes, strict=True)
    ]
    return np.concatenate(rows), np.tile(drawn.kinds, len(rows))


def fit_no_mineral(
    held_out: OutOfFold, drawn: Drawn, keep: Keep | None = None, seed: int = 0
) -> NoMineral:
    """Fit direction and offset on photographs that no network has seen, and on drawings.

    keep: which photographs of core and of other species are wanted (default: all). The direction's
    length and the offset are fitted on drawings of kinds that it was not made of, so that the
    ratio is not surer than it is of a thing never drawn.
    """
    minerals = mineral_directions(held_out)
    if keep is not None:
        minerals = minerals[np.concatenate(keep)]
    pictures, kinds = drawn_directions(held_out, drawn)
    unseen = unseen_kinds(minerals, pictures, kinds, seed)
    slope, offset = _separate(*(scores[:, None] for scores in unseen), penalty=LITTLE_PENALTY)
    direction, bias = _separate(minerals, pictures, penalty=PENALTY)
    return NoMineral(direction * slope[0], float(slope[0]) * bias + offset)


def unseen_kinds(
    minerals: Array, pictures: Array, kinds: NDArray[np.str_], seed: int = 0
) -> tuple[Array, Array]:
    """Return the scores of minerals [N] and drawings [P] by directions that did not see them.

    A direction leaves out whole kinds of drawings. Raises ValueError for fewer than two kinds.
    """
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(kinds))
    parts = min(PARTS, len(names))
    if parts < 2:
        raise ValueError(f"{len(names)} kind of drawing; needed: two or more")
    part_of = {str(name): number % parts for number, name in enumerate(names)}
    picture_part = np.array([part_of[str(kind)] for kind in kinds])
    mineral_part = rng.integers(0, parts, len(minerals))
    mineral_scores, drawn_scores = np.empty(len(minerals)), np.empty(len(pictures))
    for part in range(parts):
        own, theirs = mineral_part == part, picture_part == part
        direction, bias = _separate(minerals[~own], pictures[~theirs], penalty=PENALTY)
        mineral_scores[own] = minerals[own] @ direction + bias
        drawn_scores[theirs] = pictures[theirs] @ direction + bias
    return mineral_scores, drawn_scores


def with_no_mineral(weights: dict[str, float]) -> dict[str, float]:
    """Return the weights of a detector of other species, that of no mineral put beside them."""
    return {**weights, unknown.NO_MINERAL: 1.0}


def _separate(minerals: Array, pictures: Array, *, penalty: float) -> tuple[Array, float]:
    """Logistic regression, both sides weighing a thousand rows: weights and intercept."""
    from sklearn.linear_model import LogisticRegression

    truth = np.arange(len(minerals) + len(pictures)) >= len(minerals)
    weight = np.where(truth, 1000 / len(pictures), 1000 / len(minerals))
    model = LogisticRegression(C=1 / penalty, max_iter=1000)
    model.fit(np.concatenate([minerals, pictures]), truth, sample_weight=weight)
    return model.coef_[0], float(model.intercept_[0])
