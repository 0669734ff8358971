"""What is kept of photographs for a while, so that readings can be added without sending them again."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from mineralid.vision import ItemScores
from mineralid.web.problems import Problem

TOKEN_BYTES = 18  # 144 bits: nobody guesses one


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The photographs of one stone: names as given, scores and features, small pictures (JPEG)."""

    names: tuple[str, ...]
    scored: ItemScores
    pictures: tuple[bytes, ...]


class TokenStore:
    """Token -> what is kept, for `seconds`; of more than `most` photographs in all the oldest go."""

    def __init__(
        self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._kept: OrderedDict[str, tuple[float, Kept]] = OrderedDict()
        self._photos = 0  # of all that is kept
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, kept: Kept) -> str:
        """Keep this; return its token."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            self._forget()
            while self._kept and self._photos + len(kept.names) > self._most:
                self._drop_oldest()
            self._photos += len(kept.names)
            self._kept[token] = (self._clock() + self._seconds, kept)
        return token

    def get(self, token: str) -> Kept:
        """What is kept by this token. Raises Problem (422) where there is nothing, or no longer."""
        with self._lock:
            self._forget()
            found = self._kept.get(token)
        if found is None:
            raise Problem(
                422,
                "unknown-token",
                "the token is unknown or has expired: send the photographs again "
                f"(a token holds {self._seconds / 60:g} minutes)",
                "token",
            )
        return found[1]

    def forget_expired(self) -> None:
        """Drop what has expired; also done at each use."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        now = self._clock()
        while self._kept and next(iter(self._kept.values()))[0] <= now:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, (_, kept) = self._kept.popitem(last=False)
        self._photos -= len(kept.names)
