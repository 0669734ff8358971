"""A light HTTP client: whole requests as bytes, one connection, answers as they come."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

BOUNDARY = "benchmark"


def form_request(files: dict[str, bytes], texts: dict[str, str]) -> bytes:
    """The bytes of `POST /api/identify` with these photographs and texts."""
    body = b""
    for name, content in files.items():
        body += (
            (
                f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photos"; filename="{name}"\r\n'
                "Content-Type: image/jpeg\r\n\r\n"
            ).encode()
            + content
            + b"\r\n"
        )
    for name, text in texts.items():
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        body += f"{head}{text}\r\n".encode()
    body += f"--{BOUNDARY}--\r\n".encode()
    head = (
        "POST /api/identify HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def photo_request(path: Path, texts: dict[str, str] | None = None) -> bytes:
    """The bytes of an identification of one photograph."""
    return form_request({path.name: path.read_bytes()}, texts or {})


class Connection(asyncio.Protocol):
    """One kept connection. ask: send a request, wait for status and body."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect to this machine."""
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(cls, "127.0.0.1", port)
        return protocol

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer; ConnectionError where there is none."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect until the answer is whole."""
        self._received += data
        head, found, rest = bytes(self._received).partition(b"\r\n\r\n")
        if not found:
            return
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        if len(rest) >= length and self._answer is not None and not self._answer.done():
            self._received.clear()
            self._answer.set_result((int(head[9:12]), rest[:length]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        if self._answer is not None and not self._answer.done():
            with contextlib.suppress(asyncio.InvalidStateError):
                self._answer.set_exception(ConnectionError("the connection was closed"))
