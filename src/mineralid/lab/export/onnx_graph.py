"""Export a folded network, with or without a readout, to ONNX and check that both give the same probabilities."""

from __future__ import annotations

import io
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

from mineralid.lab.export.half_precision import STORED
from mineralid.lab.network.joined import Network
from mineralid.lab.network.read_out import ReadOut, WithReadOut
from mineralid.lab.training.module import MEAN, STD

OUTPUTS = ("scores", "feature", "feature_map")
INPUT = "image"
OPSET = 17
PARITY = 1e-4


def export_onnx(network: Network, image_size: int, read_out: ReadOut | None = None) -> bytes:
    """Return the ONNX graph of a network, adapters folded, batch size free.

    read_out: of training photographs, whose scores are added to the head's.

    Input `image` float32 [B, 3, H, W]; outputs `scores` [B, C], `feature` [B, D], `feature_map`
    [B, D, H/32, W/32]. Constants are folded by ONNX Runtime's basic (hardware-independent) level.
    """
    import onnxruntime

    folded: torch.nn.Module = network.folded()
    if read_out is not None:
        folded = WithReadOut(folded, read_out, MEAN, STD)
    plain = folded.cpu().float().eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    names = (INPUT, *OUTPUTS)
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter needs no further package; it warns that it will give way one day.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            plain,
            (torch.zeros(1, 3, image_size, image_size),),
            stream,  # type: ignore[arg-type]  # a stream is accepted by this exporter
            dynamo=False,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "batch"} for name in names},
            opset_version=OPSET,
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(stream.getvalue(), options, providers=["CPUExecutionProvider"])
        return path.read_bytes()


def node_count(graph: bytes) -> int:
    """Return the number of nodes of an ONNX graph, without the casts of stored weights."""
    import onnx

    nodes = onnx.load_from_string(graph).graph.node
    return sum(not (node.op_type == "Cast" and node.input[0].endswith(STORED)) for node in nodes)


def probabilities(graph: bytes, images: np.ndarray) -> np.ndarray:
    """Return p(class) [B, C] that a graph gives to images float32 [B, 3, H, W]."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    scores = session.run(["scores"], {INPUT: images})[0]
    return np.asarray(torch.softmax(torch.from_numpy(scores).double(), 1))


@torch.no_grad()
def parity(graph: bytes, network: torch.nn.Module, images: np.ndarray) -> float:
    """Return the greatest difference of probabilities between torch (unfolded) and ONNX.

    images: float32 [B, 3, H, W].
    """
    expected = torch.softmax(network.eval()(torch.from_numpy(images))[0].double(), 1)
    return float(np.abs(probabilities(graph, images) - np.asarray(expected)).max())
