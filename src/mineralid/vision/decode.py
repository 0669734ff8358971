"""Decode one photograph safely to 8-bit RGB pixels, whatever file or object it comes as."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mineralid.vision.file_format import PREFIX_BYTES, declared_size, describe_other, sniff_format

Photo = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]

MAX_PIXELS = 150_000_000  # above every camera in the field (102 megapixels), below any bomb
MIN_SIDE = 16  # fewer pixels a side show nothing of a stone

ACCEPTED = "accepted are JPEG, PNG, WebP, TIFF, GIF, BMP, MPO, AVIF and, with an extra, HEIC"

# Pillow's reader per format. They are used directly, and not through Image.open, because that
# one warns of large pictures by a global limit and also tries formats that run other programs.
# An MPO is opened as the JPEG that it starts with: its first picture.
_READERS = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
}
_NAMES = {"WEBP": "WebP"}

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


class PhotoError(ValueError):
    """A photograph that cannot be used; the message names it, what was found and what is allowed.

    `photo` is the path as given, or "<bytes>", "<image>", "<array>" for something in memory;
    `found` and `allowed` are the two halves of the message.
    """

    def __init__(self, photo: str, found: str, allowed: str) -> None:
        super().__init__(photo, found, allowed)  # all three, so that it can be pickled
        self.photo = photo
        self.found = found
        self.allowed = allowed

    def __str__(self) -> str:
        return f"photograph {self.photo}: {self.found}; {self.allowed}"


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
    if min_side < 0:
        raise ValueError(f"min_side is {min_side}; allowed are 0 (no reduction) and above")
    if isinstance(photo, np.ndarray):
        image = _from_array(photo)
        return _finish(image, "<array>", min_side, upright=True)
    if isinstance(photo, Image.Image):
        return _from_image(photo, min_side)
    if isinstance(photo, (bytes, bytearray, memoryview)):
        return _from_stream(io.BytesIO(photo), "<bytes>", min_side)
    if isinstance(photo, (str, os.PathLike)):
        return _from_path(photo, min_side)
    raise PhotoError(
        f"<{type(photo).__name__}>",
        f"it is a {type(photo).__name__}",
        "give a path, the bytes of a file, a PIL image or a uint8 array",
    )


def _from_path(photo: str | os.PathLike[str], min_side: int) -> NDArray[np.uint8]:
    name = os.fspath(photo)
    with _open_file(name) as stream:
        return _from_stream(stream, name, min_side)


def _open_file(name: str) -> BinaryIO:
    allowed = "give the path of one picture file"
    if not name:
        raise PhotoError("''", "the path is empty", allowed)
    if name.startswith(("http://", "https://")):
        raise PhotoError(name, "it is a web address", "download it and give the file's path")
    path = Path(name)
    try:
        # Asked before opening: to open a pipe would wait for a writer.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise PhotoError(
                name, "it is a directory", f"{allowed} (a whole directory: identify --folder)"
            )
        if not stat.S_ISREG(mode):
            raise PhotoError(name, "it is a device or pipe, no ordinary file", allowed)
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise PhotoError(name, "there is no such file", allowed) from None
    except PermissionError:
        raise PhotoError(
            name, "there is no permission to read it", "give a file that this user may read"
        ) from None
    except PhotoError:
        raise
    except (OSError, ValueError) as error:  # a null byte, a name too long, a loop of links
        raise PhotoError(name, f"it cannot be opened ({_reason(error)})", allowed) from error


def _from_stream(stream: BinaryIO, name: str, min_side: int) -> NDArray[np.uint8]:
    prefix = stream.read(PREFIX_BYTES)
    stream.seek(0)
    file_format = sniff_format(prefix)
    if file_format is None:
        raise PhotoError(name, f"it is {describe_other(prefix)}", ACCEPTED)
    size = declared_size(prefix, file_format)
    if size is not None:
        _check_size(size, name)
    if file_format == "HEIC":
        image = _open_heic(stream, name)
    else:
        image = _open_picture(stream, name, file_format)
    if file_format == "JPEG":
        _refuse_padding(stream, name)
        if min_side:
            # The decoder itself then computes fewer pixels (libjpeg's scaled inverse transform).
            image.draft(None, (min_side, min_side))
    _load(image, name, file_format)
    return _finish(image, name, min_side, upright=file_format == "TIFF")


def _open_picture(stream: BinaryIO, name: str, file_format: str) -> Image.Image:
    module, reader = _READERS[file_format]
    shown = _NAMES.get(file_format, file_format)
    try:
        read = getattr(importlib.import_module(module), reader)
        if not _supported(file_format):
            raise ImportError(file_format)
    except ImportError:
        raise PhotoError(
            name,
            f"it is a {shown} picture, which the installed Pillow cannot read",
            "update Pillow, or convert the picture to JPEG or PNG",
        ) from None
    try:
        with _pillow_silenced():
            image = read(stream, name)
    # A decoder meets arbitrary bytes here: whatever it raises means that it cannot read them.
    except Exception as error:
        raise PhotoError(
            name,
            f"it begins like a {shown} picture but its header is cut short, empty or damaged"
            f" ({_reason(error)})",
            "give a complete picture file",
        ) from error
    _check_size(image.size, name)
    return cast(Image.Image, image)


def _supported(file_format: str) -> bool:
    from PIL import features

    codec = {"WEBP": "webp", "AVIF": "avif", "JPEG": "jpg", "PNG": "zlib"}.get(file_format)
    return codec is None or bool(features.check(codec))


def _open_heic(stream: BinaryIO, name: str) -> Image.Image:
    try:
        import pi_heif
    except ImportError:
        raise PhotoError(
            name,
            "it is a HEIC picture, which needs one more package",
            "install it with pip install 'mineralid[heic]', or convert the picture to JPEG"
            " (iPhone: Settings > Camera > Formats > Most Compatible)",
        ) from None
    try:
        picture = pi_heif.open_heif(stream)
        _check_size(picture.size, name)
        # Applies the file's own rotation and sets EXIF orientation to upright.
        return cast(Image.Image, picture.to_pillow())
    except PhotoError:
        raise
    except Exception as error:  # as for Pillow's readers above
        raise _damaged(name, "HEIC", error) from error


def _load(image: Image.Image, name: str, file_format: str) -> None:
    # Reading a TIFF parses more of its directory, where Pillow may warn; other formats do that
    # when they are opened, and must not wait for one another while they decode.
    quiet = _pillow_silenced() if file_format == "TIFF" else contextlib.nullcontext()
    try:
        with quiet:
            image.load()
    except Exception as error:  # as above: anything a decoder raises means damaged
        raise _damaged(name, file_format, error) from error


def _damaged(name: str, file_format: str, error: Exception) -> PhotoError:
    shown = _NAMES.get(file_format, file_format)
    cut_short = "truncated" in str(error) or "end of file" in str(error).lower()
    if cut_short or isinstance(error, EOFError):
        return _cut_short(name, shown)
    return PhotoError(
        name,
        f"it is a damaged {shown} picture ({_reason(error)})",
        "give a complete picture file",
    )


def _cut_short(name: str, shown: str) -> PhotoError:
    return PhotoError(
        name,
        f"it is a {shown} picture that is cut short: the file ends before the picture does",
        "give the complete file (copy or download it again)",
    )


def _refuse_padding(stream: BinaryIO, name: str) -> None:
    # A download that broke off often leaves a file of the full length, filled up with zeros,
    # which libjpeg decodes to a grey area without a word. A complete JPEG ends in FF D9.
    position = stream.tell()
    length = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, length - 32))
    if not stream.read().strip(b"\x00"):
        stream.seek(0)
        if not stream.read().rstrip(b"\x00").endswith(b"\xff\xd9"):
            raise _cut_short(name, "JPEG")
    stream.seek(position)


def _from_image(image: Image.Image, min_side: int) -> NDArray[np.uint8]:
    name = getattr(image, "filename", "") or "<image>"
    name = name if isinstance(name, str) else os.fsdecode(name)
    _check_size(image.size, name)
    _load(image, name, image.format or "PIL")
    return _finish(image, name, min_side, upright=image.format == "TIFF")


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
    _check_size((array.shape[1], array.shape[0]), name)
    return Image.fromarray(np.ascontiguousarray(array))


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width < MIN_SIDE or height < MIN_SIDE:
        raise PhotoError(
            name,
            f"it is {width} x {height} pixels",
            f"at least {MIN_SIDE} x {MIN_SIDE} are needed",
        )
    if width * height > MAX_PIXELS:
        raise PhotoError(
            name,
            f"it declares {width} x {height} pixels ({width * height / 1e6:.0f} megapixels)",
            f"at most {MAX_PIXELS / 1e6:.0f} megapixels are allowed",
        )


def _finish(image: Image.Image, name: str, min_side: int, *, upright: bool) -> NDArray[np.uint8]:
    turn = None if upright else _UPRIGHT.get(_orientation(image))
    try:
        rgb = _on_white(image, name)
        factor = _reduction(rgb.size, min_side)
        if factor > 1:
            rgb = rgb.reduce(factor)
        if turn is not None:
            rgb = rgb.transpose(turn)
    except PhotoError:
        raise
    except Exception as error:  # a mode or palette that Pillow cannot convert
        raise _damaged(name, image.format or image.mode, error) from error
    return np.array(rgb)  # a copy: np.asarray would give pixels that cannot be written


def _orientation(image: Image.Image) -> int:
    try:
        with _pillow_silenced():
            return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # damaged EXIF is no reason to refuse a picture whose pixels are fine
        return 1


def _reduction(size: tuple[int, int], min_side: int) -> int:
    if min_side:
        for factor in (8, 4, 2):
            if min(size) // factor >= min_side:
                return factor
    return 1


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


def _reason(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."


_SILENCING = threading.Lock()


@contextlib.contextmanager
def _pillow_silenced() -> Iterator[None]:
    """Keep Pillow's own warnings (odd EXIF, malformed animation, large picture) from the user.

    Filters are process-wide, so threads take turns, only for the short reading of headers, and
    only warnings raised inside Pillow are touched.
    """
    with _SILENCING, warnings.catch_warnings():
        for category in (UserWarning, RuntimeWarning):
            warnings.filterwarnings("ignore", category=category, module=r"PIL\.")
        yield
