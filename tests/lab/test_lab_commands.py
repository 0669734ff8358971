"""`mineralid lab`: what it refuses, and how it says so."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest
from generated_photos import write_photos
from typer.testing import CliRunner

from mineralid.cli.main import app
from mineralid.lab.data.manifest import read_manifest
from mineralid.lab.data.splits import parse_left_out
from mineralid.lab.export.plan import release_jobs
from mineralid.lab.training import runs
from mineralid.lab.training.recipe import Recipe
from mineralid.lab.training.record import RunRecord


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
    assert "--set 'lernrate=1': there is no field 'lernrate'. Did you mean learning_rate?" in text
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
        ("augmentation=3", "--set 'augmentation=3': set its fields, such as augmentation.crop="),
        ("image_size=100", "image_size: Input should be a multiple of 32"),
        ("adapter=lora", "adapter: Input should be 'ssf', 'bias', 'none' or 'full'"),
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

    given: list[Recipe] = []

    def record(
        images: Any, labels: Any, classes: Any, recipe: Recipe, run: Path, **more: Any
    ) -> None:
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


def finish(run: Path, record: RunRecord) -> None:
    """A folder as a training leaves it, but for the network."""
    run.mkdir(parents=True)
    (run / "recipe.json").write_text(record.model_dump_json())
    (run / "network.pt").write_bytes(b"")


def test_a_finished_run_is_left_as_it_is(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(tmp_path / "run", RunRecord.of_manifest(Recipe(), "all", read_manifest(photos)))
    monkeypatch.setattr(runs, "load_network", lambda folder: folder)
    code, text = train(photos, tmp_path / "run")
    assert code == 0, text


def test_a_damaged_network_is_named(photos: Path, tmp_path: Path) -> None:
    finish(tmp_path / "run", RunRecord.of_manifest(Recipe(), "all", read_manifest(photos)))
    code, text = train(photos, tmp_path / "run")
    assert code == 2
    network = tmp_path / "run" / "network.pt"
    assert text == f"error: {network} is damaged: delete it to train this network anew"


def test_a_run_of_another_split_is_refused(photos: Path, tmp_path: Path) -> None:
    finish(tmp_path / "run", RunRecord.of_manifest(Recipe(), "all", read_manifest(photos)))
    code, text = train(photos, tmp_path / "run", "--split", "A")
    assert code == 2
    assert text == (
        f"error: {tmp_path / 'run'} was begun with another split (all there, A now), another "
        "photographs (40 there, 32 now): choose another --out or delete the folder"
    )


def test_an_out_that_is_no_folder_is_named(photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    for out in (file, file / "run"):
        code, text = train(photos, out)
        assert code == 2
        assert text.startswith(f"error: {file}")
    assert file.read_text() == "kept"


def test_collections_to_leave_out_are_named_by_the_user(photos: Path, tmp_path: Path) -> None:
    words = ["--left-out", "mine=c21", "--left-out", "yours=c22,c99"]
    code, text = train(photos, tmp_path / "run", "--split", "mine", *words)
    assert code == 2
    assert text == (
        "error: no photograph of a class is from collection c99, which the folds mine (c21), "
        "yours (c22, c99) and others (all others) leave out; the collections found are c01, c04, "
        "c21, c22: choose with --left-out NAME=c1,c2"
    )
    code, text = train(photos, tmp_path / "run", "--split", "A", "--left-out", "mine=c21")
    assert code == 2
    assert "unknown split 'A'; allowed: all, specimen0" in text
    assert "mine, others" in text
    code, text = train(photos, tmp_path / "run", "--left-out", "mine")
    assert code == 2
    assert text == "error: left out 'mine'; expected NAME=collection,collection"
    assert not (tmp_path / "run").exists()


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


def release(photos: Path, facts: Path, folder: Path, *words: str) -> tuple[int, str]:
    given = ["--photos", str(photos), "--facts", str(facts), "--at-once", "1", *words]
    return call("release", *given, "--out", str(folder / "runs"), "--bundle", str(folder / "new"))


@pytest.fixture(scope="module")
def releasable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of other species than the classes too."""
    folder = tmp_path_factory.mktemp("releasable") / "photos"
    return write_photos(folder, beyond=["Galena", "Pyrite", "Fluorite"])


def test_a_release_says_which_log_tells_why_a_training_failed(
    releasable: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mineralid.lab.export import release as releasing

    def fail(*given: Any, **options: Any) -> None:
        raise RuntimeError("training failed: see runs/ssf-A/log.txt")

    monkeypatch.setattr(releasing, "run_jobs", fail)
    code, text = release(releasable, shared / "facts", tmp_path)
    assert code == 1
    assert text == "error: training failed: see runs/ssf-A/log.txt"
    assert not (tmp_path / "new").exists()


def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    from mineralid.lab.export import release as releasing

    def hours(*given: Any, **options: Any) -> None:
        raise AssertionError("trained for hours")

    monkeypatch.setattr(releasing, "run_jobs", hours)


@pytest.mark.parametrize("what", ["missing", "without columns", "facts"])
def test_a_release_reads_what_it_needs_before_it_trains(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    no_training(monkeypatch)
    facts = tmp_path / "facts"
    sentence = f"{facts / 'curated_36.csv'}: No such file or directory"
    if what != "facts":
        photos, sentence = unusable(photos, tmp_path, what)
    before = sorted(tmp_path.rglob("*"))
    code, text = release(photos, facts, tmp_path)
    assert code == 2
    assert text == f"error: {sentence}"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_release_refuses_what_it_can_not_measure_before_it_trains(
    photos: Path, releasable: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_training(monkeypatch)
    facts, table = shared / "facts", (releasable / "photos.csv").read_text().splitlines()
    cases = {
        # Without collections of ours, without other species, with a class that is no mineral.
        "elsewhere": [line.replace(",c", ",d") for line in table],
        "core": [line for line in table if not line.startswith(("galena", "pyrite", "fluorite"))],
    }
    said = {
        "elsewhere": "collection c04, c21, c22, which the folds A (c04), B (c21, c22) and C",
        "core": "0 photographs of other species than the 4 classes are too few: outside the fold",
    }
    for name, lines in cases.items():
        lines[0] = table[0]
        code, text = release(folder_of(releasable, tmp_path / name, lines), facts, tmp_path)
        assert code == 2
        assert said[name] in text
    unknown = folder_of(releasable, tmp_path / "unknown", table)
    (unknown / "core_species.txt").write_text("Quartz\nQuarz\n")
    code, text = release(unknown, facts, tmp_path)
    assert code == 2
    assert f"error: a class of {unknown}: unknown mineral 'Quarz'; did you mean Quartz" in text
    assert not (tmp_path / "runs").exists()


def test_a_release_is_not_written_over_something_else(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "thesis.tex").write_text("years of work")
    code, text = release(photos, tmp_path, tmp_path)
    assert code == 2
    assert text == (
        f"error: {tmp_path / 'new'} holds something else; allowed: a bundle, or an empty folder"
    )
    (tmp_path / "runs").write_text("a file")
    code, text = release(photos, tmp_path, tmp_path)
    assert code == 2
    assert text.startswith(f"error: {tmp_path / 'runs'} is a file; allowed: a folder, or")


def test_a_release_refuses_finished_runs_of_another_recipe(
    releasable: Path, shared: Path, tmp_path: Path
) -> None:
    core = read_manifest(releasable).of_classes()
    for job in release_jobs(tmp_path / "runs", core):
        finish(job.run, job.record)
        assert job.done
    for job in release_jobs(tmp_path / "runs", core, parse_left_out(["A=c04"])):
        assert job.options[-2:] == ("--left-out", "A=c04")
    shorter = Recipe(epochs=1)
    other = job.record.model_copy(update={"recipe": shorter})
    (tmp_path / "runs" / "bias-A" / "recipe.json").write_text(other.model_dump_json())
    code, text = release(releasable, shared / "facts", tmp_path)
    assert code == 2
    assert text.startswith(f"error: {tmp_path / 'runs' / 'bias-A'} was begun with another recipe (")
    assert "epochs 1 there, 12 now" in text
    assert text.endswith("choose another --out or delete the folder")
