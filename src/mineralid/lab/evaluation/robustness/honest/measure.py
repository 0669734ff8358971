"""Measure everything that an answer says of its own sureness, on photographs held out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mineralid.identify import Identifier
from mineralid.identify.hypotheses import Hypotheses
from mineralid.lab.data.manifest import Manifest, read_manifest
from mineralid.lab.data.splits import LEFT_OUT_FOLDS, LeftOut
from mineralid.lab.evaluation.calibrate import UNSEEN, fit_unknown
from mineralid.lab.evaluation.networks import Networks
from mineralid.lab.evaluation.no_mineral import (
    Drawn,
    drawn_features,
    fit_no_mineral,
    with_no_mineral,
)
from mineralid.lab.evaluation.out_of_fold import OutOfFold, out_of_fold
from mineralid.lab.evaluation.robustness.data import KINDS, Bench
from mineralid.lab.evaluation.robustness.honest import nothing
from mineralid.lab.evaluation.robustness.honest.coverage import sets
from mineralid.lab.evaluation.robustness.honest.field import Field
from mineralid.lab.evaluation.robustness.honest.judged import (
    RATES,
    Judged,
    judge,
    tuning_cases,
)
from mineralid.lab.evaluation.robustness.honest.order import orders_compared
from mineralid.lab.evaluation.robustness.honest.reliability import calibration
from mineralid.lab.evaluation.robustness.honest.strangers import Strangers, choose_strangers
from mineralid.lab.evaluation.robustness.honest.unknowns import unknown_stones
from mineralid.lab.evaluation.robustness.honest.words import word_errors
from mineralid.lab.evaluation.robustness.honest.wrong_records import wrong_records
from mineralid.lab.evaluation.robustness.results import ResultsError
from mineralid.lab.evaluation.simulated import READING_SOURCE, evidence_catalogue, judge_readings
from mineralid.minerals import importer, load_catalogue
from mineralid.vision.prepare import ImageSpec

DRAWS = 3
PICTURES_EACH = 5
RESULTS = "honest.json"


def measure(
    photos: Path,
    facts: Path,
    networks: Networks,
    spec: ImageSpec,
    left_out: LeftOut = LEFT_OUT_FOLDS,
    *,
    draws: int = DRAWS,
    seen: Collection[str] = (),
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Return every figure of the page's honest answers, as plain values.

    photos, facts: as of a release.
    seen: ids of photographs of other species that networks or readout have seen (pre-adaptation).
    """
    manifest = read_manifest(photos)
    held = {}
    for kind in KINDS:
        held[kind] = out_of_fold(kind, manifest, networks, spec, left_out)
        say(f"scored the photographs of the {kind} folds")
    drawn = {
        kind: drawn_features(networks, held_out.folds, spec) for kind, held_out in held.items()
    }
    say("scored the drawings")
    catalogue = evidence_catalogue(facts)
    hypotheses = Hypotheses(catalogue, tuple(manifest.classes))
    bench = Bench(
        tuple(manifest.classes),
        hypotheses.class_evidence,
        judge_readings(facts, catalogue, manifest.classes),
    )
    table = importer.read_source(facts, READING_SOURCE)
    others = manifest.of_other_species()
    strangers = choose_strangers(others, load_catalogue(), table, seen)
    found = measure_held_out(
        held, drawn, bench, hypotheses, strangers, others, draws=draws, say=say
    )
    identifier = Identifier()
    found["nothing"]["drawn"] = nothing.named(identifier, nothing.drawn_pictures(PICTURES_EACH))
    found["nothing"]["samples"] = nothing.named(identifier, nothing.sample_pictures())
    say("asked the bundle that ships what drawings and sample pictures are")
    found["words"] = word_errors(
        hypotheses.minerals, [int(i) for i in hypotheses.class_rows], table
    )
    found["about"] = {
        "network": networks.name,
        "classes": len(manifest.classes),
        "draws": draws,
        "drawings_fitted_on": len(drawn[UNSEEN].kinds),
        "evidence_source": READING_SOURCE,
        "seen": len(set(seen)),
    }
    return plain(found)


def measure_held_out(
    held: dict[str, OutOfFold],
    drawn: dict[str, Drawn],
    bench: Bench,
    hypotheses: Hypotheses,
    strangers: Strangers,
    others: Manifest,
    *,
    draws: int = DRAWS,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Return the figures that need no network, by name of the part and kind of folds."""
    unseen = held[UNSEEN]
    fitted_on = tuning_cases(unseen, bench)
    specimens = np.array([p.specimen for p in others.photographs])
    found: dict[str, Any] = {
        name: {} for name in ("calibration", "sets", "unknown", "wrong_records", "order")
    }
    found["nothing"] = {"told_apart": nothing.told_apart(unseen, drawn[UNSEEN])}
    for kind, held_out in held.items():
        judged = judge(held_out, list(held.values()), bench, draws)
        found["calibration"][kind] = calibration(judged)
        found["sets"][kind] = sets(judged, fitted_on)
        say(f"calibration and sets of the {kind} folds")
        field = field_of(judged, held, drawn[UNSEEN], hypotheses)
        found["unknown"][kind] = unknown_stones(judged, field, strangers, specimens)
        say(f"other species of the {kind} folds")
        found["wrong_records"][kind] = wrong_records(judged, field)
        found["order"][kind] = orders_compared(judged, field)
        say(f"wrong records and orders of tests of the {kind} folds")
    return found


def field_of(
    judged: Judged, held: Mapping[str, OutOfFold], drawn: Drawn, hypotheses: Hypotheses
) -> Field:
    """Return the field's decision with detectors fitted without the photographs that are judged.

    held: both kinds of folds, on which a bundle's detector is fitted, of the same photographs.
    """
    target = judged.held_out
    detectors, arrays = [], []
    for number, prototypes in enumerate(target.prototypes):
        keep = (target.fold != number, target.beyond_fold != number)
        spec = fit_unknown(list(held.values()), "", keep=keep)
        found = fit_no_mineral(held[UNSEEN], drawn, keep=keep)
        detectors.append(spec.model_copy(update={"weights": with_no_mineral(spec.weights)}))
        arrays.append({**prototypes, **found.arrays()})
    return Field(hypotheses, judged.dials, tuple(detectors), tuple(arrays))


def plain(value: Any) -> Any:
    """Return values that JSON knows: no arrays, None for what is not a number."""
    if isinstance(value, dict):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(entry) for entry in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value


def write_results(results: dict[str, Any], out: Path) -> Path:
    """Keep the results in a folder; returns the file."""
    path = out / RESULTS
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def read_results(out: Path) -> dict[str, Any] | None:
    """Return the results that a folder holds, or None.

    Raises ResultsError where they were measured with another share of wrong records.
    """
    path = out / RESULTS
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for of in found["calibration"].values():
        if missing := [name for name in RATES.values() if name not in of]:
            raise ResultsError(
                f"{path} has no figures of the records {', '.join(missing)}; measure them with "
                "`mineralid lab benchmark --answers`"
            )
    return found
