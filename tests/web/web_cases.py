"""What tests of the web app share: types of fixtures, waiting, and whether answers say the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

Draw = Callable[..., bytes]
Serve = Callable[..., AbstractContextManager[tuple[str, int]]]
MakeClient = Callable[..., AbstractContextManager[Any]]


def wait_until(reached: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something to become true; fail where it does not."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, f"not reached in {seconds} seconds"
        time.sleep(0.01)


def alike(one: Any, other: Any, tolerance: float = 1e-4) -> bool:
    """Whether two answers say the same, numbers to within the last digits."""
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, abs=tolerance)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            alike(one[key], other[key], tolerance) for key in one
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            alike(a, b, tolerance) for a, b in zip(one, other, strict=True)
        )
    return bool(one == other)
