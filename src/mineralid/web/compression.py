"""Send text compressed to who can read it: a phone on a hotspot waits for a third of the bytes."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

LEAST_BYTES = 1000
_LEVEL = 5  # of 9; a Report takes a quarter of a millisecond
_COMPRESSED_ALREADY = ("/api/heatmap",)  # PNG


class Compression:
    """ASGI middleware: gzip for all that is not small and not a picture."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressed = GZipMiddleware(app, minimum_size=LEAST_BYTES, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, compressed where it is worth it."""
        pictures = scope["type"] == "http" and scope["path"] in _COMPRESSED_ALREADY
        await (self._app if pictures else self._compressed)(scope, receive, send)
