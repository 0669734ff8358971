"""Held-out scores: each photograph judged by a network, and prototypes, that have not seen it."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest

from mineralid.lab.data.manifest import Manifest, Photograph
from mineralid.lab.data.splits import (
    Split,
    collection_folds,
    named_splits,
    parse_left_out,
    specimen_folds,
)
from mineralid.lab.evaluation import out_of_fold as held_out
from mineralid.lab.evaluation.networks import Networks
from mineralid.lab.evaluation.out_of_fold import OutOfFold
from mineralid.lab.evaluation.readout import make_readout
from mineralid.lab.evaluation.scoring import Scores
from mineralid.lab.export import compared
from mineralid.vision.prepare import ImageSpec

CLASSES = ("Quartz", "Pyrite", "Galena")
CORE, BEYOND = ("c04", "c21", "c22", "c30"), ("c04", "c22", "c30", "c31")
SPEC = ImageSpec(height=32, width=32, fit="crop", mean=(0.5,) * 3, std=(0.5,) * 3)
NAMES = ["all", *(f"specimen{i}" for i in range(5)), "A", "B", "C"]
DEPTH = 5


def photograph(species: str, stone: int, copy: int, where: str) -> Photograph:
    name = f"{species}-{stone}-{copy}"
    return Photograph(name, Path(f"{name}.jpg"), species, where, f"{species}-{stone}")


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    """Three classes of twelve stones, two photographs each; eight stones of other species."""
    core = [
        photograph(species, stone, copy, CORE[stone % 4])
        for species, stone, copy in itertools.product(CLASSES, range(12), range(2))
    ]
    beyond = [photograph("Talc", stone, 0, BEYOND[stone % 4]) for stone in range(8)]
    mixed = [p for pair in itertools.zip_longest(core, beyond) for p in pair if p is not None]
    return Manifest(tuple(mixed), CLASSES)


class Network:
    """Stands for a trained network: its features say which it is and which photograph they see."""

    def __init__(self, split: str, spoiled: Collection[str] = ()) -> None:
        self.number, self.spoiled = NAMES.index(split), spoiled

    def score(self, manifest: Manifest) -> Scores:
        feature = np.zeros((len(manifest), DEPTH), dtype=np.float32)
        for row, p in enumerate(manifest.photographs):
            seed = [zlib.crc32(p.image_id.encode()), self.number]
            feature[row] = np.random.default_rng(seed).normal(0, 1, DEPTH)
            feature[row, 0] = self.number
            if p.image_id in self.spoiled:
                feature[row, 1:] *= 1000
        return Scores(feature[:, 1 : 1 + len(CLASSES)].copy(), feature)


class FakeNetworks(Networks):
    """Networks that need no files."""

    def __init__(self, spoiled: Collection[str] = ()) -> None:
        super().__init__(Path("runs"), "fake")
        object.__setattr__(self, "spoiled", spoiled)

    def scores(self, split: str, manifest: Manifest, spec: ImageSpec) -> Scores:
        return Network(split, self.spoiled).score(manifest)  # type: ignore[attr-defined]


def gather(
    monkeypatch: pytest.MonkeyPatch, manifest: Manifest, kind: str, spoiled: Collection[str] = ()
) -> OutOfFold:
    monkeypatch.setattr(held_out, "color_histograms", lambda photos, spec, folder: colors(photos))
    return held_out.out_of_fold(kind, manifest, FakeNetworks(spoiled), SPEC)


def colors(photos: Manifest) -> np.ndarray:
    seeds = [zlib.crc32(p.image_id.encode()) for p in photos.photographs]
    drawn = [np.random.default_rng([s, 7]).random(5) for s in seeds]
    return np.array(drawn, dtype=np.float32).reshape(-1, 5)


def folds(manifest: Manifest, kind: str) -> list[Split]:
    return (specimen_folds if kind == "specimen" else collection_folds)(manifest.of_classes())


@pytest.mark.parametrize("kind", ["specimen", "collection"])
def test_no_network_judges_a_stone_that_it_was_trained_on(
    monkeypatch: pytest.MonkeyPatch, manifest: Manifest, kind: str
) -> None:
    found = gather(monkeypatch, manifest, kind)
    splits = named_splits(manifest.of_classes())
    judges = [NAMES[int(number)] for number in found.scores.feature[:, 0]]
    photographs = found.manifest.photographs
    for row, (judge, photo) in enumerate(zip(judges, photographs, strict=True)):
        assert judge == found.folds[found.fold[row]]
        assert row in splits[judge].test
        assert photo.specimen not in {photographs[i].specimen for i in splits[judge].train}
    assert set(judges) == set(NAMES[6:] if kind == "collection" else NAMES[1:6])
    # The rows are those of the photographs themselves: back in order, none of another one.
    expected = [
        Network(judge).score(Manifest((photo,), CLASSES)).feature[0]
        for judge, photo in zip(judges, photographs, strict=True)
    ]
    np.testing.assert_array_equal(found.scores.feature, expected)


def test_other_species_are_judged_by_the_network_that_saw_nothing_of_their_collection(
    monkeypatch: pytest.MonkeyPatch, manifest: Manifest
) -> None:
    found = gather(monkeypatch, manifest, "collection")
    fold_of = {"c04": "A", "c21": "B", "c22": "B", "c30": "C", "c31": "C"}
    judges = [NAMES[int(number)] for number in found.beyond.feature[:, 0]]
    assert judges == [fold_of[where] for where in found.beyond_collections]
    assert [found.folds[i] for i in found.beyond_fold] == judges
    assert len(judges) == 8


def test_folds_that_the_user_names_part_other_species_too(manifest: Manifest) -> None:
    left_out = parse_left_out(["mine=c30", "yours=c04,c21"])
    splits, judge = held_out.judges("collection", manifest, left_out)
    assert [s.name for s in splits] == ["mine", "yours", "others"]
    where = [p.collection for p in manifest.of_other_species().photographs]
    # c22 is in neither; no network has seen anything of c31.
    fold_of = {"c04": "yours", "c22": "others", "c30": "mine", "c31": "others"}
    assert [splits[i].name for i in judge] == [fold_of[c] for c in where]


@pytest.mark.parametrize("kind", ["specimen", "collection"])
def test_prototypes_and_head_are_blind_to_the_test_side(
    monkeypatch: pytest.MonkeyPatch, manifest: Manifest, kind: str
) -> None:
    honest = gather(monkeypatch, manifest, kind)
    core, changed = manifest.of_classes(), 0
    for number, split in enumerate(folds(manifest, kind)):
        tested = {core.photographs[i].image_id for i in split.test}
        found = gather(monkeypatch, manifest, kind, tested)
        for key, array in honest.prototypes[number].items():
            np.testing.assert_array_equal(found.prototypes[number][key], array)
        others = [n for n in range(len(honest.folds)) if n != number]
        changed += any(
            not np.array_equal(found.prototypes[n]["class_means"], p["class_means"])
            for n, p in enumerate(honest.prototypes)
            if n in others
        )
    assert changed == len(honest.folds)  # elsewhere these photographs do make the prototypes


def test_scores_are_read_out_with_the_training_side(
    monkeypatch: pytest.MonkeyPatch, manifest: Manifest
) -> None:
    found = gather(monkeypatch, manifest, "collection")
    core = manifest.of_classes()
    for number, split in enumerate(collection_folds(core)):
        every = Network(split.name).score(core)
        train = list(split.train)
        made = make_readout(
            every.feature[train],
            colors(core)[train],
            np.array(core.labels())[train],
            np.array([core.photographs[i].collection for i in train]),
            len(CLASSES),
        )
        test = list(split.test)
        expected = made.applied(every.rows(test), colors(core)[test]).scores
        np.testing.assert_array_equal(found.scores.scores[found.fold == number], expected)
        assert not np.array_equal(expected, every.scores[list(split.test)])


def test_an_unknown_kind_names_the_allowed(manifest: Manifest) -> None:
    with pytest.raises(ValueError, match=r"kind is 'stone'; allowed: 'specimen', 'collection'"):
        held_out.out_of_fold("stone", manifest, FakeNetworks(), SPEC)


# How often the head of each network is right on photographs that it was not trained on.
RIGHT = {"ssf+lite2": 1.0, "ssf": 0.75, "lite2": 0.75, "bias": 0.5, "none": 0.0}


def test_networks_are_compared_on_photographs_that_none_was_trained_on(
    monkeypatch: pytest.MonkeyPatch, manifest: Manifest, tmp_path: Path
) -> None:
    core = manifest.of_classes()
    splits = named_splits(core)

    def score(self: Networks, split: str, photos: Manifest, spec: ImageSpec) -> Scores:
        train = {core.photographs[i].specimen for i in splits[split].train}
        feature = np.zeros((len(photos), DEPTH), dtype=np.float32)
        scores = np.zeros((len(photos), len(CLASSES)), dtype=np.float32)
        for row, p in enumerate(photos.photographs):
            feature[row] = np.random.default_rng(zlib.crc32(p.image_id.encode())).normal(size=DEPTH)
            share = zlib.crc32(p.specimen.encode()) % 100 / 100
            # Wrong on all that it was trained on: whoever judges by these sees it.
            right = share < RIGHT[self.name] and p.specimen not in train
            label = CLASSES.index(p.species) if p.species in CLASSES else 0
            scores[row, (label + (not right)) % len(CLASSES)] = 1e6
        return Scores(scores, feature)

    monkeypatch.setattr(Networks, "scores", score)
    monkeypatch.setattr(held_out, "color_histograms", lambda photos, spec, folder: colors(photos))
    networks = Networks(tmp_path, "ssf+lite2")
    shipped = {
        kind: held_out.out_of_fold(kind, manifest, networks, SPEC)
        for kind in ("specimen", "collection")
    }
    table = compared.compare_networks(shipped, manifest, tmp_path, SPEC)
    assert list(table) == [*RIGHT]
    shares = np.array([zlib.crc32(p.specimen.encode()) % 100 / 100 for p in core.photographs])
    for name, entry in table.items():
        assert ("gain" in entry["specimen"]) == (name != "ssf+lite2")
        for kind, names in (("specimen", NAMES[1:6]), ("collection", ["A", "B", "C"])):
            for part in ("head", "read_out"):
                assert list(entry[kind][part]) == [*names, "mean of folds"]
                for fold in names:
                    expected = (shares[list(splits[fold].test)] < RIGHT[name]).mean()
                    assert entry[kind][part][fold]["top1"] == pytest.approx(expected), (name, fold)
            if name == "none":
                assert entry[kind]["gain"]["mean of folds"]["top1"] == 1.0
                assert entry[kind]["gain"]["mean of folds"]["interval"] == (1.0, 1.0)
    trained = [table[name]["trained"] for name in ("none", "bias", "ssf", "ssf+lite2")]
    assert trained == sorted(set(trained))
    assert trained[0] == 1281 * len(CLASSES)
    assert trained[-1] == table["ssf"]["trained"] + table["lite2"]["trained"]
