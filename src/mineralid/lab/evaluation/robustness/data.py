"""What all methods of the benchmark share: photographs by split, and the readings and evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mineralid.evidence import EvidenceModel
from mineralid.evidence.outcomes import grid
from mineralid.identify.hypotheses import Hypotheses
from mineralid.lab.data.manifest import Manifest, read_manifest
from mineralid.lab.data.splits import LEFT_OUT_FOLDS, LeftOut, Split
from mineralid.lab.evaluation.networks import Networks
from mineralid.lab.evaluation.out_of_fold import judges
from mineralid.lab.evaluation.prototypes import class_prototypes
from mineralid.lab.evaluation.readout import make_readout
from mineralid.lab.evaluation.robustness.readings import (
    VOCABULARIES,
    Corruption,
    Judge,
    Readings,
    codes_of,
)
from mineralid.lab.evaluation.scoring import Scores, color_histograms
from mineralid.lab.evaluation.simulated import (
    COLUMNS,
    READING_SOURCE,
    RELATIVES,
    TESTS,
    ReadingSource,
    evidence_catalogue,
    judge_readings,
    reading_source,
)
from mineralid.minerals import load_catalogue, load_vocabulary
from mineralid.vision.prepare import ImageSpec

Array = NDArray[np.float64]
Float = NDArray[np.float32]

# Of a network's scores and the colours of all core photographs, and its split.
Readout = Callable[[Scores, Float, Split, Manifest], Scores]

KINDS = ("specimen", "collection")


@dataclass(frozen=True, eq=False)
class SplitData:
    """Every core photograph [N] as one split's network sees it.

    kind: "specimen" (new stones of known collections) or "collection" (left out). feature [N, D]
    and scores [N, C], as they ship (what READOUTS adds of the training side). train, test: rows.
    tune: per kind the scores of networks that have not seen the photograph [N, C], rows of `test`
    NaN: on these alone temperature, ε, gates and thresholds are fitted.
    """

    name: str
    kind: str
    feature: Float
    scores: Float
    labels: NDArray[np.int_]
    specimens: NDArray[np.str_]
    collections: NDArray[np.str_]
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    tune: Mapping[str, Float]
    image_ids: tuple[str, ...] = field(default=(), repr=False)

    @property
    def others(self) -> NDArray[np.intp]:
        """Rows that are not judged: where `tune` has numbers."""
        return np.setdiff1d(np.arange(len(self.labels)), self.test)

    @cached_property
    def sha256(self) -> str:
        """A hash of everything in it."""
        parts: list[object] = [self.name, self.kind, list(self.tune)]
        parts += [self.labels, self.train, self.test, self.specimens, self.collections]
        return _hash([*parts, self.feature, self.scores, *self.tune.values()])


@dataclass(frozen=True, eq=False)
class Bench:
    """Evidence under test, and the judge's table that readings are drawn from.

    classes: names in the order of the scores' columns. model: the evidence over them, without the
    judge's table. vocabulary: "full", or "coarse" codes of the same readings. hypotheses: what the
    evidence was made of, for those methods that learn from its table or are given the judge's.
    """

    classes: tuple[str, ...]
    model: EvidenceModel
    source: ReadingSource
    vocabulary: str = "full"
    hypotheses: Hypotheses | None = field(default=None, repr=False)

    @cached_property
    def full(self) -> Bench:
        """The same bench with the full vocabulary."""
        return self if self.vocabulary == "full" else replace(self, vocabulary="full")

    @cached_property
    def of_own_table(self) -> Bench:
        """The bench whose readings come from the evidence's table, not from the judge's.

        Raises ValueError where that table lacks a reading of a class.
        """
        catalogue = self._made_of.catalogue
        return replace(self, source=reading_source({}, catalogue, self.classes))

    @cached_property
    def of_judge_table(self) -> Bench:
        """The bench whose evidence has the judge's table, which it is judged by."""
        return replace(self, model=informed_evidence(self._made_of, self.source))

    @property
    def _made_of(self) -> Hypotheses:
        if self.hypotheses is None:
            raise ValueError("this bench does not know the table that its evidence was made of")
        return self.hypotheses

    @cached_property
    def judge(self) -> Judge:
        """What readings are drawn from."""
        return Judge.of(self.source, self.model, self.classes, self.vocabulary)

    def draw(self, labels: NDArray[np.int_], rng: np.random.Generator) -> Readings:
        """Draw all readings of stones of classes `labels` [n] from the judge's table."""
        return self.judge.draw(labels, rng)

    def corrupt(
        self,
        readings: Readings,
        labels: NDArray[np.int_],
        rng: np.random.Generator,
        *,
        kind: str = "record",
        rate: float,
    ) -> Readings:
        """Make the share `rate` of stones of classes `labels` [n] wrong in what was tested."""
        seed = int(rng.integers(2**62))
        wrong = Corruption(self.judge, labels, readings, seed)
        return wrong.readings(kind=kind, rate=rate)

    @cached_property
    def likelihood(self) -> tuple[Array, ...]:
        """p(what is read | class) of each test [C, R]: coarse codes sum over their outcomes."""
        codes = codes_of(self.model, self.vocabulary)
        return tuple(
            self.model.tests[name].outcome @ np.eye(code.max() + 1)[code]
            for name, code in zip(TESTS, codes, strict=True)
        )

    @cached_property
    def _log_of_outcome(self) -> tuple[Array, ...]:
        return tuple(
            np.log(np.maximum(table, 1e-300)).T[code]
            for table, code in zip(self.likelihood, self.judge.codes, strict=True)
        )

    def log_likelihoods(self, readings: Readings) -> list[Array]:
        """Return log p(reading | class) of each of the F tests: float64 [n, C]; 0 where untested."""
        return [
            np.where(readings.tested[:, j, None], table[readings.outcome[:, j]], 0.0)
            for j, table in enumerate(self._log_of_outcome)
        ]

    @cached_property
    def _values(self) -> tuple[Float, ...]:
        if self.vocabulary == "coarse":
            # As the original codes them: hardness 1, 2, 3; luster and streak 0, 1.
            return tuple(
                (code + (name == "hardness")).astype(np.float32)[:, None]
                for name, code in zip(TESTS, self.judge.codes, strict=True)
            )
        hardness, luster, streak = (self.model.tests[name].observer for name in TESTS)
        words = load_vocabulary(streak.test.vocabulary_name or "streak")
        colors = [
            (*(c / 100 for c in words.lab.get(token, (0.0, 0.0, 0.0))), float(token == "none"))
            for token in words.tokens
        ]
        return (
            (grid(hardness) / 10).astype(np.float32)[:, None],
            np.eye(len(luster.test.vocabulary.tokens), dtype=np.float32),
            np.array(colors, dtype=np.float32),
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of each test in `encode`; their sum is W."""
        return tuple(values.shape[1] for values in self._values)

    def encode(self, readings: Readings) -> tuple[Float, NDArray[np.bool_]]:
        """Return readings as numbers for a network, float32 [n, W], and which are tested [n, W].

        Full: hardness in Mohs / 10, luster one-hot, streak CIELAB / 100 and a flag for no streak.
        Coarse: the three codes. 0 where untested.
        """
        values = np.concatenate(
            [table[readings.outcome[:, j]] for j, table in enumerate(self._values)], axis=1
        )
        tested = np.repeat(readings.tested, self.widths, axis=1)
        return np.where(tested, values, np.float32(0)), tested

    @cached_property
    def sha256(self) -> str:
        """A hash of classes, evidence, judge and vocabulary.

        `hypotheses` is what the evidence was made of: it changes with it.
        """
        parts: list[object] = [self.vocabulary, list(self.classes), *self.likelihood]
        return _hash([*parts, *self.judge.chance, *self.judge.codes, *self._values])


def _hash(parts: Iterable[object]) -> str:
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype.kind != "U":
            found.update(f"{part.shape}{part.dtype.str}".encode())
            found.update(np.ascontiguousarray(part).tobytes())
        else:
            found.update(repr(list(part) if isinstance(part, np.ndarray) else part).encode())
    return found.hexdigest()


def class_list(photos: Path) -> tuple[str, ...]:
    """Return the classes of a folder of photographs."""
    return read_manifest(photos).classes


def load_bench(facts: Path, classes: Sequence[str]) -> dict[str, Bench]:
    """Return the bench of each vocabulary: evidence without the judge's table, and that table."""
    catalogue = evidence_catalogue(facts)
    # As in the field: blanks and stray readings follow the whole catalogue.
    hypotheses = Hypotheses(catalogue, tuple(classes))
    source = judge_readings(facts, catalogue, classes)
    evidence = hypotheses.class_evidence
    return {
        name: Bench(tuple(classes), evidence, source, name, hypotheses) for name in VOCABULARIES
    }


def informed_evidence(hypotheses: Hypotheses, source: ReadingSource) -> EvidenceModel:
    """Return the evidence over the classes with the cells of `source` in place of its own."""
    minerals = list(hypotheses.minerals)
    for row, name in zip(hypotheses.class_rows, hypotheses.classes, strict=True):
        cells = {COLUMNS[test]: cell for test, cell in source.cells[name].items()}
        minerals[row] = replace(minerals[row], **cells)
    return EvidenceModel(tuple(minerals)).subset(hypotheses.class_rows)


def describe_readings(bench: Bench) -> dict[str, Any]:
    """Return classes, catalogue and where the readings come from, as plain values."""
    return {
        "classes": list(bench.classes),
        "catalogue": load_catalogue().version,
        "readings": {
            "source": READING_SOURCE,
            "relatives": RELATIVES,
            "share_of_cells_from_the_evidence_own_table": bench.source.shared_share(bench.classes),
        },
    }


def with_prototypes(found: Scores, color: Float, split: Split, core: Manifest) -> Scores:
    """Return the scores of all core photographs, prototypes of the training side added."""
    rows, labels, collections = _training_side(split, core)
    made = class_prototypes(found.feature[rows], labels, collections, len(core.classes))
    return found.with_head(*made.head())


def with_readout(found: Scores, color: Float, split: Split, core: Manifest) -> Scores:
    """Return the scores of all core photographs as a bundle gives them."""
    rows, labels, collections = _training_side(split, core)
    made = make_readout(found.feature[rows], color[rows], labels, collections, len(core.classes))
    return made.applied(found, color)


# What turns a network's scores into those that a bundle gives: of the first release, and now.
READOUTS: dict[str, Readout] = {"prototypes": with_prototypes, "shipped": with_readout}


def _training_side(
    split: Split, core: Manifest
) -> tuple[list[int], NDArray[np.int_], NDArray[np.str_]]:
    rows = list(split.train)
    collections = np.array([p.collection for p in core.photographs])
    return rows, np.array(core.labels())[rows], collections[rows]


def load_splits(
    photos: Path,
    networks: Networks,
    spec: ImageSpec,
    left_out: LeftOut = LEFT_OUT_FOLDS,
    *,
    readout: Readout = with_readout,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, SplitData]:
    """Return every split by name, those of collections first.

    readout: one of READOUTS. Raises ManifestError; ValueError and OSError where a run is damaged
    or not there.
    """
    core = read_manifest(photos).of_classes()
    scored: dict[str, dict[str, tuple[Split, Scores]]] = {}
    for kind in reversed(KINDS):
        scored[kind] = {}
        for split in judges(kind, core, left_out)[0]:
            say(f"scores of {' and '.join(map(str, networks.runs(split.name)))}")
            found = networks.scores(split.name, core, spec)
            color = color_histograms(core, spec, networks.folder)
            scored[kind][split.name] = split, readout(found, color, split, core)
    return assemble_splits(core, scored)


def assemble_splits(
    core: Manifest, scored: Mapping[str, Mapping[str, tuple[Split, Scores]]]
) -> dict[str, SplitData]:
    """Put splits together from the scores of their networks, by kind and name."""
    labels = np.array(core.labels())
    unseen: dict[str, Float] = {}
    for kind, splits in scored.items():
        unseen[kind] = np.full((len(core), len(core.classes)), np.nan, dtype=np.float32)
        for split, scores in splits.values():
            judged = list(split.test)
            unseen[kind][judged] = scores.scores[judged]
    found = {}
    for kind, splits in scored.items():
        for name, (split, scores) in splits.items():
            test = np.array(split.test, dtype=np.intp)
            tune = {k: v.copy() for k, v in unseen.items()}
            for values in tune.values():
                values[test] = np.nan
            found[name] = SplitData(
                name=name,
                kind=kind,
                feature=scores.feature,
                scores=scores.scores,
                labels=labels,
                specimens=np.array([p.specimen for p in core.photographs]),
                collections=np.array([p.collection for p in core.photographs]),
                train=np.array(split.train, dtype=np.intp),
                test=test,
                tune=tune,
                image_ids=tuple(p.image_id for p in core.photographs),
            )
    return found
