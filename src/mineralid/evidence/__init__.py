"""What each reading says for and against each mineral, and which test to make next."""

from mineralid.evidence.model import EvidenceModel, TestEvidence
from mineralid.evidence.next_test import NextTest, Outcome, next_tests
from mineralid.evidence.observer import Observer, ObserverTableError, load_observers
from mineralid.evidence.prior import PRIORS, prior_weights

__all__ = [
    "PRIORS",
    "EvidenceModel",
    "NextTest",
    "Observer",
    "ObserverTableError",
    "Outcome",
    "TestEvidence",
    "load_observers",
    "next_tests",
    "prior_weights",
]
