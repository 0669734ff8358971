"""Draws of an epoch: the same for the same (seed, epoch), balanced as the power says."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mineralid.lab.data.augment import Augmentation
from mineralid.lab.data.batches import AugmentedPhotographs, BalancedSampler, training_loader

LABELS = [0] * 30 + [1] * 8 + [2] * 2
label_lists = st.lists(st.integers(0, 5), min_size=1, max_size=80)


def draw(labels: list[int], power: float, seed: int = 0, epoch: int = 0) -> list:
    sampler = BalancedSampler(labels, power, seed)
    sampler.set_epoch(epoch)
    return list(sampler)


@settings(max_examples=50, deadline=None)
@given(
    labels=label_lists,
    power=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 9),
    epoch=st.integers(0, 99),
)
def test_same_seed_and_epoch_same_draw(
    labels: list[int], power: float, seed: int, epoch: int
) -> None:
    drawn = draw(labels, power, seed, epoch)
    assert drawn == draw(labels, power, seed, epoch)
    assert len(drawn) == len(labels)
    assert [d[0] for d in drawn] == [epoch] * len(labels)
    assert [d[1] for d in drawn] == list(range(len(labels)))


def test_another_epoch_or_seed_is_another_draw() -> None:
    for power in (0.0, 0.5):
        orders = [
            [d[2] for d in draw(LABELS, power, seed, epoch)]
            for seed, epoch in ((0, 0), (0, 1), (1, 0), (1, 1))
        ]
        assert len({tuple(o) for o in orders}) == 4


@settings(max_examples=50, deadline=None)
@given(labels=label_lists, seed=st.integers(0, 9))
def test_power_zero_draws_each_photograph_once(labels: list[int], seed: int) -> None:
    assert sorted(d[2] for d in draw(labels, 0.0, seed)) == list(range(len(labels)))


@settings(max_examples=100, deadline=None)
@given(
    labels=label_lists,
    power=st.sampled_from([0.25, 0.5, 1.0]),
    seed=st.integers(0, 9),
    epoch=st.integers(0, 9),
)
def test_a_photograph_comes_floor_or_ceil_of_its_expected_times(
    labels: list[int], power: float, seed: int, epoch: int
) -> None:
    sizes = Counter(labels)
    raw = [sizes[label] ** -power for label in labels]
    drawn = Counter(d[2] for d in draw(labels, power, seed, epoch))
    for index, weight in enumerate(raw):
        expected = len(labels) * weight / sum(raw)
        assert math.floor(expected - 1e-9) <= drawn[index] <= math.ceil(expected + 1e-9)


def test_square_root_balance_of_classes() -> None:
    # 40 draws shared as sqrt(30) : sqrt(8) : sqrt(2).
    drawn = Counter(LABELS[d[2]] for d in draw(LABELS, 0.5))
    roots = [math.sqrt(30), math.sqrt(8), math.sqrt(2)]
    for label, root in enumerate(roots):
        assert abs(drawn[label] - 40 * root / sum(roots)) <= 1.0


def test_batches_follow_the_epoch_and_are_the_same_again() -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (20, 24, 3), dtype=np.uint8) for _ in LABELS]
    dataset = AugmentedPhotographs(images, LABELS, size=16, options=Augmentation(), seed=3)

    def epoch(number: int) -> list:
        loader = training_loader(dataset, batch_size=16, balance_power=0.5, workers=0)
        loader.sampler.set_epoch(number)  # type: ignore[attr-defined]
        return list(loader)

    first, again, second = epoch(0), epoch(0), epoch(1)
    assert len(first) == 2  # of 40 photographs; the incomplete batch is left out
    for (views, colors, labels), repeated in zip(first, again, strict=True):
        assert views.shape == (16, 16, 16, 3)
        assert colors.shape == (16, 3, 4)
        assert labels.shape == (16,)
        for one, two in zip((views, colors, labels), repeated, strict=True):
            assert np.array_equal(one.numpy(), two.numpy())
    assert not np.array_equal(first[0][0].numpy(), second[0][0].numpy())


def test_fewer_photographs_than_a_batch_still_train() -> None:
    images = [np.zeros((20, 20, 3), dtype=np.uint8)] * 3
    dataset = AugmentedPhotographs(images, [0, 1, 1], size=16, options=Augmentation(), seed=0)
    batches = list(training_loader(dataset, batch_size=16, balance_power=0.5, workers=0))
    assert [len(b[2]) for b in batches] == [3]


def cells(collection_power: float, power: float = 0.5) -> Counter:
    """Count the draws of each class and collection: class 0 has 27 + 3 photographs, 1 has 4 + 4."""
    labels = [0] * 30 + [1] * 8
    places = ["a"] * 27 + ["b"] * 3 + ["a"] * 4 + ["c"] * 4
    drawn: Counter = Counter()
    for epoch in range(20):
        sampler = BalancedSampler(
            labels, power, 0, collections=places, collection_power=collection_power
        )
        sampler.set_epoch(epoch)
        drawn.update((labels[d[2]], places[d[2]]) for d in sampler)
    return drawn


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_collections_are_balanced_within_a_class_and_classes_as_before(power: float) -> None:
    plain, even = cells(0.0, power), cells(1.0, power)
    assert even[0, "a"] == pytest.approx(even[0, "b"], rel=0.1)
    assert plain[0, "a"] == pytest.approx(9 * plain[0, "b"], rel=0.2)
    for label in (0, 1):
        totals = [sum(n for (c, _), n in found.items() if c == label) for found in (plain, even)]
        assert totals[1] == pytest.approx(totals[0], rel=0.05)


def test_power_half_lies_between() -> None:
    shares = [cells(p)[0, "b"] for p in (0.0, 0.5, 1.0)]
    assert shares[0] < shares[1] < shares[2]


def test_without_collections_they_can_t_be_balanced() -> None:
    with pytest.raises(ValueError, match=r"collection_power is 0.5; allowed: 0"):
        BalancedSampler(LABELS, 0.5, 0, collection_power=0.5)
