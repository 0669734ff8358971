"""Check that a file is UTF-8 text and say what it is where it is not."""

from __future__ import annotations

import codecs
import hashlib
from pathlib import Path

from mineralid.identify.table_errors import TableError
from mineralid.identify.table_memory import TableInMemory
from mineralid.vision.file_format import PREFIX_BYTES, sniff_format

_CHUNK_BYTES = 1 << 20
_OFFICE = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_ADVICE = "save it as CSV in UTF-8"


def checked_sha256(path: Path | TableInMemory) -> str:
    """Return the SHA-256 of a file that is UTF-8 text throughout.

    TableError: there is no such file, it cannot be read, or it is something else; then the message
    names the encoding that it seems to have, and the byte (from 0) and line where that shows.
    """
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    at, line = 0, 1
    try:
        if path.is_dir():
            raise TableError(
                f"table {path}: it is a folder; for every photograph below it use --folder"
            )
        if path.exists() and not path.is_file():
            raise TableError(f"table {path}: it is a device or pipe, no ordinary file")
        with path.open("rb") as stream:
            _refuse_other(path, stream.read(PREFIX_BYTES))
            stream.seek(0)
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
                held = decoder.getstate()[0]
                try:
                    decoder.decode(chunk)
                    bad = chunk.find(b"\0")
                    if bad >= 0:
                        raise TableError(
                            f"table {path}: it holds a zero byte at byte {at + bad}, line "
                            f"{line + chunk[:bad].count(10)}, as UTF-16 does and UTF-8 text never; "
                            f"{_ADVICE}"
                        )
                except UnicodeDecodeError as error:
                    raise _not_utf8(path, error, at - len(held), line) from None
                at += len(chunk)
                line += chunk.count(b"\n")
            try:
                decoder.decode(b"", final=True)
            except UnicodeDecodeError as error:
                raise _not_utf8(path, error, at - len(error.object), line) from None
    except FileNotFoundError:
        raise TableError(f"table {path}: there is no such file") from None
    except PermissionError:
        raise TableError(f"table {path}: there is no permission to read it") from None
    except OSError as error:
        raise TableError(f"table {path}: it cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def _refuse_other(path: Path | TableInMemory, prefix: bytes) -> None:
    if prefix.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise TableError(
            f"table {path}: it is in UTF-16, by its byte order mark at byte 0; {_ADVICE}"
        )
    if prefix.startswith(_OFFICE):
        raise TableError(f"table {path}: it is a workbook or archive, no text; {_ADVICE}")
    picture = sniff_format(prefix)
    if picture not in (None, "BMP"):  # a header may well begin with the letters BM
        raise TableError(f"table {path}: it is a {picture} picture, no table")


def _not_utf8(
    path: Path | TableInMemory, error: UnicodeDecodeError, start: int, line: int
) -> TableError:
    where, content = start + error.start, bytes(error.object)
    before = content[: error.start]
    around = before[before.rfind(b"\n") + 1 :] + content[error.start :].split(b"\n", 1)[0]
    return TableError(
        f"table {path}: it is not UTF-8 but {_seeming(around)} by the look of it: byte "
        f"0x{content[error.start]:02X} at byte {where}, line {line + before.count(10)}; {_ADVICE}"
    )


def _seeming(line: bytes) -> str:
    # Both bytes of a Chinese character are above 0xA0 in GB 2312; a Western accent stands alone.
    try:
        line.decode("gb2312")
    except UnicodeDecodeError:
        return "Latin-1 or Windows-1252"
    return "GBK or GB 18030"
