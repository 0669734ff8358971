"""Preparing pixels for the network: shapes, values, crops, determinism."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from mineralid.vision import ImageSpec, decode, prepare, prepare_batch, prepare_photo


def spec(**changes: Any) -> ImageSpec:
    values = {
        "height": 32,
        "width": 48,
        "fit": "stretch",
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
    }
    return ImageSpec.model_validate({**values, **changes})


specs = st.builds(
    spec,
    height=st.integers(16, 64),
    width=st.integers(16, 64),
    fit=st.sampled_from(["stretch", "crop"]),
    crop_fraction=st.floats(0.3, 1.0),
    resample=st.sampled_from(["bilinear", "bicubic"]),
)
sides = st.integers(16, 120)


@settings(max_examples=60, deadline=None)
@given(spec=specs, height=sides, width=sides, color=st.tuples(*[st.integers(0, 255)] * 3))
def test_an_even_picture_stays_even_and_is_normalised(
    spec: ImageSpec, height: int, width: int, color: tuple[int, int, int]
) -> None:
    image = np.broadcast_to(np.uint8(color), (height, width, 3))
    found = prepare(image, spec)
    assert found.dtype == np.float32
    assert found.shape == (3, spec.height, spec.width)
    expected = (np.array(color) / 255 - 0.5) / 0.5
    np.testing.assert_allclose(
        found, np.broadcast_to(expected[:, None, None], found.shape), atol=1e-6
    )


@settings(max_examples=30, deadline=None)
@given(spec=specs, height=sides, width=sides, seed=st.integers(0, 99))
def test_same_input_same_bits_and_batch_equals_single(
    spec: ImageSpec, height: int, width: int, seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    other = image[::-1]
    once = prepare(image, spec)
    np.testing.assert_array_equal(once, prepare(image.copy(), spec))
    batch = prepare_batch([other, image], spec)
    np.testing.assert_array_equal(batch[1], once)
    np.testing.assert_array_equal(batch[0], prepare(other, spec))


@settings(max_examples=30, deadline=None)
@given(spec=specs, height=sides, width=sides, seed=st.integers(0, 99))
def test_a_mirrored_picture_gives_the_mirrored_input(
    spec: ImageSpec, height: int, width: int, seed: int
) -> None:
    # Crops are central and the filter is symmetric (one step of 255 is left for rounding).
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    mirrored = prepare(np.ascontiguousarray(image[:, ::-1]), spec)[:, :, ::-1]
    np.testing.assert_allclose(mirrored, prepare(image, spec), atol=2.1 * 2 / 255)


def test_channels_have_their_own_mean_and_deviation() -> None:
    given_spec = spec(mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0))
    found = prepare(np.full((40, 40, 3), (255, 0, 51), np.uint8), given_spec)
    np.testing.assert_allclose(found[:, 0, 0], [(1 - 0.1) / 0.5, -0.2, (0.2 - 0.3) / 2], atol=1e-6)


def test_stretch_shows_the_whole_and_crop_the_centre() -> None:
    image = np.zeros((32, 96, 3), np.uint8)
    image[:, 32:64] = 255  # a white square in the middle third
    square = {"height": 32, "width": 32}
    stretched = prepare(image, spec(fit="stretch", **square))
    assert stretched[0, :, :8].max() == -1 and stretched[0, :, 14:18].min() == 1
    assert prepare(image, spec(fit="crop", **square)).min() == 1
    wide = prepare(image, spec(fit="crop", crop_fraction=0.5, **square))
    assert wide.min() == 1


def test_prepare_photo_is_decode_then_prepare() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    given_spec = spec()
    assert given_spec.min_side == 48
    np.testing.assert_array_equal(prepare_photo(image, given_spec), prepare(image, given_spec))


@pytest.mark.parametrize("fit", ["stretch", "crop"])
def test_decoding_at_reduced_size_hardly_changes_the_input(fit: str) -> None:
    import io

    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    stream = io.BytesIO()
    coarse.resize((800, 600), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=95)
    given_spec = spec(fit=fit, crop_fraction=0.9)
    reduced = decode(stream.getvalue(), min_side=given_spec.min_side)
    assert reduced.shape == (75, 100, 3)
    full = prepare(decode(stream.getvalue()), given_spec)
    # Mean difference in a range of 2: well below the noise of a camera.
    assert np.abs(prepare(reduced, given_spec) - full).mean() < 0.03


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((32, 32, 3), np.float32), "float32 of shape [32, 32, 3]"),
        (np.zeros((32, 32), np.uint8), "uint8 of shape [32, 32]"),
        (np.zeros((32, 32, 4), np.uint8), "uint8 of shape [32, 32, 4]"),
        (np.zeros((0, 32, 3), np.uint8), "uint8 of shape [0, 32, 3]"),
    ],
)
def test_other_arrays_are_refused(image: Any, found: str) -> None:
    with pytest.raises(ValueError) as caught:
        prepare(image, spec())
    assert str(caught.value) == f"image is {found}; allowed is uint8 [H, W, 3]"


@pytest.mark.parametrize(
    "changes",
    [
        {"height": 0},
        {"fit": "pad"},
        {"crop_fraction": 0},
        {"crop_fraction": 1.1},
        {"resample": "nearest"},
        {"std": (0.5, 0.0, 0.5)},
        {"mean": (0.5, float("nan"), 0.5)},
        {"mean": (0.5, 0.5)},
        {"size": 3},
    ],
)
def test_specification_is_validated(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec(**changes)


def test_specification_cannot_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        spec().height = 64  # type: ignore[misc]
