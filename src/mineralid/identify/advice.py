"""What the answer adds for the person: tests worth making, minerals outside the model, safety."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence import EvidenceModel, next_tests
from mineralid.identify.report import NextTestAdvice, OutcomeAdvice, OutsideMineral
from mineralid.minerals import Catalogue

Array = NDArray[np.float64]

# A hazard is told of every candidate that is at least this likely.
LEAST_HAZARD = 0.1
MOST_OUTSIDE = 5


def test_advice(
    *, models: Sequence[EvidenceModel], posteriors: Sequence[Array], done: Collection[str]
) -> list[NextTestAdvice]:
    """Rank the tests not yet made; see evidence.next_tests."""
    return [
        NextTestAdvice(
            test=t.test,
            information_bits=t.information_bits,
            ease=t.ease,
            destructive=t.destructive,
            advice=t.advice,
            outcomes=[
                OutcomeAdvice(
                    outcome=o.outcome,
                    probability=o.probability,
                    leader=o.leader,
                    leader_probability=o.leader_probability,
                )
                for o in t.outcomes
            ],
        )
        for t in next_tests(models=models, posteriors=posteriors, done=done)
    ]


def outside_minerals(
    *,
    model: EvidenceModel,
    log_likelihood: Array,
    leader_log_likelihood: float,
    log_prior: Array,
    done: Collection[str],
) -> list[OutsideMineral]:
    """Return the minerals beyond the classes that fit the readings better than the leader does.

    Only minerals whose cell is known for every test that was made: a blank is no fit. The most
    common come first.
    """
    if not done or not len(log_likelihood):
        return []
    complete = np.all([model.tests[name].known for name in done], axis=0)
    better = np.flatnonzero(complete & (log_likelihood > leader_log_likelihood + 1e-9))
    order = sorted(better, key=lambda i: (-(log_likelihood[i] + log_prior[i]), model.names[i]))
    return [
        OutsideMineral(
            name=model.names[i],
            log_likelihood_ratio=float(log_likelihood[i] - leader_log_likelihood),
        )
        for i in order[:MOST_OUTSIDE]
    ]


def safety_notes(catalogue: Catalogue, candidates: Mapping[str, float]) -> list[str]:
    """Return the toxicity and radioactivity notes of every candidate that is likely enough."""
    notes = []
    for name, probability in candidates.items():
        if probability >= LEAST_HAZARD:
            mineral = catalogue.find(name)
            notes += [
                f"{name}: {note}" for note in (mineral.toxicity, mineral.radioactivity) if note
            ]
    return notes
