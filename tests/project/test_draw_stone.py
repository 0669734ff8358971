"""The drawn stone of the demo: the same for a seed, a JPEG that opens, refusals that say why."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "draw_stone.py"


@pytest.fixture(scope="module")
def draw_stone() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_stone", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["draw_stone"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["pyrite", "pebble"])
def test_a_seed_draws_one_stone(draw_stone: ModuleType, kind: str) -> None:
    first, again, other = (
        np.asarray(draw_stone.draw(kind, seed=seed, size=96)) for seed in (3, 3, 4)
    )
    assert first.shape == (96, 96, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("kind", "warm"), [("pyrite", True), ("pebble", False)])
def test_the_stone_lies_within_the_picture(
    draw_stone: ModuleType, kind: str, warm: bool, seed: int
) -> None:
    pixels = np.asarray(draw_stone.draw(kind, seed=seed, size=96)).astype(float)
    border = np.concatenate([pixels[:2].reshape(-1, 3), pixels[:, :2].reshape(-1, 3)])
    middle = pixels[36:60, 36:60].reshape(-1, 3)
    assert np.median(border, axis=0) == pytest.approx(draw_stone.TABLE, abs=35)
    assert (np.median(middle[:, 0] - middle[:, 2]) > 20) == warm


def test_written_as_a_jpeg(tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "stone.jpg"
    subprocess.run([sys.executable, str(SCRIPT), str(target), "--size", "80"], check=True)
    with Image.open(target) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (80, 80))


def test_refusals_name_what_is_allowed(draw_stone: ModuleType) -> None:
    with pytest.raises(ValueError, match="unknown kind 'opal'; allowed: pyrite, pebble"):
        draw_stone.draw("opal")
    with pytest.raises(ValueError, match="size 63 is not within 64 to 4096 pixels"):
        draw_stone.draw(size=63)
