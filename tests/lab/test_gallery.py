"""The gallery: a kernel over training photographs, and its scores against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from mineralid.lab.evaluation.gallery import make_gallery
from mineralid.lab.evaluation.prototypes import class_prototypes
from mineralid.lab.evaluation.readout import make_readout
from mineralid.lab.evaluation.scoring import Scores

CLASSES = 5  # the last has no photograph


def drawn(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES - 1, n)
    centers = np.random.default_rng(9).normal(0, 3, (CLASSES, 12))
    return (centers[labels] + rng.normal(0, 1, (n, 12))).astype(np.float32), labels


def test_scores_are_the_log_of_a_kernel_sum() -> None:
    feature, labels = drawn(40)
    query, _ = drawn(6, seed=1)
    gallery = make_gallery(
        feature, labels, CLASSES, axes=12
    )  # every direction: cosines as they are
    center = feature.astype(np.float64).mean(0)
    for row, found in zip(query, gallery.scores(query), strict=True):
        a = row - center
        for name in range(CLASSES):
            total = 0.0
            for point, label in zip(feature, labels, strict=True):
                b = point - center
                cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                total += np.exp((cosine - 1) / 0.05) * (label == name)
            expected = 0.2 * np.log(max(total / max(1, (labels == name).sum()) ** 0.5, np.exp(-40)))
            assert found[name] == pytest.approx(expected, abs=2e-3)


def test_the_class_of_the_nearest_photographs_leads_and_an_empty_one_never_does() -> None:
    feature, labels = drawn(80)
    query, truth = drawn(40, seed=2)
    scores = make_gallery(feature, labels, CLASSES).scores(query)
    assert (scores.argmax(1) == truth).mean() > 0.9
    assert np.isfinite(scores).all()
    assert (scores[:, -1] <= scores.min(1)).all()


def test_fewer_axes_than_asked_for_where_the_feature_has_fewer() -> None:
    feature, labels = drawn(30)
    assert make_gallery(feature, labels, CLASSES).axes.shape == (12, 12)
    assert make_gallery(feature, labels, CLASSES, axes=3).points.shape == (30, 3)


def test_a_gallery_needs_a_photograph() -> None:
    with pytest.raises(ValueError, match="needs one or more"):
        make_gallery(np.zeros((0, 12), np.float32), np.zeros(0, int), CLASSES)


def test_a_readout_adds_prototypes_gallery_and_colors_to_the_head() -> None:
    feature, labels = drawn(50)
    query, _ = drawn(7, seed=3)
    rng = np.random.default_rng(4)
    color, seen = rng.random((50, 6)).astype(np.float32), rng.random((7, 6)).astype(np.float32)
    where = np.array(["a", "b"] * 25)
    readout = make_readout(feature, color, labels, where, CLASSES)
    head = Scores(rng.normal(size=(7, CLASSES)).astype(np.float32), query)
    found = readout.applied(head, seen)
    weight, bias = class_prototypes(color, labels, where, CLASSES).head(2.0)
    expected = head.with_head(*readout.prototypes.head()).scores + seen @ weight.T + bias
    np.testing.assert_allclose(found.scores, expected + readout.gallery.scores(query), atol=1e-4)
    np.testing.assert_array_equal(found.feature, query)
