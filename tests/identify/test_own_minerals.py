"""A bundle with classes of somebody's own: the photograph ranks them, readings say what is stated."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from identify import stones
from identify.stones import scored_for, small_catalogue
from mineralid.identify import Identifier, Report
from mineralid.identify.own_minerals import with_own_minerals
from mineralid.identify.table import answer_table
from mineralid.minerals import Catalogue, Mineral, load_vocabulary
from mineralid.observation import Observation
from mineralid.vision import Bundle, BundleError
from mineralid.vision.bundle_own import OwnMineral
from mineralid.vision.stream import ItemScores

quick = settings(max_examples=30, deadline=None, derandomize=True)
Record = dict[str, str]
Own = Mapping[str, OwnMineral]

GREEN, SLAG = "My green stone", "Slag"
# In the places of Malachite and Hematite in the tiny bundle.
CLASSES = ("Quartz", "Pyrite", "Calcite", GREEN, SLAG)
NO_FACTS: Own = {GREEN: OwnMineral(), SLAG: OwnMineral()}
FACTS = OwnMineral(
    hardness_mohs=(5.0, 6.5),
    luster=("vitreous", "dull"),
    streak=("gray",),
    density_g_cm3=(2.8, 3.9),
    magnetism=("none", "weak"),
    acid=("none",),
)
RECORD = {"hardness": "7", "luster": "glassy", "streak": "white"}
maybe_photographs = st.none() | stones.photographs


def tokens(vocabulary: str) -> st.SearchStrategy[tuple[str, ...]]:
    words = st.sampled_from(load_vocabulary(vocabulary).tokens)
    return st.lists(words, max_size=3, unique=True).map(tuple)


def intervals(low: float, high: float) -> st.SearchStrategy[tuple[float, float] | None]:
    numbers = st.floats(low, high)
    return st.none() | st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))


facts = st.builds(
    OwnMineral,
    hardness_mohs=intervals(1, 10),
    luster=tokens("luster"),
    streak=tokens("streak"),
    density_g_cm3=intervals(0.5, 23),
    magnetism=tokens("magnetism"),
    acid=tokens("acid"),
)


@pytest.fixture(scope="session")
def with_own(bundle: Bundle) -> Callable[..., Bundle]:
    """The tiny bundle with these classes of its own; its temperature is one for all numbers of tests."""

    def make(own: Own = NO_FACTS, classes: tuple[str, ...] = CLASSES) -> Bundle:
        spec = bundle.spec
        calibration = spec.calibration.model_copy(update={"temperature": (1.5,) * 4})
        changed = {"classes": classes, "own_minerals": own, "calibration": calibration}
        return replace(bundle, spec=spec.model_copy(update=changed))

    return make


@pytest.fixture(scope="session")
def strangers(with_own: Callable[..., Bundle]) -> Identifier:
    """Two classes of its own without any facts."""
    return Identifier(with_own(), catalogue=small_catalogue(), threads=1)


@pytest.fixture(scope="session")
def stated(with_own: Callable[..., Bundle]) -> Identifier:
    """Facts of the slag, none of the green stone."""
    bundle = with_own({GREEN: OwnMineral(), SLAG: FACTS})
    return Identifier(bundle, catalogue=small_catalogue(), threads=1)


def photo_of(name: str, margin: float = 6.0) -> ItemScores:
    return scored_for(stones.CLASSES[CLASSES.index(name)], margin)


def decide(
    identifier: Identifier, record: Record, item: ItemScores | None, **given: object
) -> Report:
    options = {"top": None, **given}
    return identifier.decide(Observation.of(**record), item, **options)  # type: ignore[arg-type]


def probabilities(report: Report) -> dict[str, float]:
    return {c.name: c.probability for c in report.candidates}


# --- without facts ------------------------------------------------------------------------------


@quick
@given(
    record=stones.records,
    item=maybe_photographs,
    trust=stones.trusts,
    prior=stones.priors,
    one=facts,
    confidence=st.sampled_from((0.01, 0.5, 0.9, 0.99)),
)
def test_every_answer_is_a_distribution(
    with_own: Callable[..., Bundle],
    record: Record,
    item: ItemScores | None,
    trust: float | None,
    prior: str | None,
    one: OwnMineral,
    confidence: float,
) -> None:
    assume(record or item is not None)
    bundle = with_own({GREEN: one, SLAG: OwnMineral()})
    identifier = Identifier(bundle, catalogue=small_catalogue(), threads=1)
    report = decide(identifier, record, item, trust=trust, prior=prior, confidence=confidence)
    assert sum(probabilities(report).values()) + (report.unknown or 0) == pytest.approx(1.0)
    assert {GREEN, SLAG} <= set(probabilities(report))
    if item is not None:
        assert set(probabilities(report)) == set(CLASSES)
    assert len(report.prediction_set) >= 1
    assert report.wrong_record is None or 0 <= report.wrong_record <= 1 + 1e-12
    assert Report.model_validate_json(report.to_json()) == report


@quick
@given(record=stones.some_record, item=stones.photographs, trust=stones.trusts, prior=stones.priors)
def test_readings_never_change_the_odds_between_two_of_which_nothing_is_known(
    strangers: Identifier, record: Record, item: ItemScores, trust: float | None, prior: str | None
) -> None:
    before = probabilities(decide(strangers, {}, item, prior=prior))
    after = probabilities(decide(strangers, record, item, trust=trust, prior=prior))
    assert after[GREEN] / after[SLAG] == pytest.approx(before[GREEN] / before[SLAG], rel=1e-9)


@quick
@given(record=stones.some_record, item=maybe_photographs, trust=stones.trusts)
def test_no_reading_is_said_to_speak_for_or_against_them(
    strangers: Identifier, record: Record, item: ItemScores | None, trust: float | None
) -> None:
    report = decide(strangers, record, item, trust=trust)
    for finding in report.readings:
        named = {s.name for s in (*finding.speaks_for, *finding.speaks_against)}
        assert not named & {GREEN, SLAG}
        if report.best and report.best.name in (GREEN, SLAG):
            assert finding.log_likelihood_ratio == 0


@quick
@given(record=stones.some_record)
def test_a_sure_stranger_is_contradicted_by_nothing(strangers: Identifier, record: Record) -> None:
    """No reading is doubted, the record no likelier wrong than before, no mineral fits better."""
    report = decide(strangers, record, photo_of(GREEN, 40.0))
    assert report.answer == GREEN and report.level == "species"
    assert {finding.status for finding in report.readings} == {"used"}
    assert report.outside == []
    assert report.wrong_record == pytest.approx(1 - (report.trust or 0), abs=0.02)


def test_where_it_is_none_of_these_the_outside_is_named_all_the_same(
    with_own: Callable[..., Bundle],
) -> None:
    bundle = with_own()
    unknown = bundle.spec.unknown.model_copy(update={"bias": 12.0})
    bundle = replace(bundle, spec=bundle.spec.model_copy(update={"unknown": unknown}))
    identifier = Identifier(bundle, catalogue=small_catalogue(), threads=1)
    galena = {"luster": "metallic", "streak": "gray", "density": "7.4"}
    report = decide(identifier, galena, photo_of(GREEN))
    assert report.why_unknown == "none of these"
    assert report.outside[0].name == "Galena"


def test_an_own_class_has_no_group_no_hazard_and_its_own_species(strangers: Identifier) -> None:
    report = decide(strangers, RECORD, photo_of(SLAG, 40.0))
    assert (report.level, report.answer) == ("species", SLAG)
    assert report.leading_species is not None and report.leading_species.name == SLAG
    assert strangers.catalogue.ancestors(SLAG) == () and strangers.catalogue.group(SLAG) is None
    assert not any(SLAG in note for note in report.safety)
    assert str(report).startswith(f"{SLAG} (own class, ")


def test_no_test_is_advised_between_two_of_which_nothing_is_known(strangers: Identifier) -> None:
    item = ItemScores(
        np.array([[-40, -40, -40, 5, 5]], dtype=np.float32), np.ones((1, 8), dtype=np.float32)
    )
    spec = strangers.bundle.spec
    sure = spec.model_copy(update={"unknown": spec.unknown.model_copy(update={"prior": 0.0})})
    identifier = Identifier(
        replace(strangers.bundle, spec=sure), catalogue=small_catalogue(), threads=1
    )
    report = decide(identifier, {}, item)
    assert {c.name for c in report.candidates[:2]} == {GREEN, SLAG}
    assert all(test.information_bits < 1e-6 for test in report.next_tests)


def test_without_a_photograph_they_are_ranked_as_rare_and_counted(strangers: Identifier) -> None:
    report = decide(strangers, RECORD, None)
    assert report.best is not None and report.best.name == "Quartz"
    assert {GREEN, SLAG} <= set(probabilities(report))
    minerals = len(strangers.hypotheses.minerals) - 2
    assert (
        report.prior
        == f"commonness over {minerals} minerals of the catalogue and 2 of the bundle's own"
    )


# --- with facts ---------------------------------------------------------------------------------


@quick
@given(
    record=stones.records,
    item=maybe_photographs,
    trust=stones.trusts,
    prior=stones.priors,
    one=facts,
)
def test_a_class_with_facts_is_as_a_mineral_of_the_catalogue_with_the_same(
    with_own: Callable[..., Bundle],
    record: Record,
    item: ItemScores | None,
    trust: float | None,
    prior: str | None,
    one: OwnMineral,
) -> None:
    assume(record or item is not None)
    classes = ("Quartz", "Pyrite", "Calcite", "Malachite", SLAG)
    plain = small_catalogue()
    known = Catalogue(
        (*plain, Mineral(name=SLAG, kind="species", **dict(one))),
        version=plain.version,
        sources=plain.sources,
        vocabularies=plain.vocabularies,
    )
    catalogued = Identifier(with_own({}, classes), catalogue=known, threads=1)
    own = Identifier(with_own({SLAG: one}, classes), catalogue=plain, threads=1)
    options = {"trust": trust, "prior": prior}
    first, second = (
        decide(catalogued, record, item, **options),
        decide(own, record, item, **options),
    )
    assert probabilities(first) == probabilities(second)
    assert (first.unknown, first.answer) == (second.unknown, second.answer)
    assert first.prediction_set == second.prediction_set
    assert first.next_tests == second.next_tests and first.safety == second.safety
    assert first.own_minerals == {} and set(second.own_minerals) == {SLAG}
    if all(dict(one).values()):  # of blanks less is said, see above; the probabilities are the same
        assert first.readings == second.readings and first.outside == second.outside
        assert first.wrong_record == second.wrong_record


def test_facts_are_heard(stated: Identifier) -> None:
    even = ItemScores(np.zeros((1, 5), dtype=np.float32), np.ones((1, 8), dtype=np.float32))
    report = decide(stated, {"hardness": "5.5", "streak": "gray"}, even)
    assert report.best is not None and report.best.name == SLAG
    assert report.own_minerals[SLAG] == list(stated.hypotheses.evidence.tests)
    assert report.own_minerals[GREEN] == []
    assert {s.name for s in report.readings[0].speaks_for} == {SLAG}
    contradicted = decide(stated, {"streak": "red"}, photo_of(SLAG, 40.0))
    assert contradicted.readings[0].status in ("doubted", "contradicted")
    assert {s.name for s in contradicted.readings[0].speaks_against} >= {SLAG}


# --- which classes may be own --------------------------------------------------------------------


def refused(bundle: Bundle) -> str:
    with pytest.raises(BundleError) as caught:
        Identifier(bundle, catalogue=small_catalogue(), threads=1)
    return str(caught.value)


def test_a_class_that_is_neither_known_nor_declared_is_refused(
    with_own: Callable[..., Bundle],
) -> None:
    classes = ("Quartz", "Pyrit", "Calcite", "Malachite", SLAG)
    text = refused(with_own({SLAG: OwnMineral()}, classes))
    assert text.endswith(
        ": the catalogue does not know its classes Pyrit, and own_minerals does not declare them "
        "(name -> what is known of it, {} where nothing is); it was made with catalogue test, "
        "this is small"
    )
    declared = with_own({SLAG: OwnMineral(), "Pyrit": OwnMineral()}, classes)
    report = decide(Identifier(declared, catalogue=small_catalogue()), {}, scored_for("Pyrite"))
    assert report.answer == "Pyrit"


@pytest.mark.parametrize(("name", "shown"), [("Pyrite", "Pyrite"), ("pyrite", "pyrite (Pyrite)")])
def test_facts_of_a_mineral_that_the_catalogue_knows_are_refused(
    with_own: Callable[..., Bundle], name: str, shown: str
) -> None:
    text = refused(with_own({name: FACTS}, ("Quartz", name, "Calcite", "Malachite", "Hematite")))
    assert f"own_minerals states facts of {shown}, which the catalogue knows" in text


def test_a_bundle_without_own_classes_leaves_the_catalogue_alone(
    identifier: Identifier, strangers: Identifier
) -> None:
    catalogue = small_catalogue()
    assert with_own_minerals(catalogue, stones.CLASSES, {}) is catalogue
    assert identifier.catalogue.own == frozenset()
    extended = strangers.catalogue
    assert extended.version == catalogue.version and len(extended) == len(catalogue) + 2
    assert extended.own == {GREEN, SLAG} and [m.name for m in extended][-2:] == [GREEN, SLAG]
    assert extended.find("my green-stone").name == GREEN
    with pytest.raises(ValueError, match=r"knows 'agate' already, as Agate"):
        catalogue.extended([Mineral(name="agate", kind="species")])


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_tables_of_answers_name_them(strangers: Identifier, tmp_path: Path, suffix: str) -> None:
    Image.new("RGB", (64, 64), (20, 130, 80)).save(tmp_path / "green.png")
    table, output = tmp_path / "in.csv", tmp_path / f"out{suffix}"
    table.write_text("photo,streak\ngreen.png,\ngreen.png,red\n", encoding="utf-8")
    summary = answer_table(strangers, table, output, trust=0.9)
    assert (summary.rows, summary.failed) == (2, 0)
    lines = output.read_text(encoding="utf-8").splitlines()
    if suffix == ".csv":
        rows = list(csv.DictReader(lines))
        assert [row["best"] for row in rows] == [GREEN, GREEN]
        assert dict(pair.split("=") for pair in rows[0]["candidates"].split("|")).keys() == set(
            CLASSES
        )
    else:
        rows = [json.loads(line) for line in lines]
        assert [row["candidates"][0]["name"] for row in rows] == [GREEN, GREEN]
        assert rows[1]["own_minerals"] == {GREEN: [], SLAG: []}
