"""Prototypes weigh collections alike; the head made of them is the similarity to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineralid.lab.evaluation.prototypes import Prototypes, class_prototypes
from mineralid.lab.evaluation.scoring import Scores


def test_means_of_collections_about_the_centre_of_the_classes() -> None:
    # Class 0: collection a has mean (2, 0) of three photographs, b (0, 4) of one; class 2: (0, 6).
    feature = np.array([[1, 0], [2, 0], [3, 0], [0, 4], [0, 6]], dtype=np.float32)
    found = class_prototypes(feature, np.array([0, 0, 0, 0, 2]), ["a", "a", "a", "b", "b"], 4)
    np.testing.assert_allclose(found.center, [0.5, 4.0])  # of (1, 2) and (0, 6)
    np.testing.assert_allclose(found.offsets, [[0.5, -2], [0, 0], [-0.5, 2], [0, 0]])
    distances = np.linalg.norm(feature - np.array([0.5, 4.0]), axis=1)
    assert found.length == pytest.approx(distances.mean())
    arrays = found.arrays()
    assert {k: (v.dtype, v.shape) for k, v in arrays.items()} == {
        "feature_mean": (np.float32, (2,)),
        "class_means": (np.float32, (4, 2)),
    }


@settings(max_examples=30, deadline=None)
@given(copies=st.integers(1, 9), seed=st.integers(0, 999))
def test_more_photographs_of_a_collection_move_no_prototype(copies: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    feature = rng.normal(0, 1, (6, 3)).astype(np.float32)
    labels, where = np.array([0, 0, 0, 1, 1, 1]), np.array(["a", "b", "c"] * 2)
    plain = class_prototypes(feature, labels, where, 2)
    again = np.concatenate([np.arange(6), np.repeat([0], copies)])
    crowded = class_prototypes(feature[again], labels[again], where[again], 2)
    np.testing.assert_allclose(crowded.offsets, plain.offsets, atol=1e-12)
    np.testing.assert_allclose(crowded.center, plain.center, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999))
def test_the_head_is_the_cosine_by_the_relative_length(seed: int) -> None:
    rng = np.random.default_rng(seed)
    offsets = rng.normal(0, 1, (4, 5))
    offsets[2] = 0  # a class without a photograph
    prototypes = Prototypes(rng.normal(0, 1, 5), offsets, 1.7)
    feature = rng.normal(0, 2, (6, 5)).astype(np.float32)
    base = rng.normal(0, 1, (6, 4)).astype(np.float32)
    found = Scores(base, feature).with_head(*prototypes.head(3.0))
    for n in range(6):
        x = feature[n].astype(float) - prototypes.center
        for c in range(4):
            size = np.linalg.norm(offsets[c]) * np.linalg.norm(x)
            cosine = 0.0 if c == 2 else float(offsets[c] @ x) / size
            expected = base[n, c] + 3.0 * cosine * np.linalg.norm(x) / 1.7
            assert found.scores[n, c] == pytest.approx(expected, abs=1e-4)
    assert np.array_equal(found.feature, feature)
