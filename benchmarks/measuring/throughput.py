"""Throughput of `identify --table` beside that of the bare ONNX session on arrays in memory."""

from __future__ import annotations

import csv
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measuring.processes import mineralid_command, seconds_of
from measuring.readings import TESTS
from mineralid.vision import Bundle, PhotoError, prepare_photo

BATCH_SIZES = (1, 2, 4, 8, 16, 32)

Batch = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Photographs a second, measured one after the other."""

    table: float
    bare: float

    @property
    def ratio(self) -> float:
        """Table over bare session."""
        return self.table / self.bare


def write_table(
    target: Path, photos: Sequence[Path], readings: Sequence[Mapping[str, str]] | None = None
) -> Path:
    """Write a table of one photograph a row, with three readings each where they are given."""
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["photo", *(TESTS if readings else ())])
        for number, photo in enumerate(photos):
            given = readings[number] if readings else {}
            writer.writerow([photo.resolve(), *(given[test] for test in TESTS if test in given)])
    return target


def table_seconds(table: Path) -> float:
    """Seconds of `mineralid identify --table` as a whole process, its start included."""
    output = table.with_suffix(".jsonl")
    command = [mineralid_command(), "identify", "--table", str(table), "--output", str(output)]
    return seconds_of(command)


def prepared(photos: Sequence[Path], bundle: Bundle) -> Batch:
    """All photographs as the network wants them, in memory: float32 [B, 3, H, W]."""
    image = bundle.spec.image
    batch = np.zeros((len(photos), 3, image.height, image.width), dtype=np.float32)
    for row, photo in zip(batch, photos, strict=True):
        try:
            row[:] = prepare_photo(photo, image)
        except PhotoError as error:
            raise SystemExit(f"a photograph of the benchmark cannot be used: {error}") from None
    return batch


class BareSession:
    """onnxruntime alone, with its own default settings but for the number of threads.

    together: one call at a time on all threads; otherwise as many calls at a time, each on one.
    """

    def __init__(self, bundle: Bundle, threads: int, *, together: bool) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads if together else 1
        self._at_once = 1 if together else threads
        self._session: Any = onnxruntime.InferenceSession(
            str(bundle.graph_path), options, providers=["CPUExecutionProvider"]
        )
        self._outputs = [bundle.spec.graph.scores, bundle.spec.graph.feature]
        self._input = bundle.spec.graph.input

    def rate(self, arrays: Batch, batch_size: int) -> float:
        """Photographs a second over all of them."""
        self._run(arrays[:batch_size])
        start = time.perf_counter()
        if self._at_once == 1:
            for batch in _batches(arrays, batch_size):
                self._run(batch)
        else:
            with ThreadPoolExecutor(self._at_once) as pool:
                for _ in pool.map(self._run, _batches(arrays, batch_size)):
                    pass
        return len(arrays) / (time.perf_counter() - start)

    def _run(self, batch: Batch) -> object:
        return self._session.run(self._outputs, {self._input: batch})


def best_batch(session: BareSession, arrays: Batch, rounds: int) -> tuple[int, dict[int, float]]:
    """The fastest batch size, and the best rate of each in some rounds in turn."""
    rates = dict.fromkeys(BATCH_SIZES, 0.0)
    for _, size in itertools.product(range(rounds), BATCH_SIZES):
        rates[size] = max(rates[size], session.rate(arrays, size))
    return max(rates, key=rates.__getitem__), rates


def paired(
    tables: Mapping[str, tuple[Path, int]], bare: Callable[[], float], rounds: int
) -> dict[str, list[Pair]]:
    """Measure each table (and its number of photographs) beside the bare session: A B A B ..."""
    pairs: dict[str, list[Pair]] = {name: [] for name in tables}
    for _, (name, (table, count)) in itertools.product(range(rounds), tables.items()):
        pairs[name].append(Pair(count / table_seconds(table), bare()))
    return pairs


def _batches(arrays: Batch, size: int) -> Iterator[Batch]:
    for start in range(0, len(arrays), size):
        yield arrays[start : start + size]
