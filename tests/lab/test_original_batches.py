"""Batches: the seed and the epoch decide who is in which, however many processes share them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generated_photos import pictures
from hypothesis import given
from hypothesis import strategies as st

from mineralid.lab.original.batches import (
    AugmentedViews,
    Batch,
    Draws,
    FixedFeatures,
    GlobalBatches,
    WholePhotographs,
    loader,
)
from mineralid.lab.original.codes import ALL_TESTS, CASES, Case, published_codes
from mineralid.lab.original.recipe import PUBLISHED_AUGMENTATION

CODES = published_codes()


def batches(
    rows: int = 21,
    *,
    case: Case = ALL_TESTS,
    error_rate: float = 0.3,
    batch_size: int = 6,
    seed: int = 3,
    rank: int = 0,
    world: int = 1,
    epoch: int = 0,
    fixed: bool = False,
) -> GlobalBatches:
    found = GlobalBatches(
        labels=np.arange(rows, dtype=np.int64) % 36,
        codes=CODES,
        case=case,
        error_rate=error_rate,
        batch_size=batch_size,
        seed=seed,
        rank=rank,
        world=world,
        fixed=fixed,
    )
    found.set_epoch(epoch)
    return found


def same(one: Draws, two: Draws) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_the_same_seed_and_epoch_draw_the_same_and_others_do_not() -> None:
    first = list(batches(epoch=2))
    assert all(same(a, b) for a, b in zip(first, batches(epoch=2), strict=True))
    for other in (batches(epoch=3), batches(epoch=2, seed=4)):
        assert not np.array_equal(
            np.concatenate([d.indices for d in first]),
            np.concatenate([d.indices for d in other]),
        )


def test_a_run_taken_up_again_draws_what_the_whole_one_draws() -> None:
    whole = batches()
    epochs = []
    for epoch in range(4):
        whole.set_epoch(epoch)
        epochs.append(list(whole))
    resumed = batches(epoch=3)
    assert all(same(a, b) for a, b in zip(epochs[3], resumed, strict=True))


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 5))
def test_each_photograph_comes_once_an_epoch_and_the_last_batch_is_kept(
    rows: int, size: int, epoch: int
) -> None:
    drawn = batches(rows, batch_size=size, epoch=epoch)
    found = list(drawn)
    assert len(drawn) == len(found) == -(-rows // size)
    assert sorted(np.concatenate([d.indices for d in found])) == list(range(rows))
    assert np.array_equal(np.concatenate([d.positions for d in found]), np.arange(rows))
    assert [d.size for d in found] == [size] * (rows // size) + [rows % size] * (rows % size > 0)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("error_rate", [0.0, 0.3, 1.0])
def test_of_every_batch_exactly_the_floor_is_wrong(case: Case, error_rate: float) -> None:
    for drawn in batches(case=case, error_rate=error_rate):
        assert np.array_equal(drawn.clean, CODES.of(drawn.indices % 36, case))
        wrong = (drawn.given != drawn.clean).any(1).sum()
        assert wrong == int(error_rate * drawn.size + 1e-9)


def test_what_is_wrong_changes_from_epoch_to_epoch() -> None:
    def wrong(epoch: int) -> set[int]:
        return {
            int(i) for d in batches(epoch=epoch) for i in d.indices[(d.given != d.clean).any(1)]
        }

    assert len({frozenset(wrong(epoch)) for epoch in range(8)}) > 4


@pytest.mark.parametrize("world", [2, 3])
@given(st.integers(3, 40), st.integers(0, 3))
def test_the_processes_together_have_the_batches_of_one(world: int, rows: int, epoch: int) -> None:
    single = list(batches(rows, epoch=epoch))
    parts = [list(batches(rows, rank=r, world=world, epoch=epoch)) for r in range(world)]
    # A last batch of fewer rows than processes is left out, and by all of them alike.
    left_out = rows % 6 if 0 < rows % 6 < world else 0
    assert [len(p) for p in parts] == [len(single) - bool(left_out)] * world
    for number, own in enumerate(zip(*parts, strict=True)):
        whole = single[number]
        assert all(d.size == whole.size for d in own)
        joined = [np.concatenate([d[i] for d in own]) for i in range(1, 5)]
        order = np.argsort(joined[0])
        for found, expected in zip(joined, whole[1:5], strict=True):
            assert np.array_equal(found[order], expected)  # row for row
        for rank, drawn in enumerate(own):
            assert np.array_equal(drawn.indices, whole.indices[rank::world])


@pytest.mark.parametrize("world", [1, 2, 3])
def test_shares_weigh_the_means_of_the_parts_to_the_mean_of_the_whole(world: int) -> None:
    """The mean over processes of share · own mean, as DDP averages gradients, is the whole mean."""
    values = np.random.default_rng(0).normal(size=23)
    labels = np.arange(23, dtype=np.int64) % 36
    pixels = np.zeros((23, 2, 2, 3), np.uint8)
    of_rank = [
        list(
            loader(
                WholePhotographs(pixels, labels, world),
                batches(23, rank=r, world=world),
            )
        )
        for r in range(world)
    ]
    draws = [list(batches(23, rank=r, world=world)) for r in range(world)]
    for number, whole in enumerate(batches(23)):
        own = [of_rank[r][number] for r in range(world)]
        assert sum(b.share for b in own) == pytest.approx(world)
        weighed = [b.share * values[draws[r][number].indices].mean() for r, b in enumerate(own)]
        assert np.mean(weighed) == pytest.approx(values[whole.indices].mean())


def test_validation_draws_every_epoch_as_the_first() -> None:
    assert all(same(a, b) for a, b in zip(batches(fixed=True, epoch=7), batches(), strict=True))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch_size": 7, "world": 2}, "batch_size is 7 over 2 processes; allowed: a multiple"),
        ({"rank": 1, "world": 1}, "process 1 of 1; allowed: 0 to 0"),
        ({"rank": 2, "world": 2}, "process 2 of 2; allowed: 0 to 1"),
    ],
)
def test_processes_that_do_not_fit_are_refused(options: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        batches(**options)  # type: ignore[arg-type]


def features(views: int, photographs: int) -> torch.Tensor:
    """Each feature says which view of which photograph it is: [K, N, 2]."""
    k, n = torch.meshgrid(torch.arange(views), torch.arange(photographs), indexing="ij")
    return torch.stack([k, n], dim=2).float()


def test_fixed_features_take_each_view_about_equally_often() -> None:
    views, rows, epochs = 4, 50, 60
    labels = np.arange(rows, dtype=np.int64) % 36
    counts = np.zeros((rows, views))
    drawn = batches(rows, batch_size=8)
    for epoch in range(epochs):
        drawn.set_epoch(epoch)
        for batch, draws in zip(
            loader(FixedFeatures(features(views, rows), labels, seed=0), drawn),
            drawn,
            strict=True,
        ):
            (feature,) = batch.image
            assert np.array_equal(feature[:, 1].long().numpy(), draws.indices)
            assert np.array_equal(batch.labels.numpy(), draws.indices % 36)
            np.add.at(counts, (draws.indices, feature[:, 0].long().numpy()), 1)
    assert (counts.sum(1) == epochs).all()
    expected = epochs / views
    chi2 = ((counts - expected) ** 2 / expected).sum()
    free = rows * (views - 1)
    assert abs(chi2 - free) < 5 * np.sqrt(2 * free)


def test_fixed_features_are_the_same_again_and_shared_by_processes() -> None:
    rows = 20
    labels = np.zeros(rows, np.int64)

    def taken(epoch: int, rank: int = 0, world: int = 1) -> dict[int, int]:
        drawn = batches(rows, rank=rank, world=world, epoch=epoch)
        found: dict[int, int] = {}
        for batch in loader(FixedFeatures(features(4, rows), labels, seed=0, world=world), drawn):
            for view, index in batch.image[0].int().tolist():
                found[index] = view
        return found

    assert taken(5) == taken(5)
    assert taken(5) != taken(6)
    assert taken(5) == taken(5, 0, 2) | taken(5, 1, 2)


def test_augmented_views_depend_on_seed_epoch_and_place_alone() -> None:
    images, labels, _ = pictures(3)
    made = AugmentedViews(
        images, np.array(labels, np.int64), size=32, options=PUBLISHED_AUGMENTATION, seed=0
    )

    def epoch(number: int, world: int = 1) -> list[list[Batch]]:
        return [
            list(loader(made, batches(12, batch_size=4, epoch=number, rank=r, world=world)))
            for r in range(world)
        ]

    (one,), (two,), (other,) = epoch(1), epoch(1), epoch(2)
    assert one[0].image[0].shape == (4, 32, 32, 3)
    assert one[0].image[0].dtype == torch.uint8
    assert one[0].image[1].shape == (4, 3, 4)
    assert all(torch.equal(a.image[0], b.image[0]) for a, b in zip(one, two, strict=True))
    assert not any(torch.equal(a.image[0], b.image[0]) for a, b in zip(one, other, strict=True))
    for number, own in enumerate(zip(*epoch(1, world=2), strict=True)):
        for rank, part in enumerate(own):
            assert torch.equal(part.image[0], one[number].image[0][rank::2])


def test_batches_from_worker_processes_are_those_of_this_one() -> None:
    images, labels, _ = pictures(3)
    made = AugmentedViews(
        images, np.array(labels, np.int64), size=32, options=PUBLISHED_AUGMENTATION, seed=0
    )
    for own, theirs in zip(
        loader(made, batches(12, batch_size=5)),
        loader(made, batches(12, batch_size=5), workers=1),
        strict=True,
    ):
        assert torch.equal(own.image[0], theirs.image[0])
        assert torch.equal(own.given, theirs.given)
        assert (own.share, own.size) == (theirs.share, theirs.size)
