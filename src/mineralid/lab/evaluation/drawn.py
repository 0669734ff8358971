"""Pictures of nothing: drawn textures, noise and plain colours, none of which is a mineral.

Every picture follows from its kind and a seed; none is a photograph.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mineralid.lab.data.manifest import Manifest, Photograph

Picture = NDArray[np.uint8]
Plane = NDArray[np.float64]

SIDE = 256  # pixels


def draw_picture(kind: str, seed: int) -> Picture:
    """Draw one picture of `kind`, a key of KINDS: uint8 [256, 256, 3].

    Raises ValueError for another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; allowed: {', '.join(KINDS)}")
    return KINDS[kind](np.random.default_rng([seed, *kind.encode()]))


def drawn_manifest(each: int, seed: int = 0) -> Manifest:
    """Draw `each` pictures of every kind, as PNG in memory; a picture's species is its kind."""
    drawn = []
    for kind in KINDS:
        for number in range(seed, seed + each):
            stream = io.BytesIO()
            Image.fromarray(draw_picture(kind, number)).save(stream, "PNG")
            name = f"drawn {kind} {number}"
            drawn.append(Photograph(name, Path(name), kind, "drawn", name, stream.getvalue()))
    return Manifest(tuple(drawn), tuple(KINDS))


def _colors(rng: np.random.Generator, count: int) -> Plane:
    return rng.uniform(0, 255, (count, 3))


def _axes() -> tuple[Plane, Plane]:
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    return y, x


def _between(t: Plane, colors: Plane) -> Picture:
    """Colour a plane [H, W] of 0..1 by a ramp through colours [n, 3]."""
    stops = np.linspace(0, 1, len(colors))
    channels = [np.interp(t, stops, colors[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _fractal(rng: np.random.Generator, power: float) -> Plane:
    """Noise whose amplitude falls with the power of the frequency; scaled to 0..1."""
    fy, fx = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None]
    size = np.hypot(fy, fx)
    size[0, 0] = 1.0
    phase = rng.uniform(0, 2 * np.pi, size.shape)
    amplitude = size**-power
    amplitude[0, 0] = 0.0
    plane = np.fft.irfft2(amplitude * np.exp(1j * phase), s=(SIDE, SIDE))
    low, high = np.quantile(plane, (0.01, 0.99))
    scaled: Plane = np.clip((plane - low) / (high - low), 0, 1)
    return scaled


def _white(rng: np.random.Generator) -> Picture:
    return np.full((SIDE, SIDE, 3), 255 - rng.integers(0, 8), dtype=np.uint8)


def _black(rng: np.random.Generator) -> Picture:
    return np.full((SIDE, SIDE, 3), rng.integers(0, 8), dtype=np.uint8)


def _gray(rng: np.random.Generator) -> Picture:
    return np.full((SIDE, SIDE, 3), rng.integers(8, 248), dtype=np.uint8)


def _one_color(rng: np.random.Generator) -> Picture:
    return np.broadcast_to(_colors(rng, 1).astype(np.uint8), (SIDE, SIDE, 3)).copy()


def _gradient(rng: np.random.Generator) -> Picture:
    y, x = _axes()
    angle = rng.uniform(0, 2 * np.pi)
    t = np.cos(angle) * x + np.sin(angle) * y
    return _between((t - t.min()) / (t.max() - t.min()), _colors(rng, int(rng.integers(2, 5))))


def _disc_gradient(rng: np.random.Generator) -> Picture:
    y, x = _axes()
    cy, cx = rng.uniform(0.2, 0.8, 2)
    t = np.hypot(y - cy, x - cx)
    return _between(t / t.max(), _colors(rng, int(rng.integers(2, 5))))


def _color_noise(rng: np.random.Generator) -> Picture:
    return rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)


def _gray_noise(rng: np.random.Generator) -> Picture:
    return np.repeat(rng.integers(0, 256, (SIDE, SIDE, 1)), 3, axis=2).astype(np.uint8)


def _faint_noise(rng: np.random.Generator) -> Picture:
    plane = _colors(rng, 1)[0] + rng.normal(0, rng.uniform(3, 30), (SIDE, SIDE, 3))
    return np.clip(plane, 0, 255).astype(np.uint8)


def _coarse_noise(rng: np.random.Generator) -> Picture:
    count = int(rng.integers(4, 64))
    small = rng.integers(0, 256, (count, count, 3)).astype(np.uint8)
    smooth = rng.random() < 0.5
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(small).resize((SIDE, SIDE), how))


def _clouds(rng: np.random.Generator) -> Picture:
    return _between(_fractal(rng, rng.uniform(0.8, 2.2)), _colors(rng, int(rng.integers(2, 5))))


def _colored_clouds(rng: np.random.Generator) -> Picture:
    power = rng.uniform(0.8, 2.2)
    planes = [255 * _fractal(rng, power) for _ in range(3)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def _bands(rng: np.random.Generator) -> Picture:
    """Bent bands, as wood or agate has them."""
    y, x = _axes()
    bend = rng.uniform(0, 0.4) * _fractal(rng, 2.0)
    t = np.sin(2 * np.pi * rng.uniform(3, 25) * (np.hypot(y - rng.uniform(-1, 1), x) + bend))
    return _between((t + 1) / 2, _colors(rng, int(rng.integers(2, 5))))


def _stripes(rng: np.random.Generator) -> Picture:
    y, x = _axes()
    angle = rng.uniform(0, np.pi)
    t = np.sin(2 * np.pi * rng.uniform(2, 50) * (np.cos(angle) * x + np.sin(angle) * y))
    return _between((t > 0).astype(float), _colors(rng, 2))


def _checkers(rng: np.random.Generator) -> Picture:
    y, x = _axes()
    count = int(rng.integers(2, 40))
    return _between(((x * count).astype(int) + (y * count).astype(int)) % 2 * 1.0, _colors(rng, 2))


def _bricks(rng: np.random.Generator) -> Picture:
    y, x = _axes()
    rows = int(rng.integers(4, 20))
    row = (y * rows).astype(int)
    along = (x * rows / 2 + 0.5 * (row % 2)) % 1
    joint = (along < 0.06) | ((y * rows) % 1 < 0.12)
    wall = _between(joint.astype(float), _colors(rng, 2)).astype(float)
    return np.clip(wall + rng.normal(0, 12, wall.shape), 0, 255).astype(np.uint8)


def _cells(rng: np.random.Generator) -> Picture:
    """Cells around scattered points, each of one colour."""
    y, x = _axes()
    count = int(rng.integers(5, 80))
    py, px = rng.random((2, count))
    nearest = ((y[..., None] - py) ** 2 + (x[..., None] - px) ** 2).argmin(-1)
    return _colors(rng, count)[nearest].astype(np.uint8)


def _dots(rng: np.random.Generator) -> Picture:
    picture = Image.fromarray(_one_color(rng))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(3, 200))):
        cx, cy, r = rng.uniform(0, SIDE), rng.uniform(0, SIDE), rng.uniform(2, 20)
        color = tuple(int(v) for v in _colors(rng, 1)[0])
        pen.ellipse((cx - r, cy - r, cx + r, cy + r), fill=color)
    return np.asarray(picture)


def _shapes(rng: np.random.Generator) -> Picture:
    picture = Image.fromarray(_one_color(rng))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(1, 12))):
        corners = [tuple(map(float, p)) for p in rng.uniform(0, SIDE, (int(rng.integers(3, 7)), 2))]
        pen.polygon(corners, fill=tuple(int(v) for v in _colors(rng, 1)[0]))
    return np.asarray(picture)


def _lone_blob(rng: np.random.Generator) -> Picture:
    """One bent thing in front of a plain ground, lit from a side: as a stone is photographed."""
    y, x = _axes()
    angle = np.arctan2(y - 0.5, x - 0.5)
    edge = 0.3 + sum(
        rng.normal(0, 0.04 / k) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(1, 7)
    )
    inside = np.hypot(y - 0.5, x - 0.5) < edge
    shade = 0.6 + 0.4 * (x + y) / 2 + 0.2 * (_fractal(rng, 1.5) - 0.5)
    thing, ground = _colors(rng, 2)
    found = np.where(inside[..., None], thing * shade[..., None], ground)
    return np.clip(found, 0, 255).astype(np.uint8)


def _scribble(rng: np.random.Generator) -> Picture:
    picture = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    pen = ImageDraw.Draw(picture)
    steps = rng.normal(0, 14, (400, 2)).cumsum(0) % SIDE
    points = [(float(a), float(b)) for a, b in steps]
    for a, b in itertools.pairwise(points):
        if abs(a[0] - b[0]) + abs(a[1] - b[1]) < SIDE / 2:
            pen.line((*a, *b), fill=(20, 20, 60), width=2)
    return np.asarray(picture)


def _writing(rng: np.random.Generator) -> Picture:
    """Dark bars in lines on pale ground, as a page of text looks from afar."""
    page = np.full((SIDE, SIDE, 3), 245, dtype=np.uint8)
    for top in range(12, SIDE - 12, 12):
        left = 12
        while left < SIDE - 30:
            width = int(rng.integers(6, 30))
            page[top : top + 6, left : left + width] = rng.integers(0, 70)
            left += width + 6
    return page


KINDS: MappingProxyType[str, Callable[[np.random.Generator], Picture]] = MappingProxyType(
    {
        "white": _white,
        "black": _black,
        "gray": _gray,
        "one color": _one_color,
        "gradient": _gradient,
        "disc gradient": _disc_gradient,
        "color noise": _color_noise,
        "gray noise": _gray_noise,
        "faint noise": _faint_noise,
        "coarse noise": _coarse_noise,
        "clouds": _clouds,
        "colored clouds": _colored_clouds,
        "bands": _bands,
        "stripes": _stripes,
        "checkers": _checkers,
        "bricks": _bricks,
        "cells": _cells,
        "dots": _dots,
        "shapes": _shapes,
        "lone blob": _lone_blob,
        "scribble": _scribble,
        "writing": _writing,
    }
)
