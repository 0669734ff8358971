"""How a bundle's formula stands against the other methods: from the benchmark into its card."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from mineralid.lab.evaluation.figures import METHODS
from mineralid.lab.evaluation.robustness.answers import StoredAnswers
from mineralid.lab.evaluation.robustness.grid import cell
from mineralid.lab.evaluation.robustness.results import ResultsError
from mineralid.lab.evaluation.robustness.tables import DEFAULT, PHOTOGRAPH, standings
from mineralid.lab.export.card import render_card
from mineralid.lab.export.compared import MEAN
from mineralid.lab.export.plan import KINDS
from mineralid.vision.bundle import CARD_FILE, Bundle, load_bundle, write_bundle

# Of top-1 of the photograph alone, which card and benchmark compute apart from the same scores.
SAME = 1e-4
DIGITS = 8


def write_standing(out: Path, folder: Path) -> Path:
    """Put how the default stands against every method measured in `out` into a bundle's card.

    Returns the card. Nothing else of the bundle changes; its folder is written anew. Raises
    ResultsError where there are no results or they are of other networks or of another catalogue
    than the bundle's, BundleError where `folder` is none.
    """
    bundle, stored = load_bundle(folder), StoredAnswers(out)
    _must_be_the_same(bundle, stored, out)
    standing: Any = [
        {
            "title": found.title,
            "gains": {
                kind: [[round(value, DIGITS) for value in gain] for gain in pair]
                for kind, pair in found.gains.items()
            },
        }
        for found in standings(stored, KINDS)
    ]
    if not standing:
        raise ResultsError(
            f"{out} has no method beside {DEFAULT} with nothing and with 0.6 of the records wrong: "
            "measure some with `mineralid lab benchmark`"
        )
    figures = {**bundle.spec.figures, "standing": standing}
    spec = bundle.spec.model_copy(update={"figures": figures})
    graph = bundle.graph_path.read_bytes()
    return write_bundle(folder, spec, graph, bundle.arrays, render_card(spec)).path / CARD_FILE


def _must_be_the_same(bundle: Bundle, stored: StoredAnswers, out: Path) -> None:
    figures: Any = bundle.spec.figures
    if not set(KINDS) <= set(figures):
        raise ResultsError(
            f"{bundle.path} has no figures of known collections and of collections never seen; "
            "allowed: a bundle that `mineralid lab release` made"
        )
    measured = stored.described.get("catalogue")
    if measured != bundle.spec.catalogue_version:
        raise ResultsError(
            f"{out} was measured with catalogue {measured or 'not recorded'}, {bundle.path} with "
            f"{bundle.spec.catalogue_version}: measure again what is older"
        )
    for kind in KINDS:
        if not stored.has(kind, "full", PHOTOGRAPH, DEFAULT):
            raise ResultsError(
                f"{out} has no answers of {PHOTOGRAPH} and {DEFAULT} to every split of kind {kind}: "
                "measure them with `mineralid lab benchmark`"
            )
        theirs = figures[kind]["accuracy"][METHODS[0]][MEAN]["top1"]
        ours = stored.top1(PHOTOGRAPH, "full", kind, cell(()))
        if not math.isclose(theirs, ours, abs_tol=SAME):
            raise ResultsError(
                f"{out} is of other networks than {bundle.path}: the photograph alone has top-1 "
                f"{ours:.4f} there and {theirs:.4f} in the bundle's card (splits of kind {kind})"
            )
