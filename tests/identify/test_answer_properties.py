"""What holds of every answer, whatever tests were made and whether there is a photograph."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from identify import stones
from identify.stones import CLASSES, READINGS, scored, scored_for, small_catalogue
from mineralid.identify import Identifier, Report
from mineralid.minerals import Mineral
from mineralid.observation import Observation, WordsReading
from mineralid.vision import Bundle, load_bundle
from mineralid.vision.stream import ItemScores

quick = settings(max_examples=30, deadline=None, derandomize=True)
Record = dict[str, str]
maybe_photographs = st.none() | stones.photographs


def _decide(
    identifier: Identifier, record: Record, item: ItemScores | None, **options: object
) -> Report:
    options = {"top": None, **options}
    return identifier.decide(Observation.of(**record), item, **options)  # type: ignore[arg-type]


def _probabilities(report: Report) -> dict[str, float]:
    return {c.name: c.probability for c in report.candidates}


@quick
@given(
    record=stones.records,
    item=maybe_photographs,
    trust=stones.trusts,
    prior=stones.priors,
    confidence=st.sampled_from((0.01, 0.5, 0.9, 0.99)),
)
def test_every_answer_is_a_distribution_that_says_what_it_rests_on(
    identifier: Identifier,
    record: Record,
    item: ItemScores | None,
    trust: float | None,
    prior: str | None,
    confidence: float,
) -> None:
    assume(record or item is not None)
    report = _decide(identifier, record, item, trust=trust, prior=prior, confidence=confidence)
    probabilities = list(_probabilities(report).values())
    assert report.unknown is not None and 0 <= report.unknown <= 1
    assert sum(probabilities) + report.unknown == pytest.approx(1.0, rel=1e-12)
    assert probabilities == sorted(probabilities, reverse=True) and min(probabilities) >= 0
    if item is None:
        assert len(probabilities) == len(identifier.hypotheses.minerals)
        assert report.outside == [] and report.set_basis == "model"
    else:
        assert set(_probabilities(report)) == set(CLASSES)
        assert not {m.name for m in report.outside} & set(CLASSES)
        fitted = trust in (None, 0) and prior != "commonness"
        assert report.set_basis == ("calibrated" if fitted else "model")
    assert report.best is not None and report.prediction_set[0] == report.best.name
    names = [c.name for c in report.candidates]
    assert report.prediction_set == names[: len(report.prediction_set)]
    assert [finding.test for finding in report.readings] == [t for t in READINGS if t in record]
    assert not {advice.test for advice in report.next_tests} & set(record)
    if record:
        assert report.wrong_record is not None and 0 <= report.wrong_record <= 1
    else:
        assert report.wrong_record is None and report.trust is None
    assert Report.model_validate_json(report.to_json()) == report


@quick
@given(record=stones.some_record, item=maybe_photographs, data=st.data())
def test_a_reading_that_is_dropped_leaves_no_trace(
    identifier: Identifier, record: Record, item: ItemScores | None, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(record)))
    rest = {n: v for n, v in record.items() if n != name}
    assume(rest or item is not None)
    without = _decide(identifier, rest, item)
    other = data.draw(st.sampled_from(READINGS[name]))
    blank = data.draw(st.sampled_from(("", " ", "-", "not tested")))
    for given_ in ({**record}, {**record, name: other}):
        dropped = Observation.of(**given_).without(name)
        assert identifier.decide(dropped, item, top=None) == without
    assert _decide(identifier, {**rest, name: blank}, item) == without


@quick
@given(record=stones.some_record, item=maybe_photographs, order=st.randoms(use_true_random=False))
def test_the_order_of_readings_does_not_matter(
    identifier: Identifier, record: Record, item: ItemScores | None, order: random.Random
) -> None:
    shuffled = list(record.items())
    order.shuffle(shuffled)
    assert _decide(identifier, dict(shuffled), item) == _decide(identifier, record, item)


@quick
@given(record=stones.some_record, item=stones.photographs)
def test_readings_that_are_not_trusted_say_nothing(
    bundle: Bundle, identifier: Identifier, record: Record, item: ItemScores
) -> None:
    """The photograph alone, at the temperature for as many tests."""
    report = _decide(identifier, record, item, trust=0.0)
    calibration = bundle.spec.calibration
    t = calibration.temperature_for(len(record))
    same_temperature = replace(
        bundle,
        spec=bundle.spec.model_copy(
            update={"calibration": calibration.model_copy(update={"temperature": (t,) * 4})}
        ),
    )
    alone = _decide(Identifier(same_temperature, catalogue=identifier.catalogue), {}, item)
    found, expected = _probabilities(report), _probabilities(alone)
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, rel=1e-9)
    assert report.unknown == pytest.approx(alone.unknown, rel=1e-9)
    assert report.wrong_record == pytest.approx(1.0)


@quick
@given(record=stones.some_record)
def test_readings_alone_that_are_not_trusted_leave_the_prior(
    identifier: Identifier, record: Record
) -> None:
    report = _decide(identifier, record, None, trust=0.0)
    assert report.unknown == pytest.approx(0.02)
    found = _probabilities(report)
    for mineral in identifier.hypotheses.minerals:
        share = 5.0**mineral.commonness / sum(
            5.0**m.commonness for m in identifier.hypotheses.minerals
        )
        assert found[mineral.name] == pytest.approx(0.98 * share, rel=1e-9)


@quick
@given(record=stones.some_record, item=stones.photographs)
def test_full_trust_is_the_plain_product(
    bundle: Bundle, identifier: Identifier, record: Record, item: ItemScores
) -> None:
    report = _decide(identifier, record, item, trust=1.0)
    evidence = identifier.hypotheses.class_evidence
    readings = Observation.of(**record).readings
    log_scores = item.scores.astype(float)
    log_scores = log_scores - np.log(np.exp(log_scores).sum(1, keepdims=True))
    t = bundle.spec.calibration.temperature_for(len(record))
    product = np.exp(log_scores.mean(0) / t) * np.prod(
        [np.exp(evidence.log_likelihood(reading)) for reading in readings.values()], axis=0
    )
    found = _probabilities(report)
    among = np.array([found[name] for name in CLASSES])
    np.testing.assert_allclose(among / among.sum(), product / product.sum(), rtol=1e-9)
    assert report.wrong_record == 0.0


@quick
@given(record=stones.some_record)
def test_readings_alone_under_a_uniform_prior_rank_by_likelihood(
    identifier: Identifier, record: Record
) -> None:
    report = _decide(identifier, record, None, prior="uniform")
    assert report.prior == f"uniform over {len(report.candidates)} minerals of the catalogue"
    model = identifier.hypotheses.evidence
    log_p = model.log_likelihoods(Observation.of(**record).readings).sum(0)
    by_name = dict(zip(model.names, log_p, strict=True))
    ranked = [by_name[c.name] for c in report.candidates]
    assert np.all(np.diff(ranked) <= 1e-9)


@quick
@given(record=stones.some_record, trust=stones.trusts)
def test_a_mineral_of_which_nothing_is_known_keeps_its_prior_odds(
    identifier: Identifier, record: Record, trust: float | None
) -> None:
    """Against all minerals together, where one reading was made."""
    name, value = next(iter(record.items()))
    report = _decide(identifier, {name: value}, None, trust=trust)
    found = _probabilities(report)
    minerals = identifier.hypotheses.minerals
    total = sum(5.0**m.commonness for m in minerals)
    share = 5.0 ** next(m.commonness for m in minerals if m.name == "Blankite") / total
    assert found["Blankite"] / sum(found.values()) == pytest.approx(share, rel=1e-9)


@quick
@given(
    record=stones.records,
    item=maybe_photographs,
    confidences=st.lists(st.floats(0.01, 0.999), min_size=2, max_size=4),
)
def test_a_set_grows_with_its_confidence(
    identifier: Identifier, record: Record, item: ItemScores | None, confidences: list[float]
) -> None:
    assume(record or item is not None)
    sets = [
        _decide(identifier, record, item, confidence=c).prediction_set for c in sorted(confidences)
    ]
    for small, large in itertools.pairwise(sets):
        assert large[: len(small)] == small


def test_a_confidence_beyond_what_was_fitted_gives_every_class(identifier: Identifier) -> None:
    report = _decide(identifier, {}, scored_for("Pyrite"), confidence=0.999)
    assert set(report.prediction_set) == set(CLASSES)


@quick
@given(record=stones.records, n=st.integers(1, 4), seed=st.integers(0, 50))
def test_the_same_photograph_again_changes_nothing(
    identifier: Identifier, record: Record, n: int, seed: int
) -> None:
    one = scored(seed)
    several = ItemScores(np.repeat(one.scores, n, 0), np.repeat(one.feature, n, 0))
    once, again = _decide(identifier, record, one), _decide(identifier, record, several)
    assert _probabilities(again) == pytest.approx(_probabilities(once), rel=1e-6)
    assert again.unknown == pytest.approx(once.unknown, rel=1e-5)
    assert (again.level, again.answer) == (once.level, once.answer)


@quick
@given(record=stones.some_record, item=maybe_photographs, top=st.integers(1, 12))
def test_top_shortens_the_list_and_changes_nothing_else(
    identifier: Identifier, record: Record, item: ItemScores | None, top: int
) -> None:
    full = _decide(identifier, record, item)
    short = _decide(identifier, record, item, top=top)
    assert short.candidates == full.candidates[:top]
    left_out = {"candidates", "safety"}
    assert short.model_dump(exclude=left_out) == full.model_dump(exclude=left_out)


@pytest.mark.parametrize("item", [None, scored_for("Pyrite", 3.0)], ids=["readings", "photograph"])
def test_a_photograph_or_the_right_readings_name_the_stone(
    full_identifier: Identifier, item: ItemScores | None
) -> None:
    record = {"hardness": "6-6.5", "luster": "metallic", "streak": "greenish black"}
    report = _decide(full_identifier, record, item, top=3)
    assert report.best is not None and report.best.name == "Pyrite"
    assert "Pyrite" in report.prediction_set
    assert all(finding.status == "used" for finding in report.readings)


def test_minerals_outside_the_classes_are_told_where_they_fit_better(
    identifier: Identifier,
) -> None:
    lead = {"hardness": "2.5", "luster": "metallic", "streak": "dark gray", "density": "7.5"}
    report = _decide(identifier, lead, scored_for("Quartz", 2.0))
    assert next(m.name for m in report.outside) == "Galena"
    assert all(m.log_likelihood_ratio > 0 for m in report.outside)
    assert "Agate" not in {m.name for m in report.outside}  # a quartz
    assert _decide(identifier, {}, scored_for("Quartz")).outside == []
    # What is not known of Galena is no fit: the catalogue has no reaction with acid of it.
    with_acid = _decide(identifier, {**lead, "acid": "none"}, scored_for("Quartz", 2.0))
    assert "Galena" not in {m.name for m in with_acid.outside}


def test_hazards_of_likely_candidates_are_told(identifier: Identifier) -> None:
    green = _decide(identifier, {"streak": "green", "acid": "strong"}, scored_for("Malachite"))
    assert green.safety == ["Malachite: holds copper"]
    assert _decide(identifier, {}, scored_for("Quartz", 12.0)).safety == []


def test_a_short_list_does_not_hide_a_hazard(identifier: Identifier) -> None:
    scores = np.array([[5.0, 0.0, 0.0, 4.9, 0.0]], dtype=np.float32)
    item = ItemScores(scores, np.ones((1, 8), dtype=np.float32))
    assert _decide(identifier, {}, item, top=2).safety == ["Malachite: holds copper"]
    assert _decide(identifier, {}, item, top=1).safety == ["Malachite: holds copper"]


def test_where_all_are_equally_common_the_two_priors_are_one(bundle: Bundle) -> None:
    """The photograph's unknown included: a prior among the classes says nothing of it."""
    catalogue = small_catalogue(without=("Agate",))  # a variety is rarer than its species
    equal = type(catalogue)(
        [replace(m, commonness=3) for m in catalogue],
        version="equal",
        sources={},
        vocabularies=catalogue.vocabularies,
    )
    identifier = Identifier(bundle, catalogue=equal)
    cases: list[tuple[Record, ItemScores | None]] = [
        ({"hardness": "7"}, None),
        ({}, scored_for("Pyrite")),
        ({"hardness": "7"}, scored_for("Pyrite")),
    ]
    for record, item in cases:
        uniform, common = (
            _decide(identifier, record, item, prior=p) for p in ("uniform", "commonness")
        )
        assert _probabilities(uniform) == pytest.approx(_probabilities(common), rel=1e-9)
        assert common.unknown == pytest.approx(uniform.unknown, rel=1e-9)


def test_a_prior_by_commonness_favours_the_common(identifier: Identifier) -> None:
    """Of the classes only malachite is rarer, by one grade, that is five times."""
    item = ItemScores(np.zeros((1, 5), np.float32), np.ones((1, 8), np.float32))
    report = _decide(identifier, {}, item, prior="commonness")
    found = _probabilities(report)
    assert report.prior == "commonness over the classes"
    assert found["Quartz"] == pytest.approx(5 * found["Malachite"], rel=1e-9)
    assert _decide(identifier, {}, item).prior == "uniform over the classes"


def test_a_catalogue_of_nothing_but_the_classes(bundle: Bundle) -> None:
    everything_else = tuple(
        m.name for m in stones.MINERALS if m.name not in (*CLASSES, "Carbonate group")
    )
    identifier = Identifier(bundle, catalogue=small_catalogue(without=everything_else))
    report = _decide(identifier, {"hardness": "6.5"}, scored_for("Pyrite"))
    assert report.best is not None and report.best.name == "Pyrite"


def test_a_detector_needs_only_what_its_weights_name(tiny_bundle: Path) -> None:
    """load_bundle takes this bundle, whose detector uses the energy alone."""
    identifier = Identifier(load_bundle(tiny_bundle), catalogue=small_catalogue())
    assert _decide(identifier, {}, scored_for("Pyrite")).unknown is not None


def test_a_reading_is_of_the_test_under_whose_name_it_stands(identifier: Identifier) -> None:
    """An Observation takes a WordsReading without a name."""
    observation = Observation(readings={"luster": WordsReading(("metallic",))})
    report = identifier.decide(observation, None)
    assert report.best is not None and report.readings[0].test == "luster"


def test_a_photograph_that_is_certainly_none_of_the_classes(identifier: Identifier) -> None:
    nothing = ItemScores(np.full((1, 5), -1e4, np.float32), np.ones((1, 8), np.float32))
    report = _decide(identifier, {}, nothing)
    assert report.unknown == pytest.approx(1.0)
    assert report.level == "unknown" and len(report.prediction_set) >= 1


def test_a_class_may_bear_another_name_than_the_catalogue(bundle: Bundle) -> None:
    """Names are as in the bundle; the hierarchy is the catalogue's."""
    renamed = replace(
        bundle,
        spec=bundle.spec.model_copy(update={"classes": ("Rock crystal", *CLASSES[1:])}),
    )
    catalogue = small_catalogue()
    catalogue = type(catalogue)(
        [
            replace(m, names={"en": ("Rock crystal",)}) if m.name == "Quartz" else m
            for m in catalogue
        ],
        version="renamed",
        sources={},
        vocabularies=catalogue.vocabularies,
    )
    found = Identifier(renamed, catalogue=catalogue)
    item = scored_for("Quartz")
    report = _decide(found, {"hardness": "7"}, item)
    assert report.best is not None and report.best.name == "Rock crystal"
    assert report.prediction_set[0] == "Rock crystal"
    assert report.readings[0].speaks_for[0].name == "Rock crystal"


def test_groups_are_ranked_only_where_they_are_classes(identifier: Identifier) -> None:
    ranked = {m.name for m in identifier.hypotheses.minerals}
    assert "Carbonate group" not in ranked and "Agate" in ranked
    outside = {identifier.hypotheses.minerals[i].name for i in identifier.hypotheses.outside_rows}
    assert outside == {"Blankite", "Cinnabar", "Galena", "Magnetite"}
    assert all(isinstance(m, Mineral) for m in identifier.hypotheses.minerals)
