"""Write the Report of a weighed frame: level, set, doubts, next tests, safety."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mineralid.identify import advice, conformal, posterior
from mineralid.identify.findings import reading_findings
from mineralid.identify.frames import Frame, Weighed
from mineralid.identify.levels import answer_level
from mineralid.identify.report import Candidate, ReadingFinding, Report, Versions
from mineralid.minerals import Catalogue
from mineralid.observation import Observation
from mineralid.observation.readings import Reading
from mineralid.vision.bundle_spec import CalibrationSpec

# How many leaders a reading's word for and against is told of.
LEADERS = 5
# Candidates beyond these can't decide a level: together they hold too little.
LEVEL_CANDIDATES = 200

SET_BASIS: Mapping[str, Literal["calibrated", "held out", "assumed"]] = {
    "unseen collections": "calibrated",
    "held-out photographs": "held out",
    "another bundle": "assumed",
}


def write_report(
    *,
    frame: Frame,
    weighed: Weighed,
    observation: Observation,
    readings: dict[str, Reading],
    catalogue: Catalogue,
    calibration: CalibrationSpec,
    calibrated: bool,
    confidence: float,
    top: int | str | None,
    trust: float | None,
    versions: Versions,
) -> Report:
    """Turn a posterior into the answer; see Report for the fields.

    calibrated: whether the set's thresholds were fitted for answers of this kind.
    """
    # Readings that are not to be believed are as good as not made.
    tests = 0 if trust == 0 else len(readings)
    known, order = weighed.known, weighed.order
    leading = [int(i) for i in order[:LEVEL_CANDIDATES]]
    leading_names = [frame.names[i] for i in leading]
    level, answer, answer_probability = answer_level(
        names=leading_names,
        probabilities=[float(known[i]) for i in leading],
        unknown=weighed.unknown,
        ancestors={name: catalogue.ancestors(name) for name in leading_names},
        species_threshold=calibration.species_threshold_for(tests),
        group_threshold=calibration.group_threshold,
        unknown_threshold=calibration.unknown_threshold,
    )
    why = "none of these" if weighed.unknown >= calibration.unknown_threshold else "not decided"
    beyond = frame.beyond.names if frame.beyond is not None else ()
    listed = top if isinstance(top, int) else None
    candidates = [
        Candidate(name=frame.names[i], probability=float(known[i])) for i in order[:listed]
    ]
    named_set = _set(frame, weighed, calibration, calibrated, confidence, tests)
    # The readings say nothing of the leader: then no other mineral fits them better than it does.
    unheard = bool(frame.silent[:, order[0]].all()) and why != "none of these"
    return Report(
        photos=[_shown(p) for p in observation.photos if isinstance(p, (str, Path))],
        level=level,
        answer=answer,
        answer_probability=answer_probability,
        why_unknown=why if level == "unknown" else None,
        leading_species=_leading_species(catalogue, frame.names, known, leading),
        candidates=candidates,
        unknown=weighed.unknown,
        prediction_set=named_set,
        confidence=confidence,
        set_basis=SET_BASIS[calibration.sets_of] if calibrated else "model",
        own_minerals=_own_minerals(catalogue, frame, [c.name for c in candidates] + named_set),
        outside=_outside(frame, weighed, readings) if tests and not unheard else [],
        readings=_findings(frame, readings, leading[:LEADERS]) if readings else [],
        wrong_record=weighed.wrong_record,
        next_tests=_next_tests(frame, weighed, readings),
        safety=advice.safety_notes(
            catalogue,
            {frame.names[i]: float(known[i]) for i in leading},
            {
                beyond[i]: float(weighed.beyond[i])
                for i in np.flatnonzero(weighed.beyond >= advice.LEAST_HAZARD_OUTSIDE)
            },
        ),
        prior=frame.stated_prior,
        trust=trust,
        versions=versions,
    )


def _findings(
    frame: Frame, readings: dict[str, Reading], leaders: list[int]
) -> list[ReadingFinding]:
    log_likelihoods, log_base, log_weights = frame.everything()
    rest = log_likelihoods.shape[1] - frame.silent.shape[1]
    beyond = frame.beyond.names if frame.beyond is not None else ()
    return reading_findings(
        readings=readings,
        log_likelihoods=log_likelihoods,
        log_even=frame.log_even,
        log_base=log_base,
        log_weights=log_weights,
        names=(*frame.names, *beyond),
        leaders=leaders,
        silent=np.pad(frame.silent, ((0, 0), (0, rest))),
    )


def _own_minerals(catalogue: Catalogue, frame: Frame, named: list[str]) -> dict[str, list[str]]:
    place = {name: i for i, name in enumerate(frame.names)} if catalogue.own else {}
    return {
        name: [test for test, e in frame.model.tests.items() if e.known[place[name]]]
        for name in dict.fromkeys(named)
        if name in catalogue.own
    }


def _leading_species(
    catalogue: Catalogue, names: tuple[str, ...], known: NDArray[np.float64], leading: list[int]
) -> Candidate:
    mass: dict[str, float] = {}
    for i in leading:
        species = catalogue.species_of(names[i])
        mass[species] = mass.get(species, 0.0) + float(known[i])
    best = max(mass, key=lambda name: mass[name])
    return Candidate(name=best, probability=mass[best])


def _shown(path: str | Path) -> str:
    """A path as text; bytes of its name that are no UTF-8 are spelt out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _set(
    frame: Frame,
    weighed: Weighed,
    calibration: CalibrationSpec,
    calibrated: bool,
    confidence: float,
    tests: int,
) -> list[str]:
    among = weighed.among
    if calibrated:
        threshold = conformal.threshold_at(
            confidence, calibration.set_confidences, calibration.set_thresholds_for(tests)
        )
        inside = conformal.prediction_set(
            among, threshold, calibration.set_penalty, calibration.set_free_rank
        )
    else:  # as if the record were right: what else it may be is no mineral in particular
        right = frame.log_base + weighed.log_right if tests else frame.log_base
        p = np.exp(posterior.log_softmax(right))
        inside = conformal.mass_set(p, confidence, weighed.order)
    return [frame.names[i] for i in inside]


def _outside(
    frame: Frame, weighed: Weighed, readings: dict[str, Reading]
) -> list[advice.OutsideMineral]:
    if frame.beyond is None or frame.log_beyond_readings is None:
        return []
    return advice.outside_minerals(
        model=frame.beyond,
        log_likelihood=frame.log_beyond_readings.sum(0),
        leader_log_likelihood=float(weighed.log_right[weighed.order[0]]),
        probability=weighed.beyond,
        done=list(readings),
    )


def _next_tests(
    frame: Frame, weighed: Weighed, readings: dict[str, Reading]
) -> list[advice.NextTestAdvice]:
    # A stone that is none of them behaves like the minerals outside, or like the population.
    if frame.beyond_merged is not None and not readings:  # they are by commonness still
        models = [frame.model, frame.beyond_merged]
        posteriors = [weighed.known, np.array([weighed.unknown])]
    elif frame.beyond is not None:
        models = [frame.model, frame.beyond]
        posteriors = [weighed.known, weighed.beyond]
    else:
        models = [frame.model]
        posteriors = [weighed.known + weighed.unknown * np.exp(frame.log_weights)]
    return advice.test_advice(models=models, posteriors=posteriors, done=list(readings))
