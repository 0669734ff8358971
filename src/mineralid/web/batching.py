"""Run the network on the photographs of concurrent requests, a few together in one call."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from mineralid.vision import Classifier, ItemScores

Picture = NDArray[np.float32]
_Job = tuple[list[Picture], Future[ItemScores]]


class Batcher:
    """`workers` threads take what waits in one queue, up to `most` pictures a call.

    classifier: with one thread, so that each call runs on the core of its worker. The pictures of
    one stone stay in one call, whatever their number. Each job has a future of its own and rows of
    its own in the call: answers cannot be exchanged.
    """

    def __init__(self, classifier: Classifier, workers: int, most: int) -> None:
        self._classifier, self._most = classifier, most
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"score-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, pictures: Sequence[Picture]) -> Future[ItemScores]:
        """Score the pictures float32 [3, H, W] of one stone, one or more."""
        future: Future[ItemScores] = Future()
        self._jobs.put((list(pictures), future))
        return future

    def close(self) -> None:
        """Finish what was submitted, then end the threads."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        left: _Job | None = None  # taken, but too large for the call before
        while (job := left or self._jobs.get()) is not None:
            jobs, left, ended = self._together(job)
            jobs = [job for job in jobs if job[1].set_running_or_notify_cancel()]
            if jobs:
                self._score(jobs)
            del job, jobs
            if ended:
                return

    def _together(self, first: _Job) -> tuple[list[_Job], _Job | None, bool]:
        """Jobs for one call, one that is left over, and whether the end was met."""
        jobs, count = [first], len(first[0])
        while count < self._most:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, None, True
            count += len(job[0])
            if count > self._most:
                return jobs, job, False
            jobs.append(job)
        return jobs, None, False

    def _score(self, jobs: list[_Job]) -> None:
        try:
            batch = np.stack([picture for pictures, _ in jobs for picture in pictures])
            scores, feature = self._classifier.scores(batch)
        except BaseException as error:  # handed to whoever waits
            for _, future in jobs:
                future.set_exception(error)
            return
        start = 0
        for pictures, future in jobs:
            rows = slice(start, start + len(pictures))
            start += len(pictures)
            # Copies: a view would keep the whole call's arrays for as long as a token lives.
            future.set_result(ItemScores(scores[rows].copy(), feature[rows].copy()))
