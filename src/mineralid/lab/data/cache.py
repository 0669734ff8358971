"""Keep computed arrays (decoded pictures, features) on disk under a hash of what they came from."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.data.manifest import Manifest

Arrays = dict[str, NDArray[Any]]

# The arrays are numbered: as names in a ZIP file, "a" and "a.npy" would be mixed up.
_KEY, _NAMES, _CHECKSUM = "key", "names", "checksum"
_ENTRY = re.compile(r"[0-9a-f]{64}\.npz|\.[0-9a-f]{64}\.[0-9a-f]{16}\.partial")

_log = logging.getLogger(__name__)


class Cache:
    """Arrays in a folder, one file an entry, named by the SHA-256 of the entry's key.

    The folder is made at the first entry. An entry appears whole or not at all, so an interrupted
    program leaves none that is wrong, and several may write the same one at once. Each holds its
    key and a checksum: a damaged one is made again, which the log says.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def get(self, key: Mapping[str, Any], make: Callable[[], Mapping[str, NDArray[Any]]]) -> Arrays:
        """Return the arrays of a key, from the folder or else from `make`, which are then kept.

        key: what the arrays depend on, of JSON's values, with content hashes in place of files
        (`photographs_key`); tuples count as lists, and the order of names does not matter.

        Raises TypeError for a key that is no JSON or an array of Python objects, ValueError for
        a key with NaN or infinity, OSError where the folder can't be written.
        """
        text = canonical(key)
        path = self.path(key)
        found = _read(path, text)
        if found is None:
            # Before the work: an hour of it should not end at a folder that can't be written.
            self.folder.mkdir(parents=True, exist_ok=True)
            found = _checked(make())
            self._write(path, text, found)
        return found

    def path(self, key: Mapping[str, Any]) -> Path:
        """Return the file that the entry of a key has, or would have."""
        return self.folder / f"{hashlib.sha256(canonical(key).encode()).hexdigest()}.npz"

    def size(self) -> int:
        """Return the bytes that the entries take, unfinished ones of stopped programs included."""
        total = 0
        for path in self._files():
            with contextlib.suppress(FileNotFoundError):  # finished or cleared meanwhile
                total += path.stat().st_size
        return total

    def clear(self) -> int:
        """Remove every entry, and no other file; return how many files were removed."""
        removed = 0
        for path in self._files():
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                removed += 1
        return removed

    def _files(self) -> Iterator[Path]:
        if self.folder.is_dir():
            yield from (p for p in self.folder.iterdir() if _ENTRY.fullmatch(p.name))

    def _write(self, path: Path, key: str, arrays: Arrays) -> None:
        partial = self.folder / f".{path.stem}.{secrets.token_hex(8)}.partial"
        stored: dict[str, Any] = {f"array{i}": array for i, array in enumerate(arrays.values())}
        stored[_KEY] = np.array(key)
        stored[_NAMES] = np.array(json.dumps(list(arrays)))
        stored[_CHECKSUM] = np.array(_checksum(key, arrays))
        try:
            with partial.open("xb") as stream:
                np.savez(stream, **stored)
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def canonical(key: Mapping[str, Any]) -> str:
    """Return the JSON of a key that equal keys share. Raises TypeError or ValueError."""
    _check_names(key)
    try:
        return json.dumps(key, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except TypeError as error:
        raise TypeError(f"key of a cache entry: {error}; allowed: the values of JSON") from None
    except ValueError as error:
        raise ValueError(f"key of a cache entry: {error}; allowed: finite numbers") from None


def _check_names(value: Any) -> None:
    """Refuse names that are no text: JSON would write 1 and "1" alike."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise TypeError(f"key of a cache entry: name {name!r}; allowed: text")
            _check_names(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _check_names(inner)


def _checked(made: Mapping[str, NDArray[Any]]) -> Arrays:
    arrays = {name: np.asarray(array) for name, array in made.items()}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"array {name!r} holds Python objects; allowed: numbers and text")
    return arrays


def _read(path: Path, key: str) -> Arrays | None:
    """Return the arrays of an entry; None where it is not there, or damaged."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return None
    with stream:
        try:
            with np.load(stream, allow_pickle=False) as stored:
                names = json.loads(str(stored[_NAMES]))
                arrays = {name: stored[f"array{i}"] for i, name in enumerate(names)}
                if str(stored[_KEY]) != key:
                    raise ValueError("it is the entry of another key")
                if str(stored[_CHECKSUM]) != _checksum(key, arrays):
                    raise ValueError("its checksum is another")
            return arrays
        # Arbitrary bytes may raise anything in the readers of ZIP files and of array headers.
        except Exception as error:
            _log.warning("cache entry %s is damaged (%s); it is made again", path, error)
            return None


def _checksum(key: str, arrays: Arrays) -> str:
    found = hashlib.sha256(key.encode())
    for name, array in sorted(arrays.items()):
        described = json.dumps([name, np.lib.format.dtype_to_descr(array.dtype), array.shape])
        found.update(described.encode())
        if array.nbytes:
            found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found.hexdigest()


# Of files hashed by this process: path -> (size, time of change in ns, SHA-256).
_HASHED: dict[Path, tuple[int, int, bytes]] = {}


def photographs_key(manifest: Manifest) -> str:
    """Return the SHA-256 of the photographs' bytes, in order: part of an entry's key.

    A file is read once a process, and again when its size or time of change is another. Raises
    OSError where one can't be read.
    """
    found = hashlib.sha256()
    for photograph in manifest.photographs:
        if photograph.data is not None:
            found.update(hashlib.sha256(photograph.data).digest())
        else:
            found.update(_file_sha256(photograph.path))
    return found.hexdigest()


def _file_sha256(path: Path) -> bytes:
    path = path.absolute()
    stat = path.stat()
    known = _HASHED.get(path)
    if known is None or known[:2] != (stat.st_size, stat.st_mtime_ns):
        digest = hashlib.sha256(path.read_bytes()).digest()
        known = _HASHED[path] = (stat.st_size, stat.st_mtime_ns, digest)
    return known[2]
