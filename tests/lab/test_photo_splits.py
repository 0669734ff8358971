"""No stone on both sides of a split, whether by specimen or by collection."""

from __future__ import annotations

import re
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
    left_out_folds,
    named_split,
    named_splits,
    parse_left_out,
    specimen_folds,
)

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
            # Every collection is there.
            where = COLLECTIONS[n] if n < 5 else draw(st.sampled_from(COLLECTIONS))
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
    rows = [("c04", "s1"), ("c01", "s1"), ("c21", "s2"), ("c01", "s3"), ("c22", "s4")]
    photographs = tuple(
        Photograph(f"p{i}", Path("p.jpg"), "Quartz", c, s) for i, (c, s) in enumerate(rows)
    )
    a, b, c = collection_folds(Manifest(photographs, ("Quartz",)))
    assert (a.train, a.test) == ((2, 3, 4), (0,))
    assert (b.train, b.test) == ((0, 1, 3), (2, 4))
    assert (c.train, c.test) == ((2, 4), (1, 3))


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
    for name in names:
        assert named_split(real, name) == splits[name]


def stones(*collections: str, each: int = 1) -> Manifest:
    """Specimens of one species, so many of each collection in turn."""
    where = [c for c in collections for _ in range(each)]
    photographs = (
        Photograph(f"p{i}", Path("p.jpg"), "Quartz", c, f"s{i}") for i, c in enumerate(where)
    )
    return Manifest(tuple(photographs), ("Quartz", "Pyrite"))


def test_collections_left_out_of_other_peoples_photographs() -> None:
    manifest = stones("home", "fair", "museum", "mine", each=2)
    left_out = parse_left_out(["bought=fair, museum", "found=mine"])
    folds = collection_folds(manifest, left_out)
    assert [(f.name, f.test) for f in folds] == [
        ("bought", (2, 3, 4, 5)),
        ("found", (6, 7)),
        ("others", (0, 1)),
    ]
    check_no_leak(manifest, folds)
    assert list(named_splits(manifest, left_out))[-3:] == ["bought", "found", "others"]
    # Where every collection is named there is no fold of the others.
    every = parse_left_out(["x=home,fair", "y=museum,mine"])
    assert list(left_out_folds(manifest, every)) == ["x", "y"]
    with pytest.raises(ValueError, match=r"split 'others' is empty: no collection is in none"):
        named_split(manifest, "others", every)
    assert parse_left_out([]) is LEFT_OUT_FOLDS


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["A"], "left out 'A'; expected NAME=collection,collection"),
        (["A=,"], "left out 'A=,'; expected NAME=collection,collection"),
        (["=c1"], "left out '=c1': its name may be of letters, digits and _ alone"),
        (["../A=c1"], "left out '../A=c1': its name may be of letters, digits and _ alone"),
        (["all=c1"], "left out 'all=c1': its name is taken; taken are all, others, specimen0"),
        (["A=c1", "A=c2"], "left out 'A=c2': its name is taken"),
        (["A=c1", "B=c2,c1"], "left out 'B=c2,c1': c1 is in an earlier fold"),
    ],
)
def test_a_fold_that_is_none_is_refused(given: list[str], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        parse_left_out(given)


def test_a_collection_that_is_not_there_is_refused_with_those_found() -> None:
    manifest = stones("home", "c04", each=5)
    with pytest.raises(ValueError) as error:
        named_splits(manifest)
    assert str(error.value) == (
        "no photograph of a class is from collection c21, c22, which the folds A (c04), "
        "B (c21, c22) and C (all others) leave out; the collections found are c04, home: "
        "choose with --left-out NAME=c1,c2"
    )
    assert len(named_split(manifest, "specimen2").test) == 2  # those need no collections


def test_too_few_photographs_are_said_with_how_many_are_needed() -> None:
    few = stones("home", "fair", each=2)
    with pytest.raises(ValueError) as error:
        named_split(few, "specimen0")
    assert str(error.value) == (
        "4 photographs of 4 specimens, at most 4 of a class, are too few for 5 folds by specimen; "
        "needed: 5 specimens or more, and 5 photographs or more of one class"
    )
    assert len(named_split(few, "all").train) == 4
    one = stones("home", each=6)
    with pytest.raises(ValueError) as error:
        named_split(one, "A", parse_left_out(["A=home"]))
    assert str(error.value) == (
        "split 'A' leaves nothing to train on: 6 photographs of the 2 classes, 0 of them to train "
        "on and 6 to measure on"
    )
