"""Draw a stone, so that the command line can be tried without a photograph.

    python examples/draw_stone.py stone.jpg
    python examples/draw_stone.py pebble.jpg --kind pebble --seed 7

A stone is a height map lit from the upper left: `pyrite` a brassy solid of flat faces, `pebble` a
grey rounded one. The seed decides its shape, grain and place; the same seed draws the same picture.
No model was asked for its opinion of these pictures, and they are not a test of one.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Array = NDArray[np.float64]

LIGHT = np.array([-0.45, -0.55, 0.70])  # towards the light; x right, y down, z to the viewer
TABLE = (196.0, 190.0, 180.0)  # sRGB of what the stone lies on
SMALLEST, LARGEST = 64, 4096


@dataclass(frozen=True)
class Look:
    """How a kind of stone reflects: its sRGB colour, the share of mirror-like light, its grain."""

    color: tuple[float, float, float]
    shine: float
    grain: float


LOOKS = {
    "pyrite": Look(color=(190.0, 160.0, 88.0), shine=0.45, grain=0.05),
    "pebble": Look(color=(138.0, 138.0, 136.0), shine=0.08, grain=0.12),
}


def draw(kind: str = "pyrite", *, seed: int = 0, size: int = 640) -> Image.Image:
    """Return an RGB picture of `size` x `size` pixels.

    kind: a key of `LOOKS`. ValueError for another kind or a size outside 64 to 4096.
    """
    if kind not in LOOKS:
        raise ValueError(f"unknown kind {kind!r}; allowed: {', '.join(LOOKS)}")
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(f"size {size} is not within {SMALLEST} to {LARGEST} pixels")
    random = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    x, y = x - random.uniform(-0.12, 0.12), y - random.uniform(-0.12, 0.12)
    height = _faceted(x, y, random) if kind == "pyrite" else _rounded(x, y, random)
    inside = height > 0
    stone = _lit(np.where(inside, height, 0.0), LOOKS[kind], random)
    table = np.array(TABLE) * _noise(size, 3, random, 0.04)[..., None]
    table *= 1.0 - 0.55 * _shadow(inside)[..., None]
    edge = _blurred(inside, size / 500)[..., None]
    pixels = np.clip(stone * edge + table * (1.0 - edge), 0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


def _faceted(x: Array, y: Array, random: np.random.Generator) -> Array:
    """Height of a convex solid: the lowest of planes that lean every way."""
    height = np.full_like(x, np.inf)
    count = int(random.integers(9, 14))
    for turn in np.arange(count) * 2 * np.pi / count + random.uniform(-0.2, 0.2, count):
        slope, top = random.uniform(0.3, 2.2), random.uniform(0.55, 0.7)
        lean = x * np.cos(turn) + y * np.sin(turn)
        height = np.minimum(height, slope * (top - lean))
    return np.minimum(height, random.uniform(0.3, 0.45) + 0.15 * x - 0.1 * y)


def _rounded(x: Array, y: Array, random: np.random.Generator) -> Array:
    """Height of an ellipsoid turned in its plane, with a few soft dents."""
    turn = random.uniform(0, np.pi)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    dents = 0.10 * (_noise(len(x), 6, random, 1.0) - 1.0)
    return np.sqrt(np.clip(1 - (along / 0.66) ** 2 - (across / 0.5) ** 2 + dents, 0, None)) * 0.5


def _lit(height: Array, look: Look, random: np.random.Generator) -> Array:
    """Colour of a height map under one lamp and the sky: sRGB [H, W, 3], about 0 to 255."""
    step = 2.0 / len(height)
    slope_y, slope_x = np.gradient(height, step)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(height)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    light = LIGHT / np.linalg.norm(LIGHT)
    toward = normal @ light
    mirrored = 2 * toward * normal[..., 2] - light[2]  # towards the viewer after reflection
    brightness = 0.35 + 0.75 * np.clip(toward, 0, None)
    brightness *= _noise(len(height), len(height) // 3, random, look.grain)
    gleam = look.shine * np.clip(mirrored, 0, 1) ** 12
    color = np.array(look.color)
    return brightness[..., None] * color + gleam[..., None] * (255.0 - 0.35 * color)


def _noise(size: int, cells: int, random: np.random.Generator, strength: float) -> Array:
    """Smooth random factors around 1: `cells` bumps a side, `strength` their standard deviation."""
    coarse = random.normal(size=(cells, cells)).astype(np.float32)
    smooth = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
    return 1.0 + strength * np.asarray(smooth, dtype=np.float64)


def _shadow(inside: NDArray[np.bool_]) -> Array:
    """Shadow of the stone on the table, away from the light: 0 none to 1 full."""
    size = len(inside)
    return _blurred(np.roll(inside, (size // 22, size // 28), axis=(0, 1)), size / 40)


def _blurred(mask: NDArray[np.bool_], radius: float) -> Array:
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float64) / 255


def main() -> None:
    """Write the picture that the command line asks for, as a JPEG."""
    parser = argparse.ArgumentParser(description="Draw a stone and write it as a JPEG.")
    parser.add_argument("output", type=Path, help="where the picture goes, e.g. stone.jpg")
    parser.add_argument("--kind", choices=sorted(LOOKS), default="pyrite")
    parser.add_argument("--seed", type=int, default=0, help="another number, another stone")
    parser.add_argument("--size", type=int, default=640, help="width and height in pixels")
    options = parser.parse_args()
    try:
        picture = draw(options.kind, seed=options.seed, size=options.size)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        picture.save(options.output, "JPEG", quality=92)
    except (ValueError, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
