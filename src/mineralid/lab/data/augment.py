"""Augment a photograph: one affine resampling and one colour matrix, so that it costs a millisecond.

A random crop (a share `crop` of the area, aspect 3:4 to 4:3), a rotation, a flip and the resize
to the network's input are one affine map; brightness, contrast, saturation, hue and a shift of the
white balance are one 3×4 matrix on RGB. What spoils pixels is in `spoiling`, what changes the
backdrop in `backdrop`; both draw after the map and the matrix, so that two recipes that differ in
them alone train on the same views otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, field_validator

from mineralid.lab.data.backdrop import Cutout, another_backdrop
from mineralid.lab.data.spoiling import add_noise, blur, compress, erase, mark, shrink

# Rec. 601 luma weights: what "grey" means when the saturation changes.
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

Share = Annotated[float, Field(gt=0, le=1)]


class Augmentation(BaseModel):
    """Random views of a photograph; a strength of 0 switches its part off."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    crop: tuple[Share, Share] = (0.25, 1.0)  # least and greatest share of the area
    aspect: float = Field(0.29, ge=0)  # ± in log(width / height); 0.29 = 3:4 to 4:3
    rotation: float = Field(20.0, ge=0, le=180)  # ± degrees
    flip: float = Field(0.5, ge=0, le=1)
    flip_vertical: float = Field(0.0, ge=0, le=1)
    brightness: float = Field(0.3, ge=0, lt=1)
    contrast: float = Field(0.3, ge=0, lt=1)
    saturation: float = Field(0.3, ge=0, lt=1)
    white_balance: float = Field(0.08, ge=0, lt=1)  # ± gain of each colour channel
    gray: float = Field(0.0, ge=0, le=1)
    hue: float = Field(0.0, ge=0, le=180)  # ± degrees
    blur: float = Field(0.0, ge=0)  # greatest radius (standard deviation) in pixels of the view
    downscale: float = Field(0.0, ge=0, lt=1)  # greatest share of its pixels a side may lose
    noise: float = Field(0.0, ge=0, le=1)  # greatest standard deviation, of the range of a pixel
    jpeg: float = Field(0.0, ge=0, le=1)  # share of the views compressed at a quality of 15 to 70
    erase: float = Field(0.0, ge=0, le=1)  # share of the views with one rectangle overpainted
    watermark: float = Field(0.0, ge=0, le=1)  # share of the views with letters or lines drawn on
    backdrop: float = Field(0.0, ge=0, le=1)  # share of the views with another backdrop

    @field_validator("crop")
    @classmethod
    def _rises(cls, crop: tuple[float, float]) -> tuple[float, float]:
        if crop[0] > crop[1]:
            raise ValueError(f"its least share is {crop[0]:g}; allowed: up to {crop[1]:g}")
        return crop


def random_affine(
    width: int, height: int, size: int, options: Augmentation, rng: np.random.Generator
) -> tuple[float, float, float, float, float, float]:
    """Draw the map from output to input pixels: (x, y) -> (ax + by + c, dx + ey + f)."""
    share = rng.uniform(*options.crop)
    aspect = math.exp(rng.uniform(-options.aspect, options.aspect))
    crop_w = min(1.0, math.sqrt(share * aspect)) * width
    crop_h = min(1.0, math.sqrt(share / aspect)) * height
    center_x = rng.uniform(crop_w / 2, width - crop_w / 2)
    center_y = rng.uniform(crop_h / 2, height - crop_h / 2)
    angle = math.radians(rng.uniform(-options.rotation, options.rotation))
    flip = -1.0 if rng.random() < options.flip else 1.0
    lift = -1.0 if rng.random() < options.flip_vertical else 1.0
    scale_x, scale_y = crop_w / size, crop_h / size
    cos, sin = math.cos(angle), math.sin(angle)
    a, b = flip * scale_x * cos, -lift * scale_x * sin
    d, e = flip * scale_y * sin, lift * scale_y * cos
    half = size / 2
    return a, b, center_x - (a + b) * half, d, e, center_y - (d + e) * half


def random_color(options: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Draw a colour map as a float32 [3, 4] matrix on RGB in 0..1, the last column an offset."""
    brightness = rng.uniform(1 - options.brightness, 1 + options.brightness)
    contrast = rng.uniform(1 - options.contrast, 1 + options.contrast)
    saturation = rng.uniform(1 - options.saturation, 1 + options.saturation)
    balance = rng.uniform(1 - options.white_balance, 1 + options.white_balance, size=3)
    matrix = saturation * np.eye(3, dtype=np.float32) + (1 - saturation) * LUMA[None, :]
    matrix = brightness * contrast * (matrix * balance[:, None])
    if rng.random() < options.gray:
        matrix = np.repeat((brightness * contrast * LUMA)[None, :], 3, axis=0)
    if options.hue:
        matrix = matrix @ hue_rotation(math.radians(rng.uniform(-options.hue, options.hue)))
    offset = np.full((3, 1), 0.5 * (1 - contrast), dtype=np.float32)
    return np.concatenate([matrix.astype(np.float32), offset], axis=1)


def hue_rotation(angle: float) -> np.ndarray:
    """Return the matrix [3, 3] on RGB that turns hues by `angle` in radians.

    A rotation in the plane of equal luma (Rec. 601): grey stays grey and luma as it was.
    """
    to_yiq = np.array([LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], dtype=np.float64)
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    found: np.ndarray = (np.linalg.inv(to_yiq) @ turn @ to_yiq).astype(np.float32)
    return found


def augment(
    image: np.ndarray,
    size: int,
    options: Augmentation,
    rng: np.random.Generator,
    cutout: Cutout | None = None,
    backdrops: Sequence[np.ndarray] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Return one random view uint8 [size, size, 3] of uint8 [H, W, 3], and its colour matrix.

    The colour matrix is applied later to the whole batch at once. cutout: the stone, without which
    no backdrop is changed; backdrops: uint8 [h, w, 3] of other photographs to choose from.
    """
    height, width = image.shape[:2]
    affine = random_affine(width, height, size, options, rng)
    color = random_color(options, rng)
    view = Image.fromarray(image).transform(
        (size, size),
        Image.Transform.AFFINE,
        affine,
        resample=Image.Resampling.BILINEAR,
        fillcolor=tuple(int(v) for v in image[:: max(1, height - 1)].mean((0, 1))),
    )
    if options.backdrop and rng.random() < options.backdrop and cutout is not None:
        mask = cutout.seen_by(affine, width, height, size)
        view = Image.composite(view, another_backdrop(size, backdrops, rng), mask)
    return np.asarray(_spoiled(view, options, rng)), color


def _spoiled(view: Image.Image, options: Augmentation, rng: np.random.Generator) -> Image.Image:
    """Return the view after what happens to photographs, in the order in which it happens."""
    if options.erase and rng.random() < options.erase:
        view = erase(view, rng)
    if options.blur:
        view = blur(view, rng.uniform(0, options.blur))
    if options.noise:
        view = add_noise(view, rng.uniform(0, options.noise), rng)
    if options.watermark and rng.random() < options.watermark:
        view = mark(view, rng)
    if options.downscale:
        view = shrink(view, 1 - rng.uniform(0, options.downscale))
    if options.jpeg and rng.random() < options.jpeg:
        view = compress(view, int(rng.integers(15, 71)))
    return view
