"""What the answer adds for the person: tests worth making, minerals outside the model, safety."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence import EvidenceModel, next_tests
from mineralid.identify.report import NextTestAdvice, OutcomeAdvice, OutsideMineral
from mineralid.minerals import Catalogue

Array = NDArray[np.float64]

# A hazard is told of every candidate that is at least this likely.
LEAST_HAZARD = 0.05
LEAST_HAZARD_OUTSIDE = 0.01
# Nats by which a mineral outside must fit better than the leader to be worth a word.
LEAST_BETTER = 0.25
MOST_OUTSIDE = 5
# How the catalogue ends a note that calls for no care.
HARMLESS = "; harmless."


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
    probability: Array,
    done: Collection[str],
) -> list[OutsideMineral]:
    """Return the minerals beyond the classes that fit the readings better than the leader does.

    Only minerals whose cell is known for every test that was made: a blank is no fit. The
    likeliest come first.
    """
    if not done or not len(log_likelihood):
        return []
    complete = np.all([model.tests[name].known for name in done], axis=0)
    better = np.flatnonzero(complete & (log_likelihood > leader_log_likelihood + LEAST_BETTER))
    # Equally likely ones stay in the catalogue's order, which is alphabetical.
    likeliest = better[np.argsort(-probability[better], kind="stable")]
    listed = {model.names[i] for i in better}
    # A variety says nothing that its species, listed too, does not.
    order = itertools.islice(
        (
            i
            for i in likeliest
            if model.minerals[i].kind != "variety" or model.minerals[i].parent not in listed
        ),
        MOST_OUTSIDE,
    )
    return [
        OutsideMineral(
            name=model.names[i],
            probability=float(probability[i]),
            log_likelihood_ratio=float(log_likelihood[i] - leader_log_likelihood),
        )
        for i in order
    ]


def safety_notes(
    catalogue: Catalogue, candidates: Mapping[str, float], outside: Mapping[str, float]
) -> list[str]:
    """Return the toxicity and radioactivity notes of what is likely enough, likeliest first.

    candidates, outside: probability by name; of a mineral outside the model less is enough. A note that several minerals share is given once, with their names.
    """
    bearers: dict[str, list[str]] = {}
    likely = [(p, name) for name, p in candidates.items() if p >= LEAST_HAZARD]
    likely += [(p, name) for name, p in outside.items() if p >= LEAST_HAZARD_OUTSIDE]
    for _, name in sorted(likely, key=lambda item: -item[0]):
        mineral = catalogue.find(name)
        for note in (mineral.toxicity, mineral.radioactivity):
            if note and not note.endswith(HARMLESS):
                bearers.setdefault(note, []).append(name)
    return [f"{', '.join(names)}: {note}" for note, names in bearers.items()]
