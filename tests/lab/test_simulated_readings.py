"""Simulated readings: drawn as stated, wrong records from other species, sources kept apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_scores import SPECIES, evidence, held_out, own_source

from mineralid.evidence.outcomes import grid
from mineralid.lab.evaluation.calibrate import simulate_cases
from mineralid.lab.evaluation.simulated import (
    COLUMNS,
    HARDNESS_NOISE,
    NEIGHBOUR_RATE,
    TESTS,
    draw_outcomes,
    evidence_catalogue,
    judge_readings,
    log_likelihoods,
    other_species,
    reading_source,
)
from mineralid.minerals import Catalogue, load_catalogue, load_vocabulary


@settings(max_examples=60, deadline=None)
@given(
    classes=st.integers(2, 62),
    labels=st.lists(st.integers(0, 61), min_size=1, max_size=50),
    seed=st.integers(0, 999),
)
def test_another_species_is_never_the_truth(classes: int, labels: list[int], seed: int) -> None:
    truth = np.array([label % classes for label in labels])
    found = other_species(truth, classes, np.random.default_rng(seed))
    assert (found != truth).all()
    assert ((found >= 0) & (found < classes)).all()


def test_another_species_is_uniform_among_the_others() -> None:
    truth = np.full(60_000, 2)
    found = other_species(truth, 5, np.random.default_rng(0))
    shares = np.bincount(found, minlength=5) / len(found)
    np.testing.assert_allclose(shares, [0.25, 0.25, 0, 0.25, 0.25], atol=0.01)


def test_no_wrong_records_leave_every_record_right() -> None:
    cases = simulate_cases(held_out(), evidence(), own_source(), wrong_share=0.0)
    for test in TESTS:
        assert np.array_equal(cases.wrong[test], cases.right[test])


def test_wrong_records_everywhere_belong_to_other_species(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mineralid.lab.evaluation import calibrate

    asked: list[list[str]] = []

    def record(source, truth, model, rng):  # type: ignore[no-untyped-def]
        asked.append(list(truth))
        return draw_outcomes(source, truth, model, rng)

    monkeypatch.setattr(calibrate, "draw_outcomes", record)
    target = held_out()
    cases = simulate_cases(target, evidence(), own_source(), wrong_share=1.0)
    true_names = [SPECIES[label] for label in target.labels]
    assert asked[0] == true_names
    assert all(wrong != name for wrong, name in zip(asked[1], true_names, strict=True))
    # A wrong record fits the true species worse than a right one does.
    rows = np.arange(len(target.labels))
    right = sum(cases.right[t][rows, target.labels] for t in TESTS)
    wrong = sum(cases.wrong[t][rows, target.labels] for t in TESTS)
    assert np.mean(wrong) < np.mean(right) - 3


def test_the_share_of_wrong_records_is_the_one_asked_for() -> None:
    target = held_out(each=200)
    cases = simulate_cases(target, evidence(), own_source(), wrong_share=0.3)
    changed = np.zeros(len(target.labels), dtype=bool)
    for test in TESTS:
        changed |= (cases.wrong[test] != cases.right[test]).any(1)
    assert changed.mean() == pytest.approx(0.3, abs=0.05)


def test_same_seed_same_cases_and_rows_choose() -> None:
    target, model, source = held_out(), evidence(), own_source()
    one, two = (simulate_cases(target, model, source, seed=4) for _ in range(2))
    other = simulate_cases(target, model, source, seed=5)
    assert all(np.array_equal(one.wrong[t], two.wrong[t]) for t in TESTS)
    assert any(not np.array_equal(one.right[t], other.right[t]) for t in TESTS)
    chosen = target.fold == 1
    part = one.rows(chosen)
    assert np.array_equal(part.labels, target.labels[chosen])
    assert np.array_equal(part.right["streak"], one.right["streak"][chosen])


def test_draws_stay_within_their_noise_and_neighbours() -> None:
    model, source = evidence(), own_source()
    names = [name for name in SPECIES for _ in range(400)]
    drawn = draw_outcomes(source, names, model, np.random.default_rng(0))
    centers = grid(model.tests["hardness"].observer)
    step = centers[1] - centers[0]
    for name in SPECIES:
        here = np.array(names) == name
        low, high = source.cells[name]["hardness"]
        values = centers[drawn["hardness"][here]]
        assert values.min() >= float(low) - HARDNESS_NOISE - step  # type: ignore[arg-type]
        assert values.max() <= float(high) + HARDNESS_NOISE + step  # type: ignore[arg-type]
        for test in ("luster", "streak"):
            vocabulary = load_vocabulary(test)
            listed = set(source.cells[name][test])
            near = {n for token in listed for n in vocabulary.neighbours(str(token))}
            found = [vocabulary.tokens[k] for k in drawn[test][here]]
            assert set(found) <= listed | near
            # Replaced one time in ten; a neighbour may be listed itself, so at most that often.
            assert np.mean([f not in listed for f in found]) < NEIGHBOUR_RATE + 0.06
            assert listed <= set(found)


def test_log_likelihoods_are_those_of_the_outcomes_drawn() -> None:
    model = evidence()
    drawn = {test: np.array([0, 3]) for test in TESTS}
    found = log_likelihoods(drawn, model)
    for test in TESTS:
        assert found[test].shape == (2, len(SPECIES))
        for row, k in enumerate((0, 3)):
            for m in range(len(SPECIES)):
                assert np.exp(found[test][row, m]) == pytest.approx(model.tests[test].outcome[m, k])


def test_the_shared_share_counts_cells() -> None:
    source = own_source()  # of Quartz from another table, the five others from the evidence's own
    assert source.shared_share(SPECIES) == pytest.approx(5 / 6)
    assert source.shared_share(["Quartz"]) == 0.0
    assert source.shared_share(["Pyrite", "Quartz", "Quartz", "Quartz"]) == pytest.approx(0.25)


@pytest.fixture(scope="module")
def independent(shared: Path) -> Catalogue:
    return evidence_catalogue(shared / "facts")


def sources_of_readings(catalogue: Catalogue) -> set[str]:
    """Ids of the sources of every hardness, luster and streak."""
    return {
        source
        for mineral in catalogue
        for column in COLUMNS.values()
        for source in mineral.sources.get(column, ())
    }


def test_the_evidence_under_test_uses_no_wikipedia(independent: Catalogue) -> None:
    used = sources_of_readings(independent)
    assert {"gemcutter", "gemmology"} <= used
    for source in used:
        assert "wiki" not in source.lower()
        assert "wikipedia" not in load_catalogue().sources[source].title.lower(), source


def test_the_evidence_under_test_uses_nothing_that_was_made_from_wikipedia(
    independent: Catalogue,
) -> None:
    sources = load_catalogue().sources
    made_from = {s for s in sources_of_readings(independent) if "ikipedia" in sources[s].note}
    assert made_from == set()


def test_readings_come_from_another_table_wherever_it_has_the_species(
    shared: Path, independent: Catalogue
) -> None:
    core = (shared / "minerals" / "core_species.txt").read_text(encoding="utf-8").split()
    source = judge_readings(shared / "facts", independent, core)
    share = source.shared_share(core)
    assert 0 <= share < 0.05
    # Varieties have no row of their own there: their cells are a relative's.
    assert source.independent["Agate"]["luster"]
    assert source.cells["Agate"]["luster"] != independent.find("Agate").luster
    for name in core:
        low, high = source.cells[name]["hardness"]
        assert 1 <= float(low) <= float(high) <= 10  # type: ignore[arg-type]
        for test in ("luster", "streak"):
            assert set(source.cells[name][test]) <= set(load_vocabulary(test).tokens)
    own = {name: independent.find(name) for name in core}
    for name in core:
        for test, column in COLUMNS.items():
            if not source.independent[name][test]:
                assert source.cells[name][test] == own[name].value(column)


def test_without_another_table_readings_are_of_the_catalogue_cells() -> None:
    catalogue = load_catalogue()
    source = reading_source({}, catalogue, SPECIES)
    for name in SPECIES:
        for test, column in COLUMNS.items():
            assert source.cells[name][test] == catalogue.find(name).value(column)
    assert source.shared_share(SPECIES) == 1.0


def test_no_reading_of_a_test_that_the_catalogue_lacks() -> None:
    catalogue = load_catalogue()
    empty = next(m for m in catalogue if not m.value("streak") and m.value("hardness_mohs"))
    with pytest.raises(ValueError, match=f"{empty.name} has no (luster|streak)"):
        reading_source({}, catalogue, (empty.name,))
