"""The committed tiny network is the one that make_tiny_bundle.py describes, and it tells colours."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mineralid.vision import Classifier, load_bundle, prepare_photo

SCRIPT = Path(__file__).resolve().parent / "make_tiny_bundle.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    found = importlib.util.spec_from_file_location("make_tiny_bundle", SCRIPT)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_head_is_the_scripts(tiny_bundle: Path, script: ModuleType) -> None:
    bundle = load_bundle(tiny_bundle)
    weight, bias = script.head()
    np.testing.assert_array_equal(bundle.arrays["head_weight"], weight)
    np.testing.assert_array_equal(bundle.arrays["head_bias"], bias)
    assert bundle.classes == script.CLASSES


def test_graph_is_the_scripts(tiny_bundle: Path, script: ModuleType) -> None:
    onnx = pytest.importorskip("onnx", reason="needs the onnx package to make the graph anew")
    committed = onnx.load_model_from_string(load_bundle(tiny_bundle).graph_path.read_bytes())
    assert committed == onnx.load_model_from_string(script.graph())


def test_it_names_a_stone_by_its_colour(tiny_bundle: Path, script: ModuleType) -> None:
    bundle = load_bundle(tiny_bundle)
    classifier = Classifier(bundle, threads=1)
    for index, color in enumerate(script.COLORS_RGB):
        stone = np.full((64, 64, 3), color, np.uint8)
        scores, _ = classifier.scores(prepare_photo(stone, bundle.spec.image)[None])
        assert scores[0].argmax() == index
