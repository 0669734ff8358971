"""Make tests/data/tiny_bundle: a network of a few kB that names a mineral by its colour.

Run `python tests/vision/make_tiny_bundle.py` (needs the onnx package) after a change; the result
is committed, so that the tests of the field wing need no onnx. tests/conftest.py makes a whole
bundle of it (fixture `tiny_bundle`); test_tiny_bundle.py compares it with this script.

Input [B, 3, 32, 32] in -1..1. A 4 x 4 convolution of stride 4 with ReLU gives the feature map
[B, 8, 8, 8]; its mean is the feature; the head is the nearest of five reference colours:
|x - c|^2 up to a constant is linear in x, so logits are 2 s c.x - s |c|^2.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "data" / "tiny_bundle"
CLASSES = ("Quartz", "Pyrite", "Calcite", "Malachite", "Hematite")
COLORS_RGB = ((225, 225, 235), (200, 170, 60), (235, 205, 165), (20, 130, 80), (95, 45, 45))
SIDE = 32
SHARPNESS = 8.0

# Feature channels as weights of red, green, blue (each in -1..1) and an offset.
CHANNELS = np.array(
    [
        [1, 0, 0, 1],
        [0, 1, 0, 1],
        [0, 0, 1, 1],
        [-1, -1, -1, 3],
        [1, -1, 0, 0],
        [-1, 1, 0, 0],
        [1, 0, -1, 0],
        [-1, 0, 1, 0],
    ],
    dtype=np.float32,
)


def head() -> tuple[np.ndarray, np.ndarray]:
    """Weight [5, 8] and bias [5] of the nearest-colour head."""
    colors = np.array(COLORS_RGB, dtype=np.float32) / 127.5 - 1
    centres = np.maximum(colors @ CHANNELS[:, :3].T + CHANNELS[:, 3], 0)
    weight = 2 * SHARPNESS * centres
    bias = -SHARPNESS * (centres**2).sum(axis=1)
    return weight.astype(np.float32), bias.astype(np.float32)


def graph() -> bytes:
    """The ONNX graph, serialised."""
    from onnx import TensorProto, helper, numpy_helper

    weight, bias = head()
    kernel = np.broadcast_to(CHANNELS[:, :3, None, None] / 16, (8, 3, 4, 4))
    constants = {
        "kernel": np.ascontiguousarray(kernel, dtype=np.float32),
        "offset": np.ascontiguousarray(CHANNELS[:, 3]),
        "weight": weight,
        "bias": bias,
    }
    nodes = [
        helper.make_node(
            "Conv", ["image", "kernel", "offset"], ["mixed"], kernel_shape=[4, 4], strides=[4, 4]
        ),
        helper.make_node("Relu", ["mixed"], ["feature_map"]),
        helper.make_node("GlobalAveragePool", ["feature_map"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["feature"]),
        helper.make_node("Gemm", ["feature", "weight", "bias"], ["scores"], transB=1),
    ]

    def tensor(name: str, shape: list[int | str]):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    model = helper.make_model(
        helper.make_graph(
            nodes,
            "tiny",
            [tensor("image", ["B", 3, SIDE, SIDE])],
            [
                tensor("scores", ["B", len(CLASSES)]),
                tensor("feature", ["B", len(CHANNELS)]),
                tensor("feature_map", ["B", len(CHANNELS), 8, 8]),
            ],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    return model.SerializeToString()


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "model.onnx").write_bytes(graph())
    head_weight, head_bias = head()
    np.savez(FOLDER / "arrays.npz", head_weight=head_weight, head_bias=head_bias)
