"""Losses by name, one file per family; each class states its formula, paper and options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from mineralid.lab.losses.classification import CrossEntropy, Focal, Poly1
from mineralid.lab.losses.contract import Loss
from mineralid.lab.losses.distillation import DKD, KD, KL, StandardisedDKD, StandardisedKD
from mineralid.lab.losses.harmony import GHMC, GHMR
from mineralid.lab.losses.joint import JDA
from mineralid.lab.losses.moments import CMD, MMD
from mineralid.lab.losses.noisy_labels import Bootstrapped, GeneralisedCrossEntropy
from mineralid.lab.losses.relations import RKD

__all__ = ["LOSSES", "Loss", "by_name"]

LOSSES: Mapping[str, type[Loss]] = MappingProxyType(
    {
        "cross_entropy": CrossEntropy,
        "focal": Focal,
        "poly1": Poly1,
        "gce": GeneralisedCrossEntropy,
        "bootstrapped": Bootstrapped,
        "kl": KL,
        "kd": KD,
        "kd_standardised": StandardisedKD,
        "dkd": DKD,
        "dkd_standardised": StandardisedDKD,
        "rkd": RKD,
        "cmd": CMD,
        "mmd": MMD,
        "jda": JDA,
        "ghm_c": GHMC,
        "ghm_r": GHMR,
    }
)


def by_name(name: str, /, **options: object) -> Loss:
    """Return the loss of that name; its options are the keywords of its class.

    Raises ValueError for an unknown name or option (with the nearest known ones), a missing
    option, or a value out of range.
    """
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}{_guess(name, LOSSES)} Known: {', '.join(LOSSES)}")
    kind: Callable[..., Loss] = LOSSES[name]
    allowed = inspect.signature(kind).parameters
    listed = ", ".join(allowed) or "none"
    for option in options:
        if option not in allowed:
            raise ValueError(
                f"{name} has no option {option!r}{_guess(option, allowed)} Allowed: {listed}"
            )
    missing = [o for o, p in allowed.items() if p.default is p.empty and o not in options]
    if missing:
        raise ValueError(
            f"{name} got {', '.join(options) or 'no option'}; it must be given {', '.join(missing)}. "
            f"Allowed: {listed}"
        )
    return kind(**options)


def _guess(word: str, known: Mapping[str, object]) -> str:
    near = get_close_matches(str(word).casefold(), known, n=3, cutoff=0.5)
    return f"; did you mean {', '.join(near)}?" if near else "."
