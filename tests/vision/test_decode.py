"""Readable photographs of every kind become the right upright RGB pixels."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, features

from mineralid.vision import decode

PICTURES = Path(__file__).resolve().parent.parent / "data" / "pictures"


def stone(width: int = 96, height: int = 64) -> Image.Image:
    """A smooth picture whose four corners differ, so that a wrong turn or channel order shows."""
    across = np.linspace(0, 1, width)[None, :]
    down = np.linspace(0, 1, height)[:, None]
    red = 30 + 200 * across * np.ones_like(down)
    green = 40 + 180 * down * np.ones_like(across)
    blue = 220 - 150 * across * down
    return Image.fromarray(np.stack([red, green, blue], axis=-1).round().astype(np.uint8))


def packed(image: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def assert_close(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).mean() <= tolerance


LOSSLESS = [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})]
LOSSY = [("JPEG", {"quality": 95}), ("JPEG", {"quality": 95, "progressive": True})]
if features.check("webp"):
    LOSSLESS.append(("WEBP", {"lossless": True}))
    LOSSY.append(("WEBP", {"quality": 95}))
# Asked of the plugin first: an older Pillow warns of a feature that it does not know.
if importlib.util.find_spec("PIL.AvifImagePlugin") and features.check("avif"):
    LOSSY.append(("AVIF", {"quality": 95}))


@pytest.mark.parametrize(("file_format", "options"), LOSSLESS)
def test_lossless_formats_keep_every_pixel(file_format: str, options: dict[str, Any]) -> None:
    found = decode(packed(stone(), file_format, **options))
    np.testing.assert_array_equal(found, np.asarray(stone()))


@pytest.mark.parametrize(("file_format", "options"), LOSSY)
def test_lossy_formats_stay_close(file_format: str, options: dict[str, Any]) -> None:
    assert_close(decode(packed(stone(), file_format, **options)), np.asarray(stone()), 4)


def test_path_text_bytes_image_and_array_agree(tmp_path: Path) -> None:
    path = tmp_path / "stone with spaces é.png"
    stone().save(path)
    expected = np.asarray(stone())
    for photo in (path, str(path), path.read_bytes(), stone(), expected.copy()):
        np.testing.assert_array_equal(decode(photo), expected)


def test_the_name_does_not_decide_the_format(tmp_path: Path) -> None:
    path = tmp_path / "stone.jpg"
    path.write_bytes(packed(stone(), "PNG"))
    np.testing.assert_array_equal(decode(path), np.asarray(stone()))


def test_result_can_be_written_and_the_input_is_left_alone() -> None:
    array = np.asarray(stone()).copy()
    result = decode(array)
    result[:] = 0
    np.testing.assert_array_equal(array, np.asarray(stone()))


# --- colour modes -------------------------------------------------------------------------------


def test_grey_and_one_bit() -> None:
    grey = stone().convert("L")
    expected = np.repeat(np.asarray(grey)[..., None], 3, axis=2)
    np.testing.assert_array_equal(decode(packed(grey, "PNG")), expected)
    np.testing.assert_array_equal(decode(np.asarray(grey)), expected)
    bits = grey.convert("1")
    found = decode(packed(bits, "PNG"))
    np.testing.assert_array_equal(found[..., 0], np.asarray(bits).astype(np.uint8) * 255)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(file_format: str) -> None:
    values = np.linspace(0, 65535, 64 * 32).reshape(32, 64).astype(np.uint16)
    found = decode(packed(Image.fromarray(values), file_format))
    expected = np.round(values / 257).astype(np.uint8)
    np.testing.assert_array_equal(found, np.repeat(expected[..., None], 3, axis=2))


def test_sixteen_bit_image_object_is_scaled() -> None:
    values = np.linspace(0, 65535, 64 * 32).reshape(32, 64).astype(np.uint16)
    assert decode(Image.fromarray(values)).max() == 255
    assert decode(Image.fromarray(values)).mean() == pytest.approx(127.5, abs=1)


def test_sixteen_bit_rgb_png_is_scaled() -> None:
    # Pillow writes no 16-bit RGB, so the file is put together here.
    import struct
    import zlib

    values = (np.asarray(stone()).astype(">u2") * 257).astype(">u2")
    height, width = values.shape[:2]
    rows = b"".join(b"\x00" + row.tobytes() for row in values)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    file += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(decode(file), np.asarray(stone()))


def test_sixteen_bit_rgb_tiff_is_scaled() -> None:
    # Uncompressed little-endian TIFF, one strip: Pillow writes no 16-bit RGB either.
    import struct

    values = np.asarray(stone()).astype("<u2") * 257
    height, width = values.shape[:2]
    pixels = values.astype("<u2").tobytes()
    bits_at = 8 + len(pixels)
    entries = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, 3, bits_at),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 8),
        (277, 3, 1, 3),
        (278, 3, 1, height),
        (279, 4, 1, len(pixels)),
    ]
    file = struct.pack("<2sHI", b"II", 42, bits_at + 6) + pixels + struct.pack("<3H", 16, 16, 16)
    file += struct.pack("<H", len(entries))
    file += b"".join(struct.pack("<HHII", *entry) for entry in entries) + struct.pack("<I", 0)
    np.testing.assert_array_equal(decode(file), np.asarray(stone()))


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_cmyk_has_the_colours_of_rgb(file_format: str) -> None:
    file = packed(stone().convert("CMYK"), file_format)
    assert_close(decode(file), np.asarray(stone()), 6)


def test_cmyk_jpeg_by_adobe_is_not_inverted() -> None:
    file = packed(Image.new("RGB", (64, 64), (230, 40, 40)).convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in file  # the marker that says: inks are stored inverted
    red, green, blue = decode(file).mean(axis=(0, 1))
    assert red > 200 and green < 80 and blue < 80


def test_transparency_is_laid_on_white() -> None:
    alpha = np.zeros((64, 96), dtype=np.uint8)
    alpha[:, :48] = 255
    clear = stone()
    clear.putalpha(Image.fromarray(alpha))
    expected = np.asarray(stone()).copy()
    expected[:, 48:] = 255
    np.testing.assert_array_equal(decode(packed(clear, "PNG")), expected)
    np.testing.assert_array_equal(decode(np.asarray(clear)), expected)
    grey = Image.merge("LA", [stone().convert("L"), Image.fromarray(alpha)])
    found = decode(packed(grey, "PNG"))
    assert (found[:, 48:] == 255).all()
    np.testing.assert_array_equal(found[:, :48, 0], np.asarray(stone().convert("L"))[:, :48])


def palette_picture() -> Image.Image:
    picture = Image.new("P", (40, 30), 0)
    picture.putpalette([255, 0, 0, 0, 128, 0, 0, 0, 255])
    picture.paste(1, (0, 0, 20, 30))
    picture.paste(2, (0, 0, 20, 15))
    return picture


@pytest.mark.parametrize("transparency", [0, bytes([0, 255, 255])])
def test_palette_with_alpha_is_laid_on_white(transparency: int | bytes) -> None:
    found = decode(packed(palette_picture(), "PNG", transparency=transparency))
    assert tuple(found[5, 5]) == (0, 0, 255)
    assert tuple(found[25, 5]) == (0, 128, 0)
    assert tuple(found[5, 35]) == (255, 255, 255)  # red, but transparent


def test_palette_without_alpha() -> None:
    assert tuple(decode(packed(palette_picture(), "PNG"))[5, 35]) == (255, 0, 0)


def test_colour_key_of_rgb_png_is_transparent() -> None:
    picture = Image.new("RGB", (32, 32), (10, 20, 30))
    picture.paste((200, 100, 50), (0, 0, 16, 32))
    found = decode(packed(picture, "PNG", transparency=(10, 20, 30)))
    assert tuple(found[5, 20]) == (255, 255, 255)
    assert tuple(found[5, 5]) == (200, 100, 50)


# --- orientation, several frames ----------------------------------------------------------------

STORED = {  # how an upright picture lies in the file for each EXIF orientation
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", sorted(STORED))
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_exif_orientation_is_applied(orientation: int, file_format: str) -> None:
    expected = np.asarray(stone())
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](expected)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = packed(stored, file_format, exif=exif, quality=95)
    assert_close(decode(file), expected, 4)
    with Image.open(io.BytesIO(file)) as opened:
        assert_close(decode(opened), expected, 4)


def test_damaged_exif_does_not_matter() -> None:
    file = packed(stone(), "JPEG", quality=95, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f garbage")
    assert_close(decode(file), np.asarray(stone()), 4)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_several_frames_give_the_first(file_format: str) -> None:
    colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    frames = [Image.new("RGB", (48, 32), color) for color in colors]
    file = packed(
        frames[0],
        file_format,
        save_all=True,
        append_images=frames[1:],
        **({} if file_format == "TIFF" else {"duration": 100}),
    )
    assert_close(decode(file), np.asarray(frames[0]), 3)


def test_mpo_gives_the_first_picture() -> None:
    file = packed(
        stone(), "MPO", save_all=True, append_images=[Image.new("RGB", (96, 64))], quality=95
    )
    assert b"MPF\x00" in file
    assert_close(decode(file), np.asarray(stone()), 4)


# --- HEIC ---------------------------------------------------------------------------------------


@pytest.mark.skipif(
    importlib.util.find_spec("pi_heif") is None, reason="needs the extra mineralid[heic]"
)
def test_heic_is_read() -> None:
    found = decode(PICTURES / "two_colors.heic")
    assert found.shape == (48, 64, 3)
    assert np.abs(found[5, 5].astype(int) - (20, 130, 80)).max() < 8
    assert np.abs(found[40, 60].astype(int) - (200, 170, 60)).max() < 8


# --- reduction ----------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    width=st.integers(16, 700),
    height=st.integers(16, 700),
    min_side=st.integers(0, 260),
    file_format=st.sampled_from(["JPEG", "PNG"]),
)
def test_reduction_keeps_shape_and_the_asked_side(
    width: int, height: int, min_side: int, file_format: str
) -> None:
    full = stone(width, height)
    found = decode(packed(full, file_format), min_side=min_side)
    shorter = min(found.shape[:2])
    assert shorter >= min(min_side, width, height)
    assert shorter <= min(width, height)
    factor = max(1, round(height / found.shape[0]))
    assert factor in (1, 2, 4, 8)
    assert found.shape == (-(-height // factor), -(-width // factor), 3)
    assert_close(found, np.asarray(full.resize(found.shape[1::-1], Image.Resampling.BOX)), 9)


def test_a_large_jpeg_is_decoded_small(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    original = ImageFile.ImageFile.load

    def load(self: ImageFile.ImageFile) -> Any:
        loaded.append(self.size)
        return original(self)

    file = packed(Image.new("RGB", (4000, 3000), (200, 30, 30)), "JPEG")
    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    assert decode(file, min_side=224).shape == (375, 500, 3)
    assert loaded[0] == (500, 375)  # the decoder itself gave no more pixels than that


def test_rotated_and_reduced_together() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decode(packed(stone(800, 600), "JPEG", exif=exif), min_side=100)
    assert found.shape == (200, 150, 3)


def test_negative_min_side_is_refused() -> None:
    with pytest.raises(ValueError, match="min_side is -1; allowed are 0"):
        decode(stone(), min_side=-1)


# --- side effects -------------------------------------------------------------------------------


def test_importing_changes_no_global_state_and_loads_no_runtime() -> None:
    code = """
import json, sys, warnings
import numpy, pydantic  # which set filters of their own
from PIL import Image, ImageFile
before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
import mineralid.vision
after = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
loaded = [m for m in ("onnxruntime", "torch", "onnx", "pi_heif") if m in sys.modules]
print(json.dumps([before == after, loaded]))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert json.loads(run.stdout) == [True, []]


def test_decoding_leaves_warning_filters_as_they_were() -> None:
    before = list(warnings.filters)
    decode(packed(stone(), "TIFF"))
    decode(packed(stone(), "JPEG"))
    assert list(warnings.filters) == before


def test_real_photographs_decode(shared: Path) -> None:
    paths = sorted((shared / "minerals" / "photos").glob("*.jpg"))
    assert len(paths) > 40
    for path in paths[:: len(paths) // 40][:40]:
        pixels = decode(path)
        assert pixels.dtype == np.uint8
        assert pixels.std() > 1, path
        reduced = decode(path, min_side=64)
        assert min(reduced.shape[:2]) >= 64
