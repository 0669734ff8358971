"""The photographs of a run: a fixed choice of real ones, or drawn ones, and 12-megapixel ones."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops

SMALL_SIDE = 384  # longest side of the drawn ones, pixels: that of the photographs they stand for
LARGE_SIZE = (4000, 3000)
LARGE_DISTINCT = 25
QUALITY = 90
CAMERA_NOISE = 9.0  # standard deviation, of 255: makes files of a camera's size
SUFFIXES = (".jpg", ".jpeg")


@dataclass(frozen=True)
class Pictures:
    """Paths of n photographs, some maybe repeated, and a sentence that says what they are."""

    paths: list[Path]
    described: str


def choose_or_draw(folder: Path, count: int, scratch: Path) -> Pictures:
    """`count` JPEGs below a folder, the same ones each time; where it holds none, drawn ones."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not found:
        drawn = [_drawn(number, scratch) for number in range(count)]
        return Pictures(drawn, f"{count:,} drawn pictures, {_sizes(drawn)}")
    generator = random.Random(0)
    chosen = generator.sample(found, min(count, len(found)))
    paths = [chosen[i % len(chosen)] for i in range(count)]
    return Pictures(paths, f"{count:,} photographs ({len(chosen):,} different), {_sizes(chosen)}")


def enlarge(small: list[Path], count: int, scratch: Path) -> Pictures:
    """`count` JPEGs of 12 megapixels: small ones enlarged, with a camera's noise."""
    distinct = []
    noise = Image.merge("RGB", [Image.effect_noise(LARGE_SIZE, CAMERA_NOISE) for _ in range(3)])
    for number, path in enumerate(small[: min(count, LARGE_DISTINCT)]):
        with Image.open(path) as picture:
            smooth = picture.convert("RGB").resize(LARGE_SIZE, Image.Resampling.BICUBIC)
        target = scratch / f"large-{number}.jpg"
        # effect_noise is centred on 128.
        ImageChops.add(smooth, noise, offset=-128).save(target, "JPEG", quality=QUALITY)
        distinct.append(target)
    paths = [distinct[i % len(distinct)] for i in range(count)]
    described = f"{count:,} JPEGs ({len(distinct)} different) enlarged from those"
    return Pictures(paths, f"{described}, {_sizes(distinct)}")


def _drawn(number: int, scratch: Path) -> Path:
    """Draw a picture of soft blotches and fine grain, of the sizes that web photographs have."""
    generator = np.random.default_rng(number)
    sides = (SMALL_SIDE, int(generator.integers(SMALL_SIDE * 2 // 3, SMALL_SIDE + 1)))
    size = sides if number % 2 else sides[::-1]
    sum_of_scales = np.full((size[1], size[0], 3), 128.0, dtype=np.float32)
    for cells, strength in ((4, 45.0), (16, 25.0), (96, 18.0)):
        coarse = generator.normal(128, strength, (cells, cells, 3)).clip(0, 255).astype(np.uint8)
        enlarged = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
        sum_of_scales += np.asarray(enlarged, dtype=np.float32) - 128
    target = scratch / f"drawn-{number}.jpg"
    pixels = sum_of_scales.clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(target, "JPEG", quality=QUALITY)
    return target


def _sizes(paths: list[Path]) -> str:
    widths, heights = [], []
    for path in paths:
        with Image.open(path) as picture:
            widths.append(picture.width)
            heights.append(picture.height)
    kilobytes = sum(path.stat().st_size for path in paths) / len(paths) / 1000
    size = f"{np.median(widths):.0f} x {np.median(heights):.0f} pixels"
    return f"median {size}, mean {kilobytes:,.0f} kB a file"
