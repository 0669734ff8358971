"""Stones with three readings, and those readings as the lab draws them."""

from __future__ import annotations

import numpy as np

from mineralid.evidence.outcomes import grid
from mineralid.identify import Identifier
from mineralid.minerals import load_vocabulary

STONES = (
    {"hardness": "6.5", "luster": "metallic", "streak": "greenish-black"},
    {"hardness": "3", "luster": "vitreous", "streak": "white"},
    {"hardness": "9.3", "luster": "silky", "streak": "none"},
)


def outcome(identifier: Identifier, test: str, given: str) -> int:
    """The index of a reading among the outcomes of its test, as the lab draws it."""
    observer = identifier.hypotheses.class_evidence.tests[test].observer
    if test == "hardness":
        return int(np.abs(grid(observer) - float(given)).argmin())
    return load_vocabulary(test).index(given)
