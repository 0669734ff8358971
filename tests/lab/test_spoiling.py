"""What spoils a view: off by default, draws nothing then, and does what its name says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from mineralid.lab.data.augment import (
    LUMA,
    Augmentation,
    augment,
    hue_rotation,
    random_affine,
    random_color,
)
from mineralid.lab.data.spoiling import add_noise, blur, compress, erase, mark, shrink

STRENGTHS = {
    "hue": 40.0,
    "blur": 2.0,
    "downscale": 0.6,
    "noise": 0.1,
    "jpeg": 1.0,
    "erase": 1.0,
    "watermark": 1.0,
}


def smooth(side: int = 48) -> Image.Image:
    rows, columns = np.mgrid[0:side, 0:side] * (255 / side)
    return Image.fromarray(np.stack([rows, columns, 255 - rows], axis=-1).astype(np.uint8))


def grain(side: int = 48, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def apart(one: Image.Image, two: Image.Image) -> np.ndarray:
    return np.asarray(one).astype(int) - np.asarray(two)


def test_by_default_nothing_is_drawn_beyond_the_map_and_the_colours() -> None:
    image = np.asarray(grain(60))
    used, expected = np.random.default_rng(5), np.random.default_rng(5)
    augment(image, 32, Augmentation(), used)
    random_affine(60, 60, 32, Augmentation(), expected)
    random_color(Augmentation(), expected)
    assert used.bit_generator.state == expected.bit_generator.state


@pytest.mark.parametrize("field", STRENGTHS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99))
def test_each_part_is_drawn_after_the_view_and_again_the_same(field: str, seed: int) -> None:
    image = np.asarray(grain(60))
    options = Augmentation(**{field: STRENGTHS[field]})  # type: ignore[arg-type]
    plain, plain_color = augment(image, 32, Augmentation(), np.random.default_rng(seed))
    view, color = augment(image, 32, options, np.random.default_rng(seed))
    again, _ = augment(image, 32, options, np.random.default_rng(seed))
    assert view.shape == (32, 32, 3)
    assert view.dtype == np.uint8
    assert np.array_equal(view, again)
    assert color.dtype == np.float32
    if field == "hue":
        assert np.array_equal(view, plain)
        assert not np.allclose(color, plain_color)
    else:
        assert np.array_equal(color, plain_color)


@pytest.mark.parametrize("field", [name for name in STRENGTHS if name != "hue"])
def test_each_part_changes_views(field: str) -> None:
    image = np.asarray(grain(60))
    options = Augmentation(**{field: STRENGTHS[field]})  # type: ignore[arg-type]
    changed = [
        not np.array_equal(
            augment(image, 32, options, np.random.default_rng(seed))[0],
            augment(image, 32, Augmentation(), np.random.default_rng(seed))[0],
        )
        for seed in range(10)
    ]
    assert sum(changed) >= 8


@settings(max_examples=30, deadline=None)
@given(angle=st.floats(-3.1, 3.1))
def test_turned_hues_keep_grey_and_luma(angle: float) -> None:
    matrix = hue_rotation(angle)
    np.testing.assert_allclose(matrix @ np.ones(3), 1, atol=1e-5)
    np.testing.assert_allclose(LUMA @ matrix, LUMA, atol=1e-5)
    np.testing.assert_allclose(matrix @ hue_rotation(-angle), np.eye(3), atol=1e-5)


def test_blur_takes_detail_and_a_small_radius_changes_nothing() -> None:
    assert np.asarray(blur(grain(), 2.0)).std() < 0.5 * np.asarray(grain()).std()
    assert blur(grain(), 0.1) == grain()


@pytest.mark.parametrize("deviation", [0.0, 0.02, 0.1])
def test_noise_has_the_deviation_asked_for(deviation: float) -> None:
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    found = apart(add_noise(grey, deviation, np.random.default_rng(0)), grey)
    assert found.std() == pytest.approx(deviation * 255, rel=0.05, abs=0.01)
    assert abs(found.mean()) < 1


def test_a_small_copy_loses_detail_but_not_its_colours() -> None:
    assert np.asarray(shrink(grain(), 0.3)).std() < 0.7 * np.asarray(grain()).std()
    assert np.abs(apart(shrink(smooth(), 0.5), smooth())).mean() < 3
    assert shrink(grain(), 1.0) == grain()


def test_jpeg_is_worse_at_a_lower_quality() -> None:
    low, high = (np.abs(apart(compress(grain(), q), grain())).mean() for q in (15, 90))
    assert low > high > 0


def test_one_rectangle_of_one_colour_is_erased() -> None:
    for seed in range(20):
        view = smooth()
        found = erase(view, np.random.default_rng(seed))
        changed = np.abs(apart(found, view)).any(-1)
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        box = np.asarray(found)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert len(np.unique(box.reshape(-1, 3), axis=0)) == 1
        assert 0.02 <= changed.mean() <= 0.3
        assert view == smooth()


def test_a_mark_lies_along_an_edge_and_leaves_most_of_the_view() -> None:
    grey = Image.new("RGB", (96, 96), (128, 128, 128))
    seen = 0
    for seed in range(20):
        changed = np.abs(apart(mark(grey, np.random.default_rng(seed)), grey)).any(-1)
        assert changed.mean() < 0.35
        assert not changed[30:66].any()
        seen += bool(changed.any())
    assert seen >= 18


@pytest.mark.parametrize(("field", "value"), [("jpeg", 1.5), ("noise", -0.1), ("downscale", 1.0)])
def test_strengths_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        Augmentation(**{field: value})  # type: ignore[arg-type]
