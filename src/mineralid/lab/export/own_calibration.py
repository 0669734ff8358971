"""Calibrate a bundle on the few photographs that one run held out: fit what they can carry.

What is not fitted is taken over from the bundle that ships, on its careful side, and said so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mineralid.identify.hypotheses import Hypotheses
from mineralid.identify.own_minerals import with_own_minerals
from mineralid.lab.evaluation.calibrate import (
    ASSUMED_WRONG_RECORDS,
    TEMPERATURES,
    UNKNOWN_PRIOR,
    class_posterior,
    collection_weights,
    detector_table,
    fit_calibration,
    fit_unknown,
    negative_log_likelihood,
    simulate_cases,
)
from mineralid.lab.evaluation.out_of_fold import OutOfFold
from mineralid.lab.evaluation.simulated import COLUMNS, TESTS, ReadingSource
from mineralid.minerals import Catalogue, load_catalogue, load_vocabulary
from mineralid.minerals.mineral import INTERVALS
from mineralid.vision.bundle import load_bundle
from mineralid.vision.bundle_own import OwnMineral
from mineralid.vision.bundle_spec import CalibrationSpec, UnknownSpec

# From so many held-out specimens on, one temperature is fitted; from so many, everything: a set
# at 90 % then rests on the ten specimens that it may miss.
FOR_TEMPERATURE, FOR_EVERYTHING = 30, 100
# Photographs of other stones, and of classes, from which the detector of other stones is fitted.
FOR_DETECTOR = 30
# A species is named from this probability on where no threshold could be fitted; the bundle that
# ships names one from 0.61 to 0.73 on.
CAREFUL_SPECIES = 0.8


@dataclass(frozen=True)
class Calibrated:
    """The calibration, and which of its parts were fitted: "temperature", "everything" or ""."""

    spec: CalibrationSpec
    fitted: str


def calibrate_own(held_out: OutOfFold, own: Mapping[str, OwnMineral]) -> Calibrated:
    """Fit the calibration as far as the held-out specimens allow.

    held_out: scores of the head as it ships, classes under the bundle's names.
    """
    specimens = [p.specimen for p in held_out.manifest.photographs]
    stones = len(set(specimens))
    if stones >= FOR_EVERYTHING:
        return Calibrated(_everything(held_out, own, specimens), "everything")
    shipped = load_bundle().spec.calibration
    temperature, fitted = shipped.temperature, ""
    note = (
        f"Not fitted: {stones} specimens were held out, {FOR_TEMPERATURE} are needed for the "
        f"temperature and {FOR_EVERYTHING} for everything. "
    )
    if stones >= FOR_TEMPERATURE:
        best = min(
            (t for t in TEMPERATURES if t >= 1),
            key=lambda t: negative_log_likelihood(
                class_posterior(held_out.scores.scores, [], t, 0.0), held_out.labels
            ),
        )
        temperature, fitted = (best,) * len(shipped.temperature), "temperature"
        note = (
            f"Fitted on {stones} held-out specimens: the temperature, at least 1. For the rest "
            f"{FOR_EVERYTHING} are needed. "
        )
    note += (
        f"{'What else there is' if fitted else 'All of it'} is taken over from the bundle that "
        "ships, whose network and classes are others: sets are as wide as it needs for a photograph "
        "alone from an unseen collection, whatever the tests done, and a species is named from "
        f"{CAREFUL_SPECIES:g} on. A prediction set does not promise its confidence here."
    )
    widest = shipped.set_thresholds_for(0)
    return Calibrated(
        shipped.model_copy(
            update={
                "temperature": temperature,
                "set_thresholds": (widest,),
                "species_thresholds": (CAREFUL_SPECIES,),
                "sets_of": "another bundle",
                "note": note,
            }
        ),
        fitted,
    )


def _everything(
    held_out: OutOfFold, own: Mapping[str, OwnMineral], specimens: Sequence[str]
) -> CalibrationSpec:
    catalogue = with_own_minerals(load_catalogue(), held_out.manifest.classes, own)
    model = Hypotheses(catalogue, held_out.manifest.classes).class_evidence
    cases = simulate_cases(held_out, model, readings_of(held_out.manifest.classes, catalogue))
    # Photographs of one stone are no new evidence of how often a set holds the truth.
    first = np.zeros(len(specimens), dtype=bool)
    first[np.unique(np.array(specimens), return_index=True)[1]] = True
    note = (
        f"Fitted on {len(specimens)} photographs of {int(first.sum())} specimens that were held "
        "out of training, of the same folder as those trained on: on photographs of another place "
        "or camera expect less. Readings were simulated from the facts that the evidence uses, "
        "where a class has none from those of the other classes, "
        f"{ASSUMED_WRONG_RECORDS:.0%} of the records taken to be another stone's."
    )
    fitted = fit_calibration([cases], cases.rows(first), note)
    return fitted.model_copy(update={"sets_of": "held-out photographs"})


def readings_of(classes: Sequence[str], catalogue: Catalogue) -> ReadingSource:
    """Return what readings of the classes are drawn from: the catalogue's own facts of them.

    A class of which a test is not known gets any reading that the other classes may give, which
    says nothing of it; where none of them has one, any at all.
    """
    cells: dict[str, dict[str, tuple[float, float] | tuple[str, ...]]] = {c: {} for c in classes}
    for test, column in COLUMNS.items():
        known = {c: v for c in classes if (v := catalogue.find(c).value(column))}
        anything: tuple[float, float] | tuple[str, ...]
        if column in INTERVALS:
            ends = [float(end) for cell in known.values() for end in cell]
            anything = (min(ends), max(ends)) if ends else INTERVALS[column]
        else:
            every = [str(word) for cell in known.values() for word in cell]
            anything = tuple(dict.fromkeys(every)) or load_vocabulary(test).tokens
        for name in classes:
            cells[name][test] = known.get(name, anything)  # type: ignore[assignment]
    return ReadingSource(cells, {name: dict.fromkeys(TESTS, False) for name in classes})


def detector_own(held_out: OutOfFold) -> tuple[UnknownSpec, bool]:
    """Return the detector of stones that are none of the classes, and whether it was fitted.

    Fitted where a collection has photographs of both enough; else it says of every photograph that
    it tells nothing, so that the prior and the readings decide.
    """
    _, truth, collections = detector_table(held_out)
    truth = truth.astype(bool)  # also where there are none
    counted = collection_weights(truth, collections) > 0
    others, known = int((counted & truth).sum()), int((counted & ~truth).sum())
    if min(others, known) >= FOR_DETECTOR:
        return fit_unknown(
            [held_out],
            f"Logistic regression on {known} held-out photographs of the classes and {others} of "
            "other stones, both weighted alike within each collection. How well it does was not "
            "measured: all of them were needed to fit it.",
        ), True
    told = (
        f"from collections that have both there are {known} held-out photographs of the classes and "
        f"{others} of other stones, {FOR_DETECTOR} of each are needed"
        if truth.any()
        else "there are no photographs of stones that are none of the classes"
    )
    return UnknownSpec(
        prior=UNKNOWN_PRIOR,
        weights={},
        bias=0.0,
        note=(
            f"Not fitted: {told}. A photograph never speaks for or against a stone that is none of "
            f"the classes: one in {1 / UNKNOWN_PRIOR:.0f} is taken for such a stone, and only "
            "readings move that."
        ),
    ), False
