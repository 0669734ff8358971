"""Random views: deterministic, inside the picture, and a plain resize where all strengths are 0."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from mineralid.lab.data.augment import (
    LUMA,
    Augmentation,
    augment,
    random_affine,
    random_color,
)
from mineralid.lab.data.batches import to_network_input

NOTHING = Augmentation(
    crop=(1.0, 1.0),
    aspect=0,
    rotation=0,
    flip=0,
    brightness=0,
    contrast=0,
    saturation=0,
    white_balance=0,
)
sides = st.integers(20, 90)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=30, deadline=None)
@given(height=sides, width=sides, size=st.sampled_from([16, 32, 48]), seed=st.integers(0, 999))
def test_same_generator_same_view(height: int, width: int, size: int, seed: int) -> None:
    image = picture(height, width)
    found = [augment(image, size, Augmentation(), np.random.default_rng(seed)) for _ in range(2)]
    (view, color), (again, color_again) = found
    assert view.shape == (size, size, 3)
    assert view.dtype == np.uint8
    assert color.shape == (3, 4)
    assert color.dtype == np.float32
    assert np.array_equal(view, again)
    assert np.array_equal(color, color_again)


def test_another_generator_another_view() -> None:
    image = picture(40, 50)
    views = [augment(image, 32, Augmentation(), np.random.default_rng(s))[0] for s in range(4)]
    assert len({v.tobytes() for v in views}) == 4


def test_no_strength_at_the_same_size_changes_nothing() -> None:
    image = picture(32, 32)
    view, color = augment(image, 32, NOTHING, np.random.default_rng(0))
    assert np.array_equal(view, image)
    np.testing.assert_allclose(color, np.eye(3, 4), atol=1e-7)


def test_no_strength_is_nearly_the_plain_resize() -> None:
    rows, columns = np.mgrid[0:60, 0:80]
    image = np.stack([rows * 4, columns * 3, 255 - rows - columns], axis=-1).astype(np.uint8)
    view, _ = augment(image, 40, NOTHING, np.random.default_rng(0))
    plain = np.asarray(Image.fromarray(image).resize((40, 40), Image.Resampling.BILINEAR))
    difference = np.abs(view.astype(int) - plain)
    assert difference.mean() < 1.0
    assert difference.max() <= 6


@pytest.mark.parametrize(
    ("field", "turned"), [("flip", np.fliplr), ("flip_vertical", np.flipud)], ids=["flip", "upside"]
)
def test_flips_are_mirrors(field: str, turned) -> None:  # type: ignore[no-untyped-def]
    image = picture(32, 32)
    options = NOTHING.model_copy(update={field: 1.0})
    view, _ = augment(image, 32, options, np.random.default_rng(0))
    assert np.array_equal(view, turned(image))


@settings(max_examples=60, deadline=None)
@given(width=sides, height=sides, seed=st.integers(0, 999), flip=st.booleans())
def test_an_unrotated_view_lies_inside_the_picture_and_has_the_drawn_share(
    width: int, height: int, seed: int, flip: bool
) -> None:
    options = Augmentation(crop=(0.25, 0.6), aspect=0.29, rotation=0, flip=float(flip))
    a, b, c, d, e, f = random_affine(width, height, 32, options, np.random.default_rng(seed))
    assert b == d == 0
    for x in (0, 32):
        assert -1e-6 <= a * x + c <= width + 1e-6
    for y in (0, 32):
        assert -1e-6 <= e * y + f <= height + 1e-6
    share = abs(a * e) * 32**2 / (width * height)
    assert 0.25 - 1e-9 <= share <= 0.6 + 1e-9


def test_colour_keeps_grey_grey_and_moves_mid_grey_by_brightness_alone() -> None:
    options = NOTHING.model_copy(update={"saturation": 0.5, "contrast": 0.5})
    for seed in range(5):
        matrix = random_color(options, np.random.default_rng(seed))
        for value in (0.2, 0.5, 0.8):
            out = matrix @ np.array([value, value, value, 1.0])
            np.testing.assert_allclose(out, out[0], atol=1e-6)
        np.testing.assert_allclose(matrix @ [0.5, 0.5, 0.5, 1.0], 0.5, atol=1e-6)


def test_grey_views_have_no_colour_left() -> None:
    options = NOTHING.model_copy(update={"gray": 1.0})
    matrix = random_color(options, np.random.default_rng(0))
    np.testing.assert_allclose(matrix[:, :3], np.tile(LUMA, (3, 1)), atol=1e-6)
    assert LUMA.sum() == pytest.approx(1.0)


def test_unknown_or_impossible_options_are_refused() -> None:
    with pytest.raises(ValidationError, match="rotate"):
        Augmentation(rotate=3)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="less than or equal to 180"):
        Augmentation(rotation=200)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999))
def test_network_input_is_colour_then_clipping_then_normalisation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    views = rng.integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)
    colors = rng.normal(0, 0.8, (3, 3, 4)).astype(np.float32)
    mean, std = (0.5, 0.4, 0.3), (0.5, 0.25, 0.2)
    found = to_network_input(torch.from_numpy(views), torch.from_numpy(colors), mean, std)
    # Reference in float64, one pixel at a time.
    expected = np.empty((3, 3, 5, 4))
    for b, row, column in np.ndindex(3, 5, 4):
        rgb = views[b, row, column] / 255.0
        out = colors[b, :, :3].astype(float) @ rgb + colors[b, :, 3]
        expected[b, :, row, column] = (np.clip(out, 0, 1) - mean) / np.array(std)
    assert found.shape == (3, 3, 5, 4)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-5)


def test_network_input_without_colour_change_is_what_the_field_prepares() -> None:
    from mineralid.vision.prepare import ImageSpec, prepare

    half = (0.5, 0.5, 0.5)
    image = picture(32, 32)
    spec = ImageSpec(height=32, width=32, fit="crop", mean=half, std=half)
    colors = torch.eye(3, 4)[None]
    found = to_network_input(torch.from_numpy(image[None]), colors, half, half)
    np.testing.assert_allclose(found[0].numpy(), prepare(image, spec), atol=1e-6)


def test_network_input_is_made_on_the_device_of_the_batch() -> None:
    views = torch.zeros(2, 8, 8, 3, dtype=torch.uint8, device="meta")
    colors = torch.zeros(2, 3, 4, device="meta")
    found = to_network_input(views, colors, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert found.device.type == "meta"


@pytest.mark.parametrize("crop", [(-1.0, 1.0), (0.0, 0.0), (0.5, 3.0), (0.9, 0.3)])
def test_a_crop_that_is_no_share_of_the_area_is_refused(crop: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="crop"):
        Augmentation(crop=crop)
