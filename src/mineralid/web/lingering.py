"""Let a client read an answer that came before all of its request was read.

A connection that is closed with unread bytes is reset, and the reset can destroy the answer on its
way: the client would see a broken connection in the place of "413: too large".
"""

from __future__ import annotations

import anyio
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_SECONDS = 2.0
LINGER_BYTES = 64 << 20


class Lingering:
    """ASGI middleware: sends an early answer whole, then reads on for a while and throws away."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; hold the last piece of an early answer back until after reading."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        expects = any(name == b"expect" for name, _ in scope["headers"])
        begun = ended = False

        async def watched() -> Message:
            nonlocal begun, ended
            message = await receive()
            begun = True
            ended = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def late(message: Message) -> None:
            # A client that waits for "100 Continue" has sent nothing that could be unread.
            early = not ended and (begun or not expects)
            if message["type"] == "http.response.start" and not ended:
                MutableHeaders(scope=message)["Connection"] = "close"
            if message["type"] != "http.response.body" or message.get("more_body") or not early:
                await send(message)
                return
            await send({**message, "more_body": True})
            with anyio.move_on_after(LINGER_SECONDS):
                left = LINGER_BYTES
                while left > 0:
                    read = await receive()
                    left -= len(read.get("body", b""))
                    if read["type"] != "http.request" or not read.get("more_body", False):
                        break
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self.app(scope, watched, late)
