"""Methods that learn how to use the readings, all by one recipe (`recipe.py`).

Every network on features is there twice: trained on readings of the table that judges, and of the
evidence's.
"""

from __future__ import annotations

from mineralid.lab.evaluation.robustness.learned import one_network, per_case, with_evidence
from mineralid.lab.evaluation.robustness.learned.method import LearnedMethod

NETWORKS: tuple[LearnedMethod, ...] = (*per_case.METHODS, *one_network.METHODS)
METHODS: tuple[LearnedMethod, ...] = (
    *NETWORKS,
    *(network.on_own_table() for network in NETWORKS),
    *with_evidence.METHODS,
)
