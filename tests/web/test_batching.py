"""Pictures of many requests share calls of the network; each gets its own answer."""

from __future__ import annotations

import threading
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

pytest.importorskip("fastapi", reason="needs the extra web")

from mineralid.vision import Classifier
from mineralid.web.batching import Batcher


class Echo:
    """Scores that are the picture's own number; remembers how many each call had."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.open = threading.Event()
        self.open.set()

    def scores(self, batch: NDArray[np.float32]) -> Any:
        self.open.wait(10)
        self.calls.append(len(batch))
        if (batch < 0).any():
            raise RuntimeError("a picture that the network does not take")
        return batch.reshape(len(batch), -1)[:, :2].copy(), batch.reshape(len(batch), -1)[:, :3]


def batcher(echo: Echo, workers: int, most: int) -> Batcher:
    return Batcher(cast(Classifier, echo), workers, most)


def picture(number: int) -> NDArray[np.float32]:
    return np.full((3, 2, 2), number, dtype=np.float32)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=25), st.integers(1, 3), st.integers(1, 6))
def test_everyone_gets_the_rows_of_his_own_pictures(
    sizes: list[int], workers: int, most: int
) -> None:
    echo = Echo()
    made = batcher(echo, workers, most)
    echo.open.clear()  # so that they wait together
    numbers = iter(range(10_000))
    jobs = [[next(numbers) for _ in range(size)] for size in sizes]
    futures = [made.submit([picture(n) for n in job]) for job in jobs]
    echo.open.set()
    for job, future in zip(jobs, futures, strict=True):
        scored = future.result(10)
        assert scored.scores.tolist() == [[n, n] for n in job]
        assert scored.feature.tolist() == [[n, n, n] for n in job]
    made.close()
    assert sum(echo.calls) == sum(sizes)
    # More than `most` only where one stone alone has more.
    assert all(count <= max(most, max(sizes)) for count in echo.calls)


def test_what_waits_is_taken_together() -> None:
    echo = Echo()
    echo.open.clear()
    made = batcher(echo, 1, 4)
    futures = [made.submit([picture(n)]) for n in range(9)]
    echo.open.set()
    made.close()
    assert all(future.done() for future in futures)
    assert len(echo.calls) <= 4  # one maybe alone at first, the rest by fours


def test_an_error_reaches_those_of_its_call_and_the_next_go_on() -> None:
    echo = Echo()
    made = batcher(echo, 1, 1)
    bad, good = made.submit([picture(-1)]), made.submit([picture(1)])
    with pytest.raises(RuntimeError, match="does not take"):
        bad.result(10)
    assert good.result(10).scores.tolist() == [[1, 1]]
    made.close()


def test_what_was_given_up_is_not_computed() -> None:
    echo = Echo()
    echo.open.clear()
    made = batcher(echo, 1, 1)
    made.submit([picture(0)])
    given_up = [made.submit([picture(n)]) for n in (1, 2)]
    cancelled = [future.cancel() for future in given_up]
    echo.open.set()
    made.close()
    assert sum(echo.calls) == 3 - sum(cancelled)
    assert any(cancelled)


def test_what_is_kept_of_an_answer_does_not_hold_its_neighbours() -> None:
    echo = Echo()
    made = batcher(echo, 1, 8)
    scored = made.submit([picture(1)]).result(10)
    made.close()
    assert scored.scores.base is None and scored.feature.base is None
