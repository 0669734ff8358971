"""A small benchmark that needs no photograph: planted scores of six species, both kinds of splits."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from synthetic_scores import SPECIES, evidence, held_out, own_source

from mineralid.identify.hypotheses import Hypotheses
from mineralid.lab.data.splits import collection_folds, specimen_folds
from mineralid.lab.evaluation.robustness.data import Bench, SplitData, assemble_splits
from mineralid.lab.evaluation.scoring import Scores
from mineralid.lab.evaluation.simulated import ReadingSource
from mineralid.minerals import load_catalogue

LEFT_OUT = {"A": frozenset({"c04"}), "B": frozenset({"c21"}), "C": None}


@cache
def bench(vocabulary: str = "full") -> Bench:
    """Readings drawn from the catalogue itself."""
    hypotheses = Hypotheses(load_catalogue(), SPECIES)
    return Bench(SPECIES, evidence(), own_source(), vocabulary, hypotheses)


def other_table() -> ReadingSource:
    """A judge's table in which every species has the readings of the next one."""
    own, following = own_source(), dict(zip(SPECIES, (*SPECIES[1:], SPECIES[0]), strict=True))
    return replace(own, cells={name: own.cells[following[name]] for name in SPECIES})


@cache
def splits(each: int = 12) -> dict[str, SplitData]:
    """Splits A, B, C and specimen0 to specimen4, every network with noise of its own."""
    planted = held_out(each=each)
    core = planted.manifest
    rng = np.random.default_rng(7)

    def scores() -> Scores:
        noise = rng.normal(0, 1.5, planted.scores.scores.shape)
        return Scores((planted.scores.scores + noise).astype(np.float32), planted.scores.feature)

    return assemble_splits(
        core,
        {
            "collection": {s.name: (s, scores()) for s in collection_folds(core, LEFT_OUT)},
            "specimen": {s.name: (s, scores()) for s in specimen_folds(core)},
        },
    )
