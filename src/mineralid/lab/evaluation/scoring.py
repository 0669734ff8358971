"""Score photographs with a network: prepared exactly as the field prepares them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mineralid.lab.data.manifest import Manifest
from mineralid.lab.network.color_histogram import COLORS, ColorHistogram
from mineralid.lab.network.lite import LiteNetwork
from mineralid.vision.prepare import ImageSpec, prepare_photo

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Scores:
    """Of N photographs: logits float32 [N, C] and features float32 [N, D]."""

    scores: Float
    feature: Float

    def rows(self, indices: list[int]) -> Scores:
        """Return some rows, in that order."""
        return Scores(self.scores[indices], self.feature[indices])

    def with_head(self, weight: NDArray[np.float64], bias: NDArray[np.float64]) -> Scores:
        """Return the scores with those of another linear head added."""
        added = self.feature.astype(np.float64) @ weight.T + bias
        return Scores((self.scores + added).astype(np.float32), self.feature)


@torch.no_grad()
def score_photographs(
    network: LiteNetwork, manifest: Manifest, spec: ImageSpec, batch_size: int = 32
) -> Scores:
    """Run the network in evaluation mode over every photograph, in order."""
    network.eval()
    scores, features = [], []
    for batch in _prepared(manifest, spec, batch_size):
        out, feature, _ = network(
            torch.from_numpy(batch).contiguous(memory_format=torch.channels_last)
        )
        scores.append(out.numpy())
        features.append(feature.numpy())
    classes = network.head.out_features
    empty = np.zeros((0, classes), np.float32), np.zeros((0, network.head.in_features), np.float32)
    return Scores(np.concatenate(scores or [empty[0]]), np.concatenate(features or [empty[1]]))


def _prepared(manifest: Manifest, spec: ImageSpec, batch_size: int) -> Iterator[Float]:
    """Yield every photograph as the field prepares it, float32 [B, 3, H, W] at a time."""
    for start in range(0, len(manifest), batch_size):
        prepared = []
        for photograph in manifest.photographs[start : start + batch_size]:
            with photograph.named_in_errors():
                prepared.append(prepare_photo(photograph.photo, spec))
        yield np.stack(prepared)


@torch.no_grad()
def color_histograms(
    manifest: Manifest, spec: ImageSpec, folder: Path | None = None, batch_size: int = 32
) -> Float:
    """Return the colours of every photograph [N, K], in order.

    folder: where they are kept, under a hash of photographs and preparation.
    """
    described = [spec.model_dump(mode="json"), [p.image_id for p in manifest.photographs]]
    key = hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]
    path = None if folder is None else folder / f"colors-{key}.npy"
    if path is not None and path.is_file():
        stored: Float = np.load(path)
        return stored
    colors = ColorHistogram(spec.mean, spec.std)
    parts = [
        colors(torch.from_numpy(batch)).numpy() for batch in _prepared(manifest, spec, batch_size)
    ]
    found: Float = np.concatenate(parts or [np.zeros((0, COLORS), np.float32)])
    if path is not None:
        partial = path.with_suffix(f".{os.getpid()}.partial.npy")
        np.save(partial, found)
        partial.replace(path)
    return found


def cached_scores(run: Path, network: LiteNetwork, manifest: Manifest, spec: ImageSpec) -> Scores:
    """`score_photographs`, kept in the run's folder.

    Under a hash of weights, photographs and preparation: another network gets scores of its own.
    """
    described = json.dumps(
        [
            weights_sha256(network),
            spec.model_dump(mode="json"),
            [p.image_id for p in manifest.photographs],
        ]
    )
    key = hashlib.sha256(described.encode()).hexdigest()[:16]
    path = run / f"scores-{key}.npz"
    if path.is_file():
        with np.load(path) as stored:
            return Scores(stored["scores"], stored["feature"])
    found = score_photographs(network, manifest, spec)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, scores=found.scores, feature=found.feature)
    partial.replace(path)
    return found


def weights_sha256(network: torch.nn.Module) -> str:
    """Return a hash of a network's parameters and buffers, names included."""
    found = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
