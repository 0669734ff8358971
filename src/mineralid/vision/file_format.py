"""What a file claims to be: its format and its size, read from its first bytes before any decoder sees it."""

from __future__ import annotations

import struct

PREFIX_BYTES = 64  # enough for every signature and size below

_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})

# Things people pick by mistake, named so that the message says what they have in hand.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"8BPS", "a Photoshop document"),
    (b"%!PS", "a PostScript file"),
    (b"FUJIFILMCCD-RAW", "a camera raw file"),
)


def sniff_format(prefix: bytes) -> str | None:
    """Format by signature: "JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "HEIC", "AVIF", or None.

    `prefix` is the first `PREFIX_BYTES` bytes of the file (fewer if the file is shorter).
    """
    if prefix.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if prefix.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if prefix.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if prefix.startswith(b"RIFF") and prefix[8:12] == b"WEBP":
        return "WEBP"
    if prefix.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        return "TIFF"
    if prefix.startswith(b"BM"):
        return "BMP"
    if prefix[4:8] == b"ftyp":
        # The major brand may be the neutral "mif1"; the compatible brands then decide.
        brands = {prefix[at : at + 4] for at in (8, *range(16, len(prefix) - 3, 4))}
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIC_BRANDS:
            return "HEIC"
    return None


def describe_other(prefix: bytes) -> str:
    """What a file that is no accepted picture looks like, as words that follow "it is"."""
    if not prefix:
        return "an empty file"
    for signature, description in _OTHERS:
        if prefix.startswith(signature):
            return description
    if prefix[4:8] == b"ftyp":
        return "a video or another ISO media file"
    text = prefix.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if text.startswith((b"<svg", b"<?xml")):
        return "an SVG drawing or XML document"
    if b"\x00" not in prefix and _is_text(prefix):
        return "a text file"
    return "not a picture, or a picture in an unknown format"


def declared_size(prefix: bytes, file_format: str) -> tuple[int, int] | None:
    """Width and height in pixels that the first bytes declare; None where they lie further in.

    For PNG, GIF, BMP and WebP, whose Pillow plugins refuse an empty picture without saying why
    (PNG, GIF, BMP) or set up buffers for the whole canvas when they open it (WebP).
    """
    try:
        if file_format == "PNG":
            width, height = struct.unpack_from(">II", prefix, 16)
            return width, height
        if file_format == "GIF":
            width, height = struct.unpack_from("<HH", prefix, 6)
            return width, height
        if file_format == "BMP":
            (header_bytes,) = struct.unpack_from("<I", prefix, 14)
            width, height = struct.unpack_from("<HH" if header_bytes == 12 else "<ii", prefix, 18)
            return width, abs(height)  # a negative height means rows from the top
        if file_format == "WEBP":
            return _webp_size(prefix)
    except struct.error:
        return None
    return None


def _webp_size(prefix: bytes) -> tuple[int, int] | None:
    # RIFF container of the WebP specification: extended, lossless and lossy first chunk.
    chunk = prefix[12:16]
    if chunk == b"VP8X" and len(prefix) >= 30:
        return (
            1 + int.from_bytes(prefix[24:27], "little"),
            1 + int.from_bytes(prefix[27:30], "little"),
        )
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", prefix, 21)
        return 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", prefix, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _is_text(prefix: bytes) -> bool:
    try:
        prefix[:-4].decode("utf-8")  # the cut may fall inside the last character
    except UnicodeDecodeError:
        return False
    return True
