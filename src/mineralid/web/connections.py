"""What the HTTP server adds to each connection: it may not stay silent, and there are not too many.

uvicorn waits without end for the rest of a request's head and for a client that does not read its
answer; a few hundred such connections would leave no room for others.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from mineralid.web.problems import MEDIA_TYPE, Problem, problem_body

HEAD_SECONDS = 15.0  # for the head of a request, from its connection or its first byte on
READ_SECONDS = 60.0  # for a client to make room for more of an answer
MOST_CONNECTIONS = 512


class GuardedConnection(H11Protocol):
    """uvicorn's connection with time limits around the request, and answers in problem+json."""

    head_seconds = HEAD_SECONDS
    read_seconds = READ_SECONDS
    most_connections = MOST_CONNECTIONS

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse what is one too many; else begin to wait for a request's head."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            problem = Problem(503, "busy", "the server has too many connections; try again")
            transport.write(_plain(problem, "Service Unavailable", "Retry-After: 5\r\n"))
            transport.close()
            return
        self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a head only so long."""
        super().data_received(data)
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering:
            self._head_timer = _cancelled(self._head_timer)
        elif self._head_timer is None and self.timeout_keep_alive_task is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._head_timer = _cancelled(self._head_timer)
        self._read_timer = _cancelled(self._read_timer)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads slowly: wait only so long."""
        super().pause_writing()
        self._read_timer = self.loop.call_later(self.read_seconds, self._give_up)

    def resume_writing(self) -> None:
        """The client reads on."""
        self._read_timer = _cancelled(self._read_timer)
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        problem = Problem(400, "malformed", "this is no well-formed HTTP request")
        self.transport.write(_plain(problem, "Bad Request"))
        self.transport.close()

    def _give_up(self) -> None:
        self.transport.abort()


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Cancel a timer, if there is one; None, to be put in its place."""
    if timer is not None:
        timer.cancel()
    return None


def _plain(problem: Problem, phrase: str, more: str = "") -> bytes:
    body = problem_body(problem)
    head = (
        f"HTTP/1.1 {problem.status} {phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n{more}"
        f"X-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
