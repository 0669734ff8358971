"""Run methods over the grid: every split, vocabulary and seed, taken up where it was left."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mineralid.lab.evaluation.robustness.data import Bench, SplitData
from mineralid.lab.evaluation.robustness.grid import GRIDS, NO_ERROR, Cell
from mineralid.lab.evaluation.robustness.method import METHODS, OWN_TABLE, Fitted, Method
from mineralid.lab.evaluation.robustness.readings import Corruption
from mineralid.lab.evaluation.robustness.results import (
    DESCRIPTION,
    SPLITS,
    PartName,
    ResultsError,
    judge_answers,
    read_description,
    read_part,
    write_part,
    write_tables,
    write_whole,
)

# A change of what a part holds, or of how readings are drawn, makes all parts anew.
FORMAT = 1


@dataclass(frozen=True)
class Work:
    """What to measure. grid: "full" or "reduced". about: plain values for benchmark.json."""

    splits: Mapping[str, SplitData]
    benches: Mapping[str, Bench]
    methods: Sequence[Method]
    seeds: int
    grid: str = "full"
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of the grid."""
        return GRIDS[self.grid]()

    def inputs(self, vocabulary: str, split: str) -> str:
        """Return a hash of what every method is given, by vocabulary and split."""
        cells = [c.key for c in self.cells]
        return _hash([FORMAT, cells, self.benches[vocabulary].sha256, self.splits[split].sha256])

    def parts(self) -> Iterator[PartName]:
        """Go through all parts: methods of one split, vocabulary and seed after another."""
        for split in self.splits:
            for vocabulary in self.benches:
                for seed in range(self.seeds):
                    for method in self.methods:
                        yield PartName(method.name, vocabulary, split, seed)


def judging_seed(split: str, seed: int) -> int:
    """Return the seed of the readings that judge: the same for every method and vocabulary."""
    return zlib.crc32(f"judged {split}".encode()) + seed


def run_benchmark(
    work: Work,
    out: Path,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    say: Callable[[str], None] = lambda text: None,
) -> int:
    """Compute the parts that are not there yet, then write the tables; returns their rows.

    progress: called with rows done and rows to do. Raises ResultsError where the folder holds
    results of another grid or of other networks.
    """
    describe(work, out)
    named = {method.name: method for method in work.methods}
    settings = {name: _hash(method.settings) for name, method in named.items()}
    todo = []
    for part in work.parts():
        found = read_part(out, part)
        inputs = work.inputs(part.vocabulary, part.split)
        if found is None or (found.head["inputs"], found.head["settings"]) != (
            inputs,
            settings[part.method],
        ):
            todo.append((part, inputs))
    whole = sum(1 for _ in work.parts())
    say(f"{whole - len(todo)} of {whole} parts are there already")
    cells, total = work.cells, len(todo) * len(work.cells)
    fitted = _Fits(work)
    judged = _Judged(work)
    progress(0, total)
    for number, (part, inputs) in enumerate(todo):
        method, data = named[part.method], work.splits[part.split]
        fit = fitted.of(method, part)
        corruption = judged.of(part)
        labels = data.labels[data.test]
        answers, measures = [], []
        for place, cell in enumerate(cells, 1):
            readings = corruption.readings(
                cell.tests,
                missing_rate=cell.missing_rate,
                kind="record" if cell.error_kind == NO_ERROR else cell.error_kind,
                rate=cell.error_rate,
            )
            share = cell.error_rate if getattr(method, "matched", False) else None
            p = fit.posterior(data.test, readings, wrong_share=share)
            answer, measured = judge_answers(p, labels)
            answers.append(answer)
            measures.append(measured)
            progress(number * len(cells) + place, total)
        head = {
            "inputs": inputs,
            "settings": settings[part.method],
            "title": method.title,
            "notes": getattr(fit, "notes", {}),
        }
        write_part(out, part, head, cells, answers, measures)
    return write_tables(out)


class _Fits:
    """The fit of a method; one that does not depend on the seed is kept for all of a split."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._where = ("", "")
        self._kept: dict[str, Fitted] = {}

    def of(self, method: Method, part: PartName) -> Fitted:
        if self._where != (part.split, part.vocabulary):
            self._where, self._kept = (part.split, part.vocabulary), {}
        if method.name in self._kept:
            return self._kept[method.name]
        data, bench = self._work.splits[part.split], self._work.benches[part.vocabulary]
        fit = method.fit(data, bench, part.seed)
        if not getattr(method, "seeded", True):
            self._kept[method.name] = fit
        return fit


class _Judged:
    """The readings that judge, of the last split, vocabulary and seed."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._where = ("", "", -1)
        self._last: Corruption

    def of(self, part: PartName) -> Corruption:
        where = part.split, part.vocabulary, part.seed
        if where != self._where:
            data, bench = self._work.splits[part.split], self._work.benches[part.vocabulary]
            seed = judging_seed(part.split, part.seed)
            self._last = Corruption.drawn(bench.judge, data.labels[data.test], seed)
            self._where = where
        return self._last


def describe(work: Work, out: Path) -> None:
    """Write benchmark.json and the judged photographs of each split; keeps what others added.

    Raises ResultsError where the folder is of another grid or of other networks.
    """
    told: dict[str, Any] = {"grid": work.grid, **work.about}
    methods: dict[str, str] = {}
    learned_from: dict[str, str] = {}
    splits: dict[str, Any] = {}
    inputs: dict[str, str] = {}
    if (out / DESCRIPTION).is_file():
        before = read_description(out)
        for name in ("grid", "network", "readout", "catalogue"):
            if before.get(name) != told.get(name):
                raise ResultsError(
                    f"{out} holds results of the {name} {before.get(name)}, not "
                    f"{told.get(name)}; choose another folder with --out"
                )
        methods, splits, inputs = before["methods"], before["splits"], before["inputs"]
        learned_from = before.get("learned_from", {})
    methods |= {m.name: m.title for m in work.methods}
    learned_from |= {m.name: getattr(m, "learned_from", "") for m in work.methods}
    for name, data in work.splits.items():
        splits[name] = {"kind": data.kind, "train": len(data.train), "test": len(data.test)}
        inputs |= {f"{v}/{name}": work.inputs(v, name) for v in work.benches}
        judged = {
            "rows": data.test,
            "labels": data.labels[data.test],
            "specimens": data.specimens[data.test],
            "collections": data.collections[data.test],
            "image_ids": np.array(data.image_ids)[data.test],
        }
        write_whole(out / SPLITS / f"{name}.npz", lambda s, j=judged: np.savez_compressed(s, **j))
    told |= {"methods": _in_order(methods), "learned_from": learned_from}
    told |= {"splits": splits, "inputs": inputs}
    write_whole(out / DESCRIPTION, lambda s: s.write(json.dumps(told, indent=1).encode()))


def _in_order(methods: Mapping[str, str]) -> dict[str, str]:
    """Return the methods as METHODS has them, a twin after its own; others last, as they came."""
    places = {name: place for place, name in enumerate(METHODS)}

    def place(name: str) -> tuple[int, int]:
        twin = places.get(name.removesuffix(OWN_TABLE), len(places))
        return twin, places.get(name, len(places))

    return {name: methods[name] for name in sorted(methods, key=place)}


def _hash(described: Any) -> str:
    text = json.dumps(described, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
