"""The options of an answer: their names, ranges and errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from mineralid.evidence.prior import PRIORS
from mineralid.observation import ReadingError

ANSWER_OPTIONS = ("trust", "confidence", "top", "prior")


def check_options(
    *,
    trust: float | None = None,
    confidence: float = 0.9,
    top: int | str | None = 10,
    prior: str | None = None,
) -> None:
    """Raise ReadingError (a ValueError with `.field`) for an option out of its range."""

    def refuse(field: str, value: Any, allowed: str) -> None:
        raise ReadingError(field, value, f"{field} is {value!r}; allowed: {allowed}")

    def number(value: Any) -> bool:
        return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)

    if trust is not None and not (number(trust) and 0.0 <= trust <= 1.0):
        refuse("trust", trust, "0 (ignore the readings) to 1 (believe them)")
    if not (number(confidence) and 0.0 < confidence < 1.0):
        refuse("confidence", confidence, "above 0 and below 1")
    whole = isinstance(top, (int, np.integer)) and not isinstance(top, bool)
    if top not in (None, "all") and not (whole and top >= 1):  # type: ignore[operator]
        refuse("top", top, "1 and more, or all")
    if prior is not None and prior not in PRIORS:
        refuse("prior", prior, ", ".join(PRIORS))
