"""Score many photographs: decoding and network overlap on all cores, in order and bounded memory."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mineralid.vision.decode import Photo
from mineralid.vision.photo_error import PhotoError
from mineralid.vision.prepare import ImageSpec, prepare_photo
from mineralid.vision.session import Classifier

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class ItemScores:
    """What the network gives for the n photographs of one item: logits [n, C], features [n, D]."""

    scores: NDArray[np.float32]
    feature: NDArray[np.float32]


def stream_scores(
    photos: Iterable[Sequence[Photo]],
    classifier: Classifier,
    *,
    batch_size: int = 2,
    workers: int | None = None,
    prefetch: int = 8,
) -> Iterator[ItemScores | PhotoError]:
    """For each item (the photographs of one stone, maybe none), in input order, its scores or
    the error of its first photograph that cannot be used; see `stream_each`.
    """
    return stream_each(
        photos,
        lambda item: item,
        lambda item, scored: scored,
        classifier,
        batch_size=batch_size,
        workers=workers,
        prefetch=prefetch,
    )


def stream_each(
    items: Iterable[Item],
    photos_of: Callable[[Item], Sequence[Photo]],
    then: Callable[[Item, ItemScores | PhotoError], Result],
    classifier: Classifier,
    *,
    batch_size: int = 2,
    workers: int | None = None,
    prefetch: int = 8,
) -> Iterator[Result]:
    """For each item, in input order, what `then` makes of it and of its photographs' scores.

    photos_of: the photographs of an item, maybe none. then: called in the worker's thread with the
    item and its scores, or the error of its first photograph that cannot be used. Items are taken
    in groups of `batch_size`. Each of `workers` threads (None: one more than the classifier's
    threads, so that a core computes while a thread waits for the interpreter) decodes a group,
    scores it on one core and calls `then`. At most `workers + prefetch` groups are held, whatever
    the number of items.

    How photographs share a batch follows from the order of the items alone, an unusable one
    leaving an empty place, and each batch runs on one core: so the number of workers changes no
    bit, nor does resuming at a multiple of `batch_size`.
    """
    workers = classifier.threads + 1 if workers is None else workers
    for name, value, least in (
        ("batch_size", batch_size, 1),
        ("workers", workers, 1),
        ("prefetch", prefetch, 0),
    ):
        if value < least:
            raise ValueError(f"{name} is {value}; allowed are {least} and more")
    # One core a batch: measured faster than one batch on all cores (no waiting for one another),
    # and small batches faster than large ones (their activations stay in the cache).
    single = classifier if classifier.threads == 1 else Classifier(classifier.bundle, threads=1)

    def work(group: list[Item]) -> list[Result]:
        scored = _score_group([photos_of(item) for item in group], single, batch_size)
        return [then(item, result) for item, result in zip(group, scored, strict=True)]

    return _stream(iter(items), work, batch_size, workers, workers + prefetch)


def _stream(
    items: Iterator[Item],
    work: Callable[[list[Item]], list[Result]],
    group_size: int,
    workers: int,
    most_waiting: int,
) -> Iterator[Result]:
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="mineralid-vision")
    waiting: deque[Future[list[Result]]] = deque()
    try:
        while True:
            while len(waiting) < most_waiting:
                group = list(itertools.islice(items, group_size))
                if not group:
                    break
                waiting.append(pool.submit(work, group))
            if not waiting:
                return
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _score_group(
    items: Sequence[Sequence[Photo]], classifier: Classifier, batch_size: int
) -> list[ItemScores | PhotoError]:
    spec = classifier.bundle.spec
    photos = [photo for item in items for photo in item]
    errors: list[PhotoError | None] = []
    scores = np.zeros((len(photos), len(spec.classes)), dtype=np.float32)
    feature = np.zeros((len(photos), spec.feature_dim), dtype=np.float32)
    for start in range(0, len(photos), batch_size):
        rows = slice(start, start + batch_size)
        batch, batch_errors = _decode_batch(photos[rows], spec.image)
        errors += batch_errors
        if not all(batch_errors):
            scores[rows], feature[rows] = classifier.scores(batch)
    results: list[ItemScores | PhotoError] = []
    start = 0
    for item in items:
        rows = slice(start, start + len(item))
        start += len(item)
        error = next((error for error in errors[rows] if error is not None), None)
        results.append(error or ItemScores(scores[rows], feature[rows]))
    return results


def _decode_batch(
    photos: Sequence[Photo], spec: ImageSpec
) -> tuple[NDArray[np.float32], list[PhotoError | None]]:
    # Zeros stay in the place of a photograph that cannot be used.
    batch = np.zeros((len(photos), 3, spec.height, spec.width), dtype=np.float32)
    errors: list[PhotoError | None] = []
    for row, photo in zip(batch, photos, strict=True):
        try:
            row[:] = prepare_photo(photo, spec)
            errors.append(None)
        except PhotoError as error:
            # Kept without the frames it came through, which would hold the picture in memory.
            error.__cause__ = error.__context__ = error.__traceback__ = None
            errors.append(error)
    return batch, errors
