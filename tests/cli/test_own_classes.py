"""What the command line says of a bundle's own classes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import Result

from mineralid.vision import load_bundle, write_bundle
from mineralid.vision.bundle_own import OwnMineral

Run = Callable[..., Result]
STONE = "My green stone"
CLASSES = ("Quartz", "Pyrite", "Calcite", STONE, "Slag")


@pytest.fixture(scope="session")
def own_classes(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle; its green is a stone without facts, its dark red a slag with two."""
    loaded = load_bundle(bundle_folder)
    slag = OwnMineral(hardness_mohs=(5.0, 6.5), luster=("vitreous",))
    spec = loaded.spec.model_copy(
        update={"classes": CLASSES, "own_minerals": {STONE: OwnMineral(), "Slag": slag}}
    )
    folder = tmp_path_factory.mktemp("own") / "bundle"
    onnx = loaded.graph_path.read_bytes()
    write_bundle(folder, spec, onnx, loaded.arrays, loaded.card())
    return folder


@pytest.fixture
def malachite_green(tmp_path: Path) -> Path:
    path = tmp_path / "green.png"
    Image.new("RGB", (64, 64), (20, 130, 80)).save(path)
    return path


@pytest.fixture
def dark_red(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    Image.new("RGB", (64, 64), (95, 45, 45)).save(path)
    return path


def test_an_own_class_is_said_to_be_one(run: Run, own_classes: Path, malachite_green: Path) -> None:
    result = run("identify", malachite_green, "--bundle", own_classes)
    assert result.exit_code == 0
    first = result.stdout.splitlines()[0]
    assert first.startswith(f"{STONE}   the bundle's own class, ") and first.endswith(" likely")
    assert "nothing of" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_readings_are_said_to_say_nothing_of_it(
    run: Run, own_classes: Path, malachite_green: Path
) -> None:
    readings = ("--hardness", "7", "--luster", "vitreous", "--streak", "white")
    result = run("identify", malachite_green, "--bundle", own_classes, *readings)
    text = " ".join(result.stdout.split())
    assert (
        f"The readings say nothing of {STONE}: the bundle's own class, of which it states no such facts."
    ) in text
    assert "test it again" not in text and "as a whole belong" not in text and "But " not in text
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_readings_without_a_fact_are_named(run: Run, own_classes: Path, dark_red: Path) -> None:
    readings = ("--hardness", "6", "--streak", "white", "--acid", "none")
    result = run("identify", dark_red, "--bundle", own_classes, *readings)
    assert "The streak and acid say nothing of Slag: " in " ".join(result.stdout.split())
    result = run("identify", dark_red, "--bundle", own_classes, "--hardness", "6")
    assert "nothing of Slag" not in " ".join(result.stdout.split())


def test_json_names_the_tests_of_which_facts_are_stated(
    run: Run, own_classes: Path, dark_red: Path
) -> None:
    result = run("identify", dark_red, "--bundle", own_classes, "--json")
    answer = json.loads(result.stdout)
    assert answer["own_minerals"] == {"Slag": ["hardness", "luster"], STONE: []}
    assert answer["candidates"][0]["name"] == answer["answer"] == "Slag"


def test_info_names_them(run: Run, own_classes: Path, bundle_folder: Path) -> None:
    result = run("info", "--bundle", own_classes)
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert (
        f"own classes 2, not in the catalogue: {STONE} (no facts), Slag (hardness, luster)" in text
    )
    lines = result.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines if "MODEL_CARD" not in line)
    about = json.loads(run("info", "--bundle", own_classes, "--json").stdout)["bundle"]
    assert about["own_minerals"] == {
        STONE: {}, "Slag": {"hardness_mohs": [5.0, 6.5], "luster": ["vitreous"]}
    }  # fmt: skip
    assert "own classes" not in run("info", "--bundle", bundle_folder).stdout


def test_an_undeclared_class_is_refused(run: Run, bundle_folder: Path, tmp_path: Path) -> None:
    loaded = load_bundle(bundle_folder)
    spec = loaded.spec.model_copy(update={"classes": ("Quartz", "Pyrit", *CLASSES[2:])})
    onnx = loaded.graph_path.read_bytes()
    write_bundle(tmp_path / "stale", spec, onnx, loaded.arrays, "# Card\n")
    result = run("identify", "--hardness", "7", "--bundle", tmp_path / "stale")
    assert result.exit_code == 2
    assert "the catalogue does not know its classes Pyrit, My green stone, Slag" in result.stderr
    assert "own_minerals does not declare them" in result.stderr
