"""The exported graph: no more nodes than the plain backbone's, the same probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mineralid.lab.evaluation.readout import make_readout
from mineralid.lab.export.onnx_graph import (
    INPUT,
    OUTPUTS,
    PARITY,
    export_onnx,
    node_count,
    parity,
)
from mineralid.lab.network.color_histogram import ColorHistogram
from mineralid.lab.network.lite import LiteNetwork, build_lite
from mineralid.lab.network.read_out import WithReadOut

pytest.importorskip("efficientnet_lite_pytorch")
onnx = pytest.importorskip("onnx")

SIZE, CLASSES = 64, 7


def network_of(adapter: str) -> LiteNetwork:
    torch.manual_seed(1)
    network = build_lite(CLASSES, adapter=adapter, pretrained=False)  # type: ignore[arg-type]
    with torch.no_grad():
        for unit in network.units():
            for name, p in unit.adapter.named_parameters():
                p.normal_(1.0 if name == "scale" else 0.0, 0.2)
                if name == "scale":
                    p[::5] *= -1
        network.head.weight.normal_(0, 0.3)
    return network.eval()


@pytest.fixture(scope="module")
def network() -> LiteNetwork:
    return network_of("ssf")


@pytest.fixture(scope="module")
def graph(network: LiteNetwork) -> bytes:
    return export_onnx(network, SIZE)


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (3, 3, SIZE, SIZE)).astype(np.float32)


def run(graph: bytes, images: np.ndarray) -> list[np.ndarray]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return session.run(list(OUTPUTS), {INPUT: images})


def test_no_more_nodes_than_the_plain_backbone(graph: bytes) -> None:
    plain = export_onnx(network_of("none"), SIZE)
    assert 0 < node_count(graph) <= node_count(plain)


def test_probabilities_are_those_of_the_unfolded_network(
    graph: bytes, network: LiteNetwork, batch: np.ndarray
) -> None:
    p = torch.softmax(network(torch.from_numpy(batch))[0], 1)
    assert p.std() > 0.01  # not the uniform answer that any graph would give
    assert parity(graph, network, batch) <= PARITY == 1e-4


def test_parity_sees_a_difference(graph: bytes, batch: np.ndarray) -> None:
    other = network_of("ssf")
    with torch.no_grad():
        other.head.bias[0] += 1.0
    assert parity(graph, other, batch) > 1e-3


@pytest.mark.usefixtures("graph")
def test_export_leaves_the_network_as_it_was(network: LiteNetwork) -> None:
    before, after = network_of("ssf").state_dict(), network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(t, after[n]) for n, t in before.items())


def test_names_shapes_and_a_free_batch_size(graph: bytes) -> None:
    described = onnx.load_from_string(graph).graph
    assert [v.name for v in described.input] == [INPUT]
    assert {v.name for v in described.output} == {"scores", "feature", "feature_map"}
    for value in (*described.input, *described.output):
        first = value.type.tensor_type.shape.dim[0]
        assert first.dim_param and not first.dim_value, value.name
    for count in (1, 2, 5):
        zeros = np.zeros((count, 3, SIZE, SIZE), dtype=np.float32)
        scores, feature, feature_map = run(graph, zeros)
        assert scores.shape == (count, CLASSES)
        assert feature.shape == (count, 1280)
        assert feature_map.shape == (count, 1280, SIZE // 32, SIZE // 32)


def test_outputs_are_those_of_torch_and_the_feature_is_the_maps_mean(
    graph: bytes, network: LiteNetwork, batch: np.ndarray
) -> None:
    found = run(graph, batch)
    with torch.no_grad():
        expected = network(torch.from_numpy(batch))
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, wanted.numpy(), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found[1], found[2].mean((2, 3)), rtol=1e-4, atol=1e-5)


def test_a_batch_of_one_equals_a_row_of_a_batch(graph: bytes, batch: np.ndarray) -> None:
    together = run(graph, batch)
    for row in range(len(batch)):
        for whole, alone in zip(together, run(graph, batch[row : row + 1]), strict=True):
            np.testing.assert_allclose(alone[0], whole[row], rtol=1e-5, atol=1e-5)


def test_gallery_and_colors_are_in_the_graph(network: LiteNetwork, batch: np.ndarray) -> None:
    pictures = torch.from_numpy(batch)
    scores_of_head, feature = (t.detach().numpy() for t in network(pictures)[:2])
    color = ColorHistogram((0.5,) * 3, (0.5,) * 3)(pictures).numpy()
    rng = np.random.default_rng(1)
    more = feature + rng.normal(0, feature.std(), feature.shape)
    training = np.concatenate([feature, more]).astype(np.float32)
    colors = rng.random((6, color.shape[1])).astype(np.float32)
    readout = make_readout(training, colors, np.arange(6) % 4, np.array(["a", "b"] * 3), 7)
    graph = export_onnx(network, SIZE, readout)
    scores, found, _ = run(graph, batch)
    weight, bias = readout.color_head
    expected = scores_of_head + readout.gallery.scores(feature) + color @ weight.T + bias
    np.testing.assert_allclose(scores, expected, atol=2e-3)
    np.testing.assert_allclose(found, feature, atol=1e-4)
    assert parity(graph, WithReadOut(network, readout, (0.5,) * 3, (0.5,) * 3), batch) <= PARITY
    assert parity(graph, network, batch) > 1e-3  # it does add something
