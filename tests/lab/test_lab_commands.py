"""`mineralid lab train`: what it refuses, and how it says so."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mineralid.cli.main import app
from mineralid.lab.training import train as training
from mineralid.lab.training.recipe import Recipe


def call(*words: str) -> tuple[int, str]:
    """Exit code and everything printed, line breaks of the box around errors taken out."""
    result = CliRunner().invoke(app, ["lab", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.replace("│", " ").split())


def train(photos: Path, out: Path, *words: str) -> tuple[int, str]:
    return call("train", "--photos", str(photos), "--out", str(out), *words)


def test_an_unknown_field_names_the_nearest(photos: Path, tmp_path: Path) -> None:
    code, text = train(photos, tmp_path / "run", "--set", "lernrate=1")
    assert code == 2
    assert "--set 'lernrate=1': expected field=value. Did you mean learning_rate?" in text
    assert "Fields: backbone, adapter, adapter_init, image_size" in text
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("learning_rate", "--set 'learning_rate': expected field=value."),
        ("learning_rate=-1", "learning_rate: Input should be greater than 0"),
        ("learning_rate=inf", "learning_rate: Input should be a finite number"),
        ("seed=-1", "seed: Input should be greater than or equal to 0"),
        (
            "augmentation.crop=[0.5,3]",
            "augmentation.crop.1: Input should be less than or equal to 1",
        ),
        ("augmentation.crop=[0.9,0.3]", "its least share is 0.9; allowed: up to 0.3"),
        ("augmentation=3", "--set 'augmentation=3': set its fields, such as augmentation.flip=0"),
        ("image_size=100", "image_size: Input should be a multiple of 32"),
        ("adapter=lora", "adapter: Input should be 'ssf', 'bias' or 'none'"),
        ("epochs=many", "epochs: Input should be a valid integer"),
        ("augmentation.rotate=3", "Did you mean rotation?"),
        ("augmentation.rotation=400", "augmentation.rotation: Input should be less than or equal"),
    ],
)
def test_a_bad_setting_says_what_is_allowed(
    photos: Path, tmp_path: Path, setting: str, sentence: str
) -> None:
    code, text = train(photos, tmp_path / "run", "--set", setting)
    assert code == 2
    assert sentence in text
    assert not (tmp_path / "run").exists()


def test_settings_reach_the_recipe(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mineralid.lab.training import runs

    given: list[Recipe] = []

    def record(images: Any, labels: Any, classes: Any, recipe: Recipe, run: Path) -> None:
        given.append(recipe)

    monkeypatch.setattr(runs, "train", record)
    words = ["--set", "learning_rate=0.5", "--set", "augmentation.crop=[0.5,1]"]
    words += ["--set", "augmentation.flip=0", "--set", "compile=false", "--set", "adapter=bias"]
    code, text = train(photos, tmp_path / "run", *words)
    assert code == 0, text
    default = Recipe()
    assert given == [
        default.model_copy(
            update={
                "learning_rate": 0.5,
                "compile": False,
                "adapter": "bias",
                "augmentation": default.augmentation.model_copy(
                    update={"crop": (0.5, 1.0), "flip": 0.0}
                ),
            }
        )
    ]


def test_an_unknown_split_names_the_allowed(photos: Path, tmp_path: Path) -> None:
    code, text = train(photos, tmp_path / "run", "--split", "D")
    assert code == 2
    assert (
        "error: unknown split 'D'; allowed: all, specimen0, specimen1, specimen2, specimen3, "
        "specimen4, A, B, C"
    ) in text
    assert not (tmp_path / "run").exists()


def test_a_bad_table_names_file_and_line(photos: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(photos, tmp_path / "photos")
    (folder / "photos" / "quartz03.jpg").unlink()
    code, text = train(folder, tmp_path / "run")
    assert code == 2
    assert "photos.csv: 1 bad line(s): line 5: no photograph quartz03.jpg" in text


@pytest.mark.parametrize("command", ["train", "release"])
def test_without_torch_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    find = importlib.util.find_spec

    def without_torch(name: str, package: str | None = None) -> Any:
        return None if name == "torch" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_torch)
    words = ["--photos", str(tmp_path), "--out", str(tmp_path / "run")]
    if command == "release":
        words += ["--facts", str(tmp_path), "--bundle", str(tmp_path / "bundle")]
    code, text = call(command, *words)
    assert code == 2
    assert text == (
        "This command trains networks and needs PyTorch, which is not installed here. "
        'Install it with: pip install "mineralid[lab]" -c constraints.txt'
    )
    assert not (tmp_path / "run").exists()


def test_a_finished_run_is_left_as_it_is(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    run = tmp_path / "run"
    run.mkdir()
    described = {
        "recipe": Recipe().model_dump(mode="json"),
        "classes": (photos / "core_species.txt").read_text().split(),
        "photographs": 40,
    }
    (run / "recipe.json").write_text(json.dumps(described))
    (run / "network.pt").write_bytes(b"")
    monkeypatch.setattr(training, "load_network", lambda folder: folder)
    code, text = train(photos, run)
    assert code == 0, text


def folder_of(photos: Path, folder: Path, rows: list[str]) -> Path:
    """The pictures of `photos` under another table."""
    shutil.copytree(photos, folder)
    (folder / "photos.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


HEAD = "image_id,species,collection,specimen"
NO_TABLE = "no photos.csv in {folder}: a folder of photographs needs that table"
NO_COLUMNS = (
    "{folder}/photos.csv: column(s) collection, specimen missing; "
    "needed: image_id, species, collection, specimen"
)


def unusable(photos: Path, tmp_path: Path, what: str) -> tuple[Path, str]:
    """A folder that can't be trained on, and what has to be said of it."""
    if what == "missing":
        return tmp_path / "nowhere", NO_TABLE.format(folder=tmp_path / "nowhere")
    folder = folder_of(photos, tmp_path / "photos", ["image_id,species", "quartz00,Quartz"])
    return folder, NO_COLUMNS.format(folder=folder)


@pytest.mark.parametrize("what", ["missing", "without columns"])
def test_an_unusable_folder_is_named_with_what_it_needs(
    photos: Path, tmp_path: Path, what: str
) -> None:
    folder, sentence = unusable(photos, tmp_path, what)
    code, text = train(folder, tmp_path / "run")
    assert code == 2
    assert text == f"error: {sentence}"
    assert not (tmp_path / "run").exists()


def test_a_file_that_is_no_picture_is_named(photos: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(photos, tmp_path / "photos")
    (folder / "photos" / "azurite04.jpg").write_bytes(b"\xff\xd8 and then nothing")
    code, text = train(folder, tmp_path / "run")
    assert code == 2
    assert f"error: photograph {folder / 'photos' / 'azurite04.jpg'}: it is not a picture" in text
    assert not (tmp_path / "run").exists()


@pytest.mark.xfail(strict=True, reason="scikit-learn speaks of n_splits, numpy of indices")
@pytest.mark.parametrize("split", ["all", "C"])
def test_nothing_to_train_on_is_said_in_the_words_of_the_user(
    photos: Path, tmp_path: Path, split: str
) -> None:
    # Without a photograph, and with all of them in collections that fold C leaves out.
    stones = [f"quartz0{i},Quartz,mine,s{i}" for i in range(8)]
    folder = folder_of(photos, tmp_path / "photos", [HEAD, *(stones if split == "C" else [])])
    code, text = train(folder, tmp_path / "run", "--split", split)
    assert code == 2
    assert text.startswith("error: ")
    assert "photograph" in text
    assert split in text


def release(photos: Path, facts: Path, folder: Path) -> tuple[int, str]:
    words = ["--photos", str(photos), "--facts", str(facts), "--at-once", "1"]
    return call("release", *words, "--out", str(folder / "runs"), "--bundle", str(folder / "new"))


def test_a_release_says_which_log_tells_why_a_training_failed(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mineralid.lab.export import release as releasing

    def fail(*given: Any, **options: Any) -> None:
        raise RuntimeError("training failed: see runs/ssf-A/log.txt")

    monkeypatch.setattr(releasing, "run_jobs", fail)
    code, text = release(photos, tmp_path, tmp_path)
    assert code == 1
    assert text == "error: training failed: see runs/ssf-A/log.txt"
    assert not (tmp_path / "new").exists()


@pytest.mark.xfail(strict=True, reason="photographs and facts are read when all is trained")
@pytest.mark.parametrize("what", ["missing", "without columns", "facts"])
def test_a_release_reads_what_it_needs_before_it_trains(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    from mineralid.lab.export import release as releasing

    def hours(*given: Any, **options: Any) -> None:
        raise RuntimeError("trained for hours")

    monkeypatch.setattr(releasing, "run_jobs", hours)
    facts, sentence = tmp_path / "facts", str(tmp_path / "facts")
    if what != "facts":
        photos, sentence = unusable(photos, tmp_path, what)
    code, text = release(photos, facts, tmp_path)
    assert code in (1, 2)
    assert sentence in text
    assert "trained for hours" not in text


@pytest.mark.xfail(strict=True, reason="a finished run counts as done whatever it was trained on")
def test_a_release_refuses_finished_runs_of_another_recipe(photos: Path, tmp_path: Path) -> None:
    import json

    from mineralid.lab.export.release import release_jobs
    from mineralid.lab.training.launch import run_jobs

    jobs = release_jobs(tmp_path / "runs")
    for job in jobs:
        job.run.mkdir(parents=True)
        described = {"recipe": Recipe(epochs=1).model_dump(mode="json"), "classes": ["Talc"]}
        (job.run / "recipe.json").write_text(json.dumps({**described, "photographs": 1}))
        (job.run / "network.pt").write_bytes(b"")
    with pytest.raises((ValueError, RuntimeError), match="recipe"):
        run_jobs(jobs, photos, at_once=1, threads=1, say=lambda text: None)
