"""Run a bundle's ONNX graph: prepared pictures in; class scores, features and feature maps out."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mineralid.vision.bundle import Bundle, BundleError

_LOG_ERRORS = 3  # onnxruntime's severity scale: 0 verbose .. 4 fatal


class Classifier:
    """The network of a bundle on the CPU. May be called from several threads.

    `threads`: threads of one call; None: as many as this process has cores. onnxruntime is
    imported and the graph read at the first call, so that making a Classifier costs nothing.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"threads is {threads}; allowed are None and 1 or more")
        self.bundle = bundle
        self.threads = usable_cores() if threads is None else threads
        self._session: Any = None
        self._creating = threading.Lock()

    def scores(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits [B, C] and features [B, D] of prepared pictures float32 [B, 3, H, W]."""
        graph = self.bundle.spec.graph
        scores, feature = self._run([graph.scores, graph.feature], batch)
        return scores, feature

    def feature_map(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Feature maps [B, D, h, w], whose mean over h and w is the feature."""
        return self._run([self.bundle.spec.graph.feature_map], batch)[0]

    def _run(self, outputs: list[str], batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        spec = self.bundle.spec
        expected = (3, spec.image.height, spec.image.width)
        if batch.dtype != np.float32 or batch.ndim != 4 or batch.shape[1:] != expected:
            raise ValueError(
                f"batch is {batch.dtype} of shape {list(batch.shape)}; "
                f"allowed is float32 [B, {', '.join(map(str, expected))}]"
            )
        if not len(batch):
            raise ValueError("batch holds no picture; allowed are one or more")
        results: list[NDArray[np.float32]] = self._opened().run(outputs, {spec.graph.input: batch})
        return results

    def _opened(self) -> Any:
        with self._creating:
            if self._session is None:
                self._session = _open_session(self.bundle, self.threads)
        return self._session


def usable_cores() -> int:
    """Cores that this process may use (its affinity, where the system tells it)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _open_session(bundle: Bundle, threads: int) -> Any:
    # From 1.29 on onnxruntime reports its use to its makers, unless this is set before it loads:
    # it would write a file for that and call out of a program that works without a network.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    if os.environ["ORT_DISABLE_TELEMETRY"] == "1":  # elsewhere than on POSIX by this call alone
        onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_ERRORS
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait for work by spinning would take the cores from decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            str(bundle.graph_path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own exception classes are private
        raise BundleError(bundle.path, f"its model.onnx cannot be loaded ({error})") from error
    graph = bundle.spec.graph
    have = {tensor.name for tensor in (*session.get_inputs(), *session.get_outputs())}
    missing = sorted({graph.input, graph.scores, graph.feature, graph.feature_map} - have)
    if missing:
        raise BundleError(
            bundle.path,
            f"its model.onnx has no tensor {', '.join(missing)}; it has {', '.join(sorted(have))}",
        )
    return session
