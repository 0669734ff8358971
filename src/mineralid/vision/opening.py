"""Open a picture file of any accepted format, safely: its bytes in, a loaded PIL image out."""

from __future__ import annotations

import contextlib
import importlib
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from PIL import Image

from mineralid.vision.file_format import PREFIX_BYTES, declared_size, describe_other, sniff_format
from mineralid.vision.photo_error import (
    PhotoError,
    check_size,
    cut_short,
    damaged,
    reason,
    shown_format,
)

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


def open_file(name: str) -> BinaryIO:
    """Open an ordinary file for reading. Raises PhotoError for anything else."""
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
        raise PhotoError(name, f"it cannot be opened ({reason(error)})", allowed) from error


def open_picture(stream: BinaryIO, name: str, min_side: int) -> Image.Image:
    """Open and decode the picture file in a stream; its first frame, in the file's own mode.

    A JPEG may come reduced so that its shorter side is no less than `min_side` pixels (0: not
    reduced). The size is checked before any pixel is decoded. `name` is for messages.
    Raises PhotoError.
    """
    prefix = stream.read(PREFIX_BYTES)
    stream.seek(0)
    file_format = sniff_format(prefix)
    if file_format is None:
        raise PhotoError(name, f"it is {describe_other(prefix)}", ACCEPTED)
    size = declared_size(prefix, file_format)
    if size is not None:
        check_size(size, name)
    if file_format == "HEIC":
        return _read_heic(stream, name)
    image = _read_header(stream, name, file_format)
    if file_format == "JPEG":
        _refuse_padding(stream, name)
        if min_side:
            # The decoder itself then computes fewer pixels (libjpeg's scaled inverse transform).
            image.draft(None, (min_side, min_side))
    load(image, name)
    return image


def _read_header(stream: BinaryIO, name: str, file_format: str) -> Image.Image:
    module, reader = _READERS[file_format]
    shown = shown_format(file_format)
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
        with pillow_silenced():
            image = read(stream, name)
    # A decoder meets arbitrary bytes here: whatever it raises means that it cannot read them.
    except Exception as error:
        raise PhotoError(
            name,
            f"it begins like a {shown} picture but its header is cut short, empty or damaged"
            f" ({reason(error)})",
            "give a complete picture file",
        ) from error
    check_size(image.size, name)
    return cast(Image.Image, image)


def _supported(file_format: str) -> bool:
    from PIL import features

    codec = {"WEBP": "webp", "AVIF": "avif", "JPEG": "jpg", "PNG": "zlib"}.get(file_format)
    return codec is None or bool(features.check(codec))


def _read_heic(stream: BinaryIO, name: str) -> Image.Image:
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
        check_size(picture.size, name)
        # Applies the file's own rotation and sets EXIF orientation to upright.
        return cast(Image.Image, picture.to_pillow())
    except PhotoError:
        raise
    except Exception as error:  # as for Pillow's readers above
        raise damaged(name, "HEIC", error) from error


def load(image: Image.Image, name: str) -> None:
    """Decode the pixels of an opened image. Raises PhotoError where they are damaged."""
    file_format = image.format or "PIL"
    # Reading a TIFF parses more of its directory, where Pillow may warn; other formats do that
    # when they are opened, and must not wait for one another while they decode.
    quiet = pillow_silenced() if file_format == "TIFF" else contextlib.nullcontext()
    try:
        with quiet:
            image.load()
    except Exception as error:  # as above: anything a decoder raises means damaged
        raise damaged(name, file_format, error) from error


def _refuse_padding(stream: BinaryIO, name: str) -> None:
    # A download that broke off often leaves a file of the full length, filled up with zeros,
    # which libjpeg decodes to a grey area without a word. A complete JPEG ends in FF D9.
    position = stream.tell()
    length = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, length - 32))
    if not stream.read().strip(b"\x00"):
        stream.seek(0)
        if not stream.read().rstrip(b"\x00").endswith(b"\xff\xd9"):
            raise cut_short(name, "JPEG")
    stream.seek(position)


_SILENCING = threading.Lock()


@contextlib.contextmanager
def pillow_silenced() -> Iterator[None]:
    """Keep Pillow's own warnings (odd EXIF, malformed animation, large picture) from the user.

    Filters are process-wide, so threads take turns, only for the short reading of headers, and
    only warnings raised inside Pillow are touched.
    """
    with _SILENCING, warnings.catch_warnings():
        for category in (UserWarning, RuntimeWarning):
            warnings.filterwarnings("ignore", category=category, module=r"PIL\.")
        yield
