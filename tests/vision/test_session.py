"""Running the graph: shapes, the head's arithmetic, laziness, errors."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineralid.vision import Bundle, BundleError, Classifier, load_bundle
from mineralid.vision.session import usable_cores


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def classifier(bundle: Bundle) -> Classifier:
    return Classifier(bundle, threads=1)


def pictures(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, 3, 32, 32)).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 9), seed=st.integers(0, 99))
def test_scores_are_the_head_of_the_feature_and_the_feature_the_mean_of_its_map(
    bundle: Bundle, classifier: Classifier, count: int, seed: int
) -> None:
    batch = pictures(count, seed)
    scores, feature = classifier.scores(batch)
    maps = classifier.feature_map(batch)
    assert (scores.dtype, scores.shape) == (np.float32, (count, 5))
    assert (feature.dtype, feature.shape) == (np.float32, (count, 8))
    assert (maps.dtype, maps.shape) == (np.float32, (count, 8, 8, 8))
    np.testing.assert_allclose(maps.mean(axis=(2, 3)), feature, atol=1e-5)
    expected = feature @ bundle.arrays["head_weight"].T + bundle.arrays["head_bias"]
    np.testing.assert_allclose(scores, expected, atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(count=st.integers(2, 9), seed=st.integers(0, 99))
def test_a_batch_of_one_equals_a_row_of_a_batch(
    classifier: Classifier, count: int, seed: int
) -> None:
    batch = pictures(count, seed)
    together, _ = classifier.scores(batch)
    alone = np.concatenate([classifier.scores(batch[i : i + 1])[0] for i in range(count)])
    np.testing.assert_allclose(alone, together, atol=1e-4)


def test_several_python_threads_may_call(classifier: Classifier) -> None:
    from concurrent.futures import ThreadPoolExecutor

    batches = [pictures(3, seed) for seed in range(16)]
    expected = [classifier.scores(batch)[0] for batch in batches]
    fresh = Classifier(classifier.bundle, threads=1)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda batch: fresh.scores(batch)[0], batches))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_runtime_is_loaded_at_the_first_call_and_says_nothing(tiny_bundle: Path) -> None:
    code = f"""
import json, sys
import numpy as np
from mineralid.vision import Classifier, load_bundle
classifier = Classifier(load_bundle({str(tiny_bundle)!r}))
before = "onnxruntime" in sys.modules
classifier.scores(np.zeros((1, 3, 32, 32), np.float32))
print(json.dumps([before, "onnxruntime" in sys.modules, "torch" in sys.modules]))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert json.loads(run.stdout) == [False, True, False]
    assert run.stderr == ""


@pytest.mark.parametrize(
    ("batch", "found"),
    [
        (np.zeros((1, 3, 32, 32)), "float64 of shape [1, 3, 32, 32]"),
        (np.zeros((3, 32, 32), np.float32), "float32 of shape [3, 32, 32]"),
        (np.zeros((1, 3, 32, 31), np.float32), "float32 of shape [1, 3, 32, 31]"),
        (np.zeros((1, 32, 32, 3), np.float32), "float32 of shape [1, 32, 32, 3]"),
    ],
)
def test_other_batches_are_refused(classifier: Classifier, batch: np.ndarray, found: str) -> None:
    for call in (classifier.scores, classifier.feature_map):
        with pytest.raises(ValueError) as caught:
            call(batch)
        assert str(caught.value) == f"batch is {found}; allowed is float32 [B, 3, 32, 32]"


def test_empty_batch_is_refused(classifier: Classifier) -> None:
    with pytest.raises(ValueError, match="batch holds no picture; allowed are one or more"):
        classifier.scores(np.zeros((0, 3, 32, 32), np.float32))


def test_threads_are_checked_and_default_to_the_cores(bundle: Bundle) -> None:
    assert Classifier(bundle).threads == usable_cores() >= 1
    with pytest.raises(ValueError, match="threads is 0; allowed are None and 1 or more"):
        Classifier(bundle, threads=0)


def test_graph_that_lacks_a_tensor(bundle: Bundle) -> None:
    graph = bundle.spec.graph.model_copy(update={"feature_map": "map"})
    other = replace(bundle, spec=bundle.spec.model_copy(update={"graph": graph}))
    with pytest.raises(BundleError) as caught:
        Classifier(other, threads=1).scores(pictures(1, 0))
    assert str(caught.value) == (
        f"bundle {bundle.path}: its model.onnx has no tensor map; "
        "it has feature, feature_map, image, scores"
    )


def test_graph_that_is_none(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(BundleError, match=r"its model\.onnx cannot be loaded"):
        Classifier(replace(bundle, path=tmp_path), threads=1).scores(pictures(1, 0))
