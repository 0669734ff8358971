"""Lists of stones that are answered in the background and kept for a while, in bounded memory."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

from mineralid.identify import Identifier
from mineralid.identify.report import Report
from mineralid.identify.table_rows import StoneRow
from mineralid.observation import Observation
from mineralid.observation.readings import Reading
from mineralid.web.forms import Upload
from mineralid.web.problems import Problem, busy
from mineralid.web.tokens import TOKEN_BYTES, Kept

# A finished list may make room for a new one when nobody has asked for it for so long.
IDLE_SECONDS = 60.0
_ROWS_AT_ONCE = 3  # being decoded or scored; single stones of others come in between
_LOG = logging.getLogger("mineralid.web")

Score = Callable[[Sequence[Upload]], Any]  # photographs of one stone -> awaitable of Kept


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredRow:
    """A stone of a list: its answer as JSON, and what is kept to answer it again."""

    stone: StoneRow
    report: bytes
    kept: Kept | None


@dataclass(slots=True, eq=False)
class Batch:
    """A list of stones. held: what it has reserved, given back when its uploads are gone."""

    id: str
    stones: list[StoneRow]
    uploads: dict[str, Upload]
    options: dict[str, Any]
    carried: tuple[str, ...]
    notes: list[str]
    held: ExitStack
    used: float
    total: int
    rows: list[AnsweredRow] = field(default_factory=list)
    state: Literal["running", "done", "stopped"] = "running"
    task: asyncio.Task[None] | None = None

    def token(self, index: int) -> str | None:
        """The token of an answered row, from 0; None without photographs."""
        return f"{self.id}.{index}" if self.rows[index].kept is not None else None


class Batches:
    """The lists being answered or kept: at most `most`, each for `seconds` after its last use."""

    def __init__(
        self,
        identifier: Identifier,
        score: Score,
        most: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identifier, self._score = identifier, score
        self._most, self._seconds, self._clock = most, seconds, clock
        self._kept: dict[str, Batch] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def start(
        self,
        stones: list[StoneRow],
        uploads: Sequence[Upload],
        options: dict[str, Any],
        carried: tuple[str, ...],
        notes: list[str],
        held: ExitStack,
    ) -> Batch:
        """Begin to answer these stones. Raises Problem (503) where there is no room."""
        self.make_room()
        batch = Batch(
            id=secrets.token_urlsafe(TOKEN_BYTES),
            stones=stones,
            uploads={upload.name: upload for upload in uploads},
            options=options,
            carried=carried,
            notes=notes,
            held=held,
            used=self._clock(),
            total=len(stones),
        )
        self._kept[batch.id] = batch
        batch.task = asyncio.get_running_loop().create_task(self._run(batch))
        return batch

    def get(self, batch_id: str) -> Batch:
        """The list of this id. Raises Problem (404) where there is none, or no longer."""
        self.forget_expired()
        batch = self._kept.get(batch_id)
        if batch is None:
            detail = (
                "there is no such list, or it has expired "
                f"(one is kept {self._seconds / 60:g} minutes after its last use)"
            )
            raise Problem(404, "unknown-batch", detail, "id")
        batch.used = self._clock()
        return batch

    def kept(self, token: str) -> Kept | None:
        """The photographs of a row by its token; None where there are none."""
        batch_id, _, index = token.rpartition(".")
        batch = self._kept.get(batch_id)
        if batch is None or not index.isdecimal() or int(index) >= len(batch.rows):
            return None
        batch.used = self._clock()
        return batch.rows[int(index)].kept

    async def drop(self, batch_id: str) -> None:
        """Stop and forget a list. Raises Problem (404)."""
        batch = self.get(batch_id)
        del self._kept[batch.id]
        await _stop(batch)

    async def close(self) -> None:
        """Stop and forget all lists: nobody can ask for them any more."""
        for batch in list(self._kept.values()):
            await _stop(batch)
        self._kept.clear()

    def forget_expired(self) -> None:
        """Forget what nobody has asked for in a while; lists in work stay."""
        now = self._clock()
        for batch in list(self._kept.values()):
            if batch.state != "running" and now - batch.used > self._seconds:
                del self._kept[batch.id]

    def make_room(self) -> None:
        """See that one more list may begin. Raises Problem (503) where none may."""
        self.forget_expired()
        if len(self._kept) < self._most:
            return
        idle = [
            batch
            for batch in self._kept.values()
            if batch.state != "running" and self._clock() - batch.used > IDLE_SECONDS
        ]
        if not idle:
            raise busy(f"{len(self._kept)} lists are being answered or looked at", 30)
        del self._kept[min(idle, key=lambda batch: batch.used).id]

    def again(self, batch: Batch, row: int, readings: Mapping[str, Reading]) -> int:
        """Answer a row (from 1) with other readings and keep that answer. Returns its index.

        Raises Problem (422) for a row that is not there yet, or of which nothing would be left.
        """
        index = row - 1
        if not 0 <= index < len(batch.rows):
            detail = f"row is {row}; allowed: 1 to {len(batch.rows)}, the rows answered so far"
            raise Problem(422, "bad-parameter", detail, "row")
        before = batch.rows[index]
        stone = StoneRow(
            row=before.stone.row,
            photos=before.stone.photos if before.kept is not None else (),
            readings=readings,
            carried=before.stone.carried,
        )
        batch.rows[index] = AnsweredRow(
            stone, self._decided(batch, stone, before.kept), before.kept
        )
        return index

    async def _run(self, batch: Batch) -> None:
        """Answer the stones, a few at a time, and append the answers in order."""
        left = dict.fromkeys(batch.uploads, 0)
        for stone in batch.stones:
            for photo in stone.paths:
                left[photo] += 1
        waiting: list[asyncio.Task[AnsweredRow]] = []
        try:
            for stone in batch.stones:
                waiting.append(asyncio.ensure_future(self._answer(batch, stone, left)))
                if len(waiting) >= _ROWS_AT_ONCE:
                    batch.rows.append(await waiting.pop(0))
            while waiting:
                batch.rows.append(await waiting.pop(0))
            batch.state = "done"
        finally:
            for task in waiting:
                task.cancel()
            if batch.state != "done":
                batch.state = "stopped"
            batch.uploads.clear()
            batch.stones.clear()
            batch.held.close()

    async def _answer(self, batch: Batch, stone: StoneRow, left: dict[str, int]) -> AnsweredRow:
        kept: Kept | None = None
        error = stone.error
        try:
            if error is None and stone.paths:
                kept = await self._score([batch.uploads[name] for name in stone.paths])
        except Problem as problem:
            error = problem.detail
        except Exception as unexpected:  # one stone's trouble is not the list's
            _LOG.error("unexpected %s in a list of stones", type(unexpected).__name__)
            error = "something went wrong in the server"
        for name in stone.paths:
            left[name] -= 1
            if not left[name]:
                batch.uploads.pop(name, None)
        if error is not None:
            report = Report(
                row=stone.row,
                photos=list(stone.photos),
                error=error,
                carried=dict(stone.carried),
                versions=self._identifier.versions,
            )
            return AnsweredRow(stone, report.to_json().encode(), None)
        return AnsweredRow(stone, self._decided(batch, stone, kept), kept)

    def _decided(self, batch: Batch, stone: StoneRow, kept: Kept | None) -> bytes:
        observation = Observation(stone.photos, stone.readings)
        scored = kept.scored if kept is not None else None
        report = self._identifier.decide(observation, scored, **batch.options)
        numbered = report.model_copy(update={"row": stone.row, "carried": dict(stone.carried)})
        return numbered.to_json().encode()


async def _stop(batch: Batch) -> None:
    if batch.task is not None:
        batch.task.cancel()
        await asyncio.gather(batch.task, return_exceptions=True)
