"""Splits and the methods that need no training: what each may see, and the field's formula."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from robustness_cases import bench, other_table, splits
from synthetic_scores import SPECIES

from mineralid.identify.posterior import log_softmax
from mineralid.lab.evaluation.calibrate import RATES, TEMPERATURES, class_posterior, subsets
from mineralid.lab.evaluation.robustness import evidence_methods, method
from mineralid.lab.evaluation.robustness.data import SplitData
from mineralid.lab.evaluation.robustness.evidence_methods import fitted_dials, tuning_cases
from mineralid.lab.evaluation.robustness.grid import SUBSETS
from mineralid.lab.evaluation.robustness.method import METHODS, Registry
from mineralid.lab.evaluation.robustness.readings import Corruption, Readings

OWN = [m.name for m in evidence_methods.METHODS]


def readings_of(data: SplitData, seed: int = 0, **conditions: object) -> Readings:
    labels = data.labels[data.test]
    return Corruption.drawn(bench().judge, labels, seed).readings(**conditions)  # type: ignore[arg-type]


def answers(name: str, data: SplitData, readings: Readings, share: float | None = None):  # type: ignore[no-untyped-def]
    return METHODS[name].fit(data, bench(), 0).posterior(data.test, readings, wrong_share=share)


def test_a_split_is_tuned_on_scores_of_networks_that_have_not_seen_the_photograph() -> None:
    found = splits()
    assert list(found) == ["A", "B", "C", *(f"specimen{i}" for i in range(5))]
    for data in found.values():
        assert not set(data.train) & set(data.test)
        assert not set(data.specimens[data.train]) & set(data.specimens[data.test])
        for kind, scores in data.tune.items():
            assert np.isnan(scores[data.test]).all()
            assert np.array_equal(np.flatnonzero(~np.isnan(scores).any(1)), data.others)
            for other in found.values():
                rows = np.setdiff1d(other.test, data.test)
                if other.kind == kind:
                    assert np.array_equal(scores[rows], other.scores[rows])


def test_dials_do_not_see_the_photographs_that_are_judged() -> None:
    data = splits()["A"]
    spoiled = data.scores.copy()
    spoiled[data.test] = 100.0
    labels = data.labels.copy()
    labels[data.test] = 0
    other = replace(data, scores=spoiled, labels=labels)
    assert data.sha256 != other.sha256
    assert fitted_dials(data, bench()) == fitted_dials(other, bench())
    cases = tuning_cases(data, bench())
    assert [len(c.labels) for c in cases] == [len(data.others)] * 2
    dials = fitted_dials(data, bench())
    assert set(dials.temperature) <= set(TEMPERATURES)
    assert set(dials.wrong_record_rate[1:]) <= set(RATES)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("tests", SUBSETS)
def test_answers_are_probabilities_and_one_row_is_a_row_of_many(
    name: str, tests: tuple[str, ...]
) -> None:
    data = splits()["B"]
    readings = readings_of(data, tests=tests, rate=0.3)
    p = answers(name, data, readings, 0.3)
    assert p.shape == (len(data.test), len(SPECIES))
    np.testing.assert_allclose(p.sum(1), 1.0)
    one = METHODS[name].fit(data, bench(), 0)
    row = one.posterior(data.test[3:4], readings.rows(np.array([3])), wrong_share=0.3)
    np.testing.assert_allclose(row[0], p[3])


@pytest.mark.parametrize("name", OWN)
def test_what_stands_under_an_untested_reading_changes_no_answer(name: str) -> None:
    data = splits()["C"]
    readings = readings_of(data, missing_rate=0.5)
    other = readings_of(data, seed=1).outcome
    scrambled = Readings(np.where(readings.tested, readings.outcome, other), readings.tested)
    one, two = (answers(name, data, r) for r in (readings, scrambled))
    assert np.array_equal(one, two)


def test_the_photograph_alone_ignores_readings_and_the_tests_alone_the_photograph() -> None:
    data = splits()["A"]
    right, wrong = readings_of(data), readings_of(data, rate=1.0)
    assert np.array_equal(answers("photograph", data, right), answers("photograph", data, wrong))
    assert not np.array_equal(answers("tests", data, right), answers("tests", data, wrong))
    shuffled = replace(data, scores=data.scores[::-1])
    tests = (evidence_methods.FittedEvidence(d, bench(), fitted_dials(data, bench()), False, True)
             for d in (data, shuffled))  # fmt: skip
    one, two = (t.posterior(data.test, right) for t in tests)
    assert np.array_equal(one, two)
    none = readings_of(data, tests=())
    np.testing.assert_allclose(answers("tests", data, none), 1 / len(SPECIES))


def test_the_naive_product_multiplies() -> None:
    data = splits()["A"]
    readings = readings_of(data)
    total = log_softmax(data.scores[data.test].astype(float)) + sum(
        bench().log_likelihoods(readings)
    )
    expected = np.exp(total) / np.exp(total).sum(1, keepdims=True)
    np.testing.assert_allclose(answers("naive", data, readings), expected)


def test_the_evidence_is_the_fields_formula_with_the_dials_of_the_tests_made() -> None:
    data = splits()["specimen1"]
    readings = readings_of(data, missing_rate=0.4)
    found = answers("evidence", data, readings)
    dials, likelihoods = fitted_dials(data, bench()), bench().log_likelihoods(readings)
    for row, place in enumerate(data.test):
        made = np.flatnonzero(readings.tested[row])
        expected = class_posterior(
            data.scores[place : place + 1],
            [likelihoods[j][row : row + 1] for j in made],
            dials.temperature[len(made)],
            dials.wrong_record_rate[len(made)],
        )
        np.testing.assert_allclose(found[row], expected[0])


def test_matched_trust_follows_the_share_that_it_is_told() -> None:
    data = splits()["A"]
    readings = readings_of(data)
    trusting = replace(fitted_dials(data, bench()), wrong_record_rate=(0.0,) * 4)
    expected = evidence_methods.FittedEvidence(data, bench(), trusting, True, True)
    matched = [answers("evidence-matched", data, readings, share) for share in (0.0, 1.0)]
    np.testing.assert_allclose(matched[0], expected.posterior(data.test, readings))
    # Where every record is wrong, the readings say nothing.
    none = readings_of(data, tests=())
    alone = answers("photograph", data, none)
    assert np.array_equal(np.argsort(matched[1], axis=1), np.argsort(alone, axis=1))


def test_trusting_evidence_believes_every_record() -> None:
    data = splits()["A"]
    found = evidence_methods.trusting_dials(data, bench())
    assert found.wrong_record_rate == (0.0,) * 4
    right = tuning_cases(data, bench())
    for tests, temperature in enumerate(found.temperature):
        losses = {
            t: np.mean(
                [
                    c.weight * -np.log(p[np.arange(len(c.labels)), c.labels]).mean()
                    for c in right
                    for chosen in subsets(tests)
                    for p in [class_posterior(c.scores, [c.right[n] for n in chosen], t, 0.0)]
                ]
            )
            for t in TEMPERATURES
        }
        # Collections never seen weigh four times as much as known ones.
        assert [c.weight for c in right] == pytest.approx([0.8, 0.2])
        assert losses[temperature] == pytest.approx(min(losses.values()))


def test_with_the_judge_table_it_reads_by_the_cells_that_judge() -> None:
    data, judged = splits()["B"], replace(bench(), source=other_table())
    # Every species has the readings of the next, so its evidence is the next one's; what strays is of
    # a larger catalogue.
    found, own = judged.of_judge_table.likelihood, bench().likelihood
    for table, before in zip(found, own, strict=True):
        np.testing.assert_allclose(table, np.roll(before, -1, axis=0), atol=0.05)
    labels = data.labels[data.test]
    readings = Corruption.drawn(judged.judge, labels, 4).readings()

    def loss(name: str) -> float:
        p = METHODS[name].fit(data, judged, 0).posterior(data.test, readings)
        return float(-np.log(p[np.arange(len(labels)), labels]).mean())

    assert loss("evidence-judge") < 0.5 * loss("evidence")
    with pytest.raises(ValueError, match="does not know the table"):
        METHODS["evidence-judge"].fit(data, replace(judged, hypotheses=None), 0)


def test_dials_of_the_own_table_never_meet_the_judge() -> None:
    data, judged = splits()["B"], replace(bench(), source=other_table())
    own = METHODS["evidence-own"].fit(data, judged, 0)
    # As if the evidence's table had been the judge's; the default's dials know that it is not.
    assert own.dials == METHODS["evidence"].fit(data, bench(), 0).dials
    assert own.dials != METHODS["evidence"].fit(data, judged, 0).dials
    assert own.bench is judged


def test_learned_methods_are_imported_only_when_one_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def find(name: str) -> object:
        asked.append(name)
        if name == "without":
            raise ModuleNotFoundError("no module", name=name)
        if name == "broken":
            raise ModuleNotFoundError("no torch", name="torch")
        return SimpleNamespace(METHODS=(SimpleNamespace(name=f"of-{name}"),))

    monkeypatch.setattr(method.importlib, "import_module", find)
    registry = Registry(("first", "second", "without"))
    assert registry["of-first"].name == "of-first"
    assert asked == ["first"]
    assert list(registry) == ["of-first", "of-second"]
    with pytest.raises(ValueError, match=r"'nothing'; allowed: of-first, of-second"):
        registry.named("nothing")
    with pytest.raises(ModuleNotFoundError):
        list(Registry(("broken",)))
