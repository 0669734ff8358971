"""What an answer weighs: the classes where there is a photograph, else the whole catalogue."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence import EvidenceModel
from mineralid.identify import posterior, unknown
from mineralid.identify.hypotheses import Hypotheses
from mineralid.observation.readings import Reading
from mineralid.vision.bundle import Bundle
from mineralid.vision.stream import ItemScores

Array = NDArray[np.float64]

# Without a photograph: how likely a stone is that the catalogue does not describe. It gives every
# outcome of a test the same probability, so it wins only where nothing in the catalogue fits.
NOT_IN_CATALOGUE = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """M minerals to rank, before the readings are weighed, and what else the stone may be.

    log_base: from prior and photograph [M]. log_weights: the population against which a reading
    is measured [M]. log_readings: log p(reading | mineral) [F, M]; log_even: if every outcome were
    as likely as another [F]. silent: which readings say nothing of which mineral, one of the
    bundle's own [F, M]. log_beyond: log p(readings) of a stone that is none of the M.
    log_photo_ratio: how much better the photograph fits such a stone. beyond, log_beyond_prior,
    log_beyond_readings: the B minerals outside, where they are told apart; beyond_merged: all of
    them as one.
    """

    names: tuple[str, ...]
    model: EvidenceModel
    log_base: Array
    log_weights: Array
    log_readings: Array
    log_even: Array
    silent: NDArray[np.bool_]
    log_beyond: float
    log_photo_ratio: float
    unknown_prior: float
    stated_prior: str
    beyond: EvidenceModel | None = None
    beyond_merged: EvidenceModel | None = None
    log_beyond_prior: Array | None = None
    log_beyond_readings: Array | None = None

    def everything(self) -> tuple[Array, Array, Array]:
        """Return log_readings, log_base and log_weights with what lies beyond the M put behind.

        That is the minerals outside, or a stone of which nothing is known where there are none:
        [F, M + B], [M + B], [M + B].
        """
        log_known = np.log1p(-self.unknown_prior)
        log_unknown = np.log(max(self.unknown_prior, 1e-300))
        if self.log_beyond_readings is None or self.log_beyond_prior is None:
            readings, prior = self.log_even[:, None], np.zeros(1)
        else:
            readings, prior = self.log_beyond_readings, self.log_beyond_prior
        base = posterior.log_softmax(self.log_base) + log_known
        beyond = prior + log_unknown
        return (
            np.concatenate([self.log_readings, readings], axis=1),
            np.concatenate([base, beyond + self.log_photo_ratio]),
            np.concatenate([self.log_weights + log_known, beyond]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """The posterior: probability of each of the M minerals [M] and of none of them.

    among: probability of each if it is one of them [M]. order: indices, best first. log_right:
    log p(record | mineral) if the record is this stone's [M]. beyond: probability of each of the
    minerals outside [B], where they are told apart. wrong_record: P(the record belongs to another
    stone), None without readings.
    """

    known: Array
    among: Array
    unknown: float
    order: NDArray[np.intp]
    log_right: Array
    beyond: Array
    wrong_record: float | None


def class_frame(
    hypotheses: Hypotheses,
    bundle: Bundle,
    scored: ItemScores,
    readings: dict[str, Reading],
    prior: str | None,
) -> Frame:
    """Frame a stone with photographs: the bundle's classes, uniform unless a prior is asked for."""
    h, rows = hypotheses, hypotheses.class_rows
    log_readings = h.evidence.log_likelihoods(readings)
    log_photo = posterior.log_photo_posterior(
        posterior.combine_photos(scored.scores),
        bundle.spec.calibration.temperature_for(len(readings)),
    )
    log_beyond_prior: Array | None = None
    log_beyond_readings: Array | None = None
    if len(h.outside_rows):
        log_beyond_prior = h.log_prior("commonness", "outside")
        log_beyond_readings = log_readings[:, h.outside_rows]
        log_beyond = float(posterior.log_mean(log_beyond_readings.sum(0), log_beyond_prior))
    else:  # a catalogue of the classes alone: any outcome is as likely as another
        log_beyond = float(h.evidence.log_even(readings).sum())
    detector = bundle.spec.unknown
    statistics = unknown.unknown_statistics(
        scored.scores.mean(0), scored.feature.mean(0), bundle.arrays
    )
    by_commonness = prior == "commonness"
    return Frame(
        names=bundle.classes,
        model=h.class_evidence,
        log_base=log_photo + h.log_prior("commonness", "classes") if by_commonness else log_photo,
        log_weights=h.log_prior("uniform", "classes"),
        log_readings=log_readings[:, rows],
        log_even=h.evidence.log_even(readings),
        silent=h.silent(readings)[:, rows],
        log_beyond=log_beyond,
        log_photo_ratio=float(
            unknown.unknown_log_odds(statistics, detector.weights, detector.bias)
        ),
        unknown_prior=detector.prior,
        stated_prior=f"{'commonness' if by_commonness else 'uniform'} over the classes",
        beyond=h.outside_evidence if len(h.outside_rows) else None,
        beyond_merged=h.outside_merged if len(h.outside_rows) else None,
        log_beyond_prior=log_beyond_prior,
        log_beyond_readings=log_beyond_readings,
    )


def catalogue_frame(
    hypotheses: Hypotheses, readings: dict[str, Reading], prior: str | None
) -> Frame:
    """Frame readings without a photograph: the whole catalogue, by commonness unless asked."""
    model, chosen = hypotheses.evidence, prior or "commonness"
    log_prior = hypotheses.log_prior(chosen)
    own = int(hypotheses.own.sum())
    return Frame(
        names=model.names,
        model=model,
        log_base=log_prior,
        log_weights=log_prior,
        log_readings=model.log_likelihoods(readings),
        log_even=model.log_even(readings),
        silent=hypotheses.silent(readings),
        log_beyond=float(model.log_even(readings).sum()),
        log_photo_ratio=0.0,
        unknown_prior=NOT_IN_CATALOGUE,
        stated_prior=f"{chosen} over {len(model.names) - own} minerals of the catalogue"
        + (f" and {own} of the bundle's own" if own else ""),
    )


def weigh(frame: Frame, wrong_record_rate: float) -> Weighed:
    """Weigh the readings: a wrong record says nothing of the stone, whatever the stone is."""
    log_right = frame.log_readings.sum(0)
    log_other = posterior.log_mean(log_right, frame.log_weights)
    log_record = posterior.mix_wrong_record(log_right, log_other, wrong_record_rate)
    log_beyond = posterior.mix_wrong_record(
        np.array([frame.log_beyond]), log_other, wrong_record_rate
    )[0]
    log_known = posterior.log_softmax(frame.log_base) + log_record
    _, none_of_them = posterior.with_unknown(
        log_known,
        log_beyond + frame.log_photo_ratio,
        frame.unknown_prior,
    )
    wrong = None
    if len(frame.log_readings):
        wrong = (1.0 - float(none_of_them)) * posterior.wrong_record_probability(
            log_base=frame.log_base,
            log_record=log_record,
            log_other=log_other,
            wrong_record_rate=wrong_record_rate,
            silent=np.all(frame.silent, axis=0),
        )
        if wrong_record_rate > 0:  # a stone that is none of them may have its own record too
            log_share = float(np.log(wrong_record_rate) + log_other - log_beyond)
            wrong += float(none_of_them) * math.exp(min(0.0, log_share))
    among = np.exp(posterior.log_softmax(log_known))
    order = np.argsort(-among, kind="stable")
    known = among * (1.0 - none_of_them)
    beyond = np.zeros(0)
    if frame.log_beyond_readings is not None and frame.log_beyond_prior is not None:
        log_record = posterior.mix_wrong_record(
            frame.log_beyond_readings.sum(0), log_other, wrong_record_rate
        )
        beyond = none_of_them * np.exp(posterior.log_softmax(frame.log_beyond_prior + log_record))
    return Weighed(known, among, float(none_of_them), order, log_right, beyond, wrong)
