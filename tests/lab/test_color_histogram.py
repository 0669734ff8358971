"""The soft colour histogram against a plain loop over pixels, and what it must not depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mineralid.lab.network.color_histogram import COLORS, ColorHistogram

HALF = (0.5, 0.5, 0.5)


def prepared(rgb: np.ndarray) -> torch.Tensor:
    """uint8 [H, W, 3] as a network is given it, [1, 3, H, W] in -1..1."""
    return torch.from_numpy(rgb.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]


def by_loops(rgb: np.ndarray) -> np.ndarray:
    shares = np.zeros((5, 7, 7))
    small = rgb.reshape(rgb.shape[0] // 4, 4, rgb.shape[1] // 4, 4, 3).mean((1, 3)) / 255
    for r, g, b in small.reshape(-1, 3):
        luma = 0.299 * r + 0.587 * g + 0.114 * b
        places = (
            np.clip(luma, 0, 1) * 4,
            np.clip((b - luma) * 0.5 / 0.886, -0.2, 0.2) / 0.4 * 6 + 3,
            np.clip((r - luma) * 0.5 / 0.701, -0.2, 0.2) / 0.4 * 6 + 3,
        )
        for index in np.ndindex(shares.shape):
            near = [max(0.0, 1 - abs(p - i)) for p, i in zip(places, index, strict=True)]
            shares[index] += np.prod(near)
    return np.sqrt(shares.ravel() / (small.shape[0] * small.shape[1]))


def test_it_is_the_histogram_of_a_plain_loop() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    found = ColorHistogram(HALF, HALF)(prepared(rgb))[0].numpy()
    assert found.shape == (COLORS,)
    np.testing.assert_allclose(found, by_loops(rgb), atol=2e-3)


@pytest.mark.parametrize("seed", range(3))
def test_shares_sum_to_one_whatever_the_picture_and_wherever_its_colors_are(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    histogram = ColorHistogram(HALF, HALF)
    found = histogram(prepared(rgb))[0]
    assert float((found**2).sum()) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(histogram(prepared(rgb[::-1, ::-1].copy()))[0], found, atol=1e-5)


def test_red_and_green_have_nothing_in_common() -> None:
    red, green = (np.zeros((8, 8, 3), np.uint8) for _ in range(2))
    red[..., 0] = 200
    green[..., 1] = 200
    a, b = (ColorHistogram(HALF, HALF)(prepared(x))[0].numpy() for x in (red, green))
    assert a @ a == pytest.approx(1, abs=1e-5)
    assert a @ b == pytest.approx(0, abs=1e-3)
