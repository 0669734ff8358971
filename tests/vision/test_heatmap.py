"""The class activation map: range, place, and the cases where nothing speaks for the class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineralid.vision import heat_map


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    features=st.integers(1, 6),
    side=st.integers(1, 9),
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    scale=st.sampled_from([1e-30, 1e-3, 1.0, 1e6, 1e30]),
)
def test_range_shape_and_peak(
    seed: int, features: int, side: int, height: int, width: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    maps = (rng.normal(size=(features, side, side + 1)) * scale).astype(np.float32)
    weight = rng.normal(size=(3, features)).astype(np.float32)
    found = heat_map(maps, weight, 1, (height, width))
    assert (found.dtype, found.shape) == (np.float32, (height, width))
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() in (0, 1)
    # Only the relative strength counts.
    np.testing.assert_allclose(heat_map(maps * 4, weight, 1, (height, width)), found, atol=1e-6)


def test_the_peak_lies_where_the_evidence_is() -> None:
    maps = np.zeros((2, 7, 7), np.float32)
    maps[0, 1, 5] = 3
    maps[1, 6, 0] = 9
    weight = np.float32([[1, -1], [0, 1]])
    found = heat_map(maps, weight, 0, (70, 140))
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert (row // 10, column // 20) == (1, 5)
    assert found[60:, :20].max() == 0  # evidence against is not shown
    assert heat_map(maps, weight, 1, (7, 7)).argmax() == 6 * 7


@pytest.mark.parametrize("value", [0.0, -2.0, np.nan, np.inf])
def test_nothing_in_favour_gives_zeros(value: float) -> None:
    maps = np.full((4, 5, 5), value, np.float32)
    found = heat_map(maps, np.ones((2, 4), np.float32), 0, (20, 30))
    np.testing.assert_array_equal(found, np.zeros((20, 30), np.float32))


def test_wrong_arguments_are_named() -> None:
    maps, weight = np.ones((4, 5, 5), np.float32), np.ones((2, 4), np.float32)
    with pytest.raises(ValueError, match=r"class_index is 2; allowed are 0\.\.1"):
        heat_map(maps, weight, 2, (5, 5))
    with pytest.raises(ValueError, match=r"size is \(0, 5\); allowed are \(H, W\) of 1 or more"):
        heat_map(maps, weight, 0, (0, 5))
    with pytest.raises(
        ValueError, match=r"feature_map has shape \[5, 5\] and head_weight \[2, 4\]"
    ):
        heat_map(maps[0], weight, 0, (5, 5))
    with pytest.raises(ValueError, match=r"allowed are \[D, h, w\] and \[C, D\]"):
        heat_map(maps[:3], weight, 0, (5, 5))
