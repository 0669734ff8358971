"""The whole measurement on planted stones: what it must find, what it may not look at, the page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_scores import COLLECTIONS, SPECIES, held_out, own_source

from mineralid.identify.hypotheses import Hypotheses
from mineralid.lab.data.manifest import Manifest, Photograph
from mineralid.lab.evaluation.calibrate import ASSUMED_WRONG_RECORDS
from mineralid.lab.evaluation.no_mineral import Drawn
from mineralid.lab.evaluation.out_of_fold import OutOfFold
from mineralid.lab.evaluation.robustness.data import Bench
from mineralid.lab.evaluation.robustness.honest import nothing
from mineralid.lab.evaluation.robustness.honest.coverage import sets
from mineralid.lab.evaluation.robustness.honest.judged import RATES, Judged, judge, tuning_cases
from mineralid.lab.evaluation.robustness.honest.measure import (
    field_of,
    measure_held_out,
    plain,
    read_results,
    write_results,
)
from mineralid.lab.evaluation.robustness.honest.page import sections as page_sections
from mineralid.lab.evaluation.robustness.honest.plots import FIGURES
from mineralid.lab.evaluation.robustness.honest.reliability import calibration
from mineralid.lab.evaluation.robustness.honest.sections import sections
from mineralid.lab.evaluation.robustness.honest.strangers import (
    Strangers,
    choose_strangers,
    meets_a_class,
)
from mineralid.lab.evaluation.robustness.honest.words import word_errors
from mineralid.lab.evaluation.robustness.results import ResultsError
from mineralid.minerals import load_catalogue
from mineralid.minerals.importer import SourceFacts

KINDS = ("specimen", "collection")
# Of these the catalogue knows everything; none has to do with a class.
OTHERS = ("Fluorite", "Topaz", "Gypsum", "Azurite")


def facts_of(*names: str) -> dict[str, SourceFacts]:
    """The judge's table, with the catalogue's own words."""
    found = {}
    for name in names:
        m = load_catalogue().find(name)
        found[name] = SourceFacts(
            m.name, "planted", m.name, 2, hardness_mohs=m.hardness_mohs, luster=m.luster,
            streak=m.streak,
        )  # fmt: skip
    return found


def other_photographs(count: int) -> Manifest:
    return Manifest(
        tuple(
            Photograph(f"o{i}", Path("x"), OTHERS[i % 4], COLLECTIONS[i % 3], f"t{i // 2}")
            for i in range(count)
        ),
        SPECIES,
    )


def drawings(seed: int = 0, width: int = 8) -> Drawn:
    rng = np.random.default_rng(seed)
    kinds = np.repeat(["noise", "lines", "dots"], 8)
    return Drawn({f: rng.normal(-4, 1, (24, width)).astype(np.float32) for f in "ABC"}, kinds)


def blurred(one: OutOfFold) -> OutOfFold:
    """The same with scores that are often wrong."""
    noise = np.random.default_rng(3).normal(0, 2.5, one.scores.scores.shape)
    scores = (one.scores.scores + noise).astype(np.float32)
    return replace(one, scores=replace(one.scores, scores=scores))


@pytest.fixture(scope="module")
def held() -> dict[str, OutOfFold]:
    return {
        kind: blurred(held_out(kind, each=12, beyond=48, seed=n)) for n, kind in enumerate(KINDS)
    }


@pytest.fixture(scope="module")
def hypotheses() -> Hypotheses:
    return Hypotheses(load_catalogue(), SPECIES)


@pytest.fixture(scope="module")
def bench(hypotheses: Hypotheses) -> Bench:
    return Bench(SPECIES, hypotheses.class_evidence, own_source())


@pytest.fixture(scope="module")
def strangers() -> Strangers:
    return choose_strangers(other_photographs(48), load_catalogue(), facts_of(*OTHERS))


@pytest.fixture(scope="module")
def judged(held: dict[str, OutOfFold], bench: Bench) -> Judged:
    return judge(held["collection"], [held["collection"]], bench, 2)


@pytest.fixture(scope="module")
def results(
    held: dict[str, OutOfFold], bench: Bench, hypotheses: Hypotheses, strangers: Strangers
) -> dict[str, Any]:
    drawn = {kind: drawings() for kind in KINDS}
    found = measure_held_out(
        held, drawn, bench, hypotheses, strangers, other_photographs(48), draws=2
    )
    rows = [int(i) for i in hypotheses.class_rows]
    found["words"] = word_errors(hypotheses.minerals, rows, facts_of(*OTHERS))
    named = {"pictures": 3, "species": 0, "group": 1, "bundle": "planted-0"}
    entry = {"pictures": 3, "species": 0, "group": 1, "surest": 0.4, "name": "Opal"}
    found["nothing"]["drawn"] = {**named, "kinds": {"noise": {**entry, "least_none": 0.3}}}
    found["about"] = {"network": "planted", "draws": 2}
    return plain(found)


def test_results_are_plain_values_and_come_back(results: dict[str, Any], tmp_path: Path) -> None:
    write_results(results, tmp_path)
    assert read_results(tmp_path) == results
    assert read_results(tmp_path / "elsewhere") is None
    assert plain({1: np.float32("nan"), "a": (np.int64(3), np.bool_(True), None)}) == {
        "1": None,
        "a": [3, True, None],
    }


def test_results_of_another_share_of_wrong_records_are_refused(
    results: dict[str, Any], tmp_path: Path
) -> None:
    old = json.loads(json.dumps(results))
    for of in old["calibration"].values():
        of["7% wrong"] = of.pop(RATES[ASSUMED_WRONG_RECORDS])
    write_results(old, tmp_path)
    with pytest.raises(ResultsError, match=r"no figures of the records \d+% wrong; measure them"):
        read_results(tmp_path)


def test_what_was_planted_is_found(results: dict[str, Any]) -> None:
    for kind in KINDS:
        right = results["calibration"][kind]["right"]
        assert right["3"]["right"] > right["0"]["right"] and right["3"]["nll"] < right["0"]["nll"]
        assert all(0 <= e["ece"] <= 1 and len(e["bins"]) == 10 for e in right.values())
        assert results["calibration"][kind]["specimens"] == 36
        for of in results["sets"][kind].values():
            for entry in of["right"].values():
                assert 1 <= entry["mean_size"] <= 6
                assert entry["interval"][0] <= entry["coverage"] <= entry["interval"][1]
        areas = [e["auroc"] for e in results["unknown"][kind]["readings"].values()]
        assert areas[0] > 0.8 and areas[3] > 0.9  # short features, other readings
        wrong = results["wrong_records"][kind]
        assert wrong["record"]["3"]["auroc"] > 0.8
        assert wrong["record"]["3"]["auroc"] > wrong["unskilled"]["3"]["auroc"]
    assert results["nothing"]["told_apart"]["auroc"] > 0.95


def test_orders_of_tests(results: dict[str, Any]) -> None:
    for kind in KINDS:
        orders = results["order"][kind]["orders"]
        fixed, best = orders["hardness-luster-streak"], orders["best possible"]
        assert fixed == orders["fixed"]
        all_of_them = [orders[n]["tests"] for n in orders if n.count("-") == 2]
        assert len(all_of_them) == 6
        assert orders["random"]["tests"] == pytest.approx(np.mean(all_of_them))
        assert best["tests"] <= min(all_of_them) and best["tests"] <= orders["advised"]["tests"]
        for entry in orders.values():
            assert entry["minus_fixed"] == pytest.approx(entry["tests"] - fixed["tests"])
            low, high = entry["minus_fixed_interval"]
            assert low <= entry["minus_fixed"] <= high
        for shares in results["order"][kind]["reached_by"].values():
            assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] <= 1


def test_the_page_is_written_from_the_results(results: dict[str, Any], tmp_path: Path) -> None:
    text = sections(results, tmp_path / "figures")
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == sorted(FIGURES)
    for name in FIGURES:
        assert f"(robustness/{name})" in text
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings[0] == "## Honest answers" and len(headings) == 8
    assert "nan" not in text and "None" not in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
    write_results(results, tmp_path)
    drawn_again = page_sections(tmp_path, None)
    assert drawn_again == text.splitlines()
    assert page_sections(tmp_path / "elsewhere", None) == []
    assert json.loads((tmp_path / "honest.json").read_text(encoding="utf-8")) == results


def spoiled(one: OutOfFold, fold: int) -> OutOfFold:
    """The same with nonsense in everything that a fold's photographs could tell."""
    scores, beyond = one.scores.scores.copy(), one.beyond.scores.copy()
    scores[one.fold == fold] = 0.0
    scores[one.fold == fold, 0] = 50.0
    beyond[one.beyond_fold == fold] = 7.0
    return replace(
        one,
        scores=replace(one.scores, scores=scores),
        beyond=replace(one.beyond, scores=beyond),
    )


@pytest.mark.parametrize("fold", range(3))
def test_a_fold_is_judged_by_the_others(
    held: dict[str, OutOfFold], bench: Bench, hypotheses: Hypotheses, fold: int
) -> None:
    """Dials, set thresholds and detectors of a fold do not change with its photographs."""
    bad = {kind: spoiled(one, fold) for kind, one in held.items()}
    target = held["specimen"]
    pair = [judge(target, [one["collection"]], bench, 1) for one in (held, bad)]
    assert pair[0].dials[fold] == pair[1].dials[fold]
    assert any(a != b for a, b in zip(pair[0].dials, pair[1].dials, strict=True))
    fields = [
        field_of(j, one, drawings(), hypotheses) for j, one in zip(pair, (held, bad), strict=True)
    ]
    assert fields[0].detectors[fold] == fields[1].detectors[fold]
    name = "no_mineral_direction"
    np.testing.assert_array_equal(fields[0].arrays[fold][name], fields[1].arrays[fold][name])
    found = [
        sets(pair[0], tuning_cases(one["collection"], bench))["0.9"]["right"]["3"]["by_fold"]
        for one in (held, bad)
    ]
    names = target.folds
    assert found[0][names[fold]] == found[1][names[fold]]


def test_specimens_weigh_the_same(judged: Judged) -> None:
    pooled = judged.pooled(2)
    _, place = np.unique(pooled.specimens, return_inverse=True)
    np.testing.assert_allclose(np.bincount(place, weights=pooled.weight), 1.0)
    assert len(pooled.labels) == 72 * 3 * 2  # photographs, pairs of tests, draws
    np.testing.assert_allclose(pooled.p.sum(1), 1.0)


def test_without_tests_readings_do_not_matter(judged: Judged) -> None:
    again = replace(judged, draws=judged.draws[::-1])
    np.testing.assert_array_equal(judged.pooled(0).p, again.pooled(0).p)
    assert calibration(judged)["right"]["0"] == calibration(again)["right"]["0"]


# Which photographs of other species judge


@pytest.mark.parametrize(
    ("name", "meets"),
    [
        ("Quartz", True),
        ("Amethyst", True),  # a variety of a class
        ("Plagioclase", True),  # above a class
        ("Topaz", False),
        ("Nobodyknowsite", None),
    ],
)
def test_names_that_meet_a_class(name: str, meets: bool | None) -> None:
    assert meets_a_class(name, (*SPECIES, "Labradorite"), load_catalogue()) is meets


def test_varieties_of_one_species_meet() -> None:
    """Ruby is no class where Sapphire is one, and yet it is the same species."""
    catalogue = load_catalogue()
    assert meets_a_class("Ruby", ("Sapphire",), catalogue)
    assert not meets_a_class("Topaz", ("Sapphire",), catalogue)


def test_what_is_left_out_is_counted() -> None:
    names = ("Topaz", "Fluorite", "Amethyst", "Nobodyknowsite", "Gypsum", "Topaz")
    photographs = Manifest(
        tuple(Photograph(f"o{i}", Path("x"), name, "c1", f"t{i}") for i, name in enumerate(names)),
        SPECIES,
    )
    table = facts_of("Topaz", "Fluorite")
    found = choose_strangers(photographs, load_catalogue(), table, seen=["o1"])
    assert found.rows.tolist() == [0, 5] and found.names == ("Topaz",)
    assert found.species.tolist() == [0, 0]
    assert list(found.left_out.values()) == [1, 1, 1, 1]
    partial = replace(table["Topaz"], streak=())
    left = choose_strangers(photographs, load_catalogue(), {**table, "Topaz": partial})
    assert (
        left.names == ("Fluorite",) and left.left_out["a reading is not in the judge's table"] == 3
    )


def test_pictures_that_judge_were_drawn_for_no_detector() -> None:
    from mineralid.lab.evaluation.drawn import KINDS as DRAWN
    from mineralid.lab.evaluation.no_mineral import DRAWN_EACH, JUDGING_SEED

    assert JUDGING_SEED >= DRAWN_EACH
    pictures = list(nothing.drawn_pictures(1))
    assert [kind for kind, _ in pictures] == list(DRAWN)
