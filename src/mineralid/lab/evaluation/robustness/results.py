"""Results of the benchmark: measures of every cell, and the answer to every photograph.

A part is one method × vocabulary × split × seed: a file of its own, whole or not there. The table
of all parts is written as Parquet and JSON; intervals come from the answers in the parts, so that
no network is needed for them.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mineralid.lab.evaluation.metrics import expected_calibration_error, macro
from mineralid.lab.evaluation.robustness.grid import Cell

Array = NDArray[np.float64]

MEASURES = ("top1", "top5", "macro_top1", "macro_top5", "nll", "brier", "ece")
COLUMNS = (
    "method",
    "vocabulary",
    "tests",
    "missing_rate",
    "error_kind",
    "error_rate",
    "split",
    "split_kind",
    "seed",
    "n",
    *MEASURES,
)
DESCRIPTION, PARTS, SPLITS = "benchmark.json", "parts", "splits"
TABLE_PARQUET, TABLE_JSON = "results.parquet", "results.json"


class ResultsError(ValueError):
    """A folder of results is not there or can't be used; the message says what is."""


@dataclass(frozen=True)
class Answers:
    """Of n photographs: whether the truth is first, whether among the first five; confidence."""

    top1: NDArray[np.bool_]
    top5: NDArray[np.bool_]
    confidence: NDArray[np.float16]


def judge_answers(p: Array, labels: NDArray[np.int_]) -> tuple[Answers, tuple[float, ...]]:
    """Return the answers of posteriors [n, C] and their MEASURES; ties go by class order.

    nll: mean −log p(truth), nats. brier: mean Σ_s (p_s − [s = truth])². ece: ten equal-mass bins.
    Raises ValueError where p is no distribution.
    """
    if not np.isfinite(p).all() or abs(p.sum(1) - 1).max() > 1e-6:
        raise ValueError("a method returned rows that are not probabilities: they sum to 1")
    rows = np.arange(len(labels))
    truth = p[rows, labels][:, None]
    before = np.arange(p.shape[1]) < labels[:, None]
    rank = ((p > truth) | ((p == truth) & before)).sum(1)
    top1, top5, confidence = rank < 1, rank < 5, p.max(1)
    brier = (p**2).sum(1) - 2 * truth[:, 0] + 1
    first, five = top1.astype(float), top5.astype(float)
    measures = (
        first.mean(),
        five.mean(),
        macro(first, labels),
        macro(five, labels),
        -np.log(np.maximum(truth, 1e-12)).mean(),
        brier.mean(),
        expected_calibration_error(confidence, first),
    )
    return Answers(top1, top5, confidence.astype(np.float16)), tuple(float(m) for m in measures)


@dataclass(frozen=True)
class PartName:
    """Which part."""

    method: str
    vocabulary: str
    split: str
    seed: int

    def path(self, out: Path) -> Path:
        """Return its file in the folder of results."""
        name = f"{self.vocabulary}-{self.split}-{self.seed}.npz"
        return out / PARTS / self.method / name


def write_whole(path: Path, write: Any) -> None:
    """Call write(stream) on a file beside `path` that takes its place when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with partial.open("wb") as stream:
        write(stream)
    partial.replace(path)


def write_part(
    out: Path,
    part: PartName,
    head: Mapping[str, Any],
    cells: Sequence[Cell],
    answers: Sequence[Answers],
    measures: Sequence[Sequence[float]],
) -> None:
    """Write a part. head: plain values, with `inputs` and `settings` that it was computed from."""
    described = {**head, "n": len(answers[0].top1), "cells": [list(c.key) for c in cells]}
    arrays = {
        "head": np.frombuffer(json.dumps(described).encode(), dtype=np.uint8),
        "measures": np.array(measures),
        "top1": np.packbits([a.top1 for a in answers], axis=1),
        "top5": np.packbits([a.top5 for a in answers], axis=1),
        "confidence": np.array([a.confidence for a in answers]),
    }
    write_whole(part.path(out), lambda stream: np.savez_compressed(stream, **arrays))  # type: ignore[arg-type]


class Part:
    """A part on disk; its arrays are read when they are asked for."""

    def __init__(self, out: Path, part: PartName) -> None:
        self.name, self._path = part, part.path(out)
        self.head: dict[str, Any] = json.loads(self._array("head").tobytes().decode())
        self.cells = [(t, float(m), k, float(r)) for t, m, k, r in self.head["cells"]]

    def _array(self, name: str) -> NDArray[Any]:
        with self._path.open("rb") as stream, np.load(stream) as stored:
            found: NDArray[Any] = stored[name]
        return found

    @cached_property
    def measures(self) -> Array:
        """MEASURES of each cell [cells, measures]."""
        return self._array("measures")

    def hits(self, k: int) -> NDArray[np.bool_]:
        """Return whether the truth is among the k = 1 or 5 best: [cells, n]."""
        if k not in (1, 5):
            raise ValueError(f"k is {k}; allowed: 1, 5")
        bits = np.unpackbits(self._array(f"top{k}"), axis=1, count=self.head["n"])
        return bits.astype(bool)

    @property
    def confidence(self) -> NDArray[np.float16]:
        """The leading probability [cells, n]."""
        return self._array("confidence")


def read_part(out: Path, part: PartName) -> Part | None:
    """Return a part, or None where it is not there or not whole."""
    if not part.path(out).is_file():
        return None
    try:
        return Part(out, part)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def read_description(out: Path) -> dict[str, Any]:
    """Return benchmark.json. Raises ResultsError where there is none."""
    path = out / DESCRIPTION
    if not path.is_file():
        raise ResultsError(
            f"no {DESCRIPTION} in {out}: measure first with `mineralid lab benchmark --photos ... "
            f"--facts ... --runs ... --out {out}`"
        )
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def parts_of(out: Path) -> list[Part]:
    """Return every whole part that was computed from the inputs which benchmark.json names.

    Sorted by method as first named there, then vocabulary, split and seed.
    """
    described = read_description(out)
    order = {name: i for i, name in enumerate(described["methods"])}
    found = []
    for path in sorted((out / PARTS).glob("*/*.npz")):
        vocabulary, split, seed = path.stem.split("-")
        part = read_part(out, PartName(path.parent.name, vocabulary, split, int(seed)))
        if part is None or part.name.method not in order:
            continue
        if part.head["inputs"] == described["inputs"].get(f"{vocabulary}/{split}"):
            found.append(part)
    splits = list(described["splits"])
    return sorted(
        found,
        key=lambda p: (
            order[p.name.method],
            -ord(p.name.vocabulary[0]),
            splits.index(p.name.split),
            p.name.seed,
        ),
    )


def tidy_rows(parts: Iterable[Part], kind_of: Mapping[str, str]) -> dict[str, list[Any]]:
    """Return the columns of the results: one row a cell of each part."""
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for part in parts:
        name = part.name
        for key, values in zip(part.cells, part.measures, strict=True):
            row = (name.method, name.vocabulary, *key, name.split, kind_of[name.split], name.seed)
            for column, value in zip(COLUMNS, (*row, part.head["n"], *values), strict=True):
                columns[column].append(value.item() if isinstance(value, np.generic) else value)
    return columns


def write_tables(out: Path) -> int:
    """Write results.parquet and results.json from the parts; returns the number of rows."""
    import pyarrow
    import pyarrow.parquet

    described = read_description(out)
    kind_of = {name: split["kind"] for name, split in described["splits"].items()}
    columns = tidy_rows(parts_of(out), kind_of)
    table = pyarrow.table(columns)
    write_whole(out / TABLE_PARQUET, lambda s: pyarrow.parquet.write_table(table, s))
    rows = [
        [round(v, 6) if isinstance(v, float) else v for v in row]
        for row in zip(*columns.values(), strict=True)
    ]
    text = json.dumps({"columns": list(columns), "rows": rows}).replace("], [", "],\n[")
    write_whole(out / TABLE_JSON, lambda s: s.write(text.encode()))
    return len(rows)
