"""Streaming: order, errors in their place, bounded memory, the same bits however it is cut."""

from __future__ import annotations

import gc
import io
import threading
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mineralid.vision import (
    Classifier,
    ItemScores,
    PhotoError,
    load_bundle,
    prepare_photo,
    stream_scores,
)


@pytest.fixture(scope="module")
def classifier(tiny_bundle: Path) -> Classifier:
    return Classifier(load_bundle(tiny_bundle), threads=1)


def photo(seed: int) -> bytes:
    values = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).resize((50, 40)).save(stream, "JPEG")
    return stream.getvalue()


PHOTOS = [photo(seed) for seed in range(6)]
BAD = b"no picture"

# An item: which photographs it has, -1 standing for one that cannot be used.
items = st.lists(st.lists(st.integers(-1, len(PHOTOS) - 1), max_size=4), max_size=14)


def as_photos(numbers: Sequence[Sequence[int]]) -> list[list[bytes]]:
    return [[BAD if n < 0 else PHOTOS[n] for n in item] for item in numbers]


@settings(max_examples=30, deadline=None)
@given(
    numbers=items,
    batch_size=st.integers(1, 5),
    workers=st.integers(1, 3),
    prefetch=st.integers(0, 3),
)
def test_every_item_gets_its_own_scores_in_order(
    classifier: Classifier,
    numbers: list[list[int]],
    batch_size: int,
    workers: int,
    prefetch: int,
) -> None:
    results = list(
        stream_scores(
            as_photos(numbers),
            classifier,
            batch_size=batch_size,
            workers=workers,
            prefetch=prefetch,
        )
    )
    assert len(results) == len(numbers)
    spec = classifier.bundle.spec.image
    for item, result in zip(numbers, results, strict=True):
        if any(n < 0 for n in item):
            assert isinstance(result, PhotoError)
            assert "photograph <bytes>: it is a text file" in str(result)
            continue
        assert isinstance(result, ItemScores)
        assert result.scores.shape == (len(item), 5)
        assert result.feature.shape == (len(item), 8)
        for row, n in enumerate(item):
            scores, feature = classifier.scores(prepare_photo(PHOTOS[n], spec)[None])
            np.testing.assert_allclose(result.scores[row], scores[0], atol=1e-4)
            np.testing.assert_allclose(result.feature[row], feature[0], atol=1e-5)


def same_bits(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(
        (isinstance(a, PhotoError) and isinstance(b, PhotoError) and str(a) == str(b))
        or (
            isinstance(a, ItemScores)
            and isinstance(b, ItemScores)
            and a.scores.tobytes() == b.scores.tobytes()
            and a.feature.tobytes() == b.feature.tobytes()
        )
        for a, b in zip(one, other, strict=True)
    )


@settings(max_examples=20, deadline=None)
@given(numbers=items, batch_size=st.integers(1, 4), data=st.data())
def test_workers_and_resuming_change_no_bit(
    classifier: Classifier, numbers: list[list[int]], batch_size: int, data: st.DataObject
) -> None:
    photos = as_photos(numbers)
    whole = list(stream_scores(photos, classifier, batch_size=batch_size, workers=1))
    others = list(stream_scores(photos, classifier, batch_size=batch_size, workers=3, prefetch=0))
    assert same_bits(whole, others)
    start = batch_size * data.draw(st.integers(0, len(numbers) // batch_size))
    rest = list(stream_scores(photos[start:], classifier, batch_size=batch_size, workers=2))
    assert same_bits(whole[start:], rest)


def test_threads_of_the_classifier_change_no_bit(classifier: Classifier) -> None:
    photos = [[photo] for photo in PHOTOS]
    wide = Classifier(classifier.bundle, threads=2)
    assert same_bits(list(stream_scores(photos, classifier)), list(stream_scores(photos, wide)))


def test_an_unusable_neighbour_changes_no_bit(classifier: Classifier) -> None:
    good = list(stream_scores([[PHOTOS[0]], [PHOTOS[1]], [PHOTOS[2]]], classifier, batch_size=3))
    bad = list(stream_scores([[PHOTOS[0]], [BAD], [PHOTOS[2]]], classifier, batch_size=3))
    assert isinstance(bad[1], PhotoError)
    assert same_bits([good[0], good[2]], [bad[0], bad[2]])


def test_input_is_taken_only_as_far_as_needed(classifier: Classifier) -> None:
    taken = 0

    def source() -> Iterator[list[bytes]]:
        nonlocal taken
        while True:  # would never end if the stream read it all
            taken += 1
            yield [PHOTOS[taken % len(PHOTOS)]]

    stream = stream_scores(source(), classifier, batch_size=3, workers=2, prefetch=2)
    assert taken == 0
    for done in range(1, 61):
        next(stream)
        assert taken <= done + 3 * (2 + 2)


def test_results_do_not_keep_photographs_alive(classifier: Classifier) -> None:
    arrays = [np.full((40, 40, 3), n, np.uint8) for n in range(10)]
    arrays[4] = arrays[4][:5]  # too small
    watched = [weakref.ref(array) for array in arrays]

    def source() -> Iterator[list[np.ndarray]]:
        while arrays:
            yield [arrays.pop(0)]

    results = list(stream_scores(source(), classifier, batch_size=2, workers=2))
    gc.collect()
    assert isinstance(results[4], PhotoError)
    assert [ref() is None for ref in watched].count(False) == 0


def test_stopping_early_ends_the_threads(classifier: Classifier) -> None:
    stream = stream_scores(([p] for p in PHOTOS * 20), classifier, workers=2)
    next(stream)
    assert any("mineralid-vision" in thread.name for thread in threading.enumerate())
    stream.close()  # type: ignore[attr-defined]
    assert not any("mineralid-vision" in thread.name for thread in threading.enumerate())


def test_errors_of_the_input_itself_come_through(classifier: Classifier) -> None:
    def source() -> Iterator[list[bytes]]:
        yield [PHOTOS[0]]
        raise RuntimeError("the table broke off")

    with pytest.raises(RuntimeError, match="the table broke off"):
        list(stream_scores(source(), classifier))


@pytest.mark.parametrize(
    ("option", "value", "least"), [("batch_size", 0, 1), ("workers", 0, 1), ("prefetch", -1, 0)]
)
def test_options_are_checked_at_once(
    classifier: Classifier, option: str, value: int, least: int
) -> None:
    with pytest.raises(ValueError, match=f"{option} is {value}; allowed are {least} and more"):
        stream_scores([], classifier, **{option: value})


def test_real_photographs_stream(shared: Path, classifier: Classifier) -> None:
    paths = sorted((shared / "minerals" / "photos").glob("*.jpg"))
    assert len(paths) > 40
    chosen = paths[:: len(paths) // 40][:40]
    results = list(stream_scores(([path] for path in chosen), classifier))
    assert all(isinstance(result, ItemScores) for result in results)
