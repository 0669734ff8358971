"""The figures of a card, on planted scores: each fold is judged without its own photographs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_scores import evidence, held_out, own_source

from mineralid.identify import conformal
from mineralid.lab.evaluation.calibrate import (
    SET_FREE_RANK,
    SET_PENALTY,
    Cases,
    Dials,
    pooled_posteriors,
    simulate_cases,
)
from mineralid.lab.evaluation.figures import (
    METHODS,
    Measured,
    accuracies,
    calibration_figures,
    dials_by_fold,
    paired_gains,
    posteriors,
    set_figures,
    unknown_figures,
    wrong_record_curve,
)

FOLDS = ["A", "B", "C"]


def measured(kind: str, seed: int) -> Measured:
    target = held_out(kind, each=12, seed=seed)
    return Measured(target, simulate_cases(target, evidence(), own_source()))


@pytest.fixture(scope="module")
def both() -> list[Measured]:
    return [measured("specimen", 1), measured("collection", 2)]


@pytest.fixture(scope="module")
def dials(both: list[Measured]) -> list[Dials]:
    return dials_by_fold(both, both[1])


@pytest.fixture(scope="module")
def found(both: list[Measured], dials: list[Dials]) -> dict[str, np.ndarray]:
    return posteriors(both[1], dials, wrong=False)


def test_posteriors_of_every_method_are_distributions(found: dict[str, np.ndarray]) -> None:
    assert tuple(found) == METHODS
    for p in found.values():
        assert p.shape == (72, 6)
        np.testing.assert_allclose(p.sum(1), 1.0, atol=1e-9)


def test_accuracies_of_folds_and_their_mean(
    both: list[Measured], found: dict[str, np.ndarray]
) -> None:
    table = accuracies(both[1], found)
    assert list(table) == list(METHODS)
    for entry in table.values():
        assert list(entry) == [*FOLDS, "mean of folds"]
        mean = np.mean([entry[f]["top1"] for f in FOLDS])
        assert entry["mean of folds"]["top1"] == pytest.approx(mean)
        assert sum(entry[f]["n"] for f in FOLDS) == 72
        for figures in entry.values():
            low, high = figures["top1_interval"]
            assert 0 <= low <= figures["top1"] <= high <= 1


def test_gains_are_differences_of_accuracies(
    both: list[Measured], found: dict[str, np.ndarray]
) -> None:
    table, gains = accuracies(both[1], found), paired_gains(both[1], found)
    assert list(gains) == FOLDS
    for fold in FOLDS:
        for method in METHODS[:2]:
            gain = gains[fold][f"over {method}"]
            expected = table[METHODS[2]][fold]["top1"] - table[method][fold]["top1"]
            assert gain["top1"] == pytest.approx(expected)
            assert gain["interval"][0] <= gain["top1"] <= gain["interval"][1]


def test_sets_errors_and_unknown(
    both: list[Measured], dials: list[Dials], found: dict[str, np.ndarray]
) -> None:
    sets = set_figures(both[1], dials, 0.9)
    assert list(sets) == ["0", "1", "2", "3"]
    for entry in sets.values():
        assert entry["coverage"] > 0.75
        assert 1 <= entry["mean_size"] <= 6
    for entry in calibration_figures(both[1], found).values():
        assert 0 <= entry["ece"] <= 1
        assert 1 / 6 <= entry["mean_confidence"] <= 1
    areas = unknown_figures(both[1])
    assert sorted(areas["auroc_by_collection"]) == ["c04", "c21", "c30"]
    assert areas["auroc_mean"] > 0.9


def test_wrong_records_cost_accuracy(both: list[Measured], dials: list[Dials]) -> None:
    target = both[1]

    def simulate(rate: float) -> Cases:
        return simulate_cases(target.held_out, evidence(), own_source(), wrong_share=rate, seed=1)

    curve = wrong_record_curve(target, dials, simulate, rates=(0.0, 1.0))
    assert list(curve) == ["0", "1"]
    assert curve["1"]["top1"] < curve["0"]["top1"]


def spoiled(measure: Measured, fold: int) -> Measured:
    """The same, with nonsense for scores in one fold."""
    rows = measure.in_fold(fold)[:, None]
    scores = np.where(rows, -20 * measure.cases.scores, measure.cases.scores)
    return replace(measure, cases=replace(measure.cases, scores=scores))


def test_dials_do_not_see_the_fold_that_they_judge(
    both: list[Measured], dials: list[Dials]
) -> None:
    for number in range(3):
        changed = [both[0], spoiled(both[1], number)]
        found = dials_by_fold(changed, changed[1])
        assert found[number] == dials[number]
        assert found != dials


def test_dials_do_not_see_the_photographs_that_they_judge_through_the_other_kind(
    both: list[Measured], dials: list[Dials]
) -> None:
    # Row i is the same photograph in both kinds; only the network that scored it differs.
    for number in range(3):
        rows = both[1].in_fold(number)[:, None]
        scores = np.where(rows, -20 * both[0].cases.scores, both[0].cases.scores)
        other = replace(both[0], cases=replace(both[0].cases, scores=scores))
        assert dials_by_fold([other, both[1]], both[1])[number] == dials[number]


def test_thresholds_of_sets_do_not_see_the_fold_that_they_judge(
    both: list[Measured], dials: list[Dials]
) -> None:
    # Nonsense in a fold raises the thresholds of the others, so those hold everything; its own
    # come from sound scores and miss it. Had they seen it, nine tenths would be held.
    for number in range(3):
        changed = spoiled(both[1], number)
        assert set_figures(changed, dials, 0.9)["0"]["coverage"] < 0.8


def test_coverage_and_size_are_those_of_the_sets_that_the_field_makes(
    both: list[Measured], dials: list[Dials]
) -> None:
    target = both[1]
    for tests in range(4):
        held, sizes = [], []
        for number in range(3):
            judged = target.in_fold(number)
            p, labels = pooled_posteriors(
                target.cases.rows(~judged), dials[number], tests, wrong=True
            )
            known = conformal.true_class_scores(p, labels, SET_PENALTY, SET_FREE_RANK)
            threshold = conformal.conformal_threshold(known, 0.9)
            p, labels = pooled_posteriors(
                target.cases.rows(judged), dials[number], tests, wrong=True
            )
            for row, label in zip(p, labels, strict=True):
                found = conformal.prediction_set(row, threshold, SET_PENALTY, SET_FREE_RANK)
                held.append(label in found)
                sizes.append(len(found))
        figures = set_figures(target, dials, 0.9)[str(tests)]
        assert figures["mean_size"] == pytest.approx(np.mean(sizes))
        assert figures["coverage"] == pytest.approx(np.mean(held))


@pytest.fixture
def uneven(both: list[Measured]) -> Measured:
    """Folds of 6, 6 and 60 photographs, the small ones named well and the large one badly."""
    count = len(both[1].cases.labels)
    fold = np.where(np.arange(count) % 12 < 2, np.arange(count) % 2, 2)
    held = replace(both[1].held_out, fold=fold)
    return spoiled(Measured(held, both[1].cases), 2)


def test_the_interval_of_a_mean_of_folds_holds_that_mean(
    uneven: Measured, dials: list[Dials]
) -> None:
    table = accuracies(uneven, posteriors(uneven, dials, wrong=False))
    figures = table["photograph alone"]["mean of folds"]
    low, high = figures["top1_interval"]
    assert low <= figures["top1"] <= high


def test_the_curve_of_wrong_records_starts_at_the_accuracy_of_the_table(
    uneven: Measured, dials: list[Dials]
) -> None:
    right = replace(uneven.cases, wrong=uneven.cases.right)
    curve = wrong_record_curve(uneven, dials, lambda rate: right, rates=(0.0,))
    table = accuracies(uneven, posteriors(uneven, dials, wrong=False))
    expected = table["photograph and three readings"]["mean of folds"]
    assert curve["0"]["top1"] == pytest.approx(expected["top1"])
