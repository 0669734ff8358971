"""Pictures of things that are no mineral: does the bundle that ships name one with confidence?"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mineralid.identify import Identifier
from mineralid.lab.evaluation.drawn import KINDS, draw_picture
from mineralid.lab.evaluation.no_mineral import (
    JUDGING_SEED,
    Drawn,
    drawn_directions,
    mineral_directions,
    unseen_kinds,
)
from mineralid.lab.evaluation.out_of_fold import OutOfFold
from mineralid.lab.evaluation.robustness.honest.curves import auroc, false_alarms
from mineralid.vision.photo_error import MIN_SIDE

Picture = NDArray[np.uint8]

PICTURES = (".png", ".jpg", ".gif", ".tif")


def drawn_pictures(each: int, seed: int = JUDGING_SEED) -> Iterable[tuple[str, Picture]]:
    """Draw `each` pictures of every kind, with seeds that no detector was fitted on."""
    for kind in KINDS:
        for number in range(seed, seed + each):
            yield kind, draw_picture(kind, number)


def sample_pictures() -> Iterable[tuple[str, Picture]]:
    """Go through scikit-image's sample pictures that come with its wheel; none without it.

    Nothing is downloaded.
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        return
    for path in sorted((Path(spec.origin).parent / "data").iterdir()):
        if path.suffix in PICTURES:
            try:
                with Image.open(path) as picture:
                    pixels = np.asarray(picture.convert("RGB"))
            except UnidentifiedImageError:  # a stack of several, as it seems
                continue
            if min(pixels.shape[:2]) >= MIN_SIDE:
                yield path.name, pixels


def named(identifier: Identifier, pictures: Iterable[tuple[str, Picture]]) -> dict[str, Any]:
    """Let a bundle name pictures, each alone: how many at which level, and the surest answers.

    kinds: per kind how many there are, how many got the name of a species or of a group, the
    greatest probability of a species and its name, the least P(none of the classes).
    """
    kinds: dict[str, dict[str, Any]] = {}
    for kind, pixels in pictures:
        report = identifier.identify(pixels)
        entry = kinds.setdefault(
            kind, {"pictures": 0, "species": 0, "group": 0, "surest": 0.0, "least_none": 1.0}
        )
        entry["pictures"] += 1
        for level in ("species", "group"):
            entry[level] += report.level == level
        assert report.best is not None and report.unknown is not None
        if report.best.probability > entry["surest"]:
            entry.update(surest=report.best.probability, name=report.best.name)
        entry["least_none"] = min(entry["least_none"], report.unknown)
    total = {
        name: sum(int(entry[name]) for entry in kinds.values())
        for name in ("pictures", "species", "group")
    }
    return {"bundle": identifier.bundle.version, **total, "kinds": kinds}


def told_apart(held_out: OutOfFold, drawn: Drawn) -> dict[str, Any]:
    """Return how well drawings of unseen kinds are told from photographs of minerals.

    Kinds are left out of the direction that judges them; the networks have seen neither.
    """
    minerals = mineral_directions(held_out)
    pictures, kinds = drawn_directions(held_out, drawn)
    own, theirs = unseen_kinds(minerals, pictures, kinds)
    limit = np.quantile(own, 0.99)
    return {
        "photographs": len(own),
        "drawings": len(theirs),
        "auroc": auroc(own, theirs),
        "false_alarms_95": false_alarms(own, theirs),
        "found_at_1_percent_false": float((theirs > limit).mean()),
        "by_kind": {
            str(kind): float((theirs[kinds == kind] > limit).mean()) for kind in np.unique(kinds)
        },
    }
