"""The answer: posterior, calibrated set, unknown, explanation → Report."""

from mineralid.identify.identifier import Identifier, identify
from mineralid.identify.report import (
    Candidate,
    NextTestAdvice,
    OutcomeAdvice,
    OutsideMineral,
    ReadingFinding,
    Report,
    Support,
    Versions,
)

__all__ = [
    "Candidate",
    "Identifier",
    "NextTestAdvice",
    "OutcomeAdvice",
    "OutsideMineral",
    "ReadingFinding",
    "Report",
    "Support",
    "Versions",
    "identify",
]
