"""Which test to make next: expected information, weighted by how easy and harmless it is.

EIG_j = H(Σ_s p_s L_j(·|s)) − Σ_s p_s H(L_j(·|s))   in bits, over the outcomes that a person would
tell apart.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence.model import EvidenceModel
from mineralid.evidence.outcomes import entropy_bits

Vector = NDArray[np.float64]

# A test that marks the stone counts this much less.
DESTRUCTIVE_FACTOR = 0.8
# Outcomes less likely than this are left out of the advice.
LEAST_OUTCOME = 0.04


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one outcome would mean: its probability, and the mineral that would lead then."""

    outcome: str
    probability: float
    leader: str
    leader_probability: float


@dataclass(frozen=True, slots=True)
class NextTest:
    """A test not yet made. score = bits × ease (× 0.8 where it marks the stone)."""

    test: str
    information_bits: float
    score: float
    ease: float
    destructive: str
    advice: str
    outcomes: tuple[Outcome, ...]


def next_tests(
    *,
    models: Sequence[EvidenceModel],
    posteriors: Sequence[Vector],
    done: Collection[str],
    most: int = 3,
    most_outcomes: int = 4,
) -> list[NextTest]:
    """Rank the tests not yet made, best first.

    models and posteriors: the hypotheses in groups (the classes; whatever else it may be), the
    posteriors [M] of all groups summing to 1. A group merged into one leads nothing.
    """
    ranked = []
    for name, evidence in models[0].tests.items():
        if name in done:
            continue
        # einsum, not @: its sums run in one order, however many cores there are.
        pairs = [(model.tests[name], p) for model, p in zip(models, posteriors, strict=True)]
        mixture = np.sum([np.einsum("m,mk->k", p, test.coarse) for test, p in pairs], axis=0)
        noise = sum(float(np.einsum("m,m->", p, test.coarse_entropy_bits)) for test, p in pairs)
        bits = max(0.0, float(entropy_bits(mixture)) - noise)
        observer = evidence.observer
        score = bits * observer.ease * (DESTRUCTIVE_FACTOR if observer.destructive else 1.0)
        ranked.append((score, bits, name, mixture))
    ranked.sort(key=lambda item: (-item[0], item[2]))
    return [
        _describe(models, posteriors, name, bits, score, mixture, most_outcomes)
        for score, bits, name, mixture in ranked[:most]
    ]


def _describe(
    models: Sequence[EvidenceModel],
    posteriors: Sequence[Vector],
    name: str,
    bits: float,
    score: float,
    mixture: Vector,
    most_outcomes: int,
) -> NextTest:
    evidence = models[0].tests[name]
    likely = [k for k in np.argsort(-mixture, kind="stable") if mixture[k] >= LEAST_OUTCOME]
    outcomes = []
    for k in likely[:most_outcomes]:
        joint, leader = max(
            _leader(model, posterior * model.tests[name].coarse[:, k])
            for model, posterior in zip(models, posteriors, strict=True)
            if model.names != ("",)
        )
        outcomes.append(
            Outcome(evidence.coarse_names[k], float(mixture[k]), leader, joint / float(mixture[k]))
        )
    observer = evidence.observer
    return NextTest(
        name, bits, score, observer.ease, observer.destructive, observer.advice, tuple(outcomes)
    )


def _leader(model: EvidenceModel, joint: Vector) -> tuple[float, str]:
    best = int(joint.argmax())
    return float(joint[best]), model.names[best]
