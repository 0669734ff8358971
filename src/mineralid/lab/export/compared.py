"""What ships against its members alone and the other recipes: the photograph alone, paired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.data.manifest import Manifest
from mineralid.lab.data.splits import LEFT_OUT_FOLDS, LeftOut
from mineralid.lab.evaluation.metrics import (
    accuracy,
    bootstrap_interval,
    hits,
    mean_of_folds,
    mean_of_folds_interval,
)
from mineralid.lab.evaluation.networks import Networks
from mineralid.lab.evaluation.out_of_fold import OutOfFold, out_of_fold
from mineralid.lab.export.recipes import ALTERNATIVES, MEMBERS, SHIPPED
from mineralid.lab.network.lite import build_lite, parameter_counts
from mineralid.lab.training.recipe import Recipe
from mineralid.vision.prepare import ImageSpec

MEAN = "mean of folds"


def compare_networks(
    shipped: Mapping[str, OutOfFold],
    manifest: Manifest,
    out: Path,
    spec: ImageSpec,
    left_out: LeftOut = LEFT_OUT_FOLDS,
) -> dict[str, Any]:
    """Return per network and kind of folds: accuracies, and by how much what ships is better.

    shipped: by kind, the scores of what ships.

    `head`: of the trained head alone, by fold and their mean. `read_out`: with prototypes, gallery
    and colours, as it would ship. `gain`: top-1 of what ships less that, in pairs, by fold and
    their mean, with the 95 % interval over specimens; of what ships itself there is none.
    """
    core = manifest.of_classes()
    recipes = {SHIPPED: tuple(MEMBERS.values())}
    recipes |= {name: (recipe,) for name, recipe in (MEMBERS | ALTERNATIVES).items()}
    found: dict[str, Any] = {
        name: trained_parameters(own, len(core.classes)) for name, own in recipes.items()
    }
    for kind, best in shipped.items():
        for name in recipes:
            networks = Networks(out, name)
            held_out = best
            if name != SHIPPED:
                held_out = out_of_fold(kind, manifest, networks, spec, left_out)
            head = np.empty_like(held_out.scores.scores)
            for number, fold in enumerate(held_out.folds):
                judged = np.flatnonzero(held_out.fold == number)
                own = networks.scores(fold, core, spec)
                head[judged] = own.scores[judged]
            entry = {
                "head": _accuracies(held_out, head),
                "read_out": _accuracies(held_out, held_out.scores.scores),
            }
            if name != SHIPPED:
                entry["gain"] = _gain(best, held_out)
            found[name][kind] = entry
    return found


def trained_parameters(recipes: Sequence[Recipe], classes: int) -> dict[str, int]:
    """Return the parameters of networks side by side: trained, of adapters, heads and backbones."""
    counts = [
        parameter_counts(build_lite(classes, name=r.backbone, adapter=r.adapter, pretrained=False))
        for r in recipes
    ]
    return {part: sum(count[part] for count in counts) for part in counts[0]}


def _accuracies(held_out: OutOfFold, scores: NDArray[np.float32]) -> dict[str, Any]:
    folds = {
        name: accuracy(scores[held_out.fold == n], held_out.labels[held_out.fold == n])
        for n, name in enumerate(held_out.folds)
    }
    found = {name: one.to_json() for name, one in folds.items()}
    return {**found, MEAN: mean_of_folds(list(folds.values())).to_json()}


def _gain(best: OutOfFold, other: OutOfFold) -> dict[str, Any]:
    labels, fold = best.labels, best.fold
    specimens = np.array([p.specimen for p in best.manifest.photographs])
    difference = hits(best.scores.scores, labels, 1) - hits(other.scores.scores, labels, 1)
    found: dict[str, Any] = {}
    for number, name in enumerate(best.folds):
        chosen = fold == number
        found[name] = {
            "top1": float(difference[chosen].mean()),
            "interval": bootstrap_interval(difference[chosen], list(specimens[chosen])),
        }
    found[MEAN] = {
        "top1": float(np.mean([f["top1"] for f in found.values()])),
        "interval": mean_of_folds_interval(difference, list(specimens), fold),
    }
    return found
