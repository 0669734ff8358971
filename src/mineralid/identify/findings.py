"""What each reading said, for and against, and whether the rest contradicts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mineralid.identify.posterior import log_mean, log_softmax
from mineralid.identify.report import ReadingFinding, Support
from mineralid.observation.readings import Reading

Array = NDArray[np.float64]

# Consistency (nats) below which a reading is doubted, and contradicted: everything else together
# makes it 4.5 times, 20 times less likely than it is for any stone.
DOUBTED = -1.5
CONTRADICTED = -3.0
# Support weaker than this is not worth a word.
LEAST_SUPPORT = 0.25


def reading_findings(
    *,
    readings: Mapping[str, Reading],
    log_likelihoods: Array,
    log_base: Array,
    log_weights: Array,
    names: Sequence[str],
    leaders: Sequence[int],
) -> list[ReadingFinding]:
    """Describe F readings over M hypotheses.

    log_likelihoods: log p(reading | mineral) [F, M]. log_base: log-probability of each mineral
    from everything but the readings [M]. log_weights: the population against which a reading is
    measured [M]. leaders: indices of the leading candidates, best first.
    """
    findings = []
    total = log_base + log_likelihoods.sum(0)
    for (test, reading), own in zip(readings.items(), log_likelihoods, strict=True):
        average = float(log_mean(own, log_weights))
        rest = log_softmax(total - own)
        consistency = float(log_mean(own, rest)) - average
        ratios = [(names[i], float(own[i]) - average) for i in leaders]
        status = (
            "contradicted"
            if consistency < CONTRADICTED
            else "doubted"
            if consistency < DOUBTED
            else "used"
        )
        findings.append(
            ReadingFinding(
                test=test,
                given=reading.text or reading.describe(),
                status=status,
                log_likelihood_ratio=ratios[0][1] if ratios else 0.0,
                consistency=consistency,
                speaks_for=[
                    Support(name=n, log_likelihood_ratio=r) for n, r in ratios if r > LEAST_SUPPORT
                ],
                speaks_against=[
                    Support(name=n, log_likelihood_ratio=r) for n, r in ratios if r < -LEAST_SUPPORT
                ],
            )
        )
    return findings
