"""Features of photographs by a frozen encoder: computed once, kept under what they depend on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mineralid.lab.data.augment import Augmentation
from mineralid.lab.data.batches import to_network_input
from mineralid.lab.data.cache import Cache, photographs_key
from mineralid.lab.data.manifest import Manifest, Photograph
from mineralid.lab.evaluation.scoring import weights_sha256
from mineralid.lab.network.backbone import Backbone
from mineralid.lab.original.batches import augmented
from mineralid.version import __version__
from mineralid.vision.decode import decode
from mineralid.vision.prepare import ImageSpec, prepare_photo

Float = NDArray[np.float32]


def evaluation_spec(backbone: Backbone, image_size: int) -> ImageSpec:
    """Return the published evaluation's preparation: the shorter side resized, the centre cut."""
    return ImageSpec(
        height=image_size,
        width=image_size,
        fit="crop",
        crop_fraction=1.0,
        mean=backbone.mean,
        std=backbone.std,
    )


class FeatureStore:
    """Features by one frozen backbone, its adapters folded in, kept in `folder`.

    device: where they are computed.
    """

    def __init__(
        self, backbone: Backbone, folder: Path, batch_size: int = 64, device: str = "cpu"
    ) -> None:
        self.device = device
        self.cache, self.batch_size = Cache(folder), batch_size
        self.weights = weights_sha256(backbone)
        self.backbone = backbone
        self.plain: Backbone | None = None
        self.left: Any = None

    def _network(self) -> Backbone:
        if self.plain is None:
            folded = self.backbone.folded()
            self.plain, self.left = folded.backbone.merged(), folded.feature
            self.plain.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            if self.left is not None:
                self.left.to(self.device)
        return self.plain

    @torch.inference_mode()
    def _features(self, images: torch.Tensor) -> Float:
        network = self._network()
        images = images.to(self.device)
        feature = network(images.contiguous(memory_format=torch.channels_last))
        if self.left is not None:
            feature = self.left(feature)
        found: Float = feature.float().cpu().numpy()
        return found

    def of_photographs(self, manifest: Manifest, image_size: int) -> Float:
        """Return features [N, D] of whole photographs, prepared as in evaluation."""
        spec = evaluation_spec(self.backbone, image_size)

        def make() -> dict[str, Float]:
            found = []
            for start in range(0, len(manifest), self.batch_size):
                part = manifest.photographs[start : start + self.batch_size]
                batch = np.stack([_prepared(p, spec) for p in part])
                found.append(self._features(torch.from_numpy(batch)))
            empty = np.zeros((0, self.backbone.feature_dim), np.float32)
            return {"feature": np.concatenate(found or [empty])}

        key = {
            "of": "photographs",
            "weights": self.weights,
            "photographs": photographs_key(manifest),
            "image": spec.model_dump(mode="json"),
            "version": __version__,
        }
        return self.cache.get(key, make)["feature"]

    def of_views(
        self,
        manifest: Manifest,
        images: Callable[[], Sequence[NDArray[np.uint8]]],
        *,
        views: int,
        image_size: int,
        options: Augmentation,
        seed: int,
    ) -> Float:
        """Return features [K, N, D] of K augmented views of each photograph.

        images: gives the photographs decoded; asked where the features are not kept yet.
        """

        def make() -> dict[str, Float]:
            pictures = images()
            found = np.empty((views, len(pictures), self.backbone.feature_dim), np.float32)
            for view in range(views):
                for start in range(0, len(pictures), self.batch_size):
                    rows = range(start, min(start + self.batch_size, len(pictures)))
                    drawn = [
                        augmented(pictures[i], image_size, options, seed, view, i) for i in rows
                    ]
                    pixels, colors = (
                        torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)
                    )
                    batch = to_network_input(pixels, colors, self.backbone.mean, self.backbone.std)
                    found[view, rows.start : rows.stop] = self._features(batch)
            return {"feature": found}

        key = {
            "of": "views",
            "weights": self.weights,
            "photographs": photographs_key(manifest),
            "views": views,
            "image_size": image_size,
            "augmentation": options.model_dump(mode="json"),
            "seed": seed,
            "version": __version__,
        }
        return self.cache.get(key, make)["feature"]


def decode_photographs(manifest: Manifest) -> list[NDArray[np.uint8]]:
    """Decode every photograph: uint8 [H, W, 3] each, all pixels (crops may be small)."""
    decoded = []
    for photograph in manifest.photographs:
        with photograph.named_in_errors():
            decoded.append(decode(photograph.photo))
    return decoded


def whole_pixels(manifest: Manifest, image_size: int) -> NDArray[np.uint8]:
    """Return whole photographs, resized and cut as in evaluation: uint8 [N, H, W, 3]."""
    plain = ImageSpec(
        height=image_size,
        width=image_size,
        fit="crop",
        crop_fraction=1.0,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
    )
    prepared = [_prepared(p, plain).transpose(1, 2, 0) for p in manifest.photographs]
    return np.rint(np.stack(prepared) * 255).astype(np.uint8)


def _prepared(photograph: Photograph, spec: ImageSpec) -> Float:
    with photograph.named_in_errors():
        return prepare_photo(photograph.photo, spec)
