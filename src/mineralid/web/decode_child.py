"""A process that decodes photographs for the server: what it may take and break is its own.

Run by `decode_pool` as `python -m mineralid.web.decode_child`. Messages on stdin and stdout begin
with their length; nothing touches the disk.
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

LENGTH = struct.Struct("<Q")
ANSWER = struct.Struct("<BQQ")  # kind, bytes of the prepared picture, bytes of the rest
DECODED, REFUSED = 0, 1
SMALL_SIDE = 320  # pixels of the longer side of the picture that is kept
_QUALITY = 80


def main() -> None:
    """Decode until stdin ends."""
    stdin, stdout = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the messages
    given = json.loads(_message(stdin) or b"{}")
    from mineralid.vision.prepare import ImageSpec

    spec = ImageSpec.model_validate(given["image"])
    _decode(_first_picture(), spec)  # imports the decoder before memory is counted
    _limit_memory(given["bytes"])
    while (content := _message(stdin)) is not None:
        kind, array, rest = _decode(content, spec)
        stdout.write(ANSWER.pack(kind, len(array), len(rest)))
        stdout.write(array)
        stdout.write(rest)
        stdout.flush()


def _message(stream: BinaryIO) -> bytes | None:
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    content = stream.read(length)
    return content if len(content) == length else None


def _decode(content: bytes, spec: Any) -> tuple[int, memoryview | bytes, bytes]:
    """Prepared picture float32 [3, H, W] and a small JPEG of it, or why there is none."""
    import numpy as np

    from mineralid.vision.decode import decode_picture
    from mineralid.vision.photo_error import PhotoError
    from mineralid.vision.prepare import prepare

    try:
        picture = decode_picture(content, spec.min_side)
        array = prepare(np.asarray(picture), spec)
        return DECODED, array.data.cast("B"), _small(picture)
    except PhotoError as error:
        if _is_memory(error):
            return REFUSED, b"", _memory_refusal()
        large = "megapixels" in error.found
        return REFUSED, b"", _refusal(error.found, error.allowed, too_large=large)
    except MemoryError:
        return REFUSED, b"", _memory_refusal()


def _small(picture: Any) -> bytes:
    from PIL import Image

    small = picture.copy() if max(picture.size) <= SMALL_SIDE else None
    if small is None:
        scale = SMALL_SIDE / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        small = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


def _refusal(found: str, allowed: str, *, too_large: bool) -> bytes:
    return json.dumps({"found": found, "allowed": allowed, "too_large": too_large}).encode()


def _memory_refusal() -> bytes:
    return _refusal(
        "it needs more memory to decode than the server gives one photograph",
        "send it smaller, or as a JPEG",
        too_large=True,
    )


def _is_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__
    return False


def _first_picture() -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (32, 32)).save(stream, "JPEG")
    return stream.getvalue()


def _limit_memory(more: int) -> None:
    """Allow this process `more` bytes of address space beyond what it has (Linux)."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError):
        return
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main()
