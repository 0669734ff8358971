"""Tell from its first bytes whether a file is a picture, before anything is decoded."""

from __future__ import annotations

from pathlib import Path

from mineralid.vision.file_format import PREFIX_BYTES, describe_other, sniff_format
from mineralid.vision.opening import ACCEPTED, open_file
from mineralid.vision.photo_error import PhotoError


def file_problem(path: Path) -> str | None:
    """Return why a file can't be a photograph ("there is no such file"), None where it can."""
    try:
        with open_file(str(path)) as stream:
            return bytes_problem(stream.read(PREFIX_BYTES))
    except PhotoError as error:
        return error.found
    except OSError as error:
        return f"it can't be read ({error.strerror})"


def bytes_problem(data: bytes) -> str | None:
    """Return why the bytes of a file, or its first ones, can't be a photograph; None: they can."""
    prefix = data[:PREFIX_BYTES]
    if sniff_format(prefix) is None:
        return f"it is {describe_other(prefix)}; {ACCEPTED}"
    return None
