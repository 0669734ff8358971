"""Weights stored in half precision: half the size, nearly the same answers, no further nodes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mineralid.lab.export.half_precision import SMALLEST, halved
from mineralid.lab.export.onnx_graph import export_onnx, node_count, probabilities
from mineralid.lab.network.lite import build_lite

pytest.importorskip("efficientnet_lite_pytorch")
onnx = pytest.importorskip("onnx")

SIZE, CLASSES = 64, 5


@pytest.fixture(scope="module")
def graph() -> bytes:
    torch.manual_seed(0)
    network = build_lite(CLASSES, pretrained=False)
    with torch.no_grad():
        network.head.weight.normal_(0, 0.3)
        for unit in network.units():
            for name, p in unit.adapter.named_parameters():
                p.normal_(1.0 if name == "scale" else 0.0, 0.2)
    return export_onnx(network, SIZE)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (4, 3, SIZE, SIZE)).astype(np.float32)


def test_half_the_size_and_nearly_the_same_answers(graph: bytes, images: np.ndarray) -> None:
    stored = halved(graph)
    assert 0.5 < len(stored) / len(graph) < 0.55
    first, second = probabilities(graph, images), probabilities(stored, images)
    assert 0 < np.abs(first - second).max() < 5e-3
    assert first.std() > 0.01


def test_casts_are_not_counted_and_small_tensors_stay(graph: bytes) -> None:
    stored = halved(graph)
    assert node_count(stored) == node_count(graph)
    sizes = {t.data_type: [] for t in onnx.load_from_string(stored).graph.initializer}
    for tensor in onnx.load_from_string(stored).graph.initializer:
        sizes[tensor.data_type].append(int(np.prod(tensor.dims)))
    assert min(sizes[onnx.TensorProto.FLOAT16]) >= SMALLEST > max(sizes[onnx.TensorProto.FLOAT])


def test_a_weight_beyond_the_range_is_named() -> None:
    weight = onnx.numpy_helper.from_array(np.full((80, 80), 7e4, np.float32), "big")
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 80])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 80])
    node = onnx.helper.make_node("MatMul", ["x", "big"], ["y"])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [y], [weight]))
    with pytest.raises(ValueError, match=r"weight big reaches 70000; allowed .* up to 65504"):
        halved(model.SerializeToString())
