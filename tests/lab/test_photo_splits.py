"""No stone on both sides of a split, whether by specimen or by collection."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineralid.lab.data.manifest import Manifest, Photograph, read_manifest
from mineralid.lab.data.splits import (
    LEFT_OUT_FOLDS,
    Split,
    collection_folds,
    specimen_folds,
)
from mineralid.lab.training.runs import named_splits

COLLECTIONS = ("c01", "c04", "c21", "c22", "c30")


def check_no_leak(manifest: Manifest, splits: list[Split]) -> None:
    """No specimen on both sides; the test sides part the photographs among them."""
    photographs = manifest.photographs
    for split in splits:
        train = {photographs[i].specimen for i in split.train}
        assert train.isdisjoint(photographs[i].specimen for i in split.test), split.name
        assert set(split.train).isdisjoint(split.test)
    tested = [i for split in splits for i in split.test]
    assert sorted(tested) == list(range(len(photographs)))


def check_collections(manifest: Manifest, splits: list[Split]) -> None:
    """A = c04, B = c21 + c22, C = every other collection."""
    assert [s.name for s in splits] == ["A", "B", "C"]
    every = {p.collection for p in manifest.photographs}
    sides = ({"c04"}, {"c21", "c22"}, every - {"c04", "c21", "c22"})
    for split, side in zip(splits, sides, strict=True):
        assert {manifest.photographs[i].collection for i in split.test} == every & side


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Specimens of 1 to 4 photographs, some of them photographed in two collections."""
    classes = ("Quartz", "Pyrite", "Galena")
    photographs = []
    for stone in range(draw(st.integers(20, 40))):
        species = draw(st.sampled_from(classes)) if stone >= 15 else classes[stone % 3]
        for _ in range(draw(st.integers(1, 4))):
            n = len(photographs)
            where = draw(st.sampled_from(COLLECTIONS))
            photographs.append(Photograph(f"p{n}", Path(f"p{n}.jpg"), species, where, f"s{stone}"))
    order = draw(st.permutations(range(len(photographs))))
    return Manifest(tuple(photographs), classes).subset(order)


@settings(max_examples=25, deadline=None)
@given(manifest=manifests(), seed=st.integers(0, 5))
def test_generated_specimen_folds(manifest: Manifest, seed: int) -> None:
    splits = specimen_folds(manifest, seed=seed)
    assert [s.name for s in splits] == [f"specimen{i}" for i in range(5)]
    check_no_leak(manifest, splits)
    for split in splits:
        assert len(split.train) + len(split.test) == len(manifest)
    assert specimen_folds(manifest, seed=seed) == splits


@settings(max_examples=25, deadline=None)
@given(manifest=manifests())
def test_generated_collection_folds(manifest: Manifest) -> None:
    splits = collection_folds(manifest)
    check_no_leak(manifest, splits)
    check_collections(manifest, splits)


def test_a_stone_seen_in_two_collections_is_trained_on_in_neither_fold() -> None:
    rows = [("c04", "s1"), ("c01", "s1"), ("c21", "s2"), ("c01", "s3")]
    photographs = tuple(
        Photograph(f"p{i}", Path("p.jpg"), "Quartz", c, s) for i, (c, s) in enumerate(rows)
    )
    a, b, c = collection_folds(Manifest(photographs, ("Quartz",)))
    assert (a.train, a.test) == ((2, 3), (0,))
    assert (b.train, b.test) == ((0, 1, 3), (2,))
    assert (c.train, c.test) == ((2,), (1, 3))


@pytest.fixture(scope="module")
def real(shared: Path) -> Manifest:
    return read_manifest(shared / "minerals").of_classes()


def test_real_splits_share_no_specimen(real: Manifest) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # every species has photographs enough for five folds
        by_specimen = specimen_folds(real)
    check_no_leak(real, by_specimen)
    by_collection = collection_folds(real)
    check_no_leak(real, by_collection)
    check_collections(real, by_collection)
    assert list(LEFT_OUT_FOLDS) == ["A", "B", "C"]


def test_every_split_has_a_name_and_all_trains_on_everything(real: Manifest) -> None:
    splits = named_splits(real)
    names = ["all", *(f"specimen{i}" for i in range(5)), "A", "B", "C"]
    assert list(splits) == names
    assert splits["all"].train == tuple(range(len(real)))
    assert splits["all"].test == ()
