"""How much the server takes on at once: requests and bytes; what is beyond is told to come again."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mineralid.web.problems import Problem, busy

_SHARE_OF_LATEST = 0.1  # of the running mean of seconds a request
_MOST_SECONDS = 30  # longest time that anyone is told to wait


class Ticket:
    """One accepted request and the bytes that it holds."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.held = 0

    def reserve(self, count: int) -> None:
        """Hold more bytes. Raises Problem (503) where all requests together hold too many."""
        self._admission._reserve(count)
        self.held += count


class Admission:
    """At most `most` requests and `most_bytes` of uploads at a time. For one event loop's thread."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self.requests = 0
        self.held_bytes = 0
        self._seconds = 0.05  # a request, once as many as fit are being worked on

    @contextmanager
    def enter(self) -> Iterator[Ticket]:
        """Accept a request until the end of the block. Raises Problem (503) where it is full."""
        if self.requests >= self._most:
            raise self._full(f"{self.requests} requests are being answered")
        self.requests += 1
        ticket, start = Ticket(self), time.monotonic()
        try:
            yield ticket
        finally:
            taken = (time.monotonic() - start) / self.requests
            self._seconds += _SHARE_OF_LATEST * (taken - self._seconds)
            self.requests -= 1
            self.held_bytes -= ticket.held

    def _reserve(self, count: int) -> None:
        if self.held_bytes + count > self._most_bytes:
            raise self._full("too much is being uploaded at the moment")
        self.held_bytes += count

    def _full(self, why: str) -> Problem:
        seconds = math.ceil(self._seconds * self.requests)
        return busy(f"the server is busy: {why}; try again", min(seconds, _MOST_SECONDS))
