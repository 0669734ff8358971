"""The generated page of results: its numbers are those of the files, and nothing stale is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from trained_protocol import Trained, train_protocol

from mineralid.lab.original.codes import CASES
from mineralid.lab.original.evaluate import evaluate_cases, evaluation_folder
from mineralid.lab.original.evaluation import read_evaluation
from mineralid.lab.original.results import page_problem, results_markdown

pytest.importorskip("efficientnet_lite_pytorch")
pytestmark = pytest.mark.filterwarnings(
    # Lightning's advice on workers, logging intervals and a folder that has a recipe in it.
    "ignore:.*does not have many workers.*",
    "ignore:.*smaller than the logging interval.*",
    "ignore:.*exists and is not empty.*",
    "ignore:.*LeafSpec.*:FutureWarning",  # Lightning, of torch
)

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "results" / "original.md"
RATES = (0.0, 0.6)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    found = train_protocol(
        tmp_path_factory.mktemp("results"), ("hardness,luster,streak", "none", "any"), each=8
    )
    evaluate_cases(found.out, found.test, error_rates=RATES, draws=2, say=lambda _: None)
    return found


@pytest.fixture
def out(trained: Trained, tmp_path: Path) -> Path:
    """A copy of the run, to be changed."""
    return Path(shutil.copytree(trained.out, tmp_path / "out"))


def tables(page: str) -> list[list[list[str]]]:
    """Return the cells of every table, its heading and rule left out."""
    found: list[list[list[str]]] = []
    before = ""
    for line in page.splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                found.append([])
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        before = line
    return [rows[2:] for rows in found]


def test_every_table_has_a_line_for_each_case_with_the_numbers_of_the_files(
    trained: Trained,
) -> None:
    page = results_markdown(trained.out)
    found = tables(page)
    told = [("top1", "case"), ("top5", "case"), ("macro_recall", "case"), ("top1", "original")]
    assert len(found) == 2 * len(told) + 2
    for number, (measure, pool) in enumerate(told * 2):
        rows = found[number]
        assert [row[0] for row in rows] == [case.name for case in CASES]
        assert [row[1] for row in rows] == [str(case).replace(",", ", ") for case in CASES]
        for case, row in zip(CASES, rows, strict=True):
            tests = str(case) if number < len(told) else "any"
            folder = evaluation_folder(trained.out, tests, pool)
            if not folder.is_dir():
                assert row[2:] == ["not trained"] * 4
                continue
            plain = json.loads((folder / "evaluation.json").read_text())
            expected = [
                "{:.1f} ({:.1f}–{:.1f})".format(
                    *(100 * condition["heads"][head][measure][part] for part in share)
                )
                for condition in plain["conditions"]
                if condition["tests"] == str(case)
                for head in ("clean", "error")
                for share in [("value", "low", "high")]
            ]
            assert row[2:] == expected
    # The numbers are not all alike, so that a column in another's place would show.
    assert any(len(set(row[2:])) == 4 for row in found[4])


def test_the_page_says_how_far_reduced_and_what_the_readings_are(trained: Trained) -> None:
    page = results_markdown(trained.out)
    assert "Measured on 16 photographs of 8 specimens; 4 of the 7 classes are present." in page
    assert "Trained on 16 photographs, after 10 % of the training photographs" in page
    assert "without: Gold, Topaz, Halite." in page
    assert "**The readings are simulated.**" in page
    # Of seven classes two share a triple: six triples.
    assert "The 7 classes have 6 different triples of codes" in page
    assert "is right in 86 %" in page
    assert "means over 2 draws" in page
    for line in (
        "| `image_size` | 384 | 32 |",
        "| `teacher.backbone` | swin-base-384 | efficientnet-lite0 |",
        "| `student.backbone` | resnet-50 | efficientnet-lite0 |",
        "| `dmib.epochs` | 100 | 2 |",
        "| `batch_size` | 64 | 8 |",
    ):
        assert line in page
    assert "`teacher.learning_rate`" not in page  # as in the paper's recipe
    # The seconds that the networks' files say; the photograph alone has no stage ssf.
    seconds = {row[0]: row[1:] for row in tables(page)[-1]}
    assert seconds["none"] == ["–", "2"]
    assert seconds["hardness, luster, streak"][1] == seconds["any"][1] == "2"
    assert all(len(line) < 1000 for line in page.splitlines())


def test_a_recipe_that_differs_between_cases_is_told_with_its_cases(out: Path) -> None:
    path = out / "none" / "recipe.json"
    recipe = json.loads(path.read_text())
    recipe["dmib"]["epochs"], recipe["error_rate"] = 3, 0.6
    path.write_text(json.dumps(recipe))
    page = results_markdown(out)
    assert "| `dmib.epochs` | 100 | 2 (hardness+luster+streak, any); 3 (none) |" in page
    assert "Error rate in training: 0.3 (hardness+luster+streak, any); 0.6 (none);" in page


def test_without_the_network_for_all_its_tables_are_left_out(out: Path) -> None:
    shutil.rmtree(out / "any")
    page = results_markdown(out)
    assert "One network for all cases" not in page
    assert len(tables(page)) == 6


def test_a_committed_page_is_checked_where_the_run_is(out: Path, tmp_path: Path) -> None:
    page = tmp_path / "original.md"
    assert "not there" in str(page_problem(page, out))
    page.write_text(results_markdown(out), encoding="utf-8")
    assert page_problem(page, out) is None
    assert page_problem(page, tmp_path / "elsewhere") is None
    share = read_evaluation(evaluation_folder(out, "none")).conditions[0].heads["clean"].top1
    page.write_text(page.read_text().replace(share.percent(), "99.9 (99.8–100.0)"))
    problem = str(page_problem(page, out))
    assert "generate it anew" in problem
    assert "99.9" in problem


def test_what_was_measured_otherwise_is_refused(trained: Trained, out: Path) -> None:
    shutil.rmtree(evaluation_folder(out, "none", "original"))
    with pytest.raises(ValueError, match=r"no evaluation\.json in .*evaluate that network first"):
        results_markdown(out)
    evaluate_cases(out, trained.test, error_rates=(0.0, 0.3), draws=2, say=lambda _: None)
    shutil.rmtree(evaluation_folder(out, "none"))
    shutil.copytree(evaluation_folder(trained.out, "none"), evaluation_folder(out, "none"))
    with pytest.raises(ValueError, match="other error rates than"):
        results_markdown(out)
    wrong = evaluation_folder(out, "3mo")
    shutil.rmtree(wrong)
    shutil.copytree(evaluation_folder(out, "any"), wrong)
    with pytest.raises(ValueError, match="the evaluation of another network"):
        results_markdown(out)


def test_a_folder_without_a_finished_case_is_refused(out: Path) -> None:
    for name in ("none", "hardness-luster-streak"):
        shutil.rmtree(out / name)
    with pytest.raises(ValueError, match="no finished network of a case"):
        results_markdown(out)


def test_the_committed_page_has_a_trained_line_for_each_case() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for case in CASES:
        found = [line for line in lines if line.startswith(f"| {case.name} |")]
        assert len(found) >= 3  # top-1, top-5, macro recall
        assert not any("not trained" in line for line in found)


def test_the_committed_page_is_that_of_the_run_that_is_here() -> None:
    run = ROOT / "runs" / "original"
    if not run.is_dir():
        pytest.skip("no runs/original here: the page can't be generated again")
    assert page_problem(PAGE, run) is None
