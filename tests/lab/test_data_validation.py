"""The validation set: whole specimens, classes kept even, no class without training."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineralid.lab.data.manifest import Manifest, Photograph
from mineralid.lab.data.validation import carve

CLASSES = ("Quartz", "Pyrite", "Galena", "Talc")


def manifest_of(stones: list[tuple[str, str]]) -> Manifest:
    """Photographs of (species, specimen) each."""
    photographs = (
        Photograph(f"p{i}", Path(f"p{i}.jpg"), species, "c", stone)
        for i, (species, stone) in enumerate(stones)
    )
    return Manifest(tuple(photographs), CLASSES)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Specimens of 1 to 5 photographs, seldom with one under another species; in any order."""
    stones = []
    for stone in range(draw(st.integers(2, 40))):
        species = draw(st.sampled_from(CLASSES))
        for _ in range(draw(st.integers(1, 5))):
            mistaken = draw(st.integers(0, 19)) == 0
            stones.append((CLASSES[0] if mistaken else species, f"s{stone}"))
    return manifest_of(draw(st.permutations(stones)))


def counts(manifest: Manifest, indices: tuple[int, ...]) -> Counter[str]:
    return Counter(manifest.photographs[i].species for i in indices)


@settings(max_examples=100, deadline=None)
@given(manifest=manifests(), share=st.floats(0.01, 0.9), seed=st.integers(0, 3))
def test_whole_specimens_and_no_class_without_training(
    manifest: Manifest, share: float, seed: int
) -> None:
    try:
        train, validation = carve(manifest, share, seed)
    except ValueError:
        # Then every specimen is the only one of some class.
        for stone in {p.specimen for p in manifest.photographs}:
            others = {p.species for p in manifest.photographs if p.specimen != stone}
            assert not {p.species for p in manifest.photographs if p.specimen == stone} <= others
        return
    assert sorted(train + validation) == list(range(len(manifest)))
    assert list(train) == sorted(train) and list(validation) == sorted(validation)
    stone = [p.specimen for p in manifest.photographs]
    assert {stone[i] for i in train}.isdisjoint(stone[i] for i in validation)
    assert set(counts(manifest, train)) == {p.species for p in manifest.photographs}
    assert validation
    # No class is over its share by a specimen or more, unless the one specimen that must be.
    size = max(Counter(stone).values())
    every = counts(manifest, tuple(range(len(manifest))))
    if len({stone[i] for i in validation}) > 1:
        for species, count in counts(manifest, validation).items():
            assert count < share * every[species] + size


@settings(max_examples=100, deadline=None)
@given(
    each=st.lists(st.integers(2, 40), min_size=4, max_size=4),
    share=st.floats(0.05, 0.5),
    seed=st.integers(0, 3),
)
def test_single_photographs_are_shared_out_to_the_nearest_one(
    each: list[int], share: float, seed: int
) -> None:
    stones = [(c, f"{c}{i}") for c, n in zip(CLASSES, each, strict=True) for i in range(n)]
    manifest = manifest_of(stones)
    _, validation = carve(manifest, share, seed)
    assert abs(len(validation) - share * len(manifest)) <= 0.5 + 1e-6 or len(validation) == 1
    found = counts(manifest, validation)
    for species, n in zip(CLASSES, each, strict=True):
        assert math.floor(share * n + 1e-6) <= found[species] <= math.ceil(share * n - 1e-6)


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_the_photographs() -> None:
    manifest = manifest_of([(CLASSES[i // 3 % 4], f"s{i // 3}") for i in range(240)])
    first = carve(manifest, 0.2, 0)
    assert carve(manifest, 0.2, 0) == first
    assert carve(manifest, 0.2, 1) != first
    backwards = manifest.subset(reversed(range(len(manifest))))
    chosen = [
        {m.photographs[i].image_id for i in carve(m, 0.2, 0)[1]} for m in (manifest, backwards)
    ]
    assert chosen[0] == chosen[1]
    assert counts(manifest, first[1]) == dict.fromkeys(CLASSES, 12)


def test_small_classes_give_their_share_together() -> None:
    # A tenth of four photographs is less than one, of four classes 1.6 together.
    manifest = manifest_of([(c, f"{c}{i}") for c in CLASSES for i in range(4)])
    drawn = [counts(manifest, carve(manifest, 0.1, seed)[1]) for seed in range(20)]
    assert all(sorted(found.values()) == [1, 1] for found in drawn)
    assert set().union(*drawn) == set(CLASSES)  # which ones is drawn too


def test_a_class_of_one_specimen_is_trained_on() -> None:
    manifest = manifest_of([("Quartz", f"q{i}") for i in range(10)] + [("Talc", "t")] * 5)
    train, validation = carve(manifest, 0.3, 0)
    assert counts(manifest, train)["Talc"] == 5
    # The other gives its own share, and not that of both.
    assert counts(manifest, validation) == {"Quartz": 3}


def test_no_share_is_no_validation() -> None:
    assert carve(manifest_of([("Talc", "t")]), 0, 0) == ((0,), ())
    assert carve(manifest_of([]), 0, 0) == ((), ())


@pytest.mark.parametrize(
    ("stones", "share", "seed", "sentence"),
    [
        ([("Talc", "t")], 1, 0, r"the share to validate on is 1; allowed: 0 \(none\) to below 1"),
        ([("Talc", "t")], math.nan, 0, "the share to validate on is nan; allowed"),
        ([("Talc", "t")], 0.1, -1, "the seed is -1; allowed: 0 and above"),
        ([("Gold", "g")], 0.1, 0, "1 species of the photographs are no class, such as 'Gold'"),
        ([("Talc", "t")] * 9, 0.1, 0, "no specimen can be spared .*: 9 photographs of 1 specimens"),
        ([], 0.1, 0, "no specimen can be spared to validate on: 0 photographs"),
    ],
)
def test_what_is_impossible_is_refused(
    stones: list[tuple[str, str]], share: float, seed: int, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        carve(manifest_of(stones), share, seed)
