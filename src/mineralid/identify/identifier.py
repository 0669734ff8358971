"""Name a mineral from photographs and readings: the whole flow on one screen.

photographs + readings → Observation → scores ∥ log-likelihoods → posterior → set, doubts, next
test → Report.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mineralid.identify.frames import catalogue_frame, class_frame, weigh
from mineralid.identify.hypotheses import Hypotheses
from mineralid.identify.options import ANSWER_OPTIONS, check_options
from mineralid.identify.own_minerals import with_own_minerals
from mineralid.identify.report import Report, Versions
from mineralid.identify.reporting import write_report
from mineralid.minerals import Catalogue, load_catalogue
from mineralid.observation import Observation, ReadingError
from mineralid.version import __version__
from mineralid.vision.bundle import Bundle, BundleError, load_bundle
from mineralid.vision.prepare import prepare_photo
from mineralid.vision.session import Classifier
from mineralid.vision.stream import ItemScores

NOTHING_GIVEN = "nothing was given; allowed: photographs, readings, or both"


class Identifier:
    """A bundle and a catalogue, ready to answer. May be used from several threads.

    catalogue: as given, with the bundle's own classes behind its minerals. Raises BundleError for
    a class that is neither in the catalogue nor declared in the bundle's `own_minerals`.
    """

    def __init__(
        self,
        bundle: Bundle | str | os.PathLike[str] | None = None,
        catalogue: Catalogue | None = None,
        threads: int | None = None,
    ) -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
        known, spec = catalogue or load_catalogue(), self.bundle.spec
        self.classifier = Classifier(self.bundle, threads)
        try:
            self.catalogue = with_own_minerals(known, spec.classes, spec.own_minerals)
        except ValueError as error:
            made = f"it was made with catalogue {spec.catalogue_version}, this is {known.version}"
            raise BundleError(self.bundle.path, f"{error}; {made}") from None
        self.hypotheses = Hypotheses(self.catalogue, self.bundle.classes)
        self.versions = Versions(
            mineralid=__version__, bundle=self.bundle.version, catalogue=self.catalogue.version
        )

    def identify(self, *photos: Any, **given: Any) -> Report:
        """Name one stone; readings and options as in `mineralid.identify`."""
        options = {name: given.pop(name) for name in ANSWER_OPTIONS if name in given}
        several = photos[0] if len(photos) == 1 else photos
        return self.answer(Observation.of(several, **given), **options)

    def answer(self, observation: Observation, **options: Any) -> Report:
        """Name the stone of an observation: prepare, run the graph, decide."""
        check_options(**options)
        if not observation.photos:
            return self.decide(observation, None, **options)
        image = self.bundle.spec.image
        batch = np.stack([prepare_photo(photo, image) for photo in observation.photos])  # type: ignore[arg-type]
        return self.decide(observation, ItemScores(*self.classifier.scores(batch)), **options)

    def decide(
        self,
        observation: Observation,
        scored: ItemScores | None,
        *,
        trust: float | None = None,
        confidence: float = 0.9,
        top: int | str | None = 10,
        prior: str | None = None,
    ) -> Report:
        """Turn scores and readings into the Report; needs no network. Options as in `identify`."""
        check_options(trust=trust, confidence=confidence, top=top, prior=prior)
        readings = {
            name: observation.readings[name]
            for name in self.hypotheses.evidence.tests
            if name in observation.readings
        }
        if scored is None and not readings:
            raise ReadingError("readings", None, NOTHING_GIVEN)

        # 1. What may it be? The classes where there is a photograph, else the whole catalogue.
        if scored is not None:
            frame = class_frame(self.hypotheses, self.bundle, scored, readings, prior)
        else:
            frame = catalogue_frame(self.hypotheses, readings, prior)

        # 2. How likely is each, now that the readings are in, some of them maybe wrong?
        fitted_rate = self.bundle.spec.calibration.wrong_record_rate_for(len(readings))
        rate = fitted_rate if trust is None else 1.0 - trust
        weighed = weigh(frame, rate)

        # 3. The answer: level, set, doubts, next tests, safety.
        return write_report(
            frame=frame,
            weighed=weighed,
            observation=observation,
            readings=readings,
            catalogue=self.catalogue,
            calibration=self.bundle.spec.calibration,
            calibrated=scored is not None and trust in (None, 0) and prior in (None, "uniform"),
            confidence=confidence,
            top=top,
            trust=1.0 - rate if readings else None,
            versions=self.versions,
        )


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
    top: int | str | None = 10,
    prior: str | None = None,
    **readings: Any,
) -> Report:
    """Name a mineral from photographs of one stone and whatever tests were made.

    photos: a path, bytes, Pillow image or uint8 array [H, W, 3], or a sequence of them; may be
    empty. readings: hardness, luster, streak, density, magnetism, acid as on the command line;
    None or "" is not tested. trust: how far the readings are believed, 0..1 (default: as fitted).
    confidence: of the prediction set, in (0, 1). top: how many candidates, "all" for every one. prior:
    `commonness` or `uniform` (default: commonness without a photograph, uniform with one). Raises
    ReadingError, PhotoError or BundleError, all ValueErrors.

    >>> identify(hardness=6.5, luster="metallic", streak="greenish black").best.name
    'Pyrite'
    """
    identifier = default_identifier(None if bundle is None else os.fspath(bundle))
    return identifier.answer(
        Observation.of(photos, **readings),
        trust=trust,
        confidence=confidence,
        top=top,
        prior=prior,
    )
