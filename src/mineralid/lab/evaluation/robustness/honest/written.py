"""Numbers as the honest answers write them into their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Results = Mapping[str, Any]
# Folder of the figures beside the page.
FOLDER = "robustness"


def met(good: bool) -> str:
    """Return whether an aim is met."""
    return "yes" if good else "**no**"


def share(value: float | None) -> str:
    """Return a share, or a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def interval(pair: Sequence[float], times: float = 1.0, digits: int = 3) -> str:
    """Return an interval in brackets, its ends multiplied."""
    low, high = (times * value for value in pair)
    return f"({low:.{digits}f}–{high:.{digits}f})"


def signed(value: float, pair: Sequence[float]) -> str:
    """Return a difference with its interval."""
    return f"{value:+.3f} ({pair[0]:+.3f} to {pair[1]:+.3f})"
