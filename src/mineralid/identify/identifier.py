"""Name a mineral from photographs and readings: the whole flow on one screen.

photographs + readings → Observation → scores ∥ log-likelihoods → posterior → set, doubts, next
test → Report.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mineralid.evidence.prior import PRIORS
from mineralid.identify import advice, conformal, posterior, unknown
from mineralid.identify.findings import reading_findings
from mineralid.identify.hypotheses import Hypotheses
from mineralid.identify.levels import answer_level
from mineralid.identify.report import Candidate, Report, Versions
from mineralid.minerals import load_catalogue
from mineralid.observation import Observation, ReadingError
from mineralid.version import __version__
from mineralid.vision.bundle import load_bundle
from mineralid.vision.prepare import prepare_photo
from mineralid.vision.session import Classifier
from mineralid.vision.stream import ItemScores

if TYPE_CHECKING:
    from mineralid.minerals import Catalogue
    from mineralid.vision.bundle import Bundle

# Without a photograph: how likely a stone is that the catalogue does not describe. It gives every
# outcome of a test the same probability, so it wins only where nothing in the catalogue fits.
NOT_IN_CATALOGUE = 0.02
# How many leaders a reading's word for and against is told of.
LEADERS = 5


class Identifier:
    """A bundle and a catalogue, ready to answer. May be used from several threads."""

    def __init__(
        self,
        bundle: Bundle | str | os.PathLike[str] | None = None,
        catalogue: Catalogue | None = None,
        threads: int | None = None,
    ) -> None:
        path = bundle if bundle is None or isinstance(bundle, (str, os.PathLike)) else None
        self.bundle = load_bundle(path) if bundle is None or path is not None else bundle  # type: ignore[assignment]
        self.catalogue = catalogue or load_catalogue()
        self.classifier = Classifier(self.bundle, threads)
        self.hypotheses = Hypotheses(self.catalogue, self.bundle.classes)
        self.versions = Versions(
            mineralid=__version__,
            bundle=self.bundle.version,
            catalogue=self.catalogue.version,
        )

    def identify(self, *photos: Any, **options: Any) -> Report:
        """Name one stone. Arguments as in `mineralid.identify`."""
        readings = {k: options.pop(k) for k in list(options) if k not in ANSWER_OPTIONS}
        return self.answer(Observation.of(photos, **readings), **options)

    def answer(self, observation: Observation, **options: Any) -> Report:
        """Name the stone of an observation: prepare, run the graph, decide."""
        if not observation.photos:
            return self.decide(observation, None, **options)
        batch = np.stack([prepare_photo(p, self.bundle.spec.image) for p in observation.photos])
        scored = ItemScores(*self.classifier.scores(batch))
        return self.decide(observation, scored, **options)

    def decide(
        self,
        observation: Observation,
        scored: ItemScores | None,
        *,
        trust: float | None = None,
        confidence: float = 0.9,
        top: int | None = 10,
        prior: str | None = None,
    ) -> Report:
        """Turn scores and readings into the Report; needs no network. Options as in `identify`."""
        check_options(trust=trust, confidence=confidence, top=top, prior=prior)
        names = [name for name in self.hypotheses.evidence.tests if name in observation.readings]
        readings = [observation.readings[name] for name in names]
        if scored is None and not readings:
            raise ReadingError("readings", None, NOTHING_GIVEN)

        # Evidence: log p(reading | mineral) for every mineral of the catalogue, [F, M].
        h, spec, tests = self.hypotheses, self.bundle.spec.calibration, len(readings)
        evidence = h.evidence.log_likelihoods(observation.readings)
        rate = spec.wrong_record_rate_for(tests) if trust is None else 1.0 - trust

        # Hypotheses: the classes where there is a photograph, else the whole catalogue.
        if scored is not None:
            model, rest = h.class_evidence, h.outside_evidence
            own, other = evidence[:, h.class_rows], evidence[:, h.outside_rows]
            chosen = prior or "uniform"
            log_weights = h.log_prior("uniform", h.class_rows)
            log_base = posterior.log_photo_posterior(
                posterior.combine_photos(scored.scores), spec.temperature_for(tests)
            ) + (h.log_prior(chosen, h.class_rows) if chosen != "uniform" else 0.0)
            log_beyond = posterior.log_mean(
                other.sum(0), h.log_prior("commonness", h.outside_rows)
            )
            statistics = unknown.unknown_statistics(
                scored.scores.mean(0), scored.feature.mean(0), self.bundle.arrays
            )
            detector = self.bundle.spec.unknown
            log_photo_ratio = unknown.unknown_log_odds(statistics, detector.weights, detector.bias)
            unknown_prior = detector.prior
            stated = "uniform over the classes" if chosen == "uniform" else "by commonness"
        else:
            model, rest = h.evidence, None
            own, chosen = evidence, prior or "commonness"
            log_base = log_weights = h.log_prior(chosen)
            log_beyond = np.float64(sum(h.evidence.log_even(r) for r in readings))
            log_photo_ratio, unknown_prior = np.float64(0.0), NOT_IN_CATALOGUE
            stated = f"{chosen} over {len(model.names)} minerals of the catalogue"

        # Posterior: a wrong record says nothing of the stone, whatever the stone is.
        log_right = own.sum(0)
        log_other = posterior.log_mean(log_right, log_weights)
        log_record = posterior.mix_wrong_record(log_right, log_other, rate)
        log_beyond_record = posterior.mix_wrong_record(
            np.atleast_1d(log_beyond), log_other, rate
        )[0]
        known, none_of_them = posterior.with_unknown(
            log_base + log_record, log_beyond_record + log_photo_ratio, unknown_prior
        )
        among = known / known.sum()
        order = np.argsort(-known, kind="stable")
        ranked = [model.names[i] if scored is None else self.bundle.classes[i] for i in order]

        # Answer: a set that keeps its promise, and the level that the posterior decides.
        if scored is not None:
            threshold = conformal.threshold_at(
                confidence, spec.set_confidences, spec.set_thresholds_for(tests)
            )
            inside = conformal.prediction_set(
                among, threshold, spec.set_penalty, spec.set_free_rank
            )
        else:
            inside = conformal.mass_set(among, confidence)
        level, answer = answer_level(
            names=ranked[:50],
            probabilities=[float(known[i]) for i in order[:50]],
            unknown=float(none_of_them),
            ancestors={name: self.catalogue.ancestors(name) for name in ranked[:50]},
            species_threshold=spec.species_threshold,
            group_threshold=spec.group_threshold,
            unknown_threshold=spec.unknown_threshold,
        )
        shown = order if top is None else order[:top]
        candidates = [
            Candidate(name=name, probability=float(known[i]))
            for name, i in zip(ranked, shown, strict=False)
        ]
        return Report(
            photos=[str(p) for p in observation.photos if isinstance(p, (str, Path))],
            level=level,
            answer=answer,
            candidates=candidates,
            unknown=float(none_of_them),
            prediction_set=[ranked[k] for k in range(len(inside))],
            confidence=confidence,
            set_basis="model" if scored is None else "calibrated",
            outside=[]
            if rest is None
            else advice.outside_minerals(
                model=rest,
                log_likelihood=other.sum(0),
                leader_log_likelihood=float(log_right[order[0]]),
                log_prior=h.log_prior("commonness", h.outside_rows),
                done=names,
            ),
            readings=reading_findings(
                readings=readings,
                log_likelihoods=own,
                log_base=log_base,
                log_weights=log_weights,
                names=model.names if scored is None else self.bundle.classes,
                leaders=[int(i) for i in order[:LEADERS]],
            ),
            wrong_record=_wrong_record(log_base, log_record, log_other, rate) if readings else None,
            next_tests=advice.test_advice(
                models=[model] if rest is None else [model, rest],
                posteriors=[known + none_of_them * np.exp(log_weights)]
                if rest is None
                else [known, none_of_them * np.exp(h.log_prior("commonness", h.outside_rows))],
                done=names,
            ),
            safety=advice.safety_notes(
                self.catalogue, {c.name: c.probability for c in candidates}
            ),
            prior=stated,
            trust=1.0 - rate if readings else None,
            versions=self.versions,
        )


ANSWER_OPTIONS = ("trust", "confidence", "top", "prior")
NOTHING_GIVEN = "nothing was given: allowed are a photograph, readings, or both"


def check_options(
    *, trust: float | None, confidence: float, top: int | None, prior: str | None
) -> None:
    """Raise ReadingError (a ValueError with `.field`) for an option out of its range."""
    if trust is not None and not 0.0 <= trust <= 1.0:
        raise ReadingError("trust", trust, f"trust is {trust}; allowed: 0 (ignore) to 1 (believe)")
    if not 0.0 < confidence < 1.0:
        raise ReadingError(
            "confidence", confidence, f"confidence is {confidence}; allowed: above 0, below 1"
        )
    if top is not None and top < 1:
        raise ReadingError("top", top, f"top is {top}; allowed: 1 and more, or all")
    if prior is not None and prior not in PRIORS:
        raise ReadingError("prior", prior, f"prior is {prior!r}; allowed: {', '.join(PRIORS)}")


def _wrong_record(
    log_base: np.ndarray, log_record: np.ndarray, log_other: np.ndarray, rate: float
) -> float:
    """P(the record belongs to another stone | everything) = E_s[ε·other / p(record | s)]."""
    if rate == 0.0:
        return 0.0
    weights = posterior.log_softmax(log_base + log_record)
    share = posterior.log_mean(np.log(rate) + log_other - log_record, weights)
    return float(np.exp(min(0.0, float(share))))


@functools.cache
def default_identifier(bundle: str | None = None) -> Identifier:
    """Return the Identifier of a bundle (default: the one that ships), loaded once."""
    return Identifier(bundle)


def identify(
    photos: Any | Sequence[Any] = (),
    *,
    bundle: str | os.PathLike[str] | None = None,
    trust: float | None = None,
    confidence: float = 0.9,
    top: int | None = 10,
    prior: str | None = None,
    **readings: Any,
) -> Report:
    """Name a mineral from photographs of one stone and whatever tests were made.

    photos: a path, bytes, Pillow image or uint8 array [H, W, 3], or a sequence of them; may be
    empty. readings: hardness, luster, streak, density, magnetism, acid as on the command line;
    None or "" is not tested. trust: how far the readings are believed, 0..1 (default: as fitted).
    confidence: of the prediction set, in (0, 1). top: how many candidates, None for all. prior:
    `commonness` or `uniform` (default: commonness without a photograph). Raises ReadingError,
    PhotoError or BundleError, all ValueErrors.

    >>> identify(hardness=6.5, luster="metallic", streak="greenish black").best.name
    'Pyrite'
    """
    single = isinstance(photos, (str, os.PathLike, bytes)) or hasattr(photos, "shape")
    several = [photos] if single or hasattr(photos, "convert") else list(photos)
    identifier = default_identifier(None if bundle is None else os.fspath(bundle))
    return identifier.answer(
        Observation.of(several, **readings),
        trust=trust,
        confidence=confidence,
        top=top,
        prior=prior,
    )
