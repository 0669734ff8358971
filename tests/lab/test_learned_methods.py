"""Methods that learn: what they may see, that they learn, and that their formulas are the stated ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from robustness_cases import bench, other_table, splits
from synthetic_scores import SPECIES

from mineralid.lab.evaluation.calibrate import class_posterior
from mineralid.lab.evaluation.robustness.data import SplitData
from mineralid.lab.evaluation.robustness.learned import METHODS, quality
from mineralid.lab.evaluation.robustness.learned.fusion import (
    Weights,
    fit_weights,
    fused_posterior,
)
from mineralid.lab.evaluation.robustness.learned.method import FittedNetworks, LearnedMethod
from mineralid.lab.evaluation.robustness.learned.networks import ErrorHead
from mineralid.lab.evaluation.robustness.learned.recipe import Point, Recipe
from mineralid.lab.evaluation.robustness.learned.views import (
    CASES,
    Conditions,
    Problem,
    draw_readings,
    held_out_specimens,
)
from mineralid.lab.evaluation.robustness.method import OWN_TABLE
from mineralid.lab.evaluation.robustness.readings import Corruption, Readings

SHORT = Recipe(
    epochs=25,
    epochs_wrong=20,
    batch_size=32,
    grid=(Point(1e-2, 1e-2),),
    validation_share=0.2,
    test_dim=16,
    hidden=16,
)
BY_NAME = {m.name: replace(m, recipe=SHORT) for m in METHODS}
ONE_TABLE = [n for n in BY_NAME if not n.endswith(OWN_TABLE)]
NETWORKS = [n for n in ONE_TABLE if n not in ("fusion-evidence", "fusion-evidence+network")]
EACH = 24


def fitted(name: str, data: SplitData, vocabulary: str = "full", seed: int = 0):  # type: ignore[no-untyped-def]
    return BY_NAME[name].fit(data, bench(vocabulary), seed)


def judged(data: SplitData, vocabulary: str = "full", **conditions: object) -> Readings:
    labels = data.labels[data.test]
    drawn = Corruption.drawn(bench(vocabulary).judge, labels, 3)
    return drawn.readings(**conditions)  # type: ignore[arg-type]


def subset(readings: Readings, case: tuple[bool, ...]) -> Readings:
    return Readings(readings.outcome, np.tile(np.array(case), (len(readings.outcome), 1)))


def right(p: np.ndarray, data: SplitData) -> float:
    return float((p.argmax(1) == data.labels[data.test]).mean())


def test_every_method_of_the_issue_is_there() -> None:
    assert {
        "dmib-case-clean",
        "dmib-case-error",
        "mask-dropout",
        "mask-dropout-bottleneck",
        "dmib-full",
        "qmf",
        "fusion-evidence",
        "fusion-evidence+network",
    } <= set(BY_NAME)
    assert all(isinstance(m, LearnedMethod) and m.source and m.title for m in METHODS)
    assert len({m.title for m in METHODS}) == len(METHODS)


def test_every_network_is_there_trained_on_the_evidence_own_table() -> None:
    own = {name for name in BY_NAME if name.endswith(OWN_TABLE)}
    without = {n for n in ONE_TABLE if not n.startswith("fusion-") and n != "mask-dropout-scores"}
    assert {name.removesuffix(OWN_TABLE) for name in own} == without
    for name in without:
        one, other = BY_NAME[name], BY_NAME[name + OWN_TABLE]
        assert one.recipe == other.recipe
        assert other.settings == {**one.settings, "readings": "evidence"}


@pytest.mark.parametrize("name", ["dmib-case-error", "mask-dropout"])
def test_on_the_evidence_own_table_it_never_meets_the_judge(name: str) -> None:
    data = splits(EACH)["specimen0"]
    other = replace(bench(), source=other_table())
    own = BY_NAME[name + OWN_TABLE].fit(data, other, 0)
    readings = judged(data)
    p = own.posterior(data.test, readings)
    # As if the evidence's table had been the judge's; on the judge's it learns something else.
    np.testing.assert_array_equal(p, fitted(name, data).posterior(data.test, readings))
    learned = BY_NAME[name].fit(data, other, 0).posterior(data.test, readings)
    assert right(p, data) > right(learned, data) + 0.1


def test_a_bench_without_the_evidence_table_says_so() -> None:
    with pytest.raises(ValueError, match="does not know the table that its evidence"):
        BY_NAME["dmib-case-error-own"].fit(splits(EACH)["A"], replace(bench(), hypotheses=None), 0)


@pytest.mark.parametrize("name", ONE_TABLE)
def test_it_answers_every_subset_of_tests_far_above_chance(name: str) -> None:
    data = splits(EACH)["specimen0"]
    fit = fitted(name, data)
    readings = judged(data)
    for case in CASES:
        p = fit.posterior(data.test, subset(readings, case))
        assert p.shape == (len(data.test), len(SPECIES))
        np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
        assert (p >= 0).all()
    assert right(fit.posterior(data.test, readings), data) > 0.6
    coarse = fitted(name, data, "coarse")
    p = coarse.posterior(data.test, judged(data, "coarse"))
    assert right(p, data) > 0.4


@pytest.mark.parametrize("name", ["dmib-case-error", "mask-dropout", "qmf", "fusion-evidence"])
def test_a_fit_is_the_same_again_and_another_with_another_seed(name: str) -> None:
    data = splits(EACH)["A"]
    readings = judged(data)
    first = fitted(name, data).posterior(data.test, readings)
    # Under another name of the data nothing that was kept is found.
    again = fitted(name, replace(data, name="again")).posterior(data.test, readings)
    np.testing.assert_array_equal(first, again)
    if BY_NAME[name].seeded:
        other = fitted(name, data, seed=1).posterior(data.test, readings)
        assert np.abs(first - other).max() > 1e-3


@pytest.mark.parametrize("name", ["dmib-case-error", "dmib-full", "fusion-evidence+network"])
def test_it_does_not_see_the_photographs_that_are_judged(name: str) -> None:
    data = splits(EACH)["specimen3"]
    labels, feature, scores = data.labels.copy(), data.feature.copy(), data.scores.copy()
    labels[data.test] = 0
    feature[data.test] = 50.0
    scores[data.test] = 50.0
    other = replace(data, labels=labels, feature=feature, scores=scores)
    rows = data.train[:20]
    drawn = Corruption.drawn(bench().judge, data.labels[rows], 5).readings()
    one = fitted(name, data).posterior(rows, drawn)
    two = fitted(name, other).posterior(rows, drawn)
    np.testing.assert_allclose(one, two, atol=1e-7)


def test_validation_is_held_out_by_specimen() -> None:
    data = splits(EACH)["specimen1"]
    fitted_rows, held = held_out_specimens(data, 0.2, 0)
    assert not set(data.specimens[fitted_rows]) & set(data.specimens[held])
    assert sorted([*fitted_rows, *held]) == sorted(data.train)
    problem = Problem.of(data, bench(), SHORT, Conditions(), 0)
    assert len(problem.validation.labels) == len(held) * len(CASES)
    batch = torch.cat([b.rows for b in problem.epoch(0)])
    assert sorted(batch.tolist()) == list(range(len(fitted_rows)))


def test_the_stated_share_of_records_is_wrong() -> None:
    labels = np.zeros(4000, dtype=int)
    tested = np.ones((4000, 3), dtype=bool)
    tested[2000:, 0] = False
    rng = np.random.default_rng(0)
    table = bench().judge.chance
    readings = draw_readings(bench(), labels, tested, (0.0, 1.0), rng)
    own = [np.asarray(chance)[0] for chance in table]
    # What this species never reads as comes from the others alone.
    never = own[2][readings.outcome[:, 2]] == 0
    assert not never[:2000].any()
    assert never[2000:].mean() > 0.5
    np.testing.assert_array_equal(readings.tested, tested)


def test_one_model_per_case_has_eight_and_its_clean_side_is_kept() -> None:
    data = splits(EACH)["C"]
    clean, error = fitted("dmib-case-clean", data), fitted("dmib-case-error", data)
    assert isinstance(clean, FittedNetworks)
    assert set(clean.networks) == set(error.networks) == set(CASES)
    assert len({id(n) for n in clean.networks.values()}) == 8
    for case in CASES:
        head = error.networks[case]
        assert isinstance(head, ErrorHead)
        own = clean.networks[case].state_dict()
        for key, value in head.clean.state_dict().items():
            torch.testing.assert_close(value, own[key], rtol=0, atol=0)
    one = fitted("mask-dropout", data)
    assert len({id(n) for n in one.networks.values()}) == 1


def test_training_with_wrong_records_helps_where_records_are_wrong() -> None:
    data = splits(EACH)["specimen2"]
    wrong = judged(data, rate=1.0)
    alone = right(fitted("mask-dropout", data).posterior(data.test, wrong), data)
    trusting = fitted("dmib-case-clean", data)
    assert alone >= right(trusting.posterior(data.test, wrong), data)


def test_fusion_with_plain_weights_is_the_evidence_model() -> None:
    data = splits(EACH)["A"]
    readings = judged(data)
    tables = bench().log_likelihoods(readings)
    weights = {case: Weights(1 / 1.7, tuple(map(float, case)), 0.2 * any(case)) for case in CASES}
    found = fused_posterior(weights, data.scores[data.test], tables, readings.tested)
    expected = class_posterior(data.scores[data.test], tables, 1.7, 0.2)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_fusion_finds_the_temperature_of_scores_that_are_too_sure() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2, (4000, 5))
    p = np.exp(true) / np.exp(true).sum(1, keepdims=True)
    labels = np.array([rng.choice(5, p=row) for row in p])
    case = (False, False, False)
    found, loss = fit_weights(
        case, (3 * true).astype(np.float32), [np.zeros((4000, 5))] * 3, labels
    )
    assert found.photo == pytest.approx(1 / 3, rel=0.06)
    assert found.tests == (0.0, 0.0, 0.0)
    assert found.wrong == 0.0
    assert loss == pytest.approx(-np.log(p[np.arange(4000), labels]).mean(), abs=0.01)


def test_quality_weighs_views_by_their_energy() -> None:
    views = [torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 4.0]])]
    expected = sum(v * torch.logsumexp(v, 1) / 10 for v in views)
    torch.testing.assert_close(quality.fuse(views), expected)
    # Row 0 was learned worse and is surer: that costs; the other way round, and by as much, nothing.
    past = torch.tensor([2.0, 1.0])
    assert quality.ranking(torch.tensor([0.9, 0.1]), past) > 0.8
    assert quality.ranking(torch.tensor([0.0, 1.0]), past) == 0


def test_recipes_that_make_no_sense_are_refused() -> None:
    for values in ({"epochs": 0}, {"dropout": 1.0}, {"error_rate": 1.5}, {"grid": ()}):
        with pytest.raises(ValueError, match="allowed"):
            Recipe(**values)  # type: ignore[arg-type]
