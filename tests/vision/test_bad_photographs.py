"""Every photograph that cannot be used gets an error that says what it is and what is allowed."""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from mineralid.vision import MAX_PIXELS, PhotoError, decode

PICTURES = Path(__file__).resolve().parent.parent / "data" / "pictures"


def noise(width: int = 96, height: int = 64) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def packed(image: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def png(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds almost no pixel data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\x00" * 100)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def message(photo: Any, **options: Any) -> str:
    with pytest.raises(PhotoError) as caught:
        decode(photo, **options)
    return str(caught.value)


# --- paths --------------------------------------------------------------------------------------


def test_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "gone.jpg"
    assert message(path) == (
        f"photograph {path}: there is no such file; give the path of one picture file"
    )


def test_file_used_as_a_directory(tmp_path: Path) -> None:
    (tmp_path / "stone.jpg").write_bytes(packed(noise(), "JPEG"))
    assert "there is no such file" in message(tmp_path / "stone.jpg" / "inside.jpg")


def test_directory(tmp_path: Path) -> None:
    assert message(tmp_path) == (
        f"photograph {tmp_path}: it is a directory; give the path of one picture file "
        "(a whole directory: identify --folder)"
    )


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """The rights of an ordinary user, also where the tests run as root."""
    if not hasattr(os, "geteuid"):
        pytest.skip("needs POSIX permissions")
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    if user == 0:
        os.seteuid(0)


def test_unreadable_file(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(packed(noise(), "JPEG"))
    path.chmod(0)
    request.getfixturevalue("unprivileged")
    assert message(path) == (
        f"photograph {path}: there is no permission to read it; give a file that this user may read"
    )


def test_empty_path_web_address_and_null_byte() -> None:
    assert message("") == "photograph '': the path is empty; give the path of one picture file"
    assert message("https://example.org/stone.jpg") == (
        "photograph https://example.org/stone.jpg: it is a web address; "
        "download it and give the file's path"
    )
    assert "it cannot be opened (" in message("stone\x00.jpg")
    assert "it cannot be opened (" in message("x" * 5000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "it is a device or pipe, no ordinary file" in message(tmp_path / "pipe.jpg")


@pytest.mark.parametrize("photo", [None, 3, 2.5, ["stone.jpg"]])
def test_other_objects(photo: Any) -> None:
    kind = type(photo).__name__
    assert message(photo) == (
        f"photograph <{kind}>: it is a {kind}; "
        "give a path, the bytes of a file, a PIL image or a uint8 array"
    )


# --- contents that are no picture ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "description"),
    [
        (b"", "an empty file"),
        (b"hardness,luster\n6.5,metallic\n", "a text file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b'<?xml version="1.0"?><svg>', "an SVG drawing or XML document"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PK\x03\x04" + bytes(40), "a ZIP archive or office document"),
        (b"\x00\x00\x00\x18ftypisom" + bytes(40), "a video or another ISO media file"),
        (b"8BPS\x00\x01" + bytes(40), "a Photoshop document"),
        (bytes(range(1, 60)) + b"\xff\x00", "not a picture, or a picture in an unknown format"),
    ],
)
def test_not_an_image(content: bytes, description: str, tmp_path: Path) -> None:
    path = tmp_path / "stone.jpg"
    path.write_bytes(content)
    assert message(path) == (
        f"photograph {path}: it is {description}; accepted are JPEG, PNG, WebP, TIFF, GIF, BMP, "
        "MPO, AVIF and, with an extra, HEIC"
    )
    assert "photograph <bytes>: " in message(content)


@pytest.mark.skipif(
    importlib.util.find_spec("pi_heif") is not None, reason="mineralid[heic] is installed"
)
def test_heic_without_the_extra_tells_how_to_go_on() -> None:
    assert message(PICTURES / "two_colors.heic") == (
        f"photograph {PICTURES / 'two_colors.heic'}: it is a HEIC picture, which needs one more "
        "package; install it with pip install 'mineralid[heic]', or convert the picture to JPEG "
        "(iPhone: Settings > Camera > Formats > Most Compatible)"
    )


def test_heic_by_a_neutral_brand_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    content = b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic" + bytes(60)
    assert "it is a HEIC picture, which needs one more package" in message(content)


def test_format_that_this_pillow_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    assert message(
        b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(10) + b"\x40\x00\x40\x00" + bytes(30)
    ) == (
        "photograph <bytes>: it is a WebP picture, which the installed Pillow cannot read; "
        "update Pillow, or convert the picture to JPEG or PNG"
    )


# --- damaged pictures ---------------------------------------------------------------------------

CUT = "that is cut short: the file ends before the picture does; give the complete file"


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("min_side", [0, 64])
def test_truncated_jpeg_is_an_error_and_no_grey_half(progressive: bool, min_side: int) -> None:
    file = packed(noise(300, 200), "JPEG", progressive=progressive)
    for share in (0.3, 0.5, 0.9):
        text = message(file[: int(len(file) * share)], min_side=min_side)
        assert text == f"photograph <bytes>: it is a JPEG picture {CUT} (copy or download it again)"


def test_truncated_jpeg_filled_up_with_zeros_is_an_error() -> None:
    file = packed(noise(300, 200), "JPEG")
    half = len(file) // 2
    assert CUT in message(file[:half] + bytes(len(file) - half))


def test_complete_jpeg_followed_by_zeros_is_read() -> None:
    file = packed(noise(300, 200), "JPEG")
    np.testing.assert_array_equal(decode(file + bytes(5000)), decode(file))


@pytest.mark.parametrize("file_format", ["PNG", "GIF", "TIFF", "BMP", "WEBP"])
def test_other_truncated_pictures_are_errors(file_format: str) -> None:
    if not features.check("webp") and file_format == "WEBP":
        pytest.skip("this Pillow reads no WebP")
    file = packed(noise(300, 200), file_format)
    text = message(file[: len(file) // 2])
    assert text.startswith("photograph <bytes>: it ")
    assert {"WEBP": "WebP"}.get(file_format, file_format) in text
    assert "give" in text and "complete" in text


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "TIFF", "BMP"])
def test_header_alone_is_an_error(file_format: str) -> None:
    text = message(packed(noise(), file_format)[:14])
    assert f"it begins like a {file_format} picture but its header is cut short" in text
    assert text.endswith("give a complete picture file")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_gives_pixels_or_a_photo_error(data: st.DataObject) -> None:
    """Whatever is flipped or cut, nothing but a PhotoError comes out, and no warning."""
    file_format = data.draw(st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"]))
    file = bytearray(packed(noise(40, 30), file_format))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(file)))
    try:
        pixels = decode(bytes(file[:end] if data.draw(st.booleans()) else file), min_side=20)
    except PhotoError as error:
        assert error.photo == "<bytes>"
        assert str(error).startswith("photograph <bytes>: it ")
    else:
        assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3


# --- sizes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["PNG", "GIF", "BMP", "TIFF", "JPEG"])
def test_one_pixel(file_format: str, tmp_path: Path) -> None:
    path = tmp_path / "dot"
    path.write_bytes(packed(Image.new("RGB", (1, 1)), file_format))
    assert message(path) == (f"photograph {path}: it is 1 x 1 pixels; at least 16 x 16 are needed")


@pytest.mark.parametrize(
    "content",
    [
        png(0, 0),
        b"GIF89a" + bytes(4) + b"\x00\x00\x00;",
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 0, 0, 1, 24, 0, 0, 0, 0, 0, 0),
    ],
)
def test_no_pixels_in_the_header(content: bytes) -> None:
    assert message(content) == (
        "photograph <bytes>: it is 0 x 0 pixels; at least 16 x 16 are needed"
    )


def test_no_pixels_in_a_jpeg_header() -> None:
    file = bytearray(packed(noise(), "JPEG"))
    at = file.index(b"\xff\xc0")
    file[at + 5 : at + 9] = bytes(4)
    assert "it begins like a JPEG picture but its header is cut short, empty" in message(
        bytes(file)
    )


def test_small_sides_by_shape() -> None:
    assert "it is 15 x 400 pixels" in message(np.zeros((400, 15, 3), np.uint8))
    assert "it is 0 x 0 pixels" in message(np.zeros((0, 0, 3), np.uint8))
    assert "it is 0 x 0 pixels" in message(Image.new("RGB", (0, 0)))
    assert decode(np.zeros((16, 16, 3), np.uint8)).shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("width", "height"), [(20000, 10000), (16384, 16384), (60000, 60000), (2_000_000_000, 100)]
)
def test_bomb_is_refused_from_its_header(
    width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(self: Image.Image) -> None:
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    megapixels = f"{width * height / 1e6:.0f}"
    assert message(png(width, height), min_side=200) == (
        f"photograph <bytes>: it declares {width} x {height} pixels ({megapixels} megapixels); "
        "at most 150 megapixels are allowed"
    )


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF", "GIF", "BMP", "WEBP"])
def test_bombs_of_other_formats(file_format: str) -> None:
    file = bytearray(packed(noise(), file_format))
    if file_format == "JPEG":
        at = file.index(b"\xff\xc0")
        file[at + 5 : at + 9] = struct.pack(">HH", 60000, 60000)
    elif file_format == "GIF":
        file[6:10] = struct.pack("<HH", 60000, 60000)
    elif file_format == "BMP":
        file[18:26] = struct.pack("<ii", 60000, 60000)
    elif file_format == "WEBP":
        file[26:30] = struct.pack("<HH", 16383, 16383)
    else:
        for tag in (256, 257):
            old = struct.pack("<HHI", tag, 4, 1)
            at = file.index(old) if old in file else file.index(struct.pack("<HHI", tag, 3, 1))
            file[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 60000)
    text = message(bytes(file))
    assert "it declares " in text and "at most 150 megapixels are allowed" in text


def test_no_warning_between_pillows_limit_and_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    # Pillow warns from MAX_IMAGE_PIXELS on and refuses twice that; ours lies between the two.
    assert Image.MAX_IMAGE_PIXELS < MAX_PIXELS < 2 * Image.MAX_IMAGE_PIXELS
    # Lowered here so that the picture, of 6,144 pixels, stays small.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4000)
    for file_format in ("JPEG", "PNG", "GIF", "TIFF", "WEBP"):
        assert decode(packed(noise(), file_format)).shape == (64, 96, 3)


def test_invalid_animation_chunk_warns_nobody() -> None:
    file = packed(noise(), "PNG")
    body = b"acTL" + struct.pack(">II", 0, 0)  # an animation of no frame
    chunk = struct.pack(">I", 8) + body + struct.pack(">I", zlib.crc32(body))
    assert decode(file[:33] + chunk + file[33:]).shape == (64, 96, 3)


# --- arrays and images --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.zeros((32, 32, 3)), "its values are float64"),
        (np.full((32, 32, 3), np.nan, np.float32), "its values are float32 with NaN or infinity"),
        (np.zeros((32, 32), np.uint16), "its values are uint16"),
        (np.zeros((32, 32, 3), bool), "its values are bool"),
        (np.zeros((32, 32, 2), np.uint8), "its shape is [32, 32, 2]"),
        (np.zeros((3, 32, 32), np.uint8), "its shape is [3, 32, 32]"),
        (np.zeros(32, np.uint8), "its shape is [32]"),
        (np.zeros((1, 32, 32, 3), np.uint8), "its shape is [1, 32, 32, 3]"),
    ],
)
def test_arrays_that_are_no_picture(array: np.ndarray, found: str) -> None:
    text = message(array)
    assert text.startswith(f"photograph <array>: {found}")
    assert text.endswith(
        "allowed is uint8 of shape [H, W, 3] (RGB), [H, W, 4] (RGBA) or [H, W] (grey)"
    )


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        ("I", "its values are 32-bit integers, whose range is not known"),
        ("F", "its values are floating-point numbers, whose range is not known"),
        ("LAB", "its colours are CIELAB"),
    ],
)
def test_modes_without_a_known_range(mode: str, found: str) -> None:
    assert message(Image.new(mode, (32, 32))) == (
        f"photograph <image>: {found}; convert it to RGB or grey with 8 or 16 bits"
    )


def test_closed_image(tmp_path: Path) -> None:
    path = tmp_path / "stone.png"
    noise().save(path)
    with Image.open(path) as image:
        pass
    assert f"photograph {path}: it is a damaged PNG picture" in message(image)


def test_error_is_a_value_error_that_can_be_pickled() -> None:
    error = PhotoError("stone.jpg", "it is a text file", "accepted are pictures")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, ValueError)
    assert (again.photo, str(again)) == (
        "stone.jpg",
        "photograph stone.jpg: it is a text file; accepted are pictures",
    )
