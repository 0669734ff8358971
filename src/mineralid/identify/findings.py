"""What each reading said, for and against, and whether the rest contradicts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

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
# A reading that the whole answer makes 20 times less likely than a blind guess is explained by
# nothing that is still in question, however rare such readings are: a density of 19 for quartz.
UNEXPLAINED = -3.0
# Support weaker than this is not worth a word.
LEAST_SUPPORT = 0.25


def reading_findings(
    *,
    readings: Mapping[str, Reading],
    log_likelihoods: Array,
    log_even: Array,
    log_base: Array,
    log_weights: Array,
    names: Sequence[str],
    leaders: Sequence[int],
    silent: NDArray[np.bool_] | None = None,
) -> list[ReadingFinding]:
    """Describe F readings over H hypotheses, of which the first are the minerals of `names`.

    log_likelihoods: log p(reading | hypothesis) [F, H]. log_even: log p(reading) if every outcome
    were as likely as another [F]. log_base: log-probability of each hypothesis from everything but
    the readings, up to a constant [H]. log_weights: the population against which a reading is
    measured [H]. leaders: indices of the leading candidates, best first. silent: which readings
    say nothing of which hypothesis, neither for it nor against it [F, H] (default: none).
    """
    if silent is None:
        silent = np.zeros(log_likelihoods.shape, dtype=bool)
    findings = []
    total = log_base + log_likelihoods.sum(0)
    named = log_softmax(total[: len(names)])
    for (test, reading), own, even, mute in zip(
        readings.items(), log_likelihoods, log_even, silent, strict=True
    ):
        average = float(log_mean(own, log_weights))
        said = np.where(mute, average, own)
        consistency = float(log_mean(said, log_softmax(total - own))) - average
        # A stone of which nothing is known explains any reading, however rare.
        explaining = np.where(mute, max(average, float(even)), own)
        answered = float(log_mean(explaining[: len(names)], named))
        explained = answered - float(even)
        ratios = [(names[i], float(said[i]) - average) for i in leaders]
        findings.append(
            ReadingFinding(
                test=test,
                given=reading.text or reading.describe(),
                value=reading.describe().removeprefix(f"{test} "),
                # What the answer makes likelier than it is for any stone is explained by it.
                status="used" if answered > average else _status(consistency, explained),
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


def _status(consistency: float, explained: float) -> Literal["used", "doubted", "contradicted"]:
    if consistency < CONTRADICTED:
        return "contradicted"
    if consistency < DOUBTED or explained < UNEXPLAINED:
        return "doubted"
    return "used"
