"""Read, verify and write a model bundle: the one artefact that the lab hands to the field.

A bundle is a folder with model.onnx, arrays.npz, model.json and MODEL_CARD.md. model.json is
described by `BundleSpec` and holds the SHA-256 of the other three and, as `seal`, of itself.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from mineralid.vision.bundle_spec import SCHEMA_VERSION, BundleSpec

SPEC_FILE = "model.json"
GRAPH_FILE = "model.onnx"
ARRAYS_FILE = "arrays.npz"
CARD_FILE = "MODEL_CARD.md"
_REQUIRED = (GRAPH_FILE, ARRAYS_FILE, CARD_FILE)

DEFAULT_BUNDLE = Path(__file__).resolve().parent.parent / "models" / "default"


class BundleError(ValueError):
    """A bundle that cannot be used; `path` is its folder and the message says what is wrong."""

    def __init__(self, path: str | os.PathLike[str], problem: str) -> None:
        super().__init__(os.fspath(path), problem)
        self.path = Path(path)
        self.problem = problem

    def __str__(self) -> str:
        return f"bundle {self.path}: {self.problem}"


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A loaded bundle whose every file had the hash that model.json states.

    arrays: float32, read-only; "head_weight" [C, D] and "head_bias" [C] (C classes, D features)
    and whatever the unknown detector needs. fingerprint: first 12 hex digits of model.json's
    SHA-256, which covers the other files by their hashes: the bundle's version.
    """

    path: Path
    spec: BundleSpec
    arrays: Mapping[str, NDArray[np.float32]]
    fingerprint: str

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the C classes, in the order of the scores."""
        return self.spec.classes

    @property
    def graph_path(self) -> Path:
        """The ONNX graph."""
        return self.path / GRAPH_FILE

    @property
    def version(self) -> str:
        """Name and fingerprint, as stated with every answer."""
        return f"{self.spec.name}-{self.fingerprint}"

    def card(self) -> str:
        """The text of MODEL_CARD.md."""
        return (self.path / CARD_FILE).read_text(encoding="utf-8")


def load_bundle(path: str | os.PathLike[str] | None = None) -> Bundle:
    """Load and verify the bundle in a folder; None: the one that ships with the package, cached.

    Raises BundleError for a folder that is no bundle, a missing or altered file, another schema
    version, a model.json that breaks the schema, or arrays that do not fit it.
    """
    return _load_default() if path is None else _load(Path(path))


@functools.lru_cache(maxsize=1)
def _load_default() -> Bundle:
    return _load(DEFAULT_BUNDLE)


def _load(path: Path) -> Bundle:
    if not path.is_dir():
        what = "it is a file, not a folder" if path.exists() else "there is no such folder"
        raise BundleError(path, f"{what}; give a folder with {SPEC_FILE}")
    text = _read(path, SPEC_FILE, f"it is not a model bundle: it has no {SPEC_FILE}")
    spec = _parse_spec(path, text)
    contents = {}
    for name, expected in spec.files.items():
        contents[name] = _read(path, name, f"its file {name} is missing")
        found = hashlib.sha256(contents[name]).hexdigest()
        if found != expected:
            raise BundleError(
                path,
                f"its file {name} was altered: SHA-256 is {found[:12]}…, "
                f"{SPEC_FILE} states {expected[:12]}…",
            )
    arrays = _parse_arrays(path, spec, contents[ARRAYS_FILE])
    fingerprint = hashlib.sha256(text).hexdigest()[:12]
    return Bundle(path=path, spec=spec, arrays=arrays, fingerprint=fingerprint)


def _read(path: Path, name: str, missing: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except FileNotFoundError:
        raise BundleError(path, missing) from None
    except OSError as error:
        raise BundleError(path, f"its file {name} cannot be read ({error.strerror})") from error


def _parse_spec(path: Path, text: bytes) -> BundleSpec:
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise BundleError(path, f"its {SPEC_FILE} is not JSON ({error})") from error
    if not isinstance(raw, dict) or "schema_version" not in raw:
        raise BundleError(path, f"its {SPEC_FILE} is not a bundle's: it has no schema_version")
    # Before the fields are looked at: those of another version would only give puzzling errors.
    if raw["schema_version"] != SCHEMA_VERSION:
        raise BundleError(
            path,
            f"its schema version is {raw['schema_version']!r}; "
            f"this version of mineralid reads {SCHEMA_VERSION}",
        )
    if raw.get("seal") != _seal(raw):
        raise BundleError(path, f"its {SPEC_FILE} was altered: its seal does not fit what it says")
    try:
        spec = BundleSpec.model_validate(raw)
    except ValidationError as error:
        raise BundleError(path, f"its {SPEC_FILE} is wrong: {_first_errors(error)}") from error
    unlisted = [name for name in _REQUIRED if name not in spec.files]
    if unlisted:
        raise BundleError(path, f"its {SPEC_FILE} lists no hash for {', '.join(unlisted)}")
    return spec


def _first_errors(error: ValidationError, shown: int = 3) -> str:
    problems = error.errors(include_url=False)
    lines = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'the whole'}: {problem['msg']}"
        for problem in problems[:shown]
    ]
    more = f" and {len(problems) - shown} more" if len(problems) > shown else ""
    return "; ".join(lines) + more


def _parse_arrays(
    path: Path, spec: BundleSpec, content: bytes
) -> Mapping[str, NDArray[np.float32]]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except Exception as error:  # numpy and zipfile raise many kinds for a damaged archive
        raise BundleError(path, f"its {ARRAYS_FILE} cannot be read ({error})") from error
    problem = _arrays_problem(spec, arrays)
    if problem:
        raise BundleError(path, problem)
    for array in arrays.values():
        array.flags.writeable = False
    return MappingProxyType(arrays)


def _arrays_problem(spec: BundleSpec, arrays: Mapping[str, NDArray[Any]]) -> str | None:
    classes, features = len(spec.classes), spec.feature_dim
    for name, shape in (("head_weight", (classes, features)), ("head_bias", (classes,))):
        if name not in arrays:
            return f"its {ARRAYS_FILE} has no array {name}; it has {sorted(arrays)}"
        if arrays[name].shape != shape:
            return f"its array {name} has shape {list(arrays[name].shape)}; needed: {list(shape)}"
    for name, array in arrays.items():
        if array.dtype != np.float32:
            return f"its array {name} is {array.dtype}; needed: float32"
        if not np.isfinite(array).all():
            return f"its array {name} holds NaN or infinity"
    return None


def write_bundle(
    folder: str | os.PathLike[str],
    spec: BundleSpec,
    onnx: bytes,
    arrays: Mapping[str, NDArray[Any]],
    card: str,
) -> Bundle:
    """Write a bundle, with the hashes of its files put into model.json, and load it back.

    `folder` appears complete or not at all: it is written beside its place and renamed. It may
    be new, empty, or a bundle, which is then replaced. `arrays` must be float32. The same input
    gives the same bytes. Raises BundleError where the arrays do not fit the spec or `folder`
    holds something else.
    """
    target = Path(folder).absolute()
    if target.exists() and not _replaceable(target):
        raise BundleError(target, "it exists and is no bundle, so it is not replaced")
    problem = _arrays_problem(spec, arrays)
    if problem:
        raise BundleError(target, problem)
    contents = {
        GRAPH_FILE: onnx,
        ARRAYS_FILE: _pack(arrays),
        CARD_FILE: card.encode("utf-8"),
    }
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    complete = spec.model_copy(update={"files": hashes})
    contents[SPEC_FILE] = sealed(complete.to_json())

    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        new = scratch / "new"
        new.mkdir()  # with the user's usual permissions, which mkdtemp does not give
        for name, content in contents.items():
            (new / name).write_bytes(content)
        if target.exists():
            target.rename(scratch / "old")
        new.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return load_bundle(target)


def sealed(values: Mapping[str, Any]) -> bytes:
    """Return model.json of these values: its `seal` is the SHA-256 of all its others."""
    whole = {**values, "seal": _seal(values)}
    text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8")


def _seal(values: Mapping[str, Any]) -> str:
    others = {name: value for name, value in values.items() if name != "seal"}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def _replaceable(target: Path) -> bool:
    return target.is_dir() and ((target / SPEC_FILE).is_file() or not any(target.iterdir()))


def _pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    packed = io.BytesIO()
    np.savez(packed, **{name: arrays[name] for name in sorted(arrays)})  # type: ignore[arg-type]
    return packed.getvalue()
