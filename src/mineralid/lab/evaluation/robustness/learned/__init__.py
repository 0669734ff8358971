"""Methods that learn how to use the readings, all by one recipe (`recipe.py`)."""

from __future__ import annotations

from mineralid.lab.evaluation.robustness.learned import one_network, per_case, with_evidence
from mineralid.lab.evaluation.robustness.learned.method import LearnedMethod

METHODS: tuple[LearnedMethod, ...] = (
    *per_case.METHODS,
    *one_network.METHODS,
    *with_evidence.METHODS,
)
