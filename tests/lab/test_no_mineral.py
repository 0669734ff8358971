"""Drawings of nothing, and the direction that tells them from photographs of minerals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_scores import held_out

from mineralid.identify import unknown
from mineralid.lab.evaluation.drawn import KINDS, SIDE, draw_picture, drawn_manifest
from mineralid.lab.evaluation.no_mineral import (
    Drawn,
    NoMineral,
    fit_no_mineral,
    unseen_kinds,
    with_no_mineral,
)
from mineralid.vision.decode import decode_picture


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=3, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_every_kind_draws_a_picture_that_its_seed_decides(kind: str, seed: int) -> None:
    picture = draw_picture(kind, seed)
    assert picture.shape == (SIDE, SIDE, 3) and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, draw_picture(kind, seed))


def test_seeds_and_kinds_differ() -> None:
    first = {kind: draw_picture(kind, 0) for kind in KINDS}
    assert len({picture.tobytes() for picture in first.values()}) == len(KINDS)
    plain = {"white", "black", "gray"}  # few values there are
    for kind in set(KINDS) - plain:
        assert (first[kind] != draw_picture(kind, 1)).any(), kind
    with pytest.raises(ValueError, match="kind is 'cat'; allowed: white, "):
        draw_picture("cat", 0)


def test_the_manifest_holds_the_pictures_themselves() -> None:
    drawn = drawn_manifest(2, seed=5)
    assert len(drawn) == 2 * len(KINDS) and set(drawn.classes) == set(KINDS)
    assert len({p.image_id for p in drawn.photographs}) == len(drawn)
    photograph = next(p for p in drawn.photographs if p.image_id == "drawn bricks 6")
    shown = np.asarray(decode_picture(photograph.photo))
    np.testing.assert_array_equal(shown, draw_picture("bricks", 6))


def planted(folds: int = 3, width: int = 8, each: int = 12, seed: int = 0) -> Drawn:
    """Drawings that lie apart from every mineral, each kind at a place of its own."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(["noise", "lines", "dots", "plain"], each)
    place = {kind: rng.normal(0, 1, width) - 4.0 for kind in np.unique(kinds)}
    feature = {
        name: np.array([place[k] + rng.normal(0, 0.5, width) for k in kinds], dtype=np.float32)
        for name in "ABC"[:folds]
    }
    return Drawn(feature, kinds)


@pytest.fixture(scope="module")
def fitted() -> NoMineral:
    return fit_no_mineral(held_out(each=30), planted())


def test_minerals_and_drawings_are_told_apart(fitted: NoMineral) -> None:
    held, drawn = held_out(each=30, seed=9), planted(seed=9)
    center = held.prototypes[0]["feature_mean"]
    minerals = fitted.log_ratio(held.scores.feature, center)
    strangers = fitted.log_ratio(held.beyond.feature, center)
    pictures = fitted.log_ratio(drawn.feature["A"], center)
    assert np.quantile(minerals, 0.95) < 0 < np.quantile(pictures, 0.05)
    assert np.median(strangers) < 0


def test_the_bundle_s_statistic_is_the_fitted_one(fitted: NoMineral) -> None:
    held = held_out(each=30)
    arrays = {**held.prototypes[1], **fitted.arrays()}
    assert all(a.dtype == np.float32 for a in arrays.values())
    found = unknown.unknown_statistics(held.scores.scores, held.scores.feature, arrays)
    ratio = fitted.log_ratio(held.scores.feature, arrays["feature_mean"])
    np.testing.assert_allclose(found["no_mineral"], unknown.no_mineral(ratio), atol=1e-4)
    weights = with_no_mineral({"energy": -0.5})
    odds = unknown.unknown_log_odds(found, weights, 0.25)
    np.testing.assert_allclose(odds, 0.25 - 0.5 * found["energy"] + found["no_mineral"])


def test_photographs_left_out_have_no_say() -> None:
    held, drawn = held_out(each=12), planted()
    keep = held.fold != 1, held.beyond_fold != 1
    without = fit_no_mineral(held, drawn, keep)
    held.scores.feature[~keep[0]] = 100.0
    held.beyond.feature[~keep[1]] = -100.0
    again = fit_no_mineral(held, drawn, keep)
    np.testing.assert_array_equal(without.direction, again.direction)
    assert without.offset == again.offset


def test_a_kind_is_judged_without_its_drawings() -> None:
    """A kind in the midst of the minerals is told only by a direction that has seen it."""
    rng = np.random.default_rng(0)
    minerals = rng.normal(0, 1, (200, 6))
    kinds = np.repeat(["far", "odd"], 50)
    pictures = rng.normal(0, 1, (100, 6))
    pictures[:50, 0] += 8
    pictures[50:, 1] += 8  # along an axis of its own
    own, theirs = unseen_kinds(minerals, pictures, kinds)
    assert len(own) == 200 and np.isfinite(own).all()
    unseen = theirs > np.quantile(own, 0.9)
    assert unseen[:50].mean() < 0.5 and unseen[50:].mean() < 0.5
    with pytest.raises(ValueError, match="1 kind of drawing; needed: two or more"):
        unseen_kinds(minerals, pictures, np.repeat("far", 100))
