"""Prepare decoded pixels for the network: crop or stretch, resize, normalise. The only definition of it.

The bundle carries an `ImageSpec`; the field and the lab's validation both go through `prepare`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from mineralid.vision.decode import Photo, decode_picture

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}

_Side = Annotated[int, Field(ge=16, le=4096)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ImageSpec(BaseModel):
    """How the network wants its pictures.

    height, width: pixels of the input. fit: "stretch" takes the central `crop_fraction` of each
    side and stretches it to the input's shape; "crop" takes the largest central rectangle of
    the input's shape, scaled by `crop_fraction`. resample: Pillow's antialiasing filter.
    mean, std: per channel (red, green, blue), for values in 0..1: x -> (x - mean) / std.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    height: _Side
    width: _Side
    fit: Literal["stretch", "crop"]
    crop_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    resample: Literal["bilinear", "bicubic"] = "bilinear"
    mean: tuple[_Finite, _Finite, _Finite]
    std: tuple[_Positive, _Positive, _Positive]

    @property
    def min_side(self) -> int:
        """Shorter side in pixels below which decoding at reduced size would lose sharpness."""
        return math.ceil(max(self.height, self.width) / self.crop_fraction)


def prepare(image: NDArray[np.uint8], spec: ImageSpec) -> NDArray[np.float32]:
    """Pixels uint8 [H, W, 3] (RGB) -> network input float32 [3, spec.height, spec.width].

    Deterministic. Raises ValueError where dtype or shape differ from that.
    """
    return _prepare_into(image, spec, np.empty((3, spec.height, spec.width), dtype=np.float32))


def prepare_batch(images: Sequence[NDArray[np.uint8]], spec: ImageSpec) -> NDArray[np.float32]:
    """`prepare` of B pictures, each of its own size -> float32 [B, 3, spec.height, spec.width]."""
    batch = np.empty((len(images), 3, spec.height, spec.width), dtype=np.float32)
    for row, image in zip(batch, images, strict=True):
        _prepare_into(image, spec, row)
    return batch


def prepare_photo(photo: Photo, spec: ImageSpec) -> NDArray[np.float32]:
    """Decode a photograph at no more pixels than needed and prepare it: float32 [3, H, W].

    Raises PhotoError where the photograph cannot be used.
    """
    out = np.empty((3, spec.height, spec.width), dtype=np.float32)
    return _picture_into(decode_picture(photo, spec.min_side), spec, out)


def _prepare_into(
    image: NDArray[np.uint8], spec: ImageSpec, out: NDArray[np.float32]
) -> NDArray[np.float32]:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(
            f"image is {image.dtype} of shape {list(image.shape)}; allowed is uint8 [H, W, 3]"
        )
    return _picture_into(Image.fromarray(image), spec, out)


def _picture_into(
    picture: Image.Image, spec: ImageSpec, out: NDArray[np.float32]
) -> NDArray[np.float32]:
    resized = picture.resize(
        (spec.width, spec.height), _FILTERS[spec.resample], box=view_box(*picture.size, spec)
    )
    mean = np.array(spec.mean, dtype=np.float32)[:, None, None]
    std = np.array(spec.std, dtype=np.float32)[:, None, None]
    # (x / 255 - mean) / std as one multiplication and one subtraction.
    np.multiply(np.asarray(resized).transpose(2, 0, 1), 1 / (255 * std), out=out)
    out -= mean / std
    return out


def view_box(width: int, height: int, spec: ImageSpec) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what the network sees of a picture, in its pixels.

    Fractions are resampled, not rounded.
    """
    if spec.fit == "stretch":
        box_width, box_height = float(width), float(height)
    else:
        scale = min(width / spec.width, height / spec.height)
        box_width, box_height = spec.width * scale, spec.height * scale
    box_width *= spec.crop_fraction
    box_height *= spec.crop_fraction
    left = max(0.0, (width - box_width) / 2)
    top = max(0.0, (height - box_height) / 2)
    return left, top, min(float(width), left + box_width), min(float(height), top + box_height)
