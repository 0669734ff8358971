"""A bundle on disk, photographs of plain colours, and the command line as a person runs it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from mineralid.cli.main import app
from mineralid.vision import load_bundle, write_bundle

FIGURES = {
    "recipe": "none: invented for the tests",
    "specimens": {
        "photograph": {"top1": 0.5612, "top5": 0.8},
        "photograph and readings": {"top1": 0.7706, "top5": 0.94, "photographs": 1234},
    },
}

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def bundle_folder(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle with what the statistics of the unknown need, and figures. Not to be changed."""
    loaded = load_bundle(tiny_bundle)
    arrays = {
        **loaded.arrays,
        "class_means": np.random.default_rng(0).normal(0, 1, (5, 8)).astype(np.float32),
        "feature_mean": np.zeros(8, dtype=np.float32),
    }
    spec = loaded.spec.model_copy(update={"figures": FIGURES})
    folder = tmp_path_factory.mktemp("cli") / "bundle"
    write_bundle(folder, spec, loaded.graph_path.read_bytes(), arrays, "# Tiny bundle\n")
    return folder


@pytest.fixture
def own_bundle(bundle_folder: Path, tmp_path: Path) -> Path:
    """A copy of the bundle that a test may damage."""
    return Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))


@pytest.fixture
def green(tmp_path: Path) -> Path:
    """A photograph that is green all over."""
    path = tmp_path / "green.png"
    Image.new("RGB", (64, 48), (20, 200, 60)).save(path)
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `mineralid` with these arguments in a terminal of 80 columns without colours."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)

    return call


@pytest.fixture
def identify(run: Run, bundle_folder: Path) -> Run:
    """Run `mineralid identify` with the tiny bundle."""
    return lambda *arguments: run("identify", "--bundle", bundle_folder, *arguments)
