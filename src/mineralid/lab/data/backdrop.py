"""Tell a stone from its backdrop cheaply, so that training can put another backdrop behind it.

The colours along the border are taken for the backdrop's: a plane per channel is fitted to them
(light falls off across a picture) with the pixels that don't fit left out, and what differs from
it and can't be reached from the border without crossing such pixels is stone.

It fails, and says so by None, where the stone fills the picture or the border is of many colours;
it fails unnoticed where a part of the stone has the backdrop's colour and touches it (clear quartz
or white calcite on white), and it takes shadows, labels, stands and hands for stone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MASK_SIDE = 80  # longest side of a mask; a view enlarges it, which makes its edge soft
BACKDROP_SIDE = 64
RING = 3  # pixels of the border that are looked at, of MASK_SIDE
LEAST_CONTRAST, MOST_CONTRAST = 14.0, 60.0  # of a threshold, in units of _opponent
LEAST_STONE, MOST_STONE = 0.04, 0.85  # share of the picture
MOST_BORDER = 0.45  # share of the border that stone may cover
# Median distance of the border from the backdrop fitted to it: more of both is no backdrop.
RESTLESS, RESTLESS_SHARE = 9.0, 0.25  # in units of _opponent; as a share of the threshold

Mask = NDArray[np.bool_]
Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cutout:
    """mask: uint8 [h, w], 255 = stone. backdrop: uint8 [64, 64, 3], the stone painted over."""

    mask: NDArray[np.uint8]
    backdrop: NDArray[np.uint8]

    def seen_by(self, affine: tuple[float, ...], width: int, height: int, size: int) -> Image.Image:
        """Return the mask of a view, size × size; affine: from its pixels to the photograph's.

        width, height: of the photograph. What lies outside of it is not stone.
        """
        x, y = self.mask.shape[1] / width, self.mask.shape[0] / height
        a, b, c, d, e, f = affine
        return Image.fromarray(self.mask).transform(
            (size, size),
            Image.Transform.AFFINE,
            (a * x, b * x, c * x, d * y, e * y, f * y),
            resample=Image.Resampling.BILINEAR,
        )


def cut_out(image: NDArray[np.uint8]) -> Cutout | None:
    """Return the stone of a photograph uint8 [H, W, 3] as a mask; None where it can't be told."""
    height, width = image.shape[:2]
    scale = MASK_SIDE / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
    distance = _from_border(_opponent(small))
    threshold = _threshold(distance)
    restless = float(np.median(distance[_ring(distance.shape)]))
    if restless > max(RESTLESS, RESTLESS_SHARE * threshold):
        return None
    stone = _blurred(distance, 1) > threshold
    stone = ~_grown(~stone & _ring(stone.shape, 1), ~stone)
    stone = _blurred(stone.astype(np.float32), 2) > 0.5
    # A maker's mark is thin: only what is connected to something thick is kept.
    thick = _blurred(stone.astype(np.float32), 4) > 0.85
    if thick.any():
        stone = _grown(thick & stone, stone)
    on_border = stone[_ring(stone.shape, 1)].mean()
    if not LEAST_STONE <= stone.mean() <= MOST_STONE or on_border > MOST_BORDER:
        return None
    return Cutout(stone.astype(np.uint8) * 255, _painted_over(small, stone))


def another_backdrop(
    size: int, backdrops: Sequence[NDArray[np.uint8]], rng: np.random.Generator
) -> Image.Image:
    """Draw a backdrop, size × size: another photograph's half of the time, a gradient, a colour.

    backdrops: uint8 [h, w, 3] to choose from; without any, gradients and colours alone.
    """
    kind = rng.random()
    if kind < 0.5 and len(backdrops):
        chosen = Image.fromarray(backdrops[int(rng.integers(len(backdrops)))])
        if rng.random() < 0.5:
            chosen = chosen.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return chosen.resize((size, size), Image.Resampling.BILINEAR)
    one, two = _backdrop_color(rng), _backdrop_color(rng)
    if kind < 0.75:
        return Image.new("RGB", (size, size), tuple(one.tolist()))
    # Four corners are enough: bilinear enlarging draws the gradient between them.
    angle = rng.uniform(0, 2 * np.pi)
    way = np.array([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
    share = (way @ [np.cos(angle), np.sin(angle)] / np.sqrt(8) + 0.5)[:, None]
    corners = (one * (1 - share) + two * share).astype(np.uint8).reshape(2, 2, 3)
    return Image.fromarray(corners).resize((size, size), Image.Resampling.BILINEAR)


def _backdrop_color(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a colour [3]: two in three are nearly grey, as studios are, the others any."""
    if rng.random() < 2 / 3:
        color = rng.uniform(0, 255) + rng.uniform(-15, 15, 3)
    else:
        color = rng.uniform(0, 255, 3)
    return color.clip(0, 255).astype(np.uint8)


def _opponent(rgb: NDArray[np.uint8]) -> Float:
    """Return lightness and two colour differences [h, w, 3]; shadows count half, colours fully."""
    r, g, b = (rgb[..., c].astype(np.float32) for c in range(3))
    return np.stack([(r + g + b) / 6, (r - g) * 0.8, ((r + g) / 2 - b) * 0.8], axis=-1)


def _from_border(colors: Float) -> Float:
    """Return for each pixel [h, w] how far its colour is from the backdrop expected there."""
    height, width = colors.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    plane = np.stack([np.ones_like(x), x, y], axis=-1).astype(np.float32)
    ring = _ring((height, width))
    at, seen = plane[ring], colors[ring]
    # The start is a plain colour, so that a stone at one edge doesn't tilt the plane.
    center = np.median(seen, axis=0)
    residual = np.linalg.norm(seen - center, axis=1)
    fitted = np.broadcast_to(center, colors.shape)
    for _ in range(4):
        kept = residual <= max(12.0, 2.0 * float(np.median(residual)))
        # A ridge holds the plane flat where the pixels kept lie on one side alone.
        normal = at[kept].T @ at[kept] + np.diag([0, 2.0, 2.0]).astype(np.float32)
        weights = np.linalg.solve(normal, at[kept].T @ (seen[kept] - center))
        residual = np.linalg.norm(seen - center - at @ weights, axis=1)
        fitted = center + plane @ weights
    found: Float = np.linalg.norm(colors - fitted, axis=-1).astype(np.float32)
    return found


def _threshold(distance: Float) -> float:
    """Return Otsu's threshold: the one that parts the distances into the two tightest groups."""
    counts, edges = np.histogram(distance, bins=64)
    middle = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1].astype(float)
    above = below[-1] + counts[-1] - below
    sums = np.cumsum(counts * middle)
    gap = sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    best = float(edges[1:-1][np.argmax(below * above * gap**2)])
    # Half way to the group of the stone cuts its darker or paler parts off.
    return float(np.clip(0.6 * best, LEAST_CONTRAST, MOST_CONTRAST))


def _ring(shape: tuple[int, ...], width: int = RING) -> Mask:
    """Return the pixels [h, w] that are less than `width` from the border."""
    ring = np.ones(shape, dtype=bool)
    ring[width:-width, width:-width] = False
    return ring


def _grown(seed: Mask, open_: Mask) -> Mask:
    """Return the pixels that are connected to the seed through open ones."""
    found, count = seed.copy(), -1
    while (now := int(found.sum())) != count:
        count = now
        for _ in range(4):
            found[1:] |= found[:-1] & open_[1:]
            found[:-1] |= found[1:] & open_[:-1]
            found[:, 1:] |= found[:, :-1] & open_[:, 1:]
            found[:, :-1] |= found[:, 1:] & open_[:, :-1]
    return found


def _blurred(values: Float, radius: int) -> Float:
    """Return a box blur of width 2 · radius + 1, twice, edges repeated: [h, w] or [h, w, c]."""
    width, rest = 2 * radius + 1, [(0, 0)] * (values.ndim - 2)
    for _ in range(2):
        total = np.pad(values, [(radius + 1, radius), (0, 0), *rest], mode="edge").cumsum(0)
        values = (total[width:] - total[:-width]) / width
        total = np.pad(values, [(0, 0), (radius + 1, radius), *rest], mode="edge").cumsum(1)
        values = (total[:, width:] - total[:, :-width]) / width
    return values


def _painted_over(small: NDArray[np.uint8], stone: Mask) -> NDArray[np.uint8]:
    """Return the backdrop [64, 64, 3], the stone filled from around it, the widest blur first."""
    around = _blurred(stone.astype(np.float32), 2) < 0.05  # the edge has the stone's colour in it
    if not around.any():
        around = ~stone
    kept = around.astype(np.float32)[..., None]
    picture = small.astype(np.float32)
    filled = np.broadcast_to((picture * kept).sum((0, 1)) / kept.sum(), picture.shape)
    for radius in (12, 6, 3):
        share = _blurred(kept, radius)
        near = _blurred(picture * kept, radius) / np.maximum(share, 1e-3)
        filled = np.where(share > 0.1, near, filled)
    filled = np.where(around[..., None], picture, filled).clip(0, 255).astype(np.uint8)
    shape = (BACKDROP_SIDE, BACKDROP_SIDE)
    return np.asarray(Image.fromarray(filled).resize(shape, Image.Resampling.BILINEAR))
