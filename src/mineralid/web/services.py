"""What the routes share for the life of the app: identifier, workers, tokens, limits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TypeVar

from mineralid.identify import Identifier
from mineralid.vision import Classifier
from mineralid.vision.session import usable_cores
from mineralid.web.admission import Admission
from mineralid.web.batches import Batches
from mineralid.web.batching import Batcher
from mineralid.web.decode_pool import DecodePool, Refused
from mineralid.web.forms import Upload
from mineralid.web.limits import Limits
from mineralid.web.problems import Problem, busy
from mineralid.web.rates import Rate, RateLimiter
from mineralid.web.tokens import Kept, TokenStore

Result = TypeVar("Result")


class Services:
    """The identifier and everything around it; workers start at `start` or at their first use."""

    def __init__(self, identifier: Identifier, limits: Limits, rate: Rate) -> None:
        self.identifier = identifier
        self.limits = limits
        self.rate = RateLimiter(rate)
        self.admission = Admission(limits.waiting, limits.upload_bytes)
        self.batch_admission = Admission(limits.batches, 2 * limits.batch_bytes)
        self.tokens = TokenStore(limits.tokens, limits.token_seconds)
        self.batches = Batches(identifier, self.score, limits.batches, limits.batch_seconds)
        self._pool: DecodePool | None = None
        self._batcher: Batcher | None = None
        self._starting = threading.Lock()

    def start(self) -> None:
        """Make what the first answer would otherwise wait for."""
        self.pool, self.batcher  # noqa: B018
        self.identifier.hypotheses.prepare()

    def close(self) -> None:
        """Finish what is in work, then end the workers."""
        if self._pool is not None:
            self._pool.close()
        if self._batcher is not None:
            self._batcher.close()

    @property
    def pool(self) -> DecodePool:
        """The processes that decode."""
        with self._starting:
            if self._pool is None:
                limits = self.limits
                self._pool = DecodePool(
                    self.identifier.bundle.spec.image,
                    limits.decode_workers or usable_cores(),
                    limits.decode_seconds,
                    limits.decode_bytes,
                )
            return self._pool

    @property
    def batcher(self) -> Batcher:
        """The threads that run the network."""
        with self._starting:
            if self._batcher is None:
                # One core a call is faster than one call on all cores (docs/decisions/005).
                self._batcher = Batcher(
                    Classifier(self.identifier.bundle, threads=1),
                    self.limits.score_workers or usable_cores(),
                    self.limits.score_batch,
                )
            return self._batcher

    def kept(self, token: str) -> Kept:
        """What is kept by a token, of a stone or of a row of a list. Raises Problem (422)."""
        return self.batches.kept(token) or self.tokens.get(token)

    async def forget(self, every_seconds: float = 15.0) -> None:
        """Let go of what has expired, again and again, also when nobody asks."""
        while True:
            await asyncio.sleep(every_seconds)
            self.tokens.forget_expired()
            self.batches.forget_expired()

    async def score(self, photos: Sequence[Upload]) -> Kept:
        """Decode and score the photographs of one stone.

        Raises Problem: 413 or 415 for one that cannot be used, 503 where it takes too long.
        """
        names = tuple(photo.name for photo in photos)
        decoding = [self.pool.submit(photo.content) for photo in photos]
        try:
            decoded = [await self._wait(f, n) for f, n in zip(decoding, names, strict=True)]
        finally:
            for future in decoding:
                future.cancel()  # of the others, where one cannot be used
        scoring = self.batcher.submit([each.array for each in decoded])
        scored = await self._wait(scoring, names[0])
        return Kept(names, scored, tuple(each.picture for each in decoded))

    async def _wait(self, future: Future[Result], name: str) -> Result:
        try:
            seconds = self.limits.answer_seconds
            return await asyncio.wait_for(asyncio.wrap_future(future), seconds)
        except Refused as refused:
            detail = f"photograph {name}: {refused.found}; {refused.allowed}"
            if refused.too_large:
                raise Problem(413, "too-large", detail, "photos") from None
            raise Problem(415, "not-an-image", detail, "photos") from None
        except (asyncio.TimeoutError, TimeoutError):
            raise busy("the answer took too long; try again", 5) from None
