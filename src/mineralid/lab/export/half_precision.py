"""Store the weights of an ONNX graph in half precision: half the size, computed in single."""

from __future__ import annotations

import numpy as np

STORED = "_stored"  # after the name of a tensor kept in half precision
SMALLEST = 4096  # numbers of a tensor that is worth it


def halved(graph: bytes) -> bytes:
    """Return the graph with its large weights as float16, each followed by a cast to float32.

    ONNX Runtime casts them once, when it reads the graph; answers differ by the rounding of the
    weights alone. Raises ValueError where a weight is beyond float16's range (65,504).
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(graph)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < SMALLEST:
            continue
        if np.abs(values).max() > np.finfo(np.float16).max:
            raise ValueError(
                f"weight {tensor.name} reaches {np.abs(values).max():g}; allowed in half "
                f"precision: up to {np.finfo(np.float16).max:g}"
            )
        name, tensor_name = tensor.name, tensor.name + STORED
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), tensor_name))
        casts.append(
            onnx.helper.make_node("Cast", [tensor_name], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    whole: bytes = model.SerializeToString()
    return whole
