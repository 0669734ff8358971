"""Decode one photograph safely to 8-bit RGB pixels, whatever file or object it comes as."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mineralid.vision.opening import load, open_file, open_picture, pillow_silenced
from mineralid.vision.photo_error import PhotoError, check_size, damaged

Photo = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]

_ORIENTATION_TAG = 0x0112  # EXIF 2.32, 4.6.4: where row 0 and column 0 of the picture lie
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(photo: Photo, *, min_side: int = 0) -> NDArray[np.uint8]:
    """Pixels of a photograph as uint8 [H, W, 3], red green blue, upright, on white.

    `photo` is a path, the bytes of a file, a PIL image, or a uint8 array ([H, W], [H, W, 3] in
    RGB order or [H, W, 4] with alpha). EXIF orientation is applied, transparency is laid on
    white, 16 bits are scaled to 8, CMYK becomes RGB, and an animation gives its first frame.

    `min_side` > 0 allows a reduced picture whose shorter side is no less than that many pixels
    (by a factor of 2, 4 or 8): a JPEG of 12 megapixels then decodes in a fraction of the time.
    0 keeps every pixel. A side below `MIN_SIDE` or more than `MAX_PIXELS` pixels is refused,
    the latter before any pixel is decoded.

    Raises PhotoError where the photograph cannot be used.
    """
    return np.array(decode_picture(photo, min_side))  # a copy: asarray's pixels can't be written


def decode_picture(photo: Photo, min_side: int = 0) -> Image.Image:
    """Return what `decode` gives as a PIL image in RGB, which may be the caller's own."""
    if min_side < 0:
        raise ValueError(f"min_side is {min_side}; allowed are 0 (no reduction) and above")
    if isinstance(photo, np.ndarray):
        return _finish(_from_array(photo), "<array>", min_side)
    if isinstance(photo, Image.Image):
        return _from_image(photo, min_side)
    if isinstance(photo, (bytes, bytearray, memoryview)):
        return _from_file(io.BytesIO(photo), "<bytes>", min_side)
    if isinstance(photo, (str, os.PathLike)):
        name = os.fspath(photo)
        with open_file(name) as stream:
            return _from_file(stream, name, min_side)
    raise PhotoError(
        f"<{type(photo).__name__}>",
        f"it is a {type(photo).__name__}",
        "give a path, the bytes of a file, a PIL image or a uint8 array",
    )


def _from_file(stream: BinaryIO, name: str, min_side: int) -> Image.Image:
    image = open_picture(stream, name, min_side)
    reduced = image.format == "JPEG"  # already, by its decoder
    return _finish(image, name, 0 if reduced else min_side)


def _from_image(image: Image.Image, min_side: int) -> Image.Image:
    name = getattr(image, "filename", "") or "<image>"
    name = name if isinstance(name, str) else os.fsdecode(name)
    check_size(image.size, name)
    load(image, name)
    return _finish(image, name, min_side)


def _from_array(array: NDArray[Any]) -> Image.Image:
    name = "<array>"
    allowed = "allowed is uint8 of shape [H, W, 3] (RGB), [H, W, 4] (RGBA) or [H, W] (grey)"
    if array.dtype != np.uint8:
        found = f"its values are {array.dtype}"
        if array.dtype.kind == "f" and array.size and not np.isfinite(array).all():
            found += " with NaN or infinity among them"
        raise PhotoError(name, found, allowed)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise PhotoError(name, f"its shape is {list(array.shape)}", allowed)
    check_size((array.shape[1], array.shape[0]), name)
    return Image.fromarray(np.ascontiguousarray(array))


def _finish(image: Image.Image, name: str, min_side: int) -> Image.Image:
    turn = _UPRIGHT.get(_orientation(image))
    try:
        rgb = _reduced_on_white(image, name, _reduction(image.size, min_side))
        if turn is not None:
            rgb = rgb.transpose(turn)
    except PhotoError:
        raise
    except Exception as error:  # a mode or palette that Pillow cannot convert
        raise damaged(name, image.format or image.mode, error) from error
    return rgb


# Rows of the reduced picture that are made at once.
_BAND_ROWS = 64


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":  # Pillow turns these itself when it loads them
        return 1
    try:
        with pillow_silenced():
            return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # damaged EXIF is no reason to refuse a picture whose pixels are fine
        return 1


def _reduction(size: tuple[int, int], min_side: int) -> int:
    if min_side:
        for factor in (8, 4, 2):
            if min(size) // factor >= min_side:
                return factor
    return 1


def _reduced_on_white(image: Image.Image, name: str, factor: int) -> Image.Image:
    """Convert and reduce in bands: a large palette picture as a whole would fill the memory."""
    if factor == 1:
        return _on_white(image, name)
    if image.mode.startswith(("I", "F", "LAB")):  # needs its format, which a band has not
        return _on_white(image, name).reduce(factor)
    width, height = image.size
    small = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    rows = factor * _BAND_ROWS
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        small.paste(_on_white(band, name).reduce(factor), (0, top // factor))
    return small


def _on_white(image: Image.Image, name: str) -> Image.Image:
    mode = image.mode
    if mode.startswith("I;16") or (mode == "I" and image.format == "PNG"):
        image = _to_eight_bits(image)
    elif mode in ("I", "F", "LAB"):
        raise PhotoError(
            name,
            {
                "I": "its values are 32-bit integers, whose range is not known",
                "F": "its values are floating-point numbers, whose range is not known",
                "LAB": "its colours are CIELAB",
            }[mode],
            "convert it to RGB or grey with 8 or 16 bits",
        )
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", rgba.size, (255, 255, 255))
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    bits = 16
    if image.format == "TIFF":
        # 12-bit TIFFs come in the same mode with values up to 4095 (tag 258: bits per sample).
        bits = cast(Any, image).tag_v2.get(258, (16,))[0]
    top = (1 << bits) - 1
    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((values * 255 + top // 2) // top).astype(np.uint8))
