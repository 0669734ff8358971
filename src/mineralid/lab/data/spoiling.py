"""What happens to photographs on their way: blur, noise, small copies, JPEG, marks, covered parts.

Each takes and returns a view (RGB, any size) and costs a fraction of a millisecond at 192 pixels.
"""

from __future__ import annotations

import functools
import io
import string

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

LEAST_RADIUS = 0.3  # pixels; a smaller blur changes nothing
LETTERS = string.ascii_letters + string.digits + "  ©.-"


def blur(view: Image.Image, radius: float) -> Image.Image:
    """Blur by a Gaussian whose standard deviation is `radius` pixels."""
    return view.filter(ImageFilter.GaussianBlur(radius)) if radius >= LEAST_RADIUS else view


def add_noise(view: Image.Image, deviation: float, rng: np.random.Generator) -> Image.Image:
    """Add noise to each pixel's channels; deviation: its standard deviation, of the range 0..1."""
    pixels = np.asarray(view)
    # Uniform noise from raw bytes: ten times as fast as a normal distribution's, and after a
    # network's first filter nobody can tell.
    raw = np.frombuffer(rng.bytes(pixels.size), dtype=np.int8).reshape(pixels.shape)
    gain = round(deviation * 255 / (256 / 12**0.5) * 128)  # a whole number of 128ths
    noisy = pixels.astype(np.int16) + ((raw.astype(np.int16) * gain) >> 7)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def shrink(view: Image.Image, share: float) -> Image.Image:
    """Shrink to a share of each side and enlarge again: what a small copy has lost."""
    small = (max(1, round(view.width * share)), max(1, round(view.height * share)))
    if small == view.size:
        return view
    return view.resize(small, Image.Resampling.BILINEAR).resize(
        view.size, Image.Resampling.BILINEAR
    )


def compress(view: Image.Image, quality: int) -> Image.Image:
    """Write as JPEG of a quality in 1..95 and read again."""
    with io.BytesIO() as memory:
        view.save(memory, "JPEG", quality=quality)
        with Image.open(memory) as found:
            return found.convert("RGB")


def erase(view: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Paint a rectangle of 3 to 25 % of the view in one colour (Zhong et al., AAAI 2020)."""
    share, stretch = rng.uniform(0.03, 0.25), np.exp(rng.uniform(-0.7, 0.7))
    width = min(view.width, max(1, round(view.width * (share * stretch) ** 0.5)))
    height = min(view.height, max(1, round(view.height * (share / stretch) ** 0.5)))
    left = int(rng.integers(view.width - width + 1))
    top = int(rng.integers(view.height - height + 1))
    color = tuple(int(v) for v in rng.integers(0, 256, 3))
    painted = view.copy()
    painted.paste(color, (left, top, left + width, top + height))
    return painted


def mark(view: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Draw letters as a maker's mark near a corner or edge, and now and then a line or a bar."""
    marked = view.copy()
    draw = ImageDraw.Draw(marked, "RGBA")
    shade = int(rng.choice([0, 255, int(rng.integers(256))]))
    color = (shade, shade, shade, int(rng.integers(70, 256)))
    text = "".join(rng.choice(list(LETTERS), size=int(rng.integers(4, 26))))
    font = _font(int(view.height * rng.uniform(0.04, 0.09)))
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    room = max(0, view.width - (right - left)), max(0, view.height - (bottom - top))
    x = rng.choice([0.0, 0.5, 1.0]) * room[0] - left
    y = rng.choice([0.0, 1.0, 1.0]) * room[1] - top
    kind = rng.random()
    if kind < 0.2:  # a bar behind the letters, over the whole width
        draw.rectangle((0, y + top - 1, view.width, y + bottom + 1), fill=(255 - shade,) * 3)
    elif kind < 0.4:  # a line, such as of a scale or a frame
        at = y + top - 2 if y > 0 else y + bottom + 2
        draw.line((0, at, view.width, at), fill=color, width=int(rng.integers(1, 4)))
    draw.text((x, y), text, font=font, fill=color)
    return marked


@functools.lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(max(6, size))
