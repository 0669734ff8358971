"""The answer: posterior, calibrated set, unknown, explanation → Report."""

import sys
import types
from typing import Any

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


class _Callable(types.ModuleType):
    """This package, callable as its function: `mineralid.identify(...)` names both.

    Importing a sub-package binds it in its parent, over the function of the same name; whichever
    of the two a caller gets, calling it names the stone.
    """

    def __call__(self, *args: Any, **options: Any) -> Report:
        return identify(*args, **options)


__doc__ = f"{__doc__}\n\nCalled as a function, as mineralid.identify(...):\n\n{identify.__doc__}"
sys.modules[__name__].__class__ = _Callable
