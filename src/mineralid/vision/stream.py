"""Score many photographs: decode in threads while the network runs, in bounded memory and in order."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mineralid.vision.decode import Photo, PhotoError
from mineralid.vision.prepare import ImageSpec, prepare_photo
from mineralid.vision.session import Classifier


@dataclass(frozen=True, slots=True, eq=False)
class ItemScores:
    """What the network gives for the n photographs of one item: logits [n, C], features [n, D]."""

    scores: NDArray[np.float32]
    feature: NDArray[np.float32]


def stream_scores(
    photos: Iterable[Sequence[Photo]],
    classifier: Classifier,
    *,
    batch_size: int = 16,
    workers: int = 2,
    prefetch: int = 2,
) -> Iterator[ItemScores | PhotoError]:
    """For each item (the photographs of one stone, maybe none), in input order, its scores or
    the error of its first photograph that cannot be used.

    Items are taken in groups of `batch_size`; while the network scores one group, `workers`
    threads decode the next `prefetch` groups, and no more than those are held. How photographs
    share a batch follows from the order of the items alone, an unusable one leaving an empty
    place, so a run that resumes at a multiple of `batch_size` gives the same bits.
    """
    for name, value in (("batch_size", batch_size), ("workers", workers), ("prefetch", prefetch)):
        if value < 1:
            raise ValueError(f"{name} is {value}; allowed are 1 and more")
    return _stream(iter(photos), classifier, batch_size, workers, prefetch)


def _stream(
    items: Iterator[Sequence[Photo]],
    classifier: Classifier,
    batch_size: int,
    workers: int,
    prefetch: int,
) -> Iterator[ItemScores | PhotoError]:
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="mineralid-decode")
    waiting: deque[_Group] = deque()
    try:
        while True:
            while len(waiting) <= prefetch:
                group = list(itertools.islice(items, batch_size))
                if not group:
                    break
                waiting.append(_Group(group, classifier.bundle.spec.image, pool, batch_size))
            if not waiting:
                return
            yield from waiting.popleft().results(classifier)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Group:
    """The photographs of consecutive items, being decoded into batches of at most batch_size."""

    def __init__(
        self,
        items: list[Sequence[Photo]],
        spec: ImageSpec,
        pool: ThreadPoolExecutor,
        batch_size: int,
    ) -> None:
        self.counts = [len(item) for item in items]
        photos = [photo for item in items for photo in item]
        self.batches: list[NDArray[np.float32]] = []
        self.decoding: list[Future[PhotoError | None]] = []
        for start in range(0, len(photos), batch_size):
            part = photos[start : start + batch_size]
            # Zeros stay in the place of a photograph that cannot be used.
            batch = np.zeros((len(part), 3, spec.height, spec.width), dtype=np.float32)
            self.batches.append(batch)
            for row, photo in zip(batch, part, strict=True):
                self.decoding.append(pool.submit(_decode_into, row, photo, spec))

    def results(self, classifier: Classifier) -> Iterator[ItemScores | PhotoError]:
        errors: list[PhotoError | None] = []
        spec = classifier.bundle.spec
        scores = [np.empty((0, len(spec.classes)), dtype=np.float32)]
        feature = [np.empty((0, spec.feature_dim), dtype=np.float32)]
        pending = iter(self.decoding)
        for batch in self.batches:
            errors += [future.result() for future in itertools.islice(pending, len(batch))]
            batch_scores, batch_feature = classifier.scores(batch)
            scores.append(batch_scores)
            feature.append(batch_feature)
        all_scores, all_feature = np.concatenate(scores), np.concatenate(feature)
        start = 0
        for count in self.counts:
            rows = slice(start, start + count)
            start += count
            error = next((error for error in errors[rows] if error is not None), None)
            yield error if error is not None else ItemScores(all_scores[rows], all_feature[rows])


def _decode_into(row: NDArray[np.float32], photo: Photo, spec: ImageSpec) -> PhotoError | None:
    try:
        row[:] = prepare_photo(photo, spec)
    except PhotoError as error:
        # Kept without the frames that it came through, which would hold the picture in memory.
        error.__cause__ = error.__context__ = error.__traceback__ = None
        return error
    return None
